"""The command bus: commands gather while one commit is under way, and the next commit takes them all.

One commit at a time is what bounds a log, so each carries as many commands as have queued: nobody lingers,
the disk is the gathering window (adr 0003). Where deciding takes about as long as committing, the next batch
is decided meanwhile (adr 0020).
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future

from adapters.persistence.batch import Asked
from adapters.persistence.commits import Commits, Flight, WriterObserver
from adapters.persistence.envelope import Envelopes
from adapters.persistence.fresh_leaves import FreshLeaves
from adapters.persistence.recorders.base import Recorder
from adapters.persistence.states import States
from application.ports.clock import Clock
from application.ports.commands import Caller, Command, Outcome, QueueFull
from application.ports.event_log import SHARD, StoreUnavailable

_log = logging.getLogger(__name__)

MAX_BATCH = 1_000
QUEUE_BOUND = 10_000
OVERLAP_PAYS = 1.5
"""Two batches take turns, one being decided while the other commits, where waiting for a commit takes less
than this times what deciding it took. Halving a batch pays where a commit's fixed cost, its flush, is less
than deciding the whole; what a commit costs a command is about half of what deciding it does. Where another
process appends as well its turns are that time already, and halves only make more of them."""


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
        overlap_pays: float = OVERLAP_PAYS,
        states: States | None = None,
        shard: int = SHARD,
    ) -> None:
        self._commits = Commits(recorder, envelopes, clock, observer, states=states, shard=shard)
        self._commits_alone = recorder.commits_alone
        self._observer = observer
        self._bound, self._max_batch = queue_bound, max_batch
        self._queue: queue.SimpleQueue[Asked | None] = queue.SimpleQueue()
        self._intake = threading.Lock()
        self._deciding = threading.Lock()
        self._thread: threading.Thread | None = None
        self._closed = False
        self._overlap_pays = overlap_pays
        self.overlapping = False  # whether batches take turns just now

    @property
    def states(self) -> States:
        """The cache of committed states."""
        return self._commits.states

    @property
    def listeners(self) -> list[Callable[[int], None]]:
        """Called with the newest id after each commit that appended events, on the writer's thread."""
        return self._commits.listeners

    def fresh_leaves(self) -> FreshLeaves:
        """From now on, what is committed, for a sealer in this process."""
        if self._commits.fresh is None:
            self._commits.fresh = FreshLeaves()
        return self._commits.fresh

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
        with self._deciding:
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
        """Run these commands in order, in as few commits as they allow: each one's outcome or its error.

        Beside the thread it waits until that has nothing to do.
        """
        batch = [Asked(command, caller) for command, caller in commands]
        with self._deciding:
            self._commits.answer(batch)
        return [asked.outcome or asked.error or StoreUnavailable("it has no answer") for asked in batch]

    # -- the thread ----------------------------------------------------------------------------------------

    def _serve(self) -> None:
        while (first := self._queue.get()) is not None:
            with self._deciding:
                self._work([first])

    def _work(self, taken: list[Asked]) -> None:
        """Answer these, and whatever queues until nothing is under way."""
        waiting = _running(taken)
        before: Flight | None = None
        following: Flight | None = None
        try:
            while waiting or before is not None:
                following = None
                if before is None or self.overlapping:
                    waiting += self._queued(len(waiting), halve=before is None and self.overlapping)
                    if waiting:
                        following, waiting = self._commits.prepare(waiting, before)
                if before is not None and not self._commits.land(before):
                    waiting = _unanswered(before) + self._void(following) + waiting
                    following = None
                if following is not None:
                    self._commits.launch(following)
                if before is not None:
                    self._deliver(before)
                before = following
        except BaseException as e:  # noqa: BLE001 - nobody may wait for ever
            problem = e if isinstance(e, Exception) else StoreUnavailable(str(e))
            flights = [flight for flight in (before, following) if flight is not None]
            for asked in waiting + [asked for flight in flights for asked in flight.asked + flight.answered]:
                asked.error = asked.error or problem
                _resolve(asked)

    def _queued(self, waiting: int, *, halve: bool) -> list[Asked]:
        """What has queued, as far as a batch has room beside those that wait already, or half of it all."""
        room = self._max_batch - waiting
        if halve:
            room = min(room, (waiting + self._queue.qsize() + 1) // 2 - waiting)
        taken: list[Asked] = []
        for _ in range(min(self._queue.qsize(), room)):
            asked = self._queue.get()
            if asked is None:  # closing: what stood before it in the queue is in this batch
                self._queue.put(None)
                break
            taken.append(asked)
        return _running(taken)

    def _void(self, flight: Flight | None) -> list[Asked]:
        """What was decided on top of a commit that failed is decided anew; what the log answered stays so."""
        if flight is None:
            return []
        again, flight.asked = flight.asked, []
        for asked in again:
            asked.error = None
        self._deliver(flight)
        return again

    def _deliver(self, flight: Flight) -> None:
        """Answer whoever waits for this flight, and tell the observer."""
        done = time.perf_counter()
        if flight.sent is not None and self._commits_alone:
            pays = flight.waited_s < self._overlap_pays * flight.decided_s
            self.overlapping = pays and flight.undisturbed
        settled = [asked for asked in flight.answered + flight.asked if asked.is_answered]
        for asked in settled:
            _resolve(asked)
        if self._observer is not None and settled:
            waited = flight.began - settled[0].queued_at
            try:
                self._observer.batch(size=len(settled), queue_age_s=waited, commit_s=done - flight.began)
            except Exception:  # noqa: BLE001 - an observer's fault is not the writer's
                _log.exception("the observer failed")


def _running(taken: Iterable[Asked]) -> list[Asked]:
    """Without those that were cancelled while they waited."""
    return [asked for asked in taken if asked.future and asked.future.set_running_or_notify_cancel()]


def _unanswered(flight: Flight) -> list[Asked]:
    return [asked for asked in flight.asked if not asked.is_answered]


def _resolve(asked: Asked) -> None:
    if asked.future is None or asked.future.done():
        return
    if asked.outcome is not None:
        asked.future.set_result(asked.outcome)
    else:
        asked.future.set_exception(asked.error or StoreUnavailable("the command was not answered"))
