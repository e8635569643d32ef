"""Blocking work off the event loop, in threads whose queue has an end."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


class Busy(Exception):
    """The queue is at its bound; nothing was done. Try again shortly."""


class Workers:
    """A bounded pool. Errors: Busy, at once, when threads and backlog are taken."""

    def __init__(self, name: str, *, threads: int, backlog: int) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._most = threads + backlog
        self._taken = 0

    async def run(self, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Call `work` in a thread, with this request's context variables."""
        if self._taken >= self._most:
            raise Busy
        self._taken += 1
        context = contextvars.copy_context()
        future = asyncio.get_running_loop().run_in_executor(
            self._pool, lambda: context.run(work, *args, **kwargs)
        )
        future.add_done_callback(self._give_back)
        # a client that goes away must not cancel work that has begun, nor free its place early
        return await asyncio.shield(future)

    def close(self) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _give_back(self, future: asyncio.Future[R]) -> None:
        self._taken -= 1
        if not future.cancelled():
            future.exception()  # seen, also when nobody waits any more
