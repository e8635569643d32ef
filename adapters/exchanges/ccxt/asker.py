"""How every request to a venue is made: in its turn, watched, and asked again only where that is safe."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from time import monotonic
from typing import TypeVar

import stamina

from adapters.exchanges.ccxt.breaker import CircuitBreaker
from adapters.exchanges.ccxt.budget import Priority, RateBudget
from adapters.exchanges.ccxt.problems import RequestFailed, failure
from adapters.exchanges.ccxt.profiles import VenueProfile
from adapters.exchanges.ccxt.verdicts import Verdict
from adapters.exchanges.ccxt.wire import EXCHANGED, Exchanged
from application.ports.venue_observer import VenueObserver

T = TypeVar("T")

PRIORITY: ContextVar[Priority] = ContextVar("priority", default=Priority.MARKET_DATA)
"""Of the requests that the current coroutine makes."""

_FAILURES_OF_THE_VENUE = frozenset({Verdict.RETRYABLE, Verdict.UNKNOWN})
_LONGEST_PAUSE_S = 5.0

_LONGEST_WAIT_S = {
    Priority.CANCEL: 10.0,
    Priority.CREATE: 3.0,
    Priority.QUERY: 15.0,
    Priority.MARKET_DATA: 30.0,
}
"""For a turn in the budget: an order that waits longer is not the order that was decided on."""


class Asker:
    """One venue's door: its budget, its breaker, its observer. Shared by all accounts at that address.

    `budgets` of a request: the venue's weight, and where it is a new order, its account's orders.
    """

    def __init__(
        self,
        venue: str,
        *,
        budget: RateBudget,
        breaker: CircuitBreaker,
        profile: VenueProfile,
        observer: VenueObserver,
        attempts: int = 3,
    ) -> None:
        self.venue, self.budget, self.breaker, self.observer = venue, budget, breaker, observer
        self._profile, self._attempts = profile, attempts

    async def take(self, cost: float, orders: RateBudget | None = None) -> None:
        """A request's turn, by the priority it is made with; raises OverBudget."""
        priority = PRIORITY.get()
        longest_s = _LONGEST_WAIT_S[priority]
        waited_s = await self.budget.take(cost, priority, longest_s=longest_s)
        if orders is not None and priority is Priority.CREATE:
            waited_s += await orders.take(1, priority, longest_s=longest_s)
        if waited_s > 0.001:
            self.observer.throttled(self.venue, priority.name.lower(), waited_s)

    async def once(self, request: Callable[[], Awaitable[T]], priority: Priority) -> T:
        """One attempt; raises RequestFailed, and nothing else.

        The error is raised outside of what was caught: ccxt's own quotes signed addresses.
        """
        noted, kind = Exchanged(), priority.name.lower()
        EXCHANGED.set(noted)
        PRIORITY.set(priority)
        began = monotonic()
        try:
            self.breaker.admit(urgent=priority is Priority.CANCEL)
            answer = await request()
        except Exception as error:  # noqa: BLE001  # whatever a hostile answer makes ccxt do proves nothing
            failed = failure(error, noted, self._profile.verdicts)
        else:
            self._heed(noted)
            self.breaker.succeeded()
            self.observer.request_made(self.venue, kind, "ok", monotonic() - began)
            return answer
        self._heed(noted)
        self._learn(failed)
        outcome = failed.verdict.value if failed.was_sent else "not_sent"
        self.observer.request_made(self.venue, kind, outcome, monotonic() - began)
        raise failed

    async def again(self, request: Callable[[], Awaitable[T]], priority: Priority) -> T:
        """What may be asked more than once: reads and cancels. As `once`, a few times where that may help."""
        async for attempt in stamina.retry_context(
            on=_may_help, attempts=self._attempts, timeout=None, wait_initial=0.2, wait_max=_LONGEST_PAUSE_S
        ):
            with attempt:
                return await self.once(request, priority)
        raise AssertionError("unreachable: the last attempt returns or raises")

    def _heed(self, noted: Exchanged) -> None:
        """What the venue itself says of its limit: others may use it too, from the same address."""
        name, limit = self._profile.used_weight_header.lower(), self._profile.weight_limit
        used = (
            next((value for key, value in noted.headers.items() if key.lower() == name), "") if name else ""
        )
        if used.isascii() and used.isdigit() and len(used) < 10:
            self.budget.used(int(used) / limit)

    def _learn(self, failed: RequestFailed) -> None:
        if not failed.was_sent:
            return
        if failed.verdict is Verdict.BANNED:
            self.budget.forbid(failed.retry_after_s)
            self.observer.banned(self.venue, failed.retry_after_s)
        if failed.verdict in _FAILURES_OF_THE_VENUE:
            self.breaker.failed()
        else:
            self.breaker.succeeded()


def _may_help(error: Exception) -> bool | float:
    """Whether to ask again; seconds where the venue says after how long."""
    if not isinstance(error, RequestFailed) or not error.was_sent:
        return False
    if error.verdict is Verdict.BANNED:
        return error.retry_after_s if error.retry_after_s <= _LONGEST_PAUSE_S else False
    return error.verdict is Verdict.RETRYABLE
