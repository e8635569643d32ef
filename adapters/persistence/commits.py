"""Batches of commands become commits: decided, sent, landed; taken apart where that fails (adr 3, 20)."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from adapters.persistence.batch import MAX_BYTES, NEVER, Asked, Batch
from adapters.persistence.envelope import Envelopes, recorded_at
from adapters.persistence.fresh_leaves import FreshLeaves
from adapters.persistence.recorders.base import (
    FACTS,
    DuplicateKey,
    Key,
    Lookup,
    Recorder,
    Sent,
    StaleVersion,
    StoredKey,
)
from adapters.persistence.states import States
from application.failpoints import failpoint
from application.ports.clock import Clock
from application.ports.commands import LeaseLost, Refused
from application.ports.event_log import SHARD, Position, StoreUnavailable

_log = logging.getLogger(__name__)

TRIES_ALONE = 20
"""Conflicts that one command by itself sits through before the store counts as unavailable to it."""


class WriterObserver(Protocol):
    """Told what the writer does, on the writer's thread; must be quick and must not raise."""

    def batch(self, *, size: int, queue_age_s: float, commit_s: float) -> None:
        """A batch of `size` commands was answered; its oldest had waited `queue_age_s` in the queue."""

    def conflict(self) -> None:
        """Someone else appended first; the batch is decided again."""

    def refused(self, *, code: str) -> None: ...


@dataclass(slots=True, eq=False)
class Flight:
    """Commands decided together: about to be sent, under way, or landed."""

    decided: Batch
    began: float  # when deciding began
    asked: list[Asked] = field(default_factory=list)  # answered when it lands
    answered: list[Asked] = field(default_factory=list)  # by the log, or by what kept them from being decided
    sent: Sent | None = None
    problem: Exception | None = None  # why it did not land
    decided_s: float = 0.0  # what deciding and sending took
    waited_s: float = 0.0  # how long was waited for its commit
    undisturbed: bool = True  # its events follow right on our last ones: no other process appended between


