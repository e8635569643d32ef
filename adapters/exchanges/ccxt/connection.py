"""One venue, as connected: its loop, its clients, its markets, its clock, its door."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from threading import Lock
from time import monotonic
from typing import Any, TypeVar

from adapters.exchanges.ccxt.asker import Asker
from adapters.exchanges.ccxt.breaker import CircuitBreaker
from adapters.exchanges.ccxt.budget import Priority, RateBudget
from adapters.exchanges.ccxt.clients import VenueAddress, close_client, open_async_client
from adapters.exchanges.ccxt.limits import OF_THE_LIMIT, Limits, told_limits
from adapters.exchanges.ccxt.loop import LoopThread, ended
from adapters.exchanges.ccxt.problems import RequestFailed
from adapters.exchanges.ccxt.profiles import VenueProfile, profile_of
from adapters.exchanges.ccxt.venue_clock import VenueClock
from adapters.exchanges.ccxt.verdicts import Verdict
from adapters.exchanges.ccxt.wire import exchanged
from application.ports.exchange import VenueOutcomeUnknown
from application.ports.venue_credentials import Credentials, CredentialsOf, NoCredentials
from application.ports.venue_observer import NobodyWatches, VenueObserver
from domain.orders.events import OrderTerms

T = TypeVar("T")

log = logging.getLogger("evenkeel.venues")

MARKETS_KEPT_S = 3_600.0
_BURST_S = 6.0  # of the budget's steady rate, that may be used at once
_ORDERS_BURST_S = 5.0  # the same of new orders
_SENT_KEPT = 10_000
KEY_LOOKED_AT_S = 5.0
"""How often it is asked which key is an account's: another process may have changed it, or withdrawn it."""
_TRIED_AGAIN_S = 60.0  # what has grown old, when it could not be asked for


@dataclass(slots=True)
class SentOrder:
    """An order that this process has sent: it is looked for, never sent again."""

    terms: OrderTerms
    venue_order_id: str = ""


@dataclass(slots=True)
class VenueAccount:
    """One account's client, and what this process has sent with it."""

    client: Any
    sent: dict[str, SentOrder] = field(default_factory=dict)
    key_id: str = ""
    key_looked_at_s: float = field(default_factory=monotonic)
    fee_rates: dict[str, tuple[float, Any]] = field(default_factory=dict)  # by symbol: until when, how much

    def remember(self, client_order_id: str, terms: OrderTerms) -> SentOrder:
        while len(self.sent) >= _SENT_KEPT:
            self.sent.pop(next(iter(self.sent)))
        return self.sent.setdefault(client_order_id, SentOrder(terms))


class NoSuchAccount(VenueOutcomeUnknown):
    """There is no key to ask with: nothing is sent, and what was sent with an earlier key is not known."""


