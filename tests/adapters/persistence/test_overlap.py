"""A batch that is decided while the one before it commits: on PostgreSQL, where a commit goes on alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import ExitStack
from datetime import timedelta
from itertools import count
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.persistence import batch
from adapters.persistence.batch import Asked
from adapters.persistence.commits import Commits, Flight
from adapters.persistence.envelope import Envelopes, recorded_at
from adapters.persistence.event_log import EventStore, memory_event_store
from adapters.persistence.recorders.base import Found, Key, SnapshotRow
from adapters.persistence.recorders.memory import MemoryRecorder
from adapters.persistence.snapshots import Loaded, snapshot_of
from adapters.persistence.verify import verify_log
from adapters.persistence.writer import GroupCommitWriter
from application.ports.clock import ManualClock
from application.ports.commands import CommandBus, FactClaimed, Outcome, Result
from application.ports.event_log import StoreUnavailable
from application.work import Work
from domain.errors import DomainError
from domain.ledger.errors import InsufficientFunds
from domain.ledger.postings import AVAILABLE
from tests.adapters.persistence.flights import Meanwhile, Seen, codes, fly, overlapping
from tests.builders import START, Allocate, Decide, OpenBook, caller, usdt
from tests.log_stores import Engine, engine, together

_runs = count(1)


@pytest.fixture
def log(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    with engine("postgres", request, tmp_path) as opened:
        yield opened


def nothing() -> None:
    """No one else does anything meanwhile."""


def left(store: EventStore, book_id: str = "b") -> str:
    return str(store.log.load(f"book:{book_id}").state.owed(AVAILABLE, "USDT"))


def test_what_is_decided_meanwhile_builds_on_what_is_under_way(log: Engine) -> None:
    store, seen = log.open(), Seen()
    store.bus.execute(OpenBook("b", usdt("100")), caller("open"))
    with overlapping(store, observer=seen) as bus:
        answers = fly(
            bus,
            Allocate("b", usdt("60"), "a"),
            nothing,
            Allocate("b", usdt("50"), "x"),
            Allocate("b", usdt("40"), "y"),
        )

    assert codes(answers) == ["done", InsufficientFunds.code, "done"]
    assert seen.conflicts == 0
    assert left(store) == "0 USDT"
    assert verify_log(log.database).ok


def test_what_was_decided_on_a_commit_that_failed_is_decided_anew(log: Engine) -> None:
    """Safety #3: neither the refusal nor the error that the failed commit led to is anybody's answer."""
    store, rival = log.open(), log.open()
    store.bus.execute(OpenBook("b", usdt("100")), caller("open"))

    def only_with_60_or_less(work: Work) -> Result:
        if work.book("b").owed(AVAILABLE, "USDT") <= usdt("40"):
            raise ZeroDivisionError
        return {}

    def spend() -> None:
        rival.bus.execute(Allocate("b", usdt("45"), "rival"), caller("rival")).unwrap()

    with overlapping(store) as bus:
        answers = fly(
            bus,
            Allocate("b", usdt("60"), "a"),
            spend,
            Decide(only_with_60_or_less),
            Allocate("b", usdt("50"), "x"),
        )

    assert codes(answers) == [InsufficientFunds.code, "done", "done"]
    assert left(store) == "5 USDT"
    assert verify_log(log.database).ok


def test_a_fact_claimed_by_what_is_under_way_is_claimed(log: Engine) -> None:
    """Safety #13."""
    store, seen = log.open(), Seen()
    with overlapping(store, observer=seen) as bus:
        answers = fly(bus, Decide(claim), nothing, Decide(claim))

    assert codes(answers) == ["done", FactClaimed.code]
    assert seen.conflicts == 0


def test_a_fact_claimed_by_a_commit_that_failed_is_free(log: Engine) -> None:
    store, rival = log.open(), log.open()
    store.bus.execute(OpenBook("b", usdt("100")), caller("open"))

    def claim_and_spend(work: Work) -> Result:
        claim(work)
        return Allocate("b", usdt("100"), "a").decide(work)

    def spend() -> None:
        rival.bus.execute(Allocate("b", usdt("1"), "rival"), caller("rival")).unwrap()

    with overlapping(store) as bus:
        answers = fly(bus, Decide(claim_and_spend), spend, Decide(claim))

    assert codes(answers) == [InsufficientFunds.code, "done"]


