"""The command bus: commands gather while one commit is under way, and the next commit takes them all.

One commit at a time is what bounds a log, so each carries as many commands as have queued: nobody lingers,
the disk is the gathering window (adr 0003).
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from datetime import datetime
from typing import Protocol

from adapters.persistence.batch import MAX_BYTES, NEVER, Asked, Batch
from adapters.persistence.envelope import Envelopes, recorded_at
from adapters.persistence.recorders.base import FACTS, DuplicateKey, Key, Recorder, StaleVersion
from adapters.persistence.states import States
from application.failpoints import failpoint
from application.ports.clock import Clock
from application.ports.commands import Caller, Command, LeaseLost, Outcome, QueueFull, Refused
from application.ports.event_log import SHARD, Position, StoreUnavailable

_log = logging.getLogger(__name__)

MAX_BATCH = 1_000
QUEUE_BOUND = 10_000
TRIES_ALONE = 20
"""Conflicts that one command by itself sits through before the store counts as unavailable to it."""


class WriterObserver(Protocol):
    """Told what the writer does, on the writer's thread; must be quick and must not raise."""

    def batch(self, *, size: int, queue_age_s: float, commit_s: float) -> None:
        """A batch of `size` commands was answered; its oldest had waited `queue_age_s` in the queue."""

    def conflict(self) -> None:
        """Someone else appended first; the batch is decided again."""

    def refused(self, *, code: str) -> None: ...


