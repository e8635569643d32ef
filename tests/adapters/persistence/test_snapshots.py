"""Snapshots speed up long streams and are never trusted over the log (safety #38)."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.persistence.envelope import Envelopes
from adapters.persistence.event_log import EventStore
from adapters.persistence.snapshots import SNAPSHOT_EVERY, code_version, digest_of, load
from adapters.persistence.writer import GroupCommitWriter
from tests.architecture.tree import ROOT
from tests.builders import Allocate, OpenBook, caller, usdt
from tests.log_stores import Engine, engine, together


@pytest.fixture
def long_stream(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[tuple[Engine, EventStore]]:
    """A book of more events than a snapshot waits for."""
    with engine("sqlite", request, tmp_path) as log:
        store = log.open()
        commands = [(Allocate("b", usdt("1"), f"a{i}"), caller(f"c{i}")) for i in range(SNAPSHOT_EVERY + 8)]
        together(store, (OpenBook("b", usdt("10000")), caller("open")), *commands[:SNAPSHOT_EVERY])
        together(store, *commands[SNAPSHOT_EVERY:])
        yield log, store


def test_a_long_stream_loads_from_its_snapshot(long_stream: tuple[Engine, EventStore]) -> None:
    _, store = long_stream
    assert store.recorder is not None
    snapshot = store.recorder.snapshot("book:b")
    assert snapshot is not None
    assert (snapshot.version, snapshot.code_version) == (SNAPSHOT_EVERY + 2, code_version())

    loaded = load("book:b", store.recorder, Envelopes())

    assert loaded.version == SNAPSHOT_EVERY + 10
    assert loaded.state == store.log.load("book:b").state
    assert not loaded.snapshot_due


@pytest.mark.parametrize(
    "damage",
    [
        "code_version = 'another'",
        "state = CAST(substr(state, 1, 40) || x'00' || substr(state, 42) AS BLOB)",
        "state = x''",
        "hash = zeroblob(32)",
        "version = version - 1",
    ],
)
def test_a_snapshot_that_the_log_does_not_confirm_is_rebuilt(
    long_stream: tuple[Engine, EventStore], damage: str
) -> None:
    """Safety #38: corrupt or made by other code, the balance is the log's."""
    log, store = long_stream
    assert store.recorder is not None
    log.tamper(f"UPDATE snapshots SET {damage}")

    loaded = load("book:b", store.recorder, Envelopes())

    assert loaded.version == SNAPSHOT_EVERY + 10
    assert loaded.state.owed("owner:bot:bot-1", "USDT") == usdt(str(SNAPSHOT_EVERY + 8))
    assert loaded.snapshot_due


@pytest.mark.parametrize(
    "changed",
    [
        "domain/ledger/book.py",
        "adapters/persistence/codec.py",  # the upcasters
        "adapters/persistence/envelope.py",
        "application/streams.py",
    ],
)
def test_code_that_reads_or_folds_otherwise_has_another_version(tmp_path: Path, changed: str) -> None:
    """So a changed upcaster, too, makes snapshots worthless."""
    packages = ("domain", "adapters/persistence", "application")
    for package in packages:
        shutil.copytree(ROOT / package, tmp_path / package)
    assert digest_of(tmp_path) == code_version()

    with (tmp_path / changed).open("a") as file:
        file.write("# changed\n")

    assert digest_of(tmp_path) != code_version()


def test_a_missing_snapshot_is_made_again_by_the_next_append(long_stream: tuple[Engine, EventStore]) -> None:
    log, store = long_stream
    log.tamper("DELETE FROM snapshots")
    assert store.recorder is not None
    again = GroupCommitWriter(store.recorder, Envelopes(), log.clock)

    again.execute(Allocate("b", usdt("1"), "next"), caller("next"))

    snapshot = store.recorder.snapshot("book:b")
    assert snapshot is not None
    assert snapshot.version == SNAPSHOT_EVERY + 11
