"""Steps that wait for others most of the time, done in several threads at once."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable


class Helpers:
    """Threads lent to whoever has many steps to do; so many in all, however many ask at once.

    Whoever asks works as well: where all help is lent out it is as slow as alone, and it waits for nobody.
    The threads are daemons: a process that ends waits for no venue.
    """

    def __init__(self, most: int) -> None:
        self._free = threading.Semaphore(most)

    def do(self, steps: Iterable[Callable[[], None]]) -> None:
        """Each step once; returns when the last one is over.

        Without helpers they are done in their order, in the caller's thread. A step must not raise: in a
        thread of ours nobody would hear of it.
        """
        waiting = deque(steps)
        useful = len(waiting) - 1
        helping: list[threading.Thread] = []
        name = f"{threading.current_thread().name}, helper"
        while len(helping) < useful and self._free.acquire(blocking=False):
            helping.append(threading.Thread(target=self._help, args=(waiting,), name=name, daemon=True))
            helping[-1].start()
        _work(waiting)
        for helper in helping:
            helper.join()

    def _help(self, waiting: deque[Callable[[], None]]) -> None:
        try:
            _work(waiting)
        finally:
            self._free.release()


def _work(waiting: deque[Callable[[], None]]) -> None:
    while True:
        try:
            step = waiting.popleft()
        except IndexError:
            return
        step()


NO_HELPERS = Helpers(0)
