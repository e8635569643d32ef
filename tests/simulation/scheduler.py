"""Virtual time: a heap of what happens when, a seeded choice among what is due, waiting inside a step."""

from __future__ import annotations

import heapq
import random
import sys
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

BEGIN = datetime(2026, 1, 5, 12, tzinfo=UTC)
DEEPEST = 24
"""Steps inside steps. Beyond, whoever waits is answered at once: a stack has an end, the world has none."""

STEPS_REMEMBERED = 60
MOST_STEPS = 100_000
"""Thirty times what a run takes: something goes round in circles."""
sys.setrecursionlimit(20_000)


class Crash(BaseException):
    """The process is gone: no handler of its own runs on."""


class Violation(BaseException):
    """A promise was broken. Not an Exception, so that nothing under test can swallow it."""

    def __init__(self, oracle: str, words: str) -> None:
        super().__init__(oracle, words)
        self.oracle, self.words = oracle, words

    def __str__(self) -> str:
        return f"{self.oracle}: {self.words}"


@dataclass(slots=True, eq=False)
class Life:
    """One life of a process, from its start to its end. Steps of a life that is over never run."""

    name: str
    is_over: bool = False
    paused_until_ms: int = 0
    busy: dict[str, None] = field(default_factory=dict)  # its threads that are within a step

    def require(self) -> None:
        if self.is_over:
            raise Crash


@dataclass(slots=True, order=True)
class _Due:
    at_ms: int
    drawn: float  # the seeded choice among what is due at once
    number: int
    life: Life | None = field(compare=False)
    thread: str = field(compare=False)
    act: Callable[[], None] = field(compare=False)


class Scheduler:
    """Runs one step after the other, in virtual time, in one thread.

    A step may wait, for a venue's answer, say: then other steps run inside it until its time has come, those
    of other threads of the same process among them, never another one of its own. So a step goes on at the
    earliest when all that began within its wait have ended or wait as well: late, as in a slow process, and
    never too early.
    """

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.now_ms = 0
        self.steps = 0
        self.last: deque[str] = deque(maxlen=STEPS_REMEMBERED)
        self.trace: Callable[[str], None] | None = None
        self.current: Life | None = None  # whose step runs
        self._heap: list[_Due] = []
        self._number = 0
        self._depth = 0

    def now(self) -> datetime:
        return BEGIN + timedelta(milliseconds=self.now_ms)

    def at(self, at_ms: int, life: Life | None, thread: str, act: Callable[[], None]) -> None:
        """Do it then. `thread` names what does one thing after the other; "" for what waits for nobody."""
        self._number += 1
        due = _Due(max(at_ms, self.now_ms), self.rng.random(), self._number, life, thread, act)
        heapq.heappush(self._heap, due)

    def after(self, pause_ms: int, life: Life | None, thread: str, act: Callable[[], None]) -> None:
        self.at(self.now_ms + pause_ms, life, thread, act)

    def run(self, until: Callable[[], bool]) -> None:
        """Step by step until then, or until nothing is left to happen."""
        while self._heap and not until():
            self._step()

    def wait(self, life: Life, pause_ms: int, is_over: Callable[[], bool] = lambda: False) -> None:
        """Within a step of that life: let others go on for so long, or until what is waited for is there.

        Raises Crash where the life ended meanwhile.
        """
        until_ms = self.now_ms + pause_ms
        if self._depth < DEEPEST:
            self._let_go_on(until_ms, is_over)
        while life.paused_until_ms > self.now_ms and not life.is_over and self._depth < DEEPEST:
            self._let_go_on(life.paused_until_ms, lambda: life.is_over)
        life.require()

    def note(self, words: str) -> None:
        """Remember what happens, for whoever has to find out why a seed failed."""
        line = f"{self.now_ms / 1000:10.3f} s  {words}"
        self.last.append(line)
        if self.trace is not None:
            self.trace(line)

    # -- inside --------------------------------------------------------------------------------------------

    def _let_go_on(self, until_ms: int, is_over: Callable[[], bool]) -> None:
        self._depth += 1
        try:
            while not is_over():
                if not self._heap or self._heap[0].at_ms > until_ms:
                    self.now_ms = max(self.now_ms, until_ms)
                    return
                self._step()
        finally:
            self._depth -= 1

    def _step(self) -> None:
        due = heapq.heappop(self._heap)
        self.now_ms = max(self.now_ms, due.at_ms)
        life = due.life
        if life is not None:
            if life.is_over:
                return
            if due.thread in life.busy or life.paused_until_ms > self.now_ms:
                due.at_ms = max(life.paused_until_ms, self.now_ms + 100)
                heapq.heappush(self._heap, due)
                return
            if due.thread:
                life.busy[due.thread] = None
        self.steps += 1
        if self.steps > MOST_STEPS:
            raise Violation("O9", f"after {MOST_STEPS} steps the world has not come to its end")
        before, self.current = self.current, life
        try:
            due.act()
        except Crash:
            if life is None or not life.is_over:
                raise
        finally:
            self.current = before
            if life is not None:
                life.busy.pop(due.thread, None)


class LocalClock:
    """A process's clock, which is wrong by so much."""

    def __init__(self, scheduler: Scheduler, wrong_by: timedelta = timedelta(0)) -> None:
        self._scheduler, self._wrong_by = scheduler, wrong_by

    def now(self) -> datetime:
        return self._scheduler.now() + self._wrong_by
