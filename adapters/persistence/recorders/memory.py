"""The log in memory: for tests, backtests and simulations."""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from eventsourcing.persistence import StoredEvent
from eventsourcing.popo import POPOApplicationRecorder

from adapters.persistence.recorders.base import (
    Append,
    BalanceKey,
    Done,
    DuplicateKey,
    Found,
    Head,
    Key,
    OutboxRow,
    Row,
    SnapshotRow,
    StaleVersion,
    StoredKey,
    position_of,
)
from application.ports.commands import LeaseLost
from domain.money import ZERO


class MemoryRecorder(POPOApplicationRecorder):
    """Nothing outlives the process. `leases`, `outbox` and `balances` are open to whoever composes it."""

    sole_writer = True
    commits_alone = False

    def __init__(self) -> None:
        super().__init__()
        self.leases: dict[str, int] = {}  # name -> token
        self.outbox: dict[str, tuple[OutboxRow, int]] = {}  # message id -> row, position
        self.balances: dict[BalanceKey, Any] = {}
        self._heads: dict[str, Head] = {}
        self._keys: dict[Key, StoredKey] = {}
        self._snapshots: dict[str, SnapshotRow] = {}
        self._rows: list[Row] = []
        self._streams: dict[str, list[Row]] = {}

    def look_up(self, keys: Iterable[Key]) -> Found:
        return Found(self.find_keys(keys))

    def send(self, append: Append) -> Done:
        return Done(self.append(append))

    def append(self, append: Append) -> Sequence[int]:
        return self.insert_events(append.events, append=append) or ()

    def _assert_uniqueness(
        self, stored_events: Sequence[StoredEvent], *, append: Append | None = None, **kwargs: Any
    ) -> None:
        if append is None:
            super()._assert_uniqueness(stored_events, **kwargs)
            return
        for stream, version in append.expected.items():
            if self._version(stream) != version:
                raise StaleVersion(stream)
        for name, token in sorted(append.fences):
            if self.leases.get(name) != token:
                raise LeaseLost(name=name)
        seen = {(key.scope, key.command_id) for key in append.keys}
        if len(seen) < len(append.keys) or any(key in self._keys for key in seen):
            raise DuplicateKey
        next_version: dict[str, int] = {}
        for event in stored_events:
            stream = str(event.originator_id)
            if event.originator_version != next_version.get(stream, self._version(stream) + 1):
                raise StaleVersion(stream)
            next_version[stream] = event.originator_version + 1

    def _update_table(
        self, stored_events: Sequence[StoredEvent], *, append: Append | None = None, **kwargs: Any
    ) -> Sequence[int] | None:
        ids = super()._update_table(stored_events, **kwargs) or ()
        for id, event in zip(ids, stored_events, strict=True):
            stream = str(event.originator_id)
            row = Row(id, stream, event.originator_version, event.topic, event.state)
            self._rows.append(row)
            self._streams.setdefault(stream, []).append(row)
        if append is not None:
            self._update_rows(append, ids)
        return ids

    def _update_rows(self, append: Append, ids: Sequence[int]) -> None:
        self._heads.update(append.heads)
        for key in append.keys:
            position = position_of(key.nth, ids)
            self._keys[key.scope, key.command_id] = StoredKey(key.fingerprint, key.outcome, position)
        for message in append.outbox:
            self.outbox.setdefault(message.message_id, (message, position_of(message.nth, ids)))
        for balance, amount in append.balances.items():
            if amount:
                self.balances[balance] = amount
            else:
                self.balances.pop(balance, ZERO)
        for snapshot in append.snapshots:
            self._snapshots[snapshot.stream] = snapshot

    def find_keys(self, keys: Iterable[Key]) -> dict[Key, StoredKey]:
        with self._database_lock:
            return {key: self._keys[key] for key in keys if key in self._keys}

    def heads(self, streams: Iterable[str]) -> dict[str, Head]:
        with self._database_lock:
            return {stream: self._heads[stream] for stream in streams if stream in self._heads}

    def stream(self, stream: str, after_version: int = 0, limit: int = -1) -> Sequence[Row]:
        with self._database_lock:
            rows = self._streams.get(stream, [])
            return rows[after_version : len(rows) if limit < 0 else after_version + limit]

    def newer(self, versions: Mapping[str, int]) -> Sequence[Row]:
        rows = [row for stream, version in versions.items() for row in self.stream(stream, version)]
        return sorted(rows)

    def page(self, after: int, until: int, limit: int, names: Sequence[str] = ()) -> Sequence[Row]:
        with self._database_lock:
            start = bisect.bisect_right(self._rows, after, key=_id)
            stop = bisect.bisect_right(self._rows, until, key=_id)
            if not names:
                return self._rows[start : min(stop, start + limit)]
            found: list[Row] = []
            for row in self._rows[start:stop]:
                if row.name in names:
                    found.append(row)
                    if len(found) == limit:
                        break
            return found

    def newest(self, at_most: int | None = None) -> Row | None:
        with self._database_lock:
            stop = len(self._rows) if at_most is None else bisect.bisect_right(self._rows, at_most, key=_id)
            return self._rows[stop - 1] if stop else None

    def snapshot(self, stream: str) -> SnapshotRow | None:
        return self._snapshots.get(stream)

    def close(self) -> None:
        """Nothing to give back."""

    def _version(self, stream: str) -> int:
        return len(self._streams.get(stream, ()))


def _id(row: Row) -> int:
    return row.id
