"""Work that many requests ask for at once, done for all of them together."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable


class Together:
    """Calls `work` for one set of items at a time; who asks meanwhile is in the next set.

    So a commit that costs the same for one and for many is shared, and nobody waits for more than two. Where
    the work for several fails, it is done for each alone, so that each hears of its own failure only.
    """

    def __init__(self, work: Callable[[list[str]], Awaitable[None]]) -> None:
        self._work = work
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
        try:
            await self._work(list(taken))
        except Exception as e:  # noqa: BLE001 - it is raised to those who asked
            if len(taken) == 1:
                for waiting in taken.values():
                    waiting.set_exception(e)
            else:
                for item, waiting in taken.items():
                    await self._turn({item: waiting})
        else:
            for waiting in taken.values():
                waiting.set_result(None)


def _heard(waiting: asyncio.Future[None]) -> None:
    """Its failure is no news to the loop when the client that asked is gone."""
    if not waiting.cancelled():
        waiting.exception()
