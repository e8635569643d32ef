"""Commands that are decided while the commit before theirs is under way."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from typing import Any

from adapters.persistence.envelope import Envelopes
from adapters.persistence.event_log import EventStore
from adapters.persistence.writer import MAX_BATCH, GroupCommitWriter
from application.ports.clock import ManualClock
from application.ports.commands import Command, CommandBus, Outcome, Result
from application.work import Work
from tests.builders import START, OpenBook, caller, usdt

_runs = count(1)


class Seen:
    """An observer that remembers."""

    def __init__(self) -> None:
        self.sizes: list[int] = []
        self.conflicts = 0
        self.codes: list[str] = []

    def batch(self, *, size: int, queue_age_s: float, commit_s: float) -> None:
        assert queue_age_s >= 0
        assert commit_s >= 0
        self.sizes.append(size)

    def conflict(self) -> None:
        self.conflicts += 1

    def refused(self, *, code: str) -> None:
        self.codes.append(code)


@contextmanager
def overlapping(
    store: EventStore, *, max_batch: int = MAX_BATCH, observer: Seen | None = None
) -> Iterator[GroupCommitWriter]:
    """A writer that decides during every commit, from its second on."""
    assert store.recorder is not None
    writer = GroupCommitWriter(
        store.recorder,
        Envelopes(),
        ManualClock(START),
        observer=observer,
        max_batch=max_batch,
        overlap_pays=math.inf,
    )
    writer.start()
    try:
        yield writer
    finally:
        writer.close()


class Meanwhile:
    """A command that waits, once it has been decided for the first time, until something was done."""

    def __init__(self, command: Command) -> None:
        self._command = command
        self.decided, self.done = threading.Event(), threading.Event()

    def decide(self, work: Work) -> Result:
        result = self._command.decide(work)
        self.decided.set()
        assert self.done.wait(30)
        return result


def fly(
    bus: CommandBus, first: Command, meanwhile: Callable[[], Any], *following: Command
) -> list[Outcome | BaseException]:
    """The first command commits while the others are decided; `meanwhile` happens after it was decided."""
    bus.execute(OpenBook(f"warm-{next(_runs)}", usdt("1")), caller(f"warm-{next(_runs)}")).unwrap()
    held = Meanwhile(first)
    run = next(_runs)
    futures = [bus.submit(held, caller(f"first-{run}"))]
    assert held.decided.wait(30)
    meanwhile()
    futures += [bus.submit(command, caller(f"c{run}-{n}")) for n, command in enumerate(following)]
    held.done.set()
    return [future.exception(30) or future.result() for future in futures]


def codes(answers: Sequence[Outcome | BaseException]) -> list[str]:
    return [
        (answer.refusal.code if answer.refusal else "done")
        if isinstance(answer, Outcome)
        else type(answer).__name__
        for answer in answers
    ]