class VenueConnection:
    """Shared by everything that speaks to one venue from this process. Coroutines run on its loop only."""

    def __init__(
        self,
        address: VenueAddress,
        credentials: CredentialsOf | None = None,
        *,
        observer: VenueObserver | None = None,
        profile: VenueProfile | None = None,
        breaker: CircuitBreaker | None = None,
        timeout_ms: int = 10_000,
        attempts: int = 3,
    ) -> None:
        """`credentials` are asked for when an account is first used; None: public data only."""
        self.address, self.name = address, address.name
        self.profile = profile or profile_of(address.exchange)
        self.observer: VenueObserver = observer or NobodyWatches()
        self.clock = VenueClock()
        self.breaker = breaker or CircuitBreaker(
            lambda state: self.observer.breaker_changed(self.name, state)
        )
        self._credentials, self._timeout_ms, self._attempts = credentials, timeout_ms, attempts
        self._one_loop = Lock()  # two callers at once must not start two loops
        self._loop: LoopThread | None = None
        self._accounts: dict[str, VenueAccount] = {}
        self._orders: dict[str, RateBudget] = {}
        self._limits: Limits | None = None
        self._sent: dict[
            str, dict[str, SentOrder]
        ] = {}  # by account: a new key does not forget what was sent
        self._public: Any = None
        self._asker: Asker | None = None
        self._is_ready = False
        self._markets_at_s = self._refresh_at_s = 0.0
        self._refreshing: asyncio.Task[None] | None = None
        self._opening: asyncio.Lock | None = None

    # -- from any thread -----------------------------------------------------------------------------------

    @property
    def loop(self) -> LoopThread:
        with self._one_loop:
            if self._loop is None:
                self._loop = LoopThread(f"venue-{self.name}")
            return self._loop

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Blocks for its result."""
        return self.loop.run(work)

    def close(self) -> None:
        """Gives every connection back; what is under way is broken off."""
        with self._one_loop:
            loop, self._loop = self._loop, None
        if loop is None:
            return
        loop.run(self._close_clients())
        loop.close()
        self._opening = None

    def forget(self, venue_account: str) -> None:
        """Its key was changed or withdrawn: the next use asks for it again."""
        account = self._accounts.pop(venue_account, None)
        if account is not None:
            self.run(close_client(account.client))

    # -- on the loop ---------------------------------------------------------------------------------------

    @property
    def asker(self) -> Asker:
        """Of the venue; there once the first client is open."""
        if self._asker is None:
            raise RuntimeError("no client was opened yet")
        return self._asker

    async def public(self) -> Any:
        """The client without a key, with its markets; raises RequestFailed where they were never loaded.

        What has grown old, markets and clock, is asked for again beside whatever is under way: an order or a
        cancel does not wait for it, least of all while the venue fails.
        """
        if self._is_ready:
            if monotonic() >= self._refresh_at_s:
                self._refresh_at_s = monotonic() + _TRIED_AGAIN_S
                self._refreshing = asyncio.create_task(self._refresh())
            return self._public
        async with self._lock():
            if self._public is None:
                self._public = self._open(None)
            if not self._is_ready:
                await self._load_markets()
                await self._measure_clock()
                self._is_ready = True
        return self._public

    async def account(self, name: str) -> VenueAccount:
        """Raises NoSuchAccount where there is no key, RequestFailed without markets."""
        public = await self.public()
        known = self._accounts.get(name)
        if known is not None and monotonic() - known.key_looked_at_s >= KEY_LOOKED_AT_S:
            known = await self._still(name, known)
        if known is None:
            credentials = await self._key_of(name)
            known = self._accounts.get(name)  # another coroutine may have been faster
            if known is None:
                sent, orders = self._sent.setdefault(name, {}), self._orders_budget(name)
                client = self._open(credentials, orders)
                known = self._accounts[name] = VenueAccount(client, sent, credentials.key_id)
        if known.client.markets is not public.markets:
            take_markets(known.client, public)
        return known

    async def stream_client(self, account: str | None) -> Any:
        """A client of its own for one stream, with markets; None: for public ones. Its user closes it."""
        public = await self.public()
        client = self._open(None if account is None else await self._key_of(account))
        take_markets(client, public)
        client.number = float  # ccxt calculates with what streams tell
        return client

    @asynccontextmanager
    async def trial_client(self, credentials: Credentials) -> AsyncIterator[Any]:
        """A client for a key that is no account's yet; raises RequestFailed without markets."""
        public = await self.public()
        client = self._open(credentials)
        try:
            take_markets(client, public)
            yield client
        finally:
            await close_client(client)

    async def read(self, request: Callable[[], Awaitable[T]], priority: Priority = Priority.QUERY) -> T:
        """What may be asked more than once; raises RequestFailed. A clock that was off is set right first."""
        try:
            return await self.asker.again(request, priority)
        except RequestFailed as failed:
            if failed.verdict is not Verdict.CLOCK:
                raise
        await self._measure_clock()
        return await self.asker.again(request, priority)

    async def create(self, request: Callable[[], Awaitable[T]]) -> T:
        """A new order: sent once, and again only where the venue's clock made it do nothing, provably."""
        if self.profile.expiry and not self.clock.was_measured:
            await self._measure_clock()
        try:
            return await self.asker.once(request, Priority.CREATE)
        except RequestFailed as failed:
            if failed.verdict is not Verdict.CLOCK or not failed.nothing_was_done:
                raise
        await self._measure_clock()
        return await self.asker.once(request, Priority.CREATE)

    # -- inside --------------------------------------------------------------------------------------------

    def _lock(self) -> asyncio.Lock:
        if self._opening is None:
            self._opening = asyncio.Lock()
        return self._opening

    async def _still(self, name: str, known: VenueAccount) -> VenueAccount | None:
        """The account as it is, or None where its key is another one by now. Raises NoSuchAccount.

        Where the keys cannot be asked for, it goes on as it was: a cancel does not wait for them.
        """
        known.key_looked_at_s = monotonic()
        gone: NoSuchAccount | None = None
        try:
            if (await self._key_of(name)).key_id == known.key_id:
                return known
        except NoSuchAccount as revoked:
            gone = revoked
        except Exception as problem:  # noqa: BLE001  # of whatever keeps the keys
            log.warning("%s: which key is %s's cannot be asked: %s", self.name, name, problem)
            return known
        if self._accounts.get(name) is known:
            del self._accounts[name]
        await close_client(known.client)
        if gone is not None:
            raise gone
        return None

    async def _key_of(self, account: str) -> Credentials:
        if self._credentials is None:
            raise NoSuchAccount(f"{self.name} was opened without keys")
        try:
            return await asyncio.to_thread(self._credentials, account)
        except NoCredentials as e:
            raise NoSuchAccount(f"no key for account {account!r}: {e}") from e

    def _open(self, credentials: Credentials | None, orders: RateBudget | None = None) -> Any:
        client = open_async_client(
            self.address,
            self.profile,
            take=lambda cost: self.asker.take(cost, orders),
            clock=self.clock,
            credentials=credentials,
            timeout_ms=self._timeout_ms,
        )
        if self._asker is None:
            self._asker = Asker(
                self.name,
                budget=_budget(client, self.profile),
                breaker=self.breaker,
                profile=self.profile,
                observer=self.observer,
                attempts=self._attempts,
            )
        return client

    async def _refresh(self) -> None:
        try:
            if monotonic() - self._markets_at_s >= MARKETS_KEPT_S:
                await self._load_markets()
        except RequestFailed as failed:
            log.info("%s: its markets stay as they were: %s", self.name, failed.words)
        if self.clock.is_due:
            await self._measure_clock()

    async def _load_markets(self) -> None:
        """With a client of its own: ccxt calculates with numbers while it loads, and we read text."""
        client = self._open(None)
        try:
            await self.asker.again(client.load_markets, Priority.QUERY)
            self._heed(told_limits(exchanged().answer))
            take_markets(self._public, client)
        finally:
            await close_client(client)
        self._markets_at_s = monotonic()

    def _orders_budget(self, account: str) -> RateBudget | None:
        """Of new orders, shared by all keys of the account."""
        if self.profile.orders_per_10s is None:
            return None
        if account not in self._orders:
            per_s = self._limits.orders_per_s * OF_THE_LIMIT if self._limits else None
            per_s = per_s or self.profile.orders_per_10s / 10
            self._orders[account] = RateBudget(per_s=per_s, burst=per_s * _ORDERS_BURST_S)
        return self._orders[account]

    def _heed(self, limits: Limits | None) -> None:
        """The venue's own figures go before ours."""
        if limits is None or limits == self._limits or not self.profile.ccxt_weight:
            return
        self._limits = limits
        weight_per_s = limits.weight_per_s / self.profile.ccxt_weight * OF_THE_LIMIT
        self.asker.budget.resize(per_s=weight_per_s, burst=max(weight_per_s * _BURST_S, 5.0))
        orders_per_s = limits.orders_per_s * OF_THE_LIMIT
        for budget in self._orders.values():
            budget.resize(per_s=orders_per_s, burst=orders_per_s * _ORDERS_BURST_S)

    async def _measure_clock(self) -> None:
        """Best effort: without it, the last offset goes on."""
        client = self._public
        if not client.has.get("fetchTime"):
            self.clock.measured(
                self.clock.our_ms(), sent_ms=self.clock.our_ms(), heard_ms=self.clock.our_ms()
            )
            return
        sent_ms = 0.0

        async def ask() -> int:
            nonlocal sent_ms
            sent_ms = self.clock.our_ms()
            return int(await client.fetch_time())

        try:
            venue_ms = await self.asker.once(ask, Priority.QUERY)
        except RequestFailed:
            return
        self.clock.measured(venue_ms, sent_ms=sent_ms, heard_ms=self.clock.our_ms())
        self.observer.clock_measured(self.name, self.clock.offset.ms)

    async def _close_clients(self) -> None:
        if self._refreshing is not None:
            await ended(self._refreshing)
        for account in self._accounts.values():
            await close_client(account.client)
        self._accounts.clear()
        if self._public is not None:
            await close_client(self._public)
            self._public = None
        self._is_ready = False


def take_markets(client: Any, public: Any) -> None:
    """The markets that another client loaded; from then on, numbers are text."""
    client.set_markets_from_exchange(public)
    client.number = str


def _budget(client: Any, profile: VenueProfile) -> RateBudget:
    per_s = profile.budget_per_s or 1_000.0 / client.rateLimit
    return RateBudget(per_s=per_s, burst=max(per_s * _BURST_S, 5.0))
