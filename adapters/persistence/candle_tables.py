"""The table of candles. Prices and volumes are exact decimal text: no engine's number type rounds them."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Integer, MetaData, Table, Text

metadata = MetaData()

candles = Table(
    "candles",
    metadata,
    Column("source", Text, primary_key=True),
    Column("symbol", Text, primary_key=True),
    Column("interval", Text, primary_key=True),
    Column(
        "open_time_ms", BigInteger().with_variant(Integer(), "sqlite"), primary_key=True, autoincrement=False
    ),
    Column("open", Text, nullable=False),
    Column("high", Text, nullable=False),
    Column("low", Text, nullable=False),
    Column("close", Text, nullable=False),
    Column("volume", Text, nullable=False),
    sqlite_with_rowid=False,  # the key is the row: half the pages to read
)
"""One row a closed candle; times are opens in UTC milliseconds."""