def claim(work: Work) -> Result:
    work.claim("trade-1")
    return {}


def test_the_key_of_a_command_under_way_is_answered_as_that_one(log: Engine) -> None:
    """Safety #1."""
    store = log.open()
    store.bus.execute(OpenBook("b", usdt("100")), caller("open"))
    with overlapping(store) as bus:
        bus.execute(Allocate("b", usdt("1"), "warm"), caller("warm"))
        held = Meanwhile(Allocate("b", usdt("60"), "a"))
        first = bus.submit(held, caller("same"))
        assert held.decided.wait(30)
        again = bus.submit(Allocate("b", usdt("60"), "a"), caller("same"))
        after = bus.submit(Allocate("b", usdt("30"), "after"), caller("after"))
        held.done.set()
        answers = [future.result(30) for future in (first, again, after)]

    assert [answer.result for answer in answers] == [
        {"left": "39 USDT"},
        {"left": "39 USDT"},
        {"left": "9 USDT"},
    ]
    assert [answer.replayed for answer in answers] == [False, True, False]


def test_an_error_that_came_of_a_commit_that_failed_is_nobodys(log: Engine) -> None:
    """Both commands are of the batch that failed: the second one's error rested on the first one's."""
    store, rival = log.open(), log.open()
    store.bus.execute(OpenBook("b", usdt("100")), caller("open"))
    rivals = iter([Allocate("b", usdt("45"), "rival")])

    def spend(work: Work) -> Result:
        result = Allocate("b", usdt("60"), "a").decide(work)
        for command in rivals:
            rival.bus.execute(command, caller("rival")).unwrap()
        return result

    def only_with_more_than_40(work: Work) -> Result:
        if work.book("b").owed(AVAILABLE, "USDT") <= usdt("40"):
            raise ZeroDivisionError
        return {}

    answers = together(store, (Decide(spend), caller("c1")), (Decide(only_with_more_than_40), caller("c2")))

    assert codes(answers) == [InsufficientFunds.code, "done"]


def test_batches_take_no_turns_after_somebody_else_appended(log: Engine) -> None:
    store, rival = log.open(), log.open()
    store.bus.execute(OpenBook("b", usdt("100")), caller("open"))

    def spend() -> None:
        rival.bus.execute(Allocate("b", usdt("1"), "rival"), caller("rival")).unwrap()

    with overlapping(store) as bus:
        fly(bus, Allocate("b", usdt("1"), "a"), nothing)
        assert bus.overlapping
        fly(bus, Allocate("b", usdt("1"), "a2"), spend)
        assert not bus.overlapping


class Unspeakable(DomainError, code="unspeakable"):
    """A refusal that no JSON can say."""


@pytest.mark.parametrize("where", ["overlapping", "in memory"])
def test_a_refusal_that_cannot_be_stored_fails_alone(log: Engine, where: str) -> None:
    def refuse(_: Work) -> Result:
        raise Unspeakable("half a letter: \ud800")

    with ExitStack() as opened:
        bus: CommandBus
        if where == "overlapping":
            bus = opened.enter_context(overlapping(log.open()))
        else:
            bus = opened.enter_context(memory_event_store(ManualClock(START), inline=False)).bus
        answers = fly(
            bus,
            OpenBook("a", usdt("1")),
            nothing,
            OpenBook("x", usdt("1")),
            Decide(refuse),
            OpenBook("y", usdt("1")),
        )

    assert codes(answers) == ["done", "done", "UnicodeEncodeError", "done"]


