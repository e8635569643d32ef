"""The group-commit writer under load, outages and other writers."""

from __future__ import annotations

import multiprocessing
import os
import resource
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from adapters.persistence.codec import Codec
from adapters.persistence.database import open_database
from adapters.persistence.envelope import Envelopes
from adapters.persistence.event_log import open_event_store
from adapters.persistence.recorders.memory import MemoryRecorder
from adapters.persistence.verify import verify_log
from adapters.persistence.writer import GroupCommitWriter
from application.ports.clock import ManualClock
from application.ports.commands import Outcome, QueueFull, Result
from application.ports.event_log import ReadOnlyLog, StoreUnavailable
from application.work import Work
from tests.adapters.persistence.flights import Seen
from tests.builders import START, Allocate, Decide, OpenBook, StopTrading, caller, usdt
from tests.log_stores import Engine, engine, together


@pytest.fixture
def log(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    with engine("postgres", request, tmp_path) as opened:
        yield opened


@contextmanager
def writer(**options: Any) -> Iterator[tuple[GroupCommitWriter, Seen]]:
    """A writer with its thread, on a log in memory."""
    seen = Seen()
    made = GroupCommitWriter(
        MemoryRecorder(), Envelopes(Codec()), ManualClock(START), observer=seen, **options
    )
    made.start()
    try:
        yield made, seen
    finally:
        made.close()


class Gate:
    """A command that keeps the writer busy until it is opened."""

    def __init__(self) -> None:
        self.entered, self.opened = threading.Event(), threading.Event()

    def decide(self, work: Work) -> Result:
        self.entered.set()
        assert self.opened.wait(30)
        return {}


def held_up(bus: GroupCommitWriter) -> tuple[Gate, Future[Outcome]]:
    gate = Gate()
    future = bus.submit(gate, caller("gate", None))
    assert gate.entered.wait(30)
    return gate, future


def test_what_queues_during_a_commit_goes_into_the_next_one_together() -> None:
    with writer() as (bus, seen):
        gate, _ = held_up(bus)
        futures = [bus.submit(OpenBook(f"b{i}", usdt("1")), caller(f"c{i}")) for i in range(20)]
        gate.opened.set()
        assert [future.result(30).position for future in futures] == list(range(2, 42, 2))
    assert seen.sizes == [1, 20]


def test_a_full_queue_refuses_at_once_and_what_is_queued_is_still_answered() -> None:
    """Safety §4 row 11."""
    with writer(queue_bound=2) as (bus, _):
        gate, _ = held_up(bus)
        queued = [bus.submit(OpenBook(f"b{i}", usdt("1")), caller(f"c{i}")) for i in range(2)]
        with pytest.raises(QueueFull):
            bus.submit(OpenBook("b9", usdt("1")), caller("c9")).result(0)
        gate.opened.set()
        assert all(future.result(30).refusal is None for future in queued)


def test_closing_answers_what_is_queued_and_takes_no_more() -> None:
    """Safety §4 row 8."""
    with writer() as (bus, _):
        gate, first = held_up(bus)
        queued = bus.submit(OpenBook("b", usdt("1")), caller("c"))
        closing = threading.Thread(target=bus.close)
        closing.start()
        gate.opened.set()
        closing.join(30)
        assert first.result(0).refusal is None
        assert queued.result(0).refusal is None
        with pytest.raises(StoreUnavailable):
            bus.execute(OpenBook("b2", usdt("1")), caller("c2"))


def test_a_cancelled_command_that_waits_is_not_run() -> None:
    with writer() as (bus, _):
        gate, _ = held_up(bus)
        waiting = bus.submit(OpenBook("b", usdt("1")), caller("c"))
        assert waiting.cancel()
        gate.opened.set()
    assert bus.states.get("book:b").version == 0


def test_a_batch_is_split_where_its_bytes_fill_an_append(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("adapters.persistence.batch.MAX_BYTES", 3_000)
    monkeypatch.setattr("adapters.persistence.commits.MAX_BYTES", 3_000)
    bus = GroupCommitWriter(MemoryRecorder(), Envelopes(), ManualClock(START))
    answers = bus.commit_batch([(OpenBook(f"b{i}", usdt("1")), caller(f"c{i}")) for i in range(10)])
    assert [a.position for a in answers if isinstance(a, Outcome)] == list(range(2, 22, 2))


def test_the_observer_hears_of_refusals() -> None:
    with writer() as (bus, seen):
        assert bus.execute(Allocate("b", usdt("1"), "a"), caller("c")).refusal
    assert seen.codes == ["book_not_open"]


def test_a_listener_that_fails_changes_nothing_that_is_committed() -> None:
    with writer() as (bus, _):
        heard: list[int] = []

        def fail(_: int) -> None:
            raise ZeroDivisionError

        bus.listeners.extend([heard.append, fail])
        first = bus.execute(OpenBook("b", usdt("1")), caller("c", None))
        second = bus.execute(Allocate("b", usdt("1"), "a"), caller("c2", None))
    assert (first.position, second.position, heard) == (2, 3, [2, 3])


def test_a_full_disk_refuses_writes_and_goes_on_when_there_is_space(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Safety §4 row 13."""
    with engine("sqlite", request, tmp_path) as log:
        store = log.open()
        store.bus.execute(OpenBook("b", usdt("100")), caller("open"))
        connection = log.database.sqlite_connection
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages}")
        answers = together(store, *((OpenBook(f"b{i}", usdt("1")), caller(f"c{i}")) for i in range(200)))
        assert {type(answer) for answer in answers} == {StoreUnavailable}
        assert store.log.load("book:b").version == 2

        connection.execute("PRAGMA max_page_count = 1000000")
        assert store.bus.execute(OpenBook("b0", usdt("1")), caller("c0")).refusal is None
        assert verify_log(log.database).ok


@contextmanager
def disk_that_fails() -> Iterator[None]:
    """Every write to a file fails, with an error that is not "no space left"."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_after_a_disk_failed_nothing_is_acknowledged_by_this_process_any_more(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Safety §4 row 14: a second fsync says yes although the first one's data are lost."""
    told: list[str] = []
    with engine("sqlite", request, tmp_path) as log:
        store, db = log.open(), log.database
        db.on_failure = told.append
        store.bus.execute(OpenBook("b", usdt("100")), caller("open"))
        with disk_that_fails(), pytest.raises(StoreUnavailable, match="disk I/O error"):
            store.bus.execute(Allocate("b", usdt("1"), "a1"), caller("c1"))

        for use in (db.transaction, db.reading, db.raw_transaction):  # though the disk is well again
            with pytest.raises(StoreUnavailable, match="no longer used"), use():
                pass
        with pytest.raises(StoreUnavailable, match="no longer used"):
            store.bus.execute(Allocate("b", usdt("1"), "a2"), caller("c2"))
        assert told == [db.failed]
    with open_database(log.url) as again, again.reading() as connection:
        assert connection.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"
        assert connection.exec_driver_sql("SELECT count(*) FROM command_keys").scalar() == 1


def test_a_reader_process_is_told_who_writes(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    with engine("sqlite", request, tmp_path) as log:
        log.open().bus.execute(OpenBook("b", usdt("100")), caller("open"))
        with open_database(log.url, role="reader") as db, open_event_store(db, clock=log.clock) as reader:
            assert reader.log.load("book:b").version == 2
            with pytest.raises(ReadOnlyLog, match=str(os.getpid())):
                reader.bus.execute(Allocate("b", usdt("1"), "a"), caller("c"))


# -- several writers on PostgreSQL -------------------------------------------------------------------------


def test_a_stale_kill_switch_conflicts_although_it_is_only_read(log: Engine) -> None:
    """Design §2: the expected version of every stream read, written or not."""
    seen = Seen()
    here, there = log.open(observer=seen), log.open()
    here.bus.execute(OpenBook("b", usdt("100")), caller("open"))
    here.bus.execute(Allocate("b", usdt("1"), "a1"), caller("c1"))  # caches "trading goes on"
    there.bus.execute(StopTrading("fire"), caller("stop"))

    refusal = here.bus.execute(Allocate("b", usdt("1"), "a2"), caller("c2")).refusal

    assert refusal is not None
    assert refusal.code == "kill_switch_engaged"
    assert seen.conflicts == 1


@pytest.mark.parametrize("content", ["", None], ids=["stored", "not stored"])
def test_a_refusal_is_final_only_against_the_newest_versions(log: Engine, content: str | None) -> None:
    here, there = log.open(), log.open()
    here.bus.execute(OpenBook("b", usdt("1")), caller("open"))
    assert here.bus.execute(Allocate("b", usdt("5"), "a1"), caller("c1")).refusal

    def deposit(work: Work) -> Result:
        work.record("book:b", work.book("b").credit_deposit(usdt("9"), entry_id="d2", at=work.now))
        return {}

    there.bus.execute(Decide(deposit), caller("deposit"))

    assert here.bus.execute(Allocate("b", usdt("5"), "a2"), caller("c2", content)).unwrap()


def test_the_same_key_in_two_processes_is_one_command(log: Engine) -> None:
    """Safety #1."""
    here, there = log.open(inline=False), log.open(inline=False)
    here.bus.execute(OpenBook("b", usdt("100")), caller("open"))
    futures = [
        store.bus.submit(Allocate("b", usdt("1"), "a1"), caller("c1"))
        for _ in range(25)
        for store in (here, there)
    ]

    assert {str(future.result(60).unwrap()) for future in futures} == {"{'left': '99 USDT'}"}
    assert here.log.load("book:b").version == 3


def test_a_batch_that_keeps_conflicting_is_decided_one_by_one(log: Engine) -> None:
    here, there = log.open(), log.open()
    here.bus.execute(OpenBook("b", usdt("100")), caller("open"))
    rival = iter(range(3))

    def meddle(work: Work) -> Result:
        """Whenever it is decided (three times), another process appends to what it has read."""
        read = work.book("b")
        for i in rival:
            there.bus.execute(Allocate("b", usdt("1"), f"r{i}"), caller(f"r{i}"))
            break
        work.record("book:b", read.allocate(usdt("1"), bot_id="x", entry_id="m", at=work.now))
        return {}

    answers = together(here, (Decide(meddle), caller("m")), (Allocate("b", usdt("1"), "a1"), caller("c1")))

    assert all(isinstance(answer, Outcome) and answer.refusal is None for answer in answers)
    state = here.log.load("book:b").state
    assert (here.log.load("book:b").version, state.owed("owner:available", "USDT")) == (7, usdt("95"))


def _spend(url: str, name: str, count: int) -> None:
    """A process of its own, through a writer of its own."""
    with open_database(url) as db, open_event_store(db, clock=ManualClock(START)) as store:
        futures = [
            store.bus.submit(Allocate("b", usdt("1"), f"{name}{i}"), caller(f"{name}{i}"))
            for i in range(count)
        ]
        done = sum(future.result(120).refusal is None for future in futures)
    os._exit(done)


def test_two_processes_that_spend_from_one_book_lose_and_invent_nothing(log: Engine) -> None:
    """Safety #3 and §4 row 21: 2 × 60 requests for 1, and 100 to spend."""
    store = log.open()
    store.bus.execute(OpenBook("b", usdt("100")), caller("open"))
    spawn = multiprocessing.get_context("spawn")
    processes = [spawn.Process(target=_spend, args=(log.url, name, 60)) for name in "xy"]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)

    book = store.log.load("book:b")
    assert sum(process.exitcode or 0 for process in processes) == 100
    assert (book.version, book.state.owed("owner:bot:bot-1", "USDT")) == (102, usdt("100"))
    assert log.query("SELECT count(*) FROM command_keys") == [(121,)]
    assert verify_log(log.database).ok
