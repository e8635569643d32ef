"""The tree over the log's stored bytes, in tiles beside it.

Ids are in commit order, so what is sealed is always a beginning of the log. Nothing of it is in the write
path: an append neither writes here nor waits.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from functools import cache, partial
from itertools import islice
from struct import Struct
from typing import NamedTuple

from sqlalchemy import Connection, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from adapters.persistence.database import Database
from adapters.persistence.envelope import event_hash
from adapters.persistence.exported_log import stored_events
from adapters.persistence.fresh_leaves import FreshLeaves
from adapters.persistence.recorders.arrays import blobs, numbers
from adapters.persistence.row_store import driver
from adapters.persistence.row_store import select as select_raw
from adapters.persistence.seal_tables import checkpoints, seal_ids, seal_state
from application.ports.event_log import SHARD, Position
from application.ports.seals import Seals
from domain.sealing import tiles
from domain.sealing.merkle import (
    Frontier,
    Node,
    ProofFailed,
    consistency_proof,
    inclusion_proof,
    range_root,
)
from domain.sealing.notes import Checkpoint
from domain.sealing.tiles import WIDTH, Load, Tile

_EVENTS = (
    "SELECT notification_id, state FROM stored_events WHERE notification_id > {mark} ORDER BY 1 LIMIT {mark}"
)
_STATE = select(seal_state.c.size, seal_state.c.last_id).where(seal_state.c.shard == SHARD)
_TILE = "SELECT hashes FROM seal_tiles WHERE level = {mark} AND number = {mark}"
_IDS = "SELECT ids FROM seal_ids WHERE number = {mark}"
_PUT_TILES = """
INSERT INTO seal_tiles (level, number, hashes) {values}
    ON CONFLICT (level, number) DO UPDATE SET hashes = excluded.hashes"""
_PUT_IDS = """
INSERT INTO seal_ids (number, first_id, ids) {values}
    ON CONFLICT (number) DO UPDATE SET ids = excluded.ids"""
_VALUES = "VALUES (?, ?, ?)"
_UNNESTED = "SELECT * FROM unnest(%s::bigint[], %s::bigint[], %b::bytea[])"
_ID = Struct("!q")


class _Growth(NamedTuple):
    """What sealing some more events comes to, for the tree that it was computed on."""

    size: int
    last_id: int
    ids: list[int]
    tiles: dict[Tile, bytes]
    id_rows: list[tuple[int, int, bytes]]  # number, first id, ids


class SqlSeals(Seals):
    """On SQLite or PostgreSQL. What `fresh` knows of the log is not read back from it."""

    def __init__(self, db: Database, fresh: FreshLeaves | None = None) -> None:
        self._db = db
        self._fresh = fresh

    def extend(self, limit: int) -> int:
        while (growth := self._growth(limit)) is not None:
            if self._put(growth):
                return len(growth.ids)
        return 0

    def _growth(self, limit: int) -> _Growth | None:
        """Computed without a lock: nobody who appends waits for it. None where there is nothing new."""
        with self._db.reading() as connection:
            size, last_id = connection.execute(_STATE).one()
            ids, leaves = self._fresh.following(last_id, limit) if self._fresh else ([], [])
            if not ids:
                found = self._events(connection, last_id, limit)
                ids, leaves = [id for id, _ in found], [event_hash(bytes(state)) for _, state in found]
            if not ids:
                return None
            changed = tiles.grown(size, leaves, self._tiles(connection))
            return _Growth(size, last_id, ids, changed, self._id_rows(connection, size, ids))

    def _put(self, growth: _Growth) -> bool:
        """False, and nothing written, where somebody else has sealed meanwhile."""
        unchanged = (seal_state.c.size == growth.size, seal_state.c.last_id == growth.last_id)
        moved = {"size": growth.size + len(growth.ids), "last_id": growth.ids[-1]}
        with self._db.transaction() as connection:
            update_state = update(seal_state).where(seal_state.c.shard == SHARD, *unchanged).values(moved)
            if not connection.execute(update_state).rowcount:
                return False
            self._put_rows(connection, _PUT_TILES, [(*tile, hashes) for tile, hashes in growth.tiles.items()])
            self._put_rows(connection, _PUT_IDS, growth.id_rows)
            return True

    def size(self) -> int:
        with self._db.reading() as connection:
            return int(connection.execute(_STATE).one()[0])

    def root(self, size: int) -> bytes:
        with self._db.reading() as connection:
            _require_size(connection, size)
            return range_root(0, size, self._node(connection))

    def recomputed_root(self, size: int) -> bytes:
        stored = islice(stored_events(self._db, 0), size)
        found = Frontier().extended(event_hash(state) for _, state in stored)
        if found.size != size:
            raise ProofFailed(f"there are {found.size} events, not {size}")
        return found.root

    def inclusion(self, index: int, size: int) -> Sequence[bytes]:
        with self._db.reading() as connection:
            _require_size(connection, size)
            return inclusion_proof(index, size, self._node(connection))

    def consistency(self, old: int, new: int) -> Sequence[bytes]:
        with self._db.reading() as connection:
            _require_size(connection, new)
            return consistency_proof(old, new, self._node(connection))

    def leaf(self, index: int) -> bytes:
        with self._db.reading() as connection:
            _require_size(connection, index + 1)
            return self._node(connection)(0, index)

    def stored(self, index: int) -> bytes:
        position = self.position_of(index)
        with self._db.reading() as connection:
            ((_, state),) = self._events(connection, position.id - 1, 1)
            return bytes(state)

    def index_of(self, position: Position) -> int | None:
        if position.shard != self._db.shard.number:
            return None
        with self._db.reading() as connection:
            number = connection.execute(
                select(func.max(seal_ids.c.number)).where(seal_ids.c.first_id <= position.id)
            ).scalar()
            if number is None:
                return None
            try:
                return int(number) * WIDTH + self._ids(connection, number).index(position.id)
            except ValueError:
                return None

    def position_of(self, index: int) -> Position:
        number, offset = divmod(index, WIDTH)
        with self._db.reading() as connection:
            _require_size(connection, index + 1)
            return Position(self._db.shard.number, self._ids(connection, number)[offset])

    def keep(self, checkpoint: Checkpoint, note: str) -> bool:
        insert = sqlite.insert if self._db.is_sqlite else postgresql.insert
        row = {"size": checkpoint.size, "root": checkpoint.root, "note": note}
        with self._db.transaction() as connection:
            kept = insert(checkpoints).values(row).on_conflict_do_nothing().returning(checkpoints.c.size)
            return connection.execute(kept).first() is not None

    def notes(self, after_size: int = 0) -> Sequence[str]:
        larger = (
            select(checkpoints.c.note).where(checkpoints.c.size > after_size).order_by(checkpoints.c.size)
        )
        with self._db.reading() as connection:
            return list(connection.execute(larger).scalars())

    def newest(self) -> str | None:
        largest = select(checkpoints.c.note).order_by(checkpoints.c.size.desc()).limit(1)
        with self._db.reading() as connection:
            return connection.execute(largest).scalar()

    def _events(self, connection: Connection, after: int, limit: int) -> list[tuple[int, bytes]]:
        return list(select_raw(connection, _EVENTS.format(mark=self._mark), (after, limit)))

    def _id_rows(self, connection: Connection, size: int, ids: list[int]) -> list[tuple[int, int, bytes]]:
        """The rows that change when these ids follow."""
        number, filled = divmod(size, WIDTH)
        known = (self._ids(connection, number)[:filled] if filled else []) + ids
        pages = (known[first : first + WIDTH] for first in range(0, len(known), WIDTH))
        return [(number + n, page[0], b"".join(map(_ID.pack, page))) for n, page in enumerate(pages)]

    def _put_rows(
        self, connection: Connection, statement: str, rows: Sequence[tuple[int, int, bytes]]
    ) -> None:
        raw = driver(connection)
        if isinstance(raw, sqlite3.Connection):
            raw.executemany(statement.format(values=_VALUES), rows)
            return
        first, second, packed = zip(*rows, strict=True)
        raw.execute(statement.format(values=_UNNESTED), (numbers(first), numbers(second), blobs(packed)))

    def _node(self, connection: Connection) -> Node:
        return partial(tiles.node, self._tiles(connection))

    def _tiles(self, connection: Connection) -> Load:
        """Tiles as they are, each read once."""

        @cache
        def load(tile: Tile) -> bytes:
            found = self._one(connection, _TILE, tile)
            if found is None:
                raise ProofFailed(f"tile {tile.number} of row {tile.row} is missing")
            return found

        return load

    def _ids(self, connection: Connection, number: int) -> list[int]:
        return [id for (id,) in _ID.iter_unpack(self._one(connection, _IDS, (number,)) or b"")]

    def _one(self, connection: Connection, statement: str, key: tuple[int, ...]) -> bytes | None:
        found = next(select_raw(connection, statement.format(mark=self._mark), key), None)
        return None if found is None else bytes(found[0])

    @property
    def _mark(self) -> str:
        return "?" if self._db.is_sqlite else "%s"


def _require_size(connection: Connection, size: int) -> None:
    sealed = connection.execute(_STATE).one()[0]
    if not 0 <= size <= sealed:
        raise ProofFailed(f"{sealed} events are sealed, not {size}")