class Commits:
    """The core of the writer. Not for two threads at once: its caller sees to that.

    `prepare`, `launch` and `land` never raise: what goes wrong becomes its commands' error.
    """

    def __init__(
        self,
        recorder: Recorder,
        envelopes: Envelopes,
        clock: Clock,
        observer: WriterObserver | None,
        *,
        states: States | None = None,
        shard: int = SHARD,
    ) -> None:
        self._recorder, self._envelopes, self._clock = recorder, envelopes, clock
        self._observer = observer
        self._latest: datetime | None = None  # when the newest event was recorded, as far as we know
        self._last_id = 0  # of our own last event
        self._first = Position(shard).number
        self.states = states or States(recorder, envelopes)
        self.listeners: list[Callable[[int], None]] = []
        """Called with the newest id after each commit that appended events."""
        self.fresh: FreshLeaves | None = None  # told what was committed, where there is a sealer to tell it

    def answer(self, waiting: list[Asked]) -> None:
        """Every command gets an outcome or an error, in as few commits as they allow, one after the other."""
        while waiting:
            flight, later = self.prepare(waiting)
            self.launch(flight)
            self.land(flight)
            waiting = [asked for asked in flight.asked if not asked.is_answered] + later

    # -- one flight ----------------------------------------------------------------------------------------

    def prepare(self, batch: Sequence[Asked], before: Flight | None = None) -> tuple[Flight, list[Asked]]:
        """Decide commands, on top of what is still under way; and those that must wait for it, in order.

        Their ids are looked up meanwhile: who has an outcome already gets that one, and the others are
        decided again. Those wait whose id another command here or under way has, for its outcome will be
        theirs, and those that one append has no room for.
        """
        began = time.perf_counter()
        try:
            lookup = self._look_up(batch)
            try:
                self._latest = self._latest or self._newest_time()
                flight, later = self._decided(batch, before, ())
            finally:
                found = lookup.found()
            if found:
                for asked in batch:
                    asked.error = None
                waiting = self._unanswered_by(found, batch)
                answered = [asked for asked in batch if asked.is_answered]
                flight, later = self._decided(waiting, before, _facts(found))
                flight.answered = answered
        except Exception as e:  # noqa: BLE001 - an outage, as a rule
            for asked in batch:
                if asked.outcome is None:
                    asked.error = e
            return Flight(self._batch((), before), began, answered=list(batch)), []
        flight.began = began
        flight.decided_s = time.perf_counter() - began
        return flight, later

    def launch(self, flight: Flight) -> None:
        """Send what was decided. What it was decided on top of has landed."""
        began = time.perf_counter()
        if flight.asked and flight.problem is None:
            try:
                append = flight.decided.seal()
                if append.writes:
                    failpoint("before_append")
                    flight.sent = self._recorder.send(append)
                elif not self._recorder.sole_writer:
                    self._require_newest(append.expected)
            except Exception as e:  # noqa: BLE001 - the landing sorts it out
                flight.problem = e
        flight.decided_s += time.perf_counter() - began

    def land(self, flight: Flight) -> bool:
        """Wait for the commit: its commands are answered.

        False where it did not come to be as decided. Then what was decided on top of it is void; its own
        commands were tried again, and those that still have no answer wait for the next flight.
        """
        if self._arrived(flight):
            return True
        try:
            self._try_again(flight)
        except Exception as e:  # noqa: BLE001 - nobody may wait for ever
            _fail(flight.asked, e)
        return False

    def _batch(self, facts: Iterable[str], before: Flight | None = None) -> Batch:
        if before is None:
            return Batch(self.states, self._envelopes, self._clock, facts, self._latest or NEVER)
        below = before.decided
        facts = below.claimed.union(facts)
        return Batch(self.states, self._envelopes, self._clock, facts, below.latest, below.overlay)

    def _decided(
        self, waiting: Iterable[Asked], before: Flight | None, facts: Iterable[str]
    ) -> tuple[Flight, list[Asked]]:
        """What one append has room for, one command an id, decided; and the others."""
        flight = Flight(self._batch(facts, before), time.perf_counter())
        taken = {asked.key for asked in before.asked} if before is not None else set()
        later = []
        for asked in waiting:
            if asked.key in taken or flight.problem is not None or flight.decided.size >= MAX_BYTES:
                later.append(asked)
                continue
            taken.add(asked.key)
            flight.asked.append(asked)
            try:
                flight.decided.decide(asked)
            except StoreUnavailable as e:
                flight.problem = e
        return flight, later

    def _arrived(self, flight: Flight) -> bool:
        """Whether the append committed; if so its commands have their outcomes, and its states are kept."""
        began = time.perf_counter()
        ids: Sequence[int] = ()
        try:
            if flight.problem is None and flight.sent is not None:
                ids = flight.sent.ids()
                failpoint("after_append")
        except Exception as e:  # noqa: BLE001 - _try_again sorts it out
            flight.problem = e
        flight.waited_s = time.perf_counter() - began
        if flight.problem is not None:
            flight.undisturbed = False
            return False
        if flight.asked:
            self._latest = flight.decided.latest
        if ids:
            flight.undisturbed = self._last_id in (0, ids[0] - 1)
            self._last_id = ids[-1]
            if self.fresh is not None:
                self.fresh.committed(ids, flight.decided.leaves)
        self._tell(flight.decided.committed(ids, self._first), ids)
        return True

    # -- after a failure -----------------------------------------------------------------------------------

    def _try_again(self, flight: Flight) -> None:
        """The keys are looked up first: the commit may be our own, its answer lost on the way.

        Then the states are brought up to date and the batch is decided once more; then one by one, so that a
        command that cannot be stored fails alone.
        """
        batch, facts, outages = flight.asked, set[str](), 0
        last: Exception = StoreUnavailable("other processes keep changing what this command reads")
        tries = 2 if len(batch) > 1 else TRIES_ALONE
        for attempt in range(tries):
            problem, read = flight.problem, flight.decided.overlay.base
            if problem is None:
                return
            for asked in batch:  # an error that came of what never committed is nobody's
                asked.error = None
            match problem:
                case StaleVersion() | DuplicateKey():
                    if self._observer is not None:
                        self._observer.conflict()
                case LeaseLost():
                    if not _blamed(batch, problem):
                        break
                case StoreUnavailable():
                    last = problem
                    outages += 1
                case _:  # a value the database does not take, say
                    last = problem
                    self.states.evict(read)
                    break
            try:
                batch = [asked for asked in batch if asked.error is None]
                found = self._look_up(batch).found()
                batch = self._unanswered_by(found, batch)
                facts.update(_facts(found))
                self._latest = self._newest_time()
                if attempt:
                    self.states.evict(read)
                else:
                    self.states.refresh(read)
            except StoreUnavailable as e:
                self.states.evict(read)
                _fail(batch, e)
                return
            if outages > 1:
                _fail(batch, last)
            if not batch or outages > 1:
                return
            if attempt + 1 < tries:
                flight = self._flown(batch, facts)
        if len(batch) == 1:
            batch[0].error = last
            return
        for asked in batch:
            alone = self._flown([asked], ())
            if alone.problem is not None:
                self._try_again(alone)

    def _flown(self, batch: Sequence[Asked], facts: Iterable[str]) -> Flight:
        """Decided, sent and arrived, or with the problem that kept it from it."""
        flight, _ = self._decided(batch, None, facts)
        self.launch(flight)
        self._arrived(flight)
        return flight

    # -- the log -------------------------------------------------------------------------------------------

    def _newest_time(self) -> datetime:
        """When the newest event was recorded, whoever wrote it."""
        row = self._recorder.newest()
        return recorded_at(row.state) if row else NEVER

    def _require_newest(self, expected: dict[str, int]) -> None:
        """What was decided without an append is final only against the newest versions, too."""
        heads = self._recorder.heads(expected)
        for stream, version in expected.items():
            if (heads[stream].version if stream in heads else 0) != version:
                raise StaleVersion(stream)

    def _look_up(self, batch: Iterable[Asked]) -> Lookup:
        """Their ids, and the facts that they claimed when they were decided last."""
        keys = [asked.key for asked in batch]
        claims = [(FACTS, fact) for asked in batch for fact in asked.claims]
        return self._recorder.look_up({*keys, *claims})

    def _unanswered_by(self, found: Mapping[Key, StoredKey], batch: Iterable[Asked]) -> list[Asked]:
        """Answer those whose outcome is stored; return the others."""
        rest = []
        for asked in batch:
            if asked.key in found:
                asked.answer_from(found[asked.key], self._first)
            else:
                rest.append(asked)
        return rest

    def _tell(self, refusals: Sequence[Refused], ids: Sequence[int]) -> None:
        """What is committed stays committed, whatever those who want to hear of it make of it."""
        try:
            if self._observer is not None:
                for refusal in refusals:
                    self._observer.refused(code=refusal.code)
            if ids:
                for listener in self.listeners:
                    listener(ids[-1])
        except Exception:  # noqa: BLE001 - nor is a listener's
            _log.exception("a listener failed after a commit")


def _facts(found: Iterable[Key]) -> set[str]:
    """The external facts among keys that are in the log."""
    return {command_id for scope, command_id in found if scope == FACTS}


def _blamed(batch: Iterable[Asked], lost: LeaseLost) -> bool:
    """Give the error to whose lease it was; False where two holders' commands met: they part when alone."""
    losers = [
        asked for asked in batch if asked.caller.fence is not None and asked.caller.fence.name == lost.name
    ]
    if len({asked.caller.fence for asked in losers}) > 1:
        return False
    for asked in losers:
        asked.error = lost
    return True


def _fail(batch: Iterable[Asked], problem: Exception) -> None:
    """The error of those that have neither an outcome nor another error."""
    for asked in batch:
        if asked.outcome is None:
            asked.error = asked.error or problem
