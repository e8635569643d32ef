"""The paper venue's own tables: what a real venue would keep on its side of the wire.

No table of ours refers to them and none of them refers to ours: they are committed apart from the log, as a
real venue's would be. Amounts are exact decimal text, times are UTC milliseconds.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, MetaData, Table, Text, text

metadata = MetaData()

paper_accounts = Table(
    "paper_accounts",
    metadata,
    Column("venue_account", Text, primary_key=True),
    Column("terms", Text, nullable=False),
    Column("version", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
"""One row an account. `terms` is JSON with every setting as text; `version` counts the account's commits: a
writer whose version is not the stored one decided on a stale view and writes nothing."""

paper_balances = Table(
    "paper_balances",
    metadata,
    Column("venue_account", Text, primary_key=True),
    Column("asset", Text, primary_key=True),
    Column("free", Text, nullable=False),
    Column("locked", Text, nullable=False),
    Column("fees", Text, nullable=False),
    sqlite_with_rowid=False,
)
"""What an account has of one asset: free, locked in open orders, and what the venue has charged it so far
(rebates subtracted): deposits + trades = free + locked + fees, without one fees row that all contend for."""

paper_orders = Table(
    "paper_orders",
    metadata,
    Column("venue_account", Text, primary_key=True),
    Column("client_order_id", Text, primary_key=True),
    Column("venue_order_id", Text, nullable=False),
    Column("number", BigInteger, nullable=False),
    Column("symbol", Text, nullable=False),
    Column("side", Text, nullable=False),
    Column("order_type", Text, nullable=False),
    Column("base_quantity", Text),
    Column("quote_budget", Text),
    Column("limit_price", Text),
    Column("time_in_force", Text, nullable=False),
    Column("sent_at_ms", BigInteger, nullable=False),
    Column("price_series", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("filled_base", Text, nullable=False),
    Column("locked", Text, nullable=False),
    Column("last_candle_ms", BigInteger),
    sqlite_with_rowid=False,
)
"""One row an order, ended ones too: a client order id is never used twice. `number` grows with an account's
orders as they came; `locked` is what is left of the order's lock; `last_candle_ms` is the open time of the
newest candle that the order may no longer match."""

Index(
    "ix_paper_orders_open_by_account",
    paper_orders.c.venue_account,
    sqlite_where=text("status = 'open'"),
    postgresql_where=text("status = 'open'"),
)
Index(
    "ix_paper_orders_open_by_symbol",
    paper_orders.c.symbol,
    sqlite_where=text("status = 'open'"),
    postgresql_where=text("status = 'open'"),
)

paper_fills = Table(
    "paper_fills",
    metadata,
    Column("venue_account", Text, primary_key=True),
    Column("client_order_id", Text, primary_key=True),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("venue_trade_id", Text, nullable=False),
    Column("base_quantity", Text, nullable=False),
    Column("price", Text, nullable=False),
    Column("quote_amount", Text, nullable=False),
    Column("fee_amount", Text, nullable=False),
    Column("fee_asset", Text, nullable=False),
    Column("traded_at_ms", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
"""One row a fill; `number` counts an order's fills from 1."""

Index("ux_paper_fills_trade", paper_fills.c.venue_account, paper_fills.c.venue_trade_id, unique=True)

paper_deposits = Table(
    "paper_deposits",
    metadata,
    Column("venue_account", Text, primary_key=True),
    Column("deposit_id", Text, primary_key=True),
    Column("asset", Text, nullable=False),
    Column("amount", Text, nullable=False),
    sqlite_with_rowid=False,
)
"""One row a deposit: the id that makes a deposit sent twice harmless."""
