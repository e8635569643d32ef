"""Loading a stream's state, and snapshots of long ones: a cache, never trusted over the log."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

import domain
from adapters.persistence.envelope import NO_EVENT, Envelopes, event_hash
from adapters.persistence.recorders.base import Reader, Row, SnapshotRow
from application.streams import empty_state

SNAPSHOT_EVERY = 500
"""Events between two snapshots of a stream."""

_PAGE = 5_000

_READING = ("adapters/persistence/codec.py", "adapters/persistence/envelope.py", "application/streams.py")


class Loaded(NamedTuple):
    """A stream's state as of a version, and the hash of that version's event."""

    version: int
    state: Any
    hash: bytes
    snapshot_due: bool = False  # folding it took so long that the next append should save it


@cache
def code_version() -> str:
    """A digest of the code that folds. A snapshot made by other code is of no use: it may fold otherwise."""
    return digest_of(Path(str(domain.__file__)).parent.parent)


def digest_of(root: Path) -> str:
    """Of what a state depends on: the domain, how stored bytes become its events, what a stream begins as."""
    digest = hashlib.sha256()
    for path in sorted([*root.glob("domain/**/*.py"), *(root / name for name in _READING)]):
        digest.update(str(path.relative_to(root)).encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def snapshot_of(stream: str, loaded: Loaded) -> SnapshotRow:
    """The row to store. Its state begins with a digest, so that damage shows."""
    body = msgspec.msgpack.encode(loaded.state)
    unsigned = SnapshotRow(stream, loaded.version, loaded.hash, code_version(), body)
    return unsigned._replace(state=_digest(unsigned) + body)


def fold(loaded: Loaded, rows: Iterable[Row], envelopes: Envelopes) -> Loaded:
    """The state after these events of the stream."""
    version, state, last = loaded.version, loaded.state, None
    for row in rows:
        state = state.evolve(envelopes.read(row.name, row.state).data)
        version, last = row.version, row
    return Loaded(version, state, event_hash(last.state) if last else loaded.hash)


def follows(loaded: Loaded, rows: Iterable[Row], envelopes: Envelopes) -> bool:
    """Whether these events of the stream come right after the state, each after the one before it."""
    version, prev = loaded.version, loaded.hash
    for row in rows:
        if row.version != version + 1 or envelopes.read(row.name, row.state).prev != prev.hex():
            return False
        version, prev = row.version, event_hash(row.state)
    return True


def load(stream: str, reader: Reader, envelopes: Envelopes) -> Loaded:
    """A stream's newest state; from a snapshot only when the log and the code confirm it (safety #38)."""
    empty = Loaded(0, empty_state(stream), NO_EVENT)
    rows = reader.stream(stream, limit=SNAPSHOT_EVERY)
    if len(rows) < SNAPSHOT_EVERY:
        return fold(empty, rows, envelopes)
    start = _from_snapshot(stream, reader, empty)
    loaded = start
    while rows := reader.stream(stream, loaded.version, limit=_PAGE):
        loaded = fold(loaded, rows, envelopes)
    return loaded._replace(snapshot_due=loaded.version - start.version >= SNAPSHOT_EVERY)


def _from_snapshot(stream: str, reader: Reader, empty: Loaded) -> Loaded:
    row = reader.snapshot(stream)
    if row is None or row.code_version != code_version():
        return empty
    body = row.state[32:]
    if row.state[:32] != _digest(row._replace(state=body)):
        return empty
    confirmed = reader.stream(stream, row.version - 1, limit=1)
    if not confirmed or confirmed[0].version != row.version or event_hash(confirmed[0].state) != row.hash:
        return empty
    return Loaded(row.version, msgspec.msgpack.decode(body, type=type(empty.state)), row.hash)


def _digest(row: SnapshotRow) -> bytes:
    named = f"{row.stream}\0{row.version}\0{row.code_version}\0".encode()
    return hashlib.sha256(named + row.hash + row.state).digest()
