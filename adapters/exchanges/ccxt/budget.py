"""How often a venue may be asked: one budget for everybody who shares its limit, the urgent first."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import IntEnum
from itertools import count
from time import monotonic


class Priority(IntEnum):
    """Who goes first: what ends risk, then what takes it, then what asks, then what watches."""

    CANCEL = 0
    CREATE = 1
    QUERY = 2
    MARKET_DATA = 3


_KEPT_FREE = {Priority.CANCEL: 0.0, Priority.CREATE: 0.1, Priority.QUERY: 0.25, Priority.MARKET_DATA: 0.5}
"""The share of a full budget that a priority leaves for those before it."""


class OverBudget(Exception):
    """The request was not sent: its turn would come too late, in about `wait_s` seconds."""

    def __init__(self, wait_s: float) -> None:
        super().__init__(f"not sent: the venue's rate limit leaves no room for {wait_s:.0f} s")
        self.wait_s = wait_s


@dataclass(order=True, slots=True)
class _Waiting:
    priority: Priority
    number: int
    cost: float = field(compare=False)
    turn: asyncio.Future[None] = field(compare=False)


class RateBudget:
    """A bucket of weight that fills steadily; used on one event loop only.

    `per_s` is what the venue gives back each second, `burst` the most that may be used at once. A cost above
    the burst waits for a full bucket and leaves it in debt. Within a priority, first come first served.
    """

    def __init__(self, *, per_s: float, burst: float, now_s: Callable[[], float] = monotonic) -> None:
        self._per_s, self._burst, self._now_s = per_s, burst, now_s
        self._level, self._at = burst, now_s()
        self._forbidden_until = 0.0
        self._waiting: list[_Waiting] = []
        self._numbers = count()
        self._timer: asyncio.TimerHandle | None = None

    async def take(self, cost: float, priority: Priority, *, longest_s: float) -> float:
        """Waits for its turn, and says for how many seconds; raises OverBudget where that is too long."""
        began = self._now_s()
        if self.forbidden_s > longest_s:
            raise OverBudget(self.forbidden_s)
        place = _Waiting(priority, next(self._numbers), cost, asyncio.get_running_loop().create_future())
        heapq.heappush(self._waiting, place)
        self._serve()
        try:
            await asyncio.wait_for(place.turn, longest_s)
        except TimeoutError:
            raise OverBudget(max(self.forbidden_s, self._missing_s(cost, priority))) from None
        finally:
            if place in self._waiting:
                self._waiting.remove(place)
                heapq.heapify(self._waiting)
                self._serve()
        return self._now_s() - began

    def forbid(self, seconds: float) -> None:
        """The venue said to be left alone for that long: nobody asks until then, cancels included."""
        self._forbidden_until = max(self._forbidden_until, self._now_s() + seconds)
        self._level = min(self._level, 0.0)

    def resize(self, *, per_s: float, burst: float) -> None:
        """The venue says what its limit is; what is there of the old one stays, up to the new burst."""
        self._refill()
        self._level = min(burst, self._level + max(0.0, burst - self._burst))
        self._per_s, self._burst = per_s, burst

    def used(self, share: float) -> None:
        """The venue says what share of its limit is used, by others of the same address too."""
        self._refill()
        self._level = min(self._level, self._burst * max(0.0, 1.0 - share))

    @property
    def forbidden_s(self) -> float:
        """For how long the venue wants to be left alone; 0 where it does not."""
        return max(0.0, self._forbidden_until - self._now_s())

    @property
    def left(self) -> float:
        """The share of the burst that is there now, below zero in debt."""
        self._refill()
        return self._level / self._burst

    def _refill(self) -> None:
        now = self._now_s()
        self._level = min(self._burst, self._level + (now - self._at) * self._per_s)
        self._at = now

    def _serve(self) -> None:
        """Lets in who may, in order; comes back when the next one may."""
        self._refill()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while self._waiting:
            first = self._waiting[0]
            if first.turn.done():
                heapq.heappop(self._waiting)
                continue
            wait_s = max(self.forbidden_s, self._missing_s(first.cost, first.priority))
            if wait_s > 0:
                self._timer = asyncio.get_running_loop().call_later(wait_s, self._serve)
                return
            heapq.heappop(self._waiting)
            self._level -= first.cost
            first.turn.set_result(None)

    def _missing_s(self, cost: float, priority: Priority) -> float:
        """Until there is enough for it, what its betters are owed aside."""
        free = _KEPT_FREE[priority] * self._burst
        needed = min(cost + free, self._burst)
        return max(0.0, (needed - self._level) / self._per_s)
