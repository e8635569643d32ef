"""What every store of seals promises: the tree is that of the log's bytes, whatever was sealed when."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from adapters.persistence.event_log import EventStore
from adapters.persistence.memory_seals import MemorySeals
from adapters.persistence.recorders.memory import MemoryRecorder
from adapters.persistence.seals import SqlSeals
from application.ports.event_log import Position
from application.ports.seals import Seals
from domain.sealing.merkle import (
    EMPTY_ROOT,
    ProofFailed,
    leaf_hash,
    root_of,
    verify_consistency,
    verify_inclusion,
)
from domain.sealing.notes import Checkpoint
from tests.builders import OpenBook, caller, usdt
from tests.log_stores import Engine, engine, together


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def log(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    with engine(request.param, request, tmp_path) as opened:
        yield opened


@pytest.fixture
def store(log: Engine) -> EventStore:
    return log.open()


@pytest.fixture
def seals(log: Engine, store: EventStore) -> Seals:
    recorder = store.recorder
    return MemorySeals(recorder) if isinstance(recorder, MemoryRecorder) else SqlSeals(log.database)


def append(store: EventStore, *names: str) -> None:
    """Two events each."""
    together(store, *((OpenBook(name, usdt("1")), caller(f"open-{name}")) for name in names))


def leaves(store: EventStore) -> list[bytes]:
    assert store.recorder is not None
    return [leaf_hash(row.state) for row in store.recorder.page(0, 10**9, 10**9)]


def test_a_log_that_is_not_sealed_has_the_empty_tree(seals: Seals) -> None:
    assert (seals.size(), seals.root(0)) == (0, EMPTY_ROOT)
    assert seals.extend(10) == 0
    assert seals.newest() is None


def test_events_are_sealed_once_in_log_order(store: EventStore, seals: Seals) -> None:
    append(store, "a", "b", "c")
    assert [seals.extend(4), seals.extend(4), seals.extend(4)] == [4, 2, 0]
    append(store, *(f"more-{n}" for n in range(400)))
    while seals.extend(123):
        pass

    expected = leaves(store)
    assert seals.size() == len(expected) == 806
    for size in (1, 5, 6, 255, 256, 257, 512, 806):
        assert seals.root(size) == root_of(expected[:size])
    assert [seals.leaf(index) for index in (0, 255, 256, 805)] == [expected[n] for n in (0, 255, 256, 805)]


def test_proofs_lead_to_the_root(store: EventStore, seals: Seals) -> None:
    append(store, *(f"b{n}" for n in range(150)))
    seals.extend(1_000)
    expected = leaves(store)

    for index, size in ((0, 1), (0, 300), (255, 256), (256, 299), (299, 300)):
        verify_inclusion(expected[index], index, size, seals.inclusion(index, size), seals.root(size))
    for old, new in ((1, 1), (1, 300), (255, 256), (256, 300)):
        roots = seals.root(old), seals.root(new)
        verify_consistency(old, new, seals.consistency(old, new), *roots)
    with pytest.raises(ProofFailed):
        seals.inclusion(300, 301)
    with pytest.raises(ProofFailed):
        seals.consistency(1, 301)
    with pytest.raises(ProofFailed):
        seals.root(301)


def test_a_leaf_is_found_by_its_events_position(log: Engine, store: EventStore, seals: Seals) -> None:
    if log.kind == "memory":
        pytest.skip("ids in memory have no holes")
    append(store, *(f"b{n}" for n in range(150)))
    log.tamper("UPDATE stored_events SET notification_id = notification_id + 1000 WHERE notification_id > 40")
    seals.extend(290)

    assert [seals.index_of(Position(id=id)) for id in (1, 40, 41, 1041, 1256, 1257, 1290)] == [
        0, 39, None, 40, 255, 256, 289,
    ]  # fmt: skip
    assert [seals.position_of(index).id for index in (0, 39, 40, 255, 256)] == [1, 40, 1041, 1256, 1257]
    assert seals.index_of(Position(id=1291)) is None, "not sealed yet"
    assert seals.index_of(Position(shard=1, id=1)) is None
    with pytest.raises(ProofFailed):
        seals.position_of(290)


def test_a_leaf_has_its_events_bytes(store: EventStore, seals: Seals) -> None:
    append(store, "a", "b")
    seals.extend(4)

    assert [leaf_hash(seals.stored(index)) for index in range(4)] == leaves(store)
    assert [seals.index_of(seals.position_of(index)) for index in range(4)] == [0, 1, 2, 3]
    with pytest.raises(ProofFailed):
        seals.stored(4)


def test_several_may_seal_at_once(store: EventStore, seals: Seals) -> None:
    append(store, *(f"b{n}" for n in range(200)))
    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(lambda _: seals.extend(50), range(12)))

    assert sum(done) == seals.size() == 400
    assert seals.root(400) == root_of(leaves(store))


def test_there_is_one_checkpoint_a_size(seals: Seals) -> None:
    """Two of one size with different roots would be a fork."""
    first, second = Checkpoint("log", 5, b"1" * 32), Checkpoint("log", 9, b"2" * 32)

    assert seals.keep(first, "note 5")
    assert seals.keep(second, "note 9")
    assert not seals.keep(Checkpoint("log", 5, b"3" * 32), "another")

    assert seals.newest() == "note 9"
    assert (seals.notes(), seals.notes(5)) == (["note 5", "note 9"], ["note 9"])


@pytest.mark.parametrize("change", ["UPDATE checkpoints SET note = 'x'", "DELETE FROM checkpoints"])
def test_a_checkpoint_is_not_changed(log: Engine, seals: Seals, change: str) -> None:
    if log.kind == "memory":
        pytest.skip("in memory there is no SQL to change a row with")
    seals.keep(Checkpoint("log", 5, b"1" * 32), "note 5")
    with pytest.raises(Exception, match="append-only"), log.database.transaction() as connection:
        connection.exec_driver_sql(change)
    assert seals.newest() == "note 5"
