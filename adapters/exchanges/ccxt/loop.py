"""One asyncio loop in a thread of its own: what the clients run on, and how threads ask them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from concurrent.futures import Future
from threading import Thread
from typing import Any, TypeVar

T = TypeVar("T")

log = logging.getLogger("evenkeel.venues")


class LoopThread:
    """Coroutines for callers that are none. Safe to use from any thread but its own."""

    def __init__(self, name: str = "ccxt") -> None:
        self.loop = asyncio.new_event_loop()
        self.loop.set_exception_handler(_note)
        self._thread = Thread(target=self.loop.run_forever, name=name, daemon=True)
        self._thread.start()

    def start(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        """Its result, later; cancelling the future cancels the work."""
        return asyncio.run_coroutine_threadsafe(work, self.loop)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Its result, or what it raises. A caller who is interrupted leaves no work behind."""
        future = self.start(work)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def close(self) -> None:
        """Cancels what is under way, then stops."""
        if self.loop.is_closed():
            return
        self.run(_cancel_the_rest())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()


def _note(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:  # noqa: ARG001  # asyncio's
    """What nobody waited for: the clients' own futures of a lost line. Its text may quote addresses."""
    error = context.get("exception")
    log.debug("%s (%s)", context.get("message", ""), type(error).__name__ if error else "no error")


async def ended(*tasks: asyncio.Task[Any]) -> None:
    """Cancels them, and waits until each has cleaned up."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _cancel_the_rest() -> None:
    me = asyncio.current_task()
    await ended(*(task for task in asyncio.all_tasks() if task is not me))