def test_what_cannot_be_made_ready_for_its_commit_fails_alone(
    log: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def of_all_but_one(stream: str, loaded: Loaded) -> SnapshotRow:
        if stream == "book:bad":
            raise OSError("no such file")
        return snapshot_of(stream, loaded)

    monkeypatch.setattr(batch, "SNAPSHOT_EVERY", 2)
    monkeypatch.setattr(batch, "snapshot_of", of_all_but_one)
    with overlapping(log.open()) as bus:
        opened = [OpenBook(book, usdt("1")) for book in ("a", "x", "bad", "y")]
        answers = fly(bus, opened[0], nothing, *opened[1:])

    assert codes(answers) == ["done", "done", "OSError", "done"]


def test_claims_are_handed_on_to_the_next_batch_only(log: Engine) -> None:
    """Later ones find them in the log: a writer that is never idle does not carry all that it claimed."""
    recorder = log.open().recorder
    assert recorder is not None
    commits = Commits(recorder, Envelopes(), ManualClock(START), None)
    before: Flight | None = None
    for number in range(5):

        def claiming(work: Work, *, fact: str = f"trade-{number}") -> Result:
            work.claim(fact)
            return {}

        flight, _ = commits.prepare([Asked(Decide(claiming), caller(f"c{number}"))], before)
        assert before is None or commits.land(before)
        assert flight.decided.facts == ({f"trade-{number - 1}"} if number else frozenset())
        commits.launch(flight)
        before = flight
    assert before is not None
    assert commits.land(before)


class AwayAtFirst(MemoryRecorder):
    """Its first lookup fails."""

    was_asked = False

    def look_up(self, keys: Iterable[Key]) -> Found:
        if not self.was_asked:
            self.was_asked = True
            raise StoreUnavailable("away")
        return super().look_up(keys)


def test_times_do_not_go_back_after_an_outage_at_the_start() -> None:
    """A process whose clock is behind, and whose first look at the log fails."""
    recorder = AwayAtFirst()
    ahead = GroupCommitWriter(recorder, Envelopes(), ManualClock(START + timedelta(hours=1)))
    recorder.was_asked = True
    ahead.execute(OpenBook("a", usdt("1")), caller("a")).unwrap()
    recorder.was_asked = False
    behind = GroupCommitWriter(recorder, Envelopes(), ManualClock(START))
    with pytest.raises(StoreUnavailable):
        behind.execute(OpenBook("b", usdt("1")), caller("b"))
    behind.execute(OpenBook("b", usdt("1")), caller("b")).unwrap()

    times = [recorded_at(row.state) for row in recorder.page(0, 10, 10)]
    assert times == [START + timedelta(hours=1)] * 4


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["b0", "b1"]),
        st.integers(1, 40),
        st.sampled_from([None, "fact-1", "fact-2"]),
        st.integers(0, 5),  # whose key: some come twice
        st.booleans(),  # breaks, if its key is its own
    ),
    min_size=2,
    max_size=24,
)


def submit_all(
    bus: CommandBus, run: str, steps: Sequence[tuple[str, int, str | None, int, bool]]
) -> list[str]:
    """All at once, in order: what each came to."""
    for book in ("b0", "b1"):
        bus.execute(OpenBook(f"{run}-{book}", usdt("100")), caller(f"{run}-{book}")).unwrap()
    futures: list[Future[Outcome]] = []
    for number, (book, amount, fact, repeated, breaks) in enumerate(steps):

        def step(
            work: Work,
            *,
            book: str = book,
            amount: int = amount,
            fact: str | None = fact,
            breaks: bool = breaks and repeated > 0,
        ) -> Result:
            if fact:
                work.claim(f"{run}-{fact}")
            result = Allocate(f"{run}-{book}", usdt(str(amount)), "a").decide(work)
            if breaks:
                raise ZeroDivisionError
            return result

        key = f"{run}-{number}" if repeated else f"{run}-again"
        futures.append(bus.submit(Decide(step), caller(key, f"{book} {amount} {fact} {breaks}")))
    told = []
    for future in futures:
        problem = future.exception(60)
        told.append(
            type(problem).__name__ if problem else repr(future.result().result or future.result().refusal)
        )
    return told


@given(steps=STEPS, max_batch=st.integers(1, 5))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_overlapping_or_one_by_one_every_command_comes_to_the_same(
    log: Engine, steps: list[tuple[str, int, str | None, int, bool]], max_batch: int
) -> None:
    run = f"run-{next(_runs)}"
    with memory_event_store(ManualClock(START)) as alone:
        expected = submit_all(alone.bus, run, steps)
        expected += [left(alone, f"{run}-{book}") for book in ("b0", "b1")]
    store = log.open()
    with overlapping(store, max_batch=max_batch) as bus:
        assert (
            submit_all(bus, run, steps) + [left(store, f"{run}-{book}") for book in ("b0", "b1")] == expected
        )
