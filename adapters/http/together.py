"""Work that many requests ask for at once, done for all of them together."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable


class Together:
    """Calls `work` for one set of items at a time; who asks meanwhile is in the next set.

    So a commit that costs the same for one and for many is shared, and nobody waits for more than two. Where
    the work for several fails, it is done for each alone, so that each hears of its own failure only. An
    outage is nobody's own: the first alone that meets one speaks for all that are left of its set.
    """

    def __init__(
        self, work: Callable[[list[str]], Awaitable[None]], *, outages: tuple[type[Exception], ...] = ()
    ) -> None:
        self._work, self._outages = work, outages
        self._waiting: dict[str, asyncio.Future[None]] = {}
        self._turns: asyncio.Task[None] | None = None

    async def do(self, item: str) -> None:
        """Returns once work that began after this call is done for the item; raises what it raised."""
        waiting = self._waiting.get(item)
        if waiting is None:
            waiting = self._waiting[item] = asyncio.get_running_loop().create_future()
            waiting.add_done_callback(_heard)
        if self._turns is None:
            self._turns = asyncio.create_task(self._take_turns())
        await asyncio.shield(waiting)  # a client that goes away leaves the others waiting

    async def _take_turns(self) -> None:
        try:
            while self._waiting:
                taken, self._waiting = self._waiting, {}
                await self._turn(taken)
        finally:
            self._turns = None

    async def _turn(self, taken: dict[str, asyncio.Future[None]]) -> None:
        failure = await self._failure(list(taken))
        if failure is None or len(taken) == 1:
            _tell(taken.values(), failure)
            return
        left = list(taken.items())
        while left:
            item, waiting = left.pop(0)
            failure = await self._failure([item])
            _tell([waiting], failure)
            if isinstance(failure, self._outages):
                _tell((waiting for _, waiting in left), failure)
                return

    async def _failure(self, items: list[str]) -> Exception | None:
        try:
            await self._work(items)
        except Exception as e:  # noqa: BLE001 - it is raised to those who asked
            return e
        return None


def _tell(those: Iterable[asyncio.Future[None]], failure: Exception | None) -> None:
    for waiting in those:
        if failure is None:
            waiting.set_result(None)
        else:
            waiting.set_exception(failure)


def _heard(waiting: asyncio.Future[None]) -> None:
    """Its failure is no news to the loop when the client that asked is gone."""
    if not waiting.cancelled():
        waiting.exception()
