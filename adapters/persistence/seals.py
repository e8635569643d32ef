"""The tree over the log's stored bytes, in tiles beside it.

Ids are in commit order, so what is sealed is always a beginning of the log. Nothing of it is in the write
path: an append neither writes here nor waits.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import islice
from struct import Struct

from sqlalchemy import Connection, bindparam, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from adapters.persistence.database import Database
from adapters.persistence.envelope import event_hash
from adapters.persistence.exported_log import stored_events
from adapters.persistence.row_store import select as select_raw
from adapters.persistence.seal_tables import checkpoints, seal_ids, seal_state, seal_tiles
from application.ports.event_log import SHARD, Position
from application.ports.seals import Seals
from domain.sealing import tiles
from domain.sealing.merkle import (
    Frontier,
    ProofFailed,
    consistency_proof,
    inclusion_proof,
    range_root,
)
from domain.sealing.notes import Checkpoint
from domain.sealing.tiles import WIDTH, Tile

_EVENTS = (
    "SELECT notification_id, state FROM stored_events WHERE notification_id > {mark} ORDER BY 1 LIMIT {mark}"
)
_STATE = select(seal_state.c.size, seal_state.c.last_id).where(seal_state.c.shard == SHARD)
_TILE = select(seal_tiles.c.hashes).where(
    seal_tiles.c.level == bindparam("level"), seal_tiles.c.number == bindparam("number")
)
_IDS = select(seal_ids.c.ids).where(seal_ids.c.number == bindparam("number"))
_ID = Struct("!q")


class SqlSeals(Seals):
    """On SQLite or PostgreSQL."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def extend(self, limit: int) -> int:
        with self._db.transaction() as connection:
            size, last_id = connection.execute(_STATE.with_for_update()).one()
            found = self._events(connection, last_id, limit)
            if not found:
                return 0
            leaves = [event_hash(bytes(state)) for _, state in found]
            changed = tiles.grown(size, leaves, partial(_tile, connection))
            self._put_tiles(connection, changed)
            self._put_ids(connection, size, [id for id, _ in found])
            moved = {"size": size + len(found), "last_id": found[-1][0]}
            connection.execute(update(seal_state).where(seal_state.c.shard == SHARD).values(moved))
            return len(found)

    def size(self) -> int:
        with self._db.reading() as connection:
            return int(connection.execute(_STATE).one()[0])

    def root(self, size: int) -> bytes:
        with self._db.reading() as connection:
            _require_size(connection, size)
            return range_root(0, size, partial(tiles.node, partial(_tile, connection)))

    def recomputed_root(self, size: int) -> bytes:
        stored = islice(stored_events(self._db, 0), size)
        found = Frontier().extended(event_hash(state) for _, state in stored)
        if found.size != size:
            raise ProofFailed(f"there are {found.size} events, not {size}")
        return found.root

    def inclusion(self, index: int, size: int) -> Sequence[bytes]:
        with self._db.reading() as connection:
            _require_size(connection, size)
            return inclusion_proof(index, size, partial(tiles.node, partial(_tile, connection)))

    def consistency(self, old: int, new: int) -> Sequence[bytes]:
        with self._db.reading() as connection:
            _require_size(connection, new)
            return consistency_proof(old, new, partial(tiles.node, partial(_tile, connection)))

    def leaf(self, index: int) -> bytes:
        with self._db.reading() as connection:
            _require_size(connection, index + 1)
            return tiles.node(partial(_tile, connection), 0, index)

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
                return int(number) * WIDTH + _ids(connection, number).index(position.id)
            except ValueError:
                return None

    def position_of(self, index: int) -> Position:
        number, offset = divmod(index, WIDTH)
        with self._db.reading() as connection:
            _require_size(connection, index + 1)
            return Position(self._db.shard.number, _ids(connection, number)[offset])

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
        statement = _EVENTS.format(mark="?" if self._db.is_sqlite else "%s")
        return list(select_raw(connection, statement, (after, limit)))

    def _put_tiles(self, connection: Connection, changed: dict[Tile, bytes]) -> None:
        insert = sqlite.insert if self._db.is_sqlite else postgresql.insert
        statement = insert(seal_tiles)
        statement = statement.on_conflict_do_update(
            index_elements=["level", "number"], set_={"hashes": statement.excluded.hashes}
        )
        rows = [{"level": row, "number": number, "hashes": it} for (row, number), it in changed.items()]
        connection.execute(statement, rows)

    def _put_ids(self, connection: Connection, size: int, ids: list[int]) -> None:
        insert = sqlite.insert if self._db.is_sqlite else postgresql.insert
        statement = insert(seal_ids)
        statement = statement.on_conflict_do_update(
            index_elements=["number"], set_={"ids": statement.excluded.ids}
        )
        number, filled = divmod(size, WIDTH)
        known = (_ids(connection, number) if filled else []) + ids
        rows = []
        for first in range(0, len(known), WIDTH):
            some = known[first : first + WIDTH]
            packed = b"".join(map(_ID.pack, some))
            rows.append({"number": number + first // WIDTH, "first_id": some[0], "ids": packed})
        connection.execute(statement, rows)


def _require_size(connection: Connection, size: int) -> None:
    sealed = connection.execute(_STATE).one()[0]
    if not 0 <= size <= sealed:
        raise ProofFailed(f"{sealed} events are sealed, not {size}")


def _tile(connection: Connection, tile: Tile) -> bytes:
    found = connection.execute(_TILE, {"level": tile.row, "number": tile.number}).scalar()
    if found is None:
        raise ProofFailed(f"tile {tile.number} of row {tile.row} is missing")
    return bytes(found)


def _ids(connection: Connection, number: int) -> list[int]:
    packed = bytes(connection.execute(_IDS, {"number": number}).scalar() or b"")
    return [id for (id,) in _ID.iter_unpack(packed)]