class GroupCommitWriter:
    """A CommandBus. Without its thread (`start`) it runs each command in the caller's, one at a time."""

    def __init__(
        self,
        recorder: Recorder,
        envelopes: Envelopes,
        clock: Clock,
        *,
        observer: WriterObserver | None = None,
        queue_bound: int = QUEUE_BOUND,
        max_batch: int = MAX_BATCH,
        states: States | None = None,
        shard: int = SHARD,
    ) -> None:
        self._recorder, self._envelopes, self._clock = recorder, envelopes, clock
        self._observer = observer
        self._bound, self._max_batch = queue_bound, max_batch
        self._queue: queue.SimpleQueue[Asked | None] = queue.SimpleQueue()
        self._intake = threading.Lock()
        self._deciding = threading.Lock()
        self._thread: threading.Thread | None = None
        self._closed = False
        self._latest: datetime | None = None  # when the newest event was recorded, as far as we know
        self._first = Position(shard).number
        self.states = states or States(recorder, envelopes)
        self.listeners: list[Callable[[int], None]] = []
        """Called with the newest id after each commit that appended events, on the writer's thread."""

    # -- the port ------------------------------------------------------------------------------------------

    def submit(self, command: Command, caller: Caller) -> Future[Outcome]:
        future: Future[Outcome] = Future()
        asked = Asked(command, caller, future, time.perf_counter())
        with self._intake:
            if self._closed:
                future.set_exception(StoreUnavailable("the writer is closed"))
                return future
            if self._thread is not None:
                if self._queue.qsize() >= self._bound:
                    future.set_exception(QueueFull())
                else:
                    self._queue.put(asked)
                return future
        self._work([asked])
        return future

    def execute(self, command: Command, caller: Caller) -> Outcome:
        if self._thread is not None or self._closed:
            return self.submit(command, caller).result()
        (answer,) = self.commit_batch([(command, caller)])
        if isinstance(answer, Outcome):
            return answer
        raise answer

    # -- life ----------------------------------------------------------------------------------------------

    def start(self) -> None:
        """From now on commands are gathered by a thread of the writer's own."""
        self._thread = threading.Thread(target=self._serve, name="writer")
        self._thread.start()

    def close(self) -> None:
        """Take no more commands, answer those that are queued, stop."""
        with self._intake:
            self._closed = True
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join()

    def commit_batch(self, commands: Sequence[tuple[Command, Caller]]) -> list[Outcome | Exception]:
        """Run these commands in order, in as few commits as they allow: each one's outcome or its error."""
        batch = [Asked(command, caller) for command, caller in commands]
        with self._deciding:
            self._answer(batch)
        return [asked.outcome or asked.error or _unanswered() for asked in batch]

    # -- the thread ----------------------------------------------------------------------------------------

    def _serve(self) -> None:
        while (first := self._queue.get()) is not None:
            batch: list[Asked] = [first]
            for _ in range(min(self._queue.qsize(), self._max_batch - 1)):
                asked = self._queue.get()
                if asked is None:  # closing: what stood before it in the queue is in this batch
                    self._queue.put(None)
                    break
                batch.append(asked)
            self._work(batch)

    def _work(self, batch: list[Asked]) -> None:
        batch = [asked for asked in batch if asked.future and asked.future.set_running_or_notify_cancel()]
        if not batch:
            return
        began = time.perf_counter()
        with self._deciding:
            try:
                self._answer(batch)
            except BaseException as e:  # noqa: BLE001 - nobody may wait for ever
                problem = e if isinstance(e, Exception) else StoreUnavailable(str(e))
                for asked in batch:
                    if asked.outcome is None:
                        asked.error = asked.error or problem
        done = time.perf_counter()
        for asked in batch:
            if asked.future is None:
                continue
            if asked.outcome is not None:
                asked.future.set_result(asked.outcome)
            else:
                asked.future.set_exception(asked.error or _unanswered())
        if self._observer is not None:
            try:
                self._observer.batch(
                    size=len(batch), queue_age_s=began - batch[0].queued_at, commit_s=done - began
                )
            except Exception:  # noqa: BLE001 - an observer's fault is not the writer's
                _log.exception("the observer failed")

    # -- the core ------------------------------------------------------------------------------------------

    def _answer(self, waiting: list[Asked]) -> None:
        """Every command gets an outcome or an error."""
        while waiting:
            try:
                waiting = self._unanswered_by_log(waiting, set())
                self._latest = self._latest or self._newest_time()
            except StoreUnavailable as e:
                for asked in waiting:
                    asked.error = e
                return
            firsts: dict[Key, Asked] = {}
            for asked in waiting:  # a second command of the same key is answered by the first one's outcome
                firsts.setdefault(asked.key, asked)
            self._commit(list(firsts.values()))
            waiting = [asked for asked in waiting if asked.outcome is None and asked.error is None]

    def _commit(self, batch: list[Asked]) -> None:
        """Append the batch, or as much of it as one append takes.

        On a conflict the keys are looked up first: the commit may be our own, its answer lost on the way.
        Then the states are brought up to date and the batch is decided once more; then one by one, so that a
        command that cannot be stored fails alone.
        """
        facts: set[str] = set()
        problem: Exception = StoreUnavailable("other processes keep changing what this command reads")
        outages = 0
        for attempt in range(2 if len(batch) > 1 else TRIES_ALONE):
            decided = Batch(self.states, self._envelopes, self._clock, facts, self._latest or NEVER)
            try:
                ids = self._append(decided, batch)
            except (StaleVersion, DuplicateKey):
                if self._observer is not None:
                    self._observer.conflict()
            except LeaseLost as lost:
                losers = [a for a in batch if a.caller.fence is not None and a.caller.fence.name == lost.name]
                if len({asked.caller.fence for asked in losers}) > 1:
                    break  # two holders' commands met in one batch: they part when each runs alone
                for asked in losers:
                    asked.error = lost
            except StoreUnavailable as e:
                problem = e
                outages += 1
            except Exception as e:  # noqa: BLE001 - a value the database does not take, say
                problem = e
                self.states.evict(decided.overlay.base)
                break
            else:
                self._latest = decided.latest
                self._tell(decided.committed(ids, self._first), ids)
                return
            try:
                batch = self._unanswered_by_log([a for a in batch if a.error is None], facts)
                self._latest = self._newest_time()
                if attempt:
                    self.states.evict(decided.overlay.base)
                else:
                    self.states.refresh(decided.overlay.base)
            except StoreUnavailable as e:
                self.states.evict(decided.overlay.base)
                _fail(batch, e)
                return
            if outages > 1:
                _fail(batch, problem)
            if not batch or outages > 1:
                return
        if len(batch) == 1:
            batch[0].error = problem
        else:
            for asked in batch:
                self._commit([asked])

    def _newest_time(self) -> datetime:
        """When the newest event was recorded, whoever wrote it."""
        row = self._recorder.newest()
        return recorded_at(row.state) if row else NEVER

    def _append(self, decided: Batch, batch: list[Asked]) -> Sequence[int]:
        for asked in batch:
            if decided.size >= MAX_BYTES:
                break  # the rest waits for the next append
            decided.decide(asked)
        append = decided.seal()
        if append.writes:
            failpoint("before_append")
            ids = self._recorder.append(append)
            failpoint("after_append")
            return ids
        if not self._recorder.sole_writer:
            self._require_newest(append.expected)
        return ()

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

    def _require_newest(self, expected: dict[str, int]) -> None:
        """What was decided without an append is final only against the newest versions, too."""
        heads = self._recorder.heads(expected)
        for stream, version in expected.items():
            if (heads[stream].version if stream in heads else 0) != version:
                raise StaleVersion(stream)

    def _unanswered_by_log(self, waiting: list[Asked], facts: set[str]) -> list[Asked]:
        """Answer those whose outcome is stored, note which of the facts they claim are; return the others."""
        keys = {asked.key for asked in waiting}
        claims = {(FACTS, fact) for asked in waiting for fact in asked.claims}
        found = self._recorder.find_keys(keys | claims)
        if not found:
            return waiting
        facts.update(key[1] for key in claims if key in found)
        rest = []
        for asked in waiting:
            if asked.key in found:
                asked.answer_from(found[asked.key], self._first)
            else:
                rest.append(asked)
        return rest


def _fail(batch: list[Asked], problem: Exception) -> None:
    for asked in batch:
        asked.error = asked.error or problem


def _unanswered() -> Exception:
    return StoreUnavailable("the command was not answered")
