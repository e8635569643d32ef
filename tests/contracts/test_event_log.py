"""What every event log promises to readers: order, pages, names, positions."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from adapters.persistence import event_log
from adapters.persistence.event_log import EventStore
from application.ports.commands import Command, Result
from application.ports.event_log import Position
from application.streams import PLATFORM, empty_state
from application.work import Versioned, Work
from domain.ledger.events import BookOpened
from tests.builders import START, Allocate, Decide, OpenBook, StopTrading, caller, usdt
from tests.log_stores import ENGINES, Engine, engine


@pytest.fixture(params=ENGINES)
def log(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    monkeypatch.setattr(event_log, "PAGE", 3)
    with engine(request.param, request, tmp_path) as opened:
        yield opened


@pytest.fixture
def store(log: Engine) -> EventStore:
    """Nine events, a minute between commands: a 1-2, b 3-4, then one each in turn, the kill switch last."""
    store = log.open()
    commands: list[tuple[Command, str]] = [
        *((OpenBook(book, usdt("100")), f"open-{book}") for book in "ab"),
        *((Allocate(book, usdt("1"), f"a{n}"), f"{book}{n}") for n in range(2) for book in "ab"),
        (StopTrading(), "stop"),
    ]
    for minute, (command, command_id) in enumerate(commands):
        log.clock.move_to(START + timedelta(minutes=minute))
        store.bus.execute(command, caller(command_id))
    return store


def test_an_empty_log_begins_and_ends_at_the_start(log: Engine) -> None:
    store = log.open()

    assert store.log.head() == Position()
    assert list(store.log.read()) == []
    assert store.log.position_at(START) == Position()
    assert store.log.stream("book:none") == []
    assert store.log.load("book:none") == Versioned(0, empty_state("book:none"))


def test_everything_is_read_in_commit_order_over_page_ends(store: EventStore) -> None:
    events = list(store.log.read())

    assert [event.position.id for event in events] == list(range(1, 10))
    assert [event.version for event in events if event.stream == "book:a"] == [1, 2, 3, 4]
    assert store.log.head() == Position(0, 9)


def test_an_event_says_who_when_and_why(store: EventStore) -> None:
    first = next(store.log.read())

    assert isinstance(first.event, BookOpened)
    assert (first.name, first.stream, first.version) == ("ledger.book_opened", "book:a", 1)
    assert first.metadata.recorded_at_utc == START
    assert (first.metadata.actor, first.metadata.command_id) == ("acc-1", "open-a")
    assert (first.metadata.correlation_id, first.metadata.causation_id) == ("request-open-a", "open-a")


def test_reading_begins_after_one_position_and_ends_at_another(store: EventStore) -> None:
    read = store.log.read(after=Position(0, 2), until=Position(0, 7))
    assert [event.position.id for event in read] == [3, 4, 5, 6, 7]


def test_which_facts_were_claimed_is_answered(log: Engine) -> None:
    store = log.open()

    def decide(work: Work) -> Result:
        work.claim("batch:b-1")
        work.record(PLATFORM, work.platform().engage_kill_switch(reason="x", by="acc-1", at=work.now))
        return {}

    store.bus.execute(Decide(decide), caller("c-1"))

    assert store.log.claimed([]) == set()
    assert store.log.claimed(["batch:b-1", "batch:b-2", "c-1"]) == {"batch:b-1"}


def test_reading_by_name_leaves_out_the_rest(store: EventStore) -> None:
    names = ("ledger.book_opened", "platform.kill_switch_engaged")
    assert [event.position.id for event in store.log.read(names=names)] == [1, 3, 9]


def test_one_stream_is_read_from_a_version_on(store: EventStore) -> None:
    assert [event.position.id for event in store.log.stream("book:b")] == [3, 4, 6, 8]
    assert [event.version for event in store.log.stream("book:b", after_version=2)] == [3, 4]


def test_what_is_newer_in_several_streams_is_read_in_log_order(store: EventStore) -> None:
    newer = store.log.newer({"book:b": 2, "book:a": 3, "book:none": 0})

    assert [(event.stream, event.version) for event in newer] == [
        ("book:b", 3),
        ("book:a", 4),
        ("book:b", 4),
    ]
    assert store.log.newer({}) == []


@pytest.mark.parametrize(
    ("minutes", "position"), [(-1, 0), (0, 2), (0.5, 2), (1, 4), (2, 5), (5.9, 8), (6, 9), (99, 9)]
)
def test_a_moment_has_a_position(store: EventStore, minutes: float, position: int) -> None:
    assert store.log.position_at(START + timedelta(minutes=minutes)) == Position(0, position)


def test_a_moment_has_a_position_where_ids_have_holes(log: Engine, store: EventStore) -> None:
    if log.kind == "memory":
        pytest.skip("ids in memory have no holes")
    log.tamper("UPDATE stored_events SET notification_id = notification_id + 1000 WHERE notification_id > 4")

    assert store.log.position_at(START + timedelta(minutes=1)) == Position(0, 4)
    assert store.log.position_at(START + timedelta(minutes=2)) == Position(0, 1005)
    assert store.log.position_at(START + timedelta(minutes=9)) == Position(0, 1009)


def test_recorded_times_do_not_go_back_with_the_clock(log: Engine, store: EventStore) -> None:
    """Safety #29, §4 row 23: a moment's position is found though the clock was set back or replays the past.

    What happened keeps the time it happened at.
    """
    newest = list(store.log.read())[-1].metadata.recorded_at_utc
    log.clock.move_to(START - timedelta(days=400))
    store.bus.execute(OpenBook("past", usdt("1")), caller("open-past"))
    if log.kind != "memory":  # whose log ends with it
        store.close()
        store = log.open()
    store.bus.execute(OpenBook("past-2", usdt("1")), caller("open-past-2"))
    log.clock.move_to(newest + timedelta(minutes=1))
    store.bus.execute(OpenBook("now", usdt("1")), caller("open-now"))

    added = [event for event in store.log.read() if event.stream in ("book:past", "book:past-2", "book:now")]

    assert [event.metadata.recorded_at_utc - newest for event in added] == [
        *[timedelta(0)] * 4,
        *[timedelta(minutes=1)] * 2,
    ]
    assert added[0].event.opened_at_utc == START - timedelta(days=400)
    assert store.log.position_at(newest) == added[3].position
    assert store.log.position_at(START - timedelta(days=1)) == Position()


def test_loading_folds_the_whole_stream(store: EventStore) -> None:
    loaded = store.log.load("book:a")

    assert loaded.version == 4
    assert loaded.state.owed("owner:bot:bot-1", "USDT") == usdt("2")
