"""The tree over the log, in tiles, and the checkpoints signed over it. Made by migration 0003."""

from __future__ import annotations

from sqlalchemy import Column, LargeBinary, MetaData, Table, Text

from adapters.persistence.tables import Int64

metadata = MetaData()

seal_state = Table(
    "seal_state",
    metadata,
    Column("shard", Int64, primary_key=True, autoincrement=False),
    Column("size", Int64, nullable=False),
    Column("last_id", Int64, nullable=False),
)
"""How many events are sealed, and the id of the last. Who seals locks the row."""

seal_tiles = Table(
    "seal_tiles",
    metadata,
    Column("level", Int64, primary_key=True, autoincrement=False),
    Column("number", Int64, primary_key=True, autoincrement=False),
    Column("hashes", LargeBinary, nullable=False),
)
"""Rows of hashes, 256 a tile (domain/sealing/tiles.py)."""

seal_ids = Table(
    "seal_ids",
    metadata,
    Column("number", Int64, primary_key=True, autoincrement=False),
    Column("first_id", Int64, nullable=False, index=True),
    Column("ids", LargeBinary, nullable=False),
)
"""The log ids of a leaf tile's events, eight bytes each, big-endian."""

checkpoints = Table(
    "checkpoints",
    metadata,
    Column("size", Int64, primary_key=True, autoincrement=False),
    Column("root", LargeBinary, nullable=False),
    Column("note", Text, nullable=False),
)
"""Signed notes. One a size: two of one size with different roots would be a fork."""
