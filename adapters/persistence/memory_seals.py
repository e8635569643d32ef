"""The tree over a log in memory: for tests and simulations, which have no other."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from functools import partial

from adapters.persistence.envelope import event_hash
from adapters.persistence.recorders.memory import MemoryRecorder
from application.ports.event_log import SHARD, Position
from application.ports.seals import Seals
from domain.sealing import tiles
from domain.sealing.merkle import ProofFailed, consistency_proof, inclusion_proof, range_root, root_of
from domain.sealing.notes import Checkpoint
from domain.sealing.tiles import Tile


class MemorySeals(Seals):
    """Keeps the promises of Seals, durability apart."""

    def __init__(self, recorder: MemoryRecorder) -> None:
        self._recorder = recorder
        self._tiles: dict[Tile, bytes] = {}
        self._ids: list[int] = []
        self._notes: dict[int, str] = {}
        self._lock = threading.Lock()
        self._node = partial(tiles.node, self._tiles.__getitem__)

    def extend(self, limit: int) -> int:
        with self._lock:
            after = self._ids[-1] if self._ids else 0
            newest = self._recorder.newest()
            rows = self._recorder.page(after, newest.id if newest else 0, limit)
            leaves = [event_hash(row.state) for row in rows]
            self._tiles.update(tiles.grown(len(self._ids), leaves, self._tiles.__getitem__))
            self._ids += [row.id for row in rows]
            return len(rows)

    def size(self) -> int:
        return len(self._ids)

    def root(self, size: int) -> bytes:
        self._require(size)
        return range_root(0, size, self._node)

    def recomputed_root(self, size: int) -> bytes:
        rows = self._recorder.page(0, 2**63 - 1, size)
        if len(rows) != size:
            raise ProofFailed(f"there are {len(rows)} events, not {size}")
        return root_of(event_hash(row.state) for row in rows)

    def inclusion(self, index: int, size: int) -> Sequence[bytes]:
        self._require(size)
        return inclusion_proof(index, size, self._node)

    def consistency(self, old: int, new: int) -> Sequence[bytes]:
        self._require(new)
        return consistency_proof(old, new, self._node)

    def leaf(self, index: int) -> bytes:
        self._require(index + 1)
        return self._node(0, index)

    def stored(self, index: int) -> bytes:
        position = self.position_of(index)
        (row,) = self._recorder.page(position.id - 1, position.id, 1)
        return row.state

    def index_of(self, position: Position) -> int | None:
        sealed = position.shard == SHARD and position.id in self._ids
        return self._ids.index(position.id) if sealed else None

    def position_of(self, index: int) -> Position:
        self._require(index + 1)
        return Position(SHARD, self._ids[index])

    def keep(self, checkpoint: Checkpoint, note: str) -> bool:
        return self._notes.setdefault(checkpoint.size, note) is note

    def notes(self, after_size: int = 0) -> Sequence[str]:
        return [note for size, note in sorted(self._notes.items()) if size > after_size]

    def newest(self) -> str | None:
        return self._notes[max(self._notes)] if self._notes else None

    def _require(self, size: int) -> None:
        if not 0 <= size <= len(self._ids):
            raise ProofFailed(f"{len(self._ids)} events are sealed, not {size}")
