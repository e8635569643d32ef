"""Reading a stream whose state this process knows: what others appended since is folded in (safety §3.30)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.persistence.envelope import Envelopes
from adapters.persistence.event_log import StoredEventLog
from adapters.persistence.recorders.postgres import PostgresReader
from adapters.persistence.snapshots import load
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


def test_a_state_that_stored_events_do_not_follow_on_is_read_anew(log: Engine) -> None:
    """What is known may be wrong in any way: the log is what counts."""
    store = log.open()
    store.bus.execute(OpenBook("a", usdt("100")), caller("open"))
    store.bus.execute(Allocate("a", usdt("1"), "a1"), caller("c1"))
    envelopes, reader = Envelopes(), PostgresReader(log.database)
    newest = load("book:a", reader, envelopes)
    stale = load("book:a", reader, envelopes)._replace(version=2, hash=b"\0" * 32)

    read = StoredEventLog(reader, envelopes, peek=lambda _: stale).load("book:a")

    assert (read.version, read.state) == (newest.version, newest.state)
