"""Reading a stream whose state this process knows: what others appended since is folded in (safety §3.30)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from adapters.persistence import event_log
from adapters.persistence.envelope import Envelopes
from adapters.persistence.event_log import StoredEventLog
from adapters.persistence.recorders.postgres import PostgresReader
from adapters.persistence.snapshots import load
from application.streams import empty_state
from tests.builders import Allocate, OpenBook, caller, usdt
from tests.log_stores import Engine, engine


@pytest.fixture
def log(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Engine]:
    with engine("postgres", request, tmp_path) as opened:
        yield opened


def test_a_known_state_is_brought_up_to_what_another_process_appended(log: Engine) -> None:
    ours, theirs = log.open(), log.open()
    ours.bus.execute(OpenBook("a", usdt("100")), caller("open"))
    assert ours.log.load("book:a").version == 2

    theirs.bus.execute(Allocate("a", usdt("1"), "a1"), caller("c1"))
    theirs.bus.execute(Allocate("a", usdt("2"), "a2"), caller("c2"))

    assert ours.log.load("book:a") == theirs.log.load("book:a")
    assert ours.log.load("book:a").version == 4


@pytest.fixture
def book(log: Engine) -> StoredEventLog:
    """Its log, read through a state of book a at version 3 that this process knows."""
    store = log.open()
    store.bus.execute(OpenBook("a", usdt("100")), caller("open"))
    store.bus.execute(Allocate("a", usdt("1"), "a1"), caller("c1"))
    assert store.log.load("book:a").version == 3
    return store.log


def test_what_the_log_no_longer_has_is_not_believed(log: Engine, book: StoredEventLog) -> None:
    """A standby that had not heard of the last event took over: a fill in it is to be booked again."""
    log.tamper("DELETE FROM stored_events WHERE originator_version = 3")

    assert book.load("book:a").version == 2


@pytest.mark.parametrize(
    "wrong", [{"version": 2, "hash": b"\0" * 32}, {"hash": b"\0" * 32}, {"version": 9}, {"version": 0}]
)
def test_a_state_that_the_log_does_not_confirm_is_read_anew(
    log: Engine, book: StoredEventLog, wrong: dict[str, Any]
) -> None:
    envelopes, reader = Envelopes(), PostgresReader(log.database)
    newest = load("book:a", reader, envelopes)
    known = newest._replace(state=empty_state("book:a"), **wrong)

    read = StoredEventLog(reader, envelopes, peek=lambda _: known).load("book:a")

    assert (read.version, read.state) == (newest.version, newest.state)


def test_a_state_that_fell_far_behind_is_read_anew_from_a_snapshot(
    log: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, theirs = log.open(), log.open()
    ours.bus.execute(OpenBook("a", usdt("100")), caller("open"))
    monkeypatch.setattr(event_log, "SNAPSHOT_EVERY", 3)
    for number in range(4):
        theirs.bus.execute(Allocate("a", usdt("1"), f"a{number}"), caller(f"c{number}"))

    assert ours.log.load("book:a") == theirs.log.load("book:a")
