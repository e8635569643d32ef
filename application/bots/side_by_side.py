"""Steps that wait for others most of the time, done in several threads at once."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable


def side_by_side(steps: Iterable[Callable[[], None]], at_once: int) -> None:
    """Each step once, so many at a time at most; returns when the last one is over.

    One at a time they are done in their order, in the caller's thread. A step must not raise: in a thread of
    ours nobody would hear of it. The threads are daemons: a process that ends waits for no venue.
    """
    waiting = deque(steps)

    def work() -> None:
        while True:
            try:
                step = waiting.popleft()
            except IndexError:
                return
            step()

    name = f"{threading.current_thread().name}, beside"
    helpers = [
        threading.Thread(target=work, name=name, daemon=True) for _ in range(min(at_once, len(waiting)) - 1)
    ]
    for helper in helpers:
        helper.start()
    work()
    for helper in helpers:
        helper.join()
