"""The real venue accounts that a worker keeps: by lease, recovered before anything is sent."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from application.connectors import VENUE, Connector, Heard
from application.ports.bot_observer import BotObserver
from application.ports.clock import Clock
from application.ports.commands import CommandBus, Fence, LeaseLost
from application.ports.event_log import EventLog, StoreUnavailable
from application.ports.exchange import Exchange, OrderReport, OrderStream, StreamGap
from application.ports.leases import Leases
from application.ports.read_models import ReadModels
from application.streams import cases_stream, venue_account_stream
from application.venues.keep_orders import OrderKeeper
from application.venues.kept_exchange import KeptExchange
from domain.errors import DomainError
from domain.ledger.book import CONNECTED as BOOK_OF_ITS_OWN
from domain.reconciliation.statement import account_name
from domain.venue_accounts.venue_account import CONNECTED, VenueAccount

ACCOUNT_LEASE = "venue-account:"
LEASE = timedelta(seconds=15)
MARGIN = timedelta(seconds=2)
"""How long before our lease ends, by our clock, nothing more is sent; the store's clock decides."""
LOOK_S = 1.0
CHECK_AGAIN = timedelta(seconds=10)
"""After the books and the venue did not agree: an operator may have explained it since. Twice as long each
time that the same differs, until it is CHECK_RARELY."""
CHECK_RARELY = timedelta(minutes=5)

log = logging.getLogger("evenkeel.venues")

Account = tuple[str, str]
"""A venue's name, and the id of an account of ours there."""


@dataclass(frozen=True, slots=True)
class RealVenue:
    """A venue where orders are real, and what it pushes of them, if it does."""

    exchange: Exchange
    stream: OrderStream | None = None


OpenVenue = Callable[[str], RealVenue]
"""By name. Errors: DomainError for a venue that is not known."""

IsClean = Callable[[Account], str]
"""Holds the account against our books: "" where they agree, else in words what does not.
Errors: VenueSilent, where the venue did not answer."""


@dataclass(slots=True)
class _Kept:
    """An account that this worker has the lease of."""

    account: Account
    venue: RealVenue
    keeper: OrderKeeper
    exchange: KeptExchange
    fence: Fence
    heard: Heard
    renewed_at: datetime
    is_open: bool = False  # recovered, and the books agree: bots may trade on it
    checked_at: datetime | None = None  # when the books were compared last
    check_every: timedelta = CHECK_AGAIN
    differed: tuple[int, str] | None = None  # at the last comparison: the version of the cases, and in words
    key_id: str | None = None  # at the last look; "" where the account had none
    problem: str = ""  # as it was logged last
    threads: list[threading.Thread] = field(default_factory=list)
    is_over: threading.Event = field(default_factory=threading.Event)

    def has_come_to_rest(self) -> bool:
        """Once it is over: whether nothing is asked in its name any more.

        Not waited for: other accounts' leases are to be renewed while a venue does not answer.
        """
        return not any(thread.is_alive() for thread in self.threads[:1])


class VenueDesk:
    """Gives bots the exchange of their account, once that is recovered and its books agree with the venue.
    With another key that begins anew: until then nothing is sent.

    An account is kept by one worker at a time: one key, one owner. Its orders are looked after by a keeper
    in a thread of its own, and by what the venue pushes in another, whether bots run or not.
    """

    def __init__(
        self,
        *,
        worker_id: str,
        open_venue: OpenVenue,
        is_clean: IsClean,
        log: EventLog,
        bus: CommandBus,
        views: ReadModels,
        leases: Leases,
        clock: Clock,
        observer: BotObserver,
        refresh_key: Callable[[str, str, str], None] = lambda _venue, _account, _key_id: None,
    ) -> None:
        """`refresh_key(venue, account id, key id)` is told every second which key is the account's now."""
        self._worker_id, self._open_venue, self._is_clean = worker_id, open_venue, is_clean
        self._refresh_key = refresh_key
        self._log, self._bus, self._views = log, bus, views
        self._leases, self._clock, self._observer = leases, clock, observer
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._kept: dict[Account, _Kept] = {}
        self._not_before: dict[Account, datetime] = {}

    def exchange_for(self, account: Account, symbol: str) -> Exchange | None:
        """The account's exchange; None while another worker keeps it, or it is not open yet.

        Errors: those of opening the venue.
        """
        kept = self._kept.get(account) or self._keep(account)
        if kept is None:
            return None
        kept.keeper.follow_symbol(symbol)
        return kept.exchange if kept.is_open and not kept.is_over.is_set() else None

    def has(self, account: Account) -> bool:
        """Whether this worker keeps the account, still."""
        kept = self._kept.get(account)
        return kept is not None and not kept.is_over.is_set()

    def tick(self, now: datetime, wanted: AbstractSet[Account]) -> None:
        """Renew what is kept, begin to keep what is wanted, and let go of the rest once none of its orders is
        open: whether or not it ever came to be traded on.
        """
        for kept in list(self._kept.values()):
            if kept.account not in wanted and kept.keeper.has_nothing_open():
                kept.is_over.set()
            if not kept.is_over.is_set():
                self._renew(kept, now)
            elif kept.has_come_to_rest():
                self._let_go(kept)
        for account in sorted(wanted - self._kept.keys()):
            with suppress(DomainError):  # a venue of no such name keeps no other account from its keeper,
                self._keep(account)  # and its own bots tell when they are taken up

    def stop(self) -> None:
        """The threads end, and the leases are given back."""
        self._stopping.set()
        for kept in list(self._kept.values()):
            self._let_go(kept)

    def kept_by(self, lease: str) -> Account | None:
        """The account that is kept by the lease of that name."""
        return next((kept.account for kept in self._kept.values() if kept.fence.name == lease), None)

    def hand_over(self, account: Account, *, until: datetime) -> None:
        """Let go of an account, and leave it to another worker until then: what is open goes on there."""
        kept = self._kept.get(account)
        if kept is not None:
            self._not_before[account] = until
            self._let_go(kept)

    def connectors(self) -> Sequence[Connector]:
        with self._lock:
            return [kept.heard.now() for kept in self._kept.values()]

    # -- inside --------------------------------------------------------------------------------------------

    def _keep(self, account: Account) -> _Kept | None:
        venue_name, account_id = account
        asked_at = self._clock.now()
        if asked_at < self._not_before.get(account, asked_at):
            return None
        venue = self._open_venue(venue_name)
        fence = self._leases.acquire(f"{ACCOUNT_LEASE}{account_id}", holder=self._worker_id, lasts=LEASE)
        if fence is None:
            return None
        keeper = OrderKeeper(
            account_id,
            exchange=venue.exchange,
            log=self._log,
            bus=self._bus,
            views=self._views,
            clock=self._clock,
            observer=self._observer,
            fence=fence,
            actor=f"system:worker:{self._worker_id}",
        )
        exchange = KeptExchange(
            venue.exchange,
            keeper,
            log=self._log,
            clock=self._clock,
            lease_until=lambda: self._lease_until(account),
        )
        heard = Heard(VENUE, f"{venue_name} {account_id}", self._worker_id, self._clock)
        kept = _Kept(account, venue, keeper, exchange, fence, heard, asked_at)
        with self._lock:
            self._kept[account] = kept
        self._start(kept)
        return kept

    def _start(self, kept: _Kept) -> None:
        jobs: list[Callable[[_Kept], None]] = [self._look_after]
        if kept.venue.stream is not None:
            jobs.append(self._listen)
        for job in jobs:
            name = f"{job.__name__.strip('_')} {kept.account[1]}"
            thread = threading.Thread(target=job, args=(kept,), name=name, daemon=True)
            kept.threads.append(thread)
            thread.start()

    def _look_after(self, kept: _Kept) -> None:
        while not (self._stopping.is_set() or kept.is_over.is_set()):
            self._look_once(kept)
            kept.is_over.wait(LOOK_S)

    def _look_once(self, kept: _Kept) -> None:
        try:
            self._look(kept)
        except LeaseLost:
            kept.is_over.set()
        except Exception as problem:  # noqa: BLE001 - the keeping outlives an outage of whatever it needs
            _failed(kept, problem)

    def _look(self, kept: _Kept) -> None:
        venue, account_id = kept.account
        account: VenueAccount = self._log.load(venue_account_stream(account_id)).state
        key_id = account.key.key_id if account.key is not None else ""
        self._refresh_key(venue, account_id, key_id)
        if kept.key_id not in (None, key_id):  # it may be of another account: the books are held against that
            kept.is_open, kept.checked_at, kept.differed = False, None, None
        kept.key_id = key_id
        if not kept.is_open:
            self._open(kept, _cases_of(account, account_id))
            return
        kept.keeper.look()
        if kept.keeper.problem:
            raise VenueSilent(kept.keeper.problem)
        _is_well(kept)

    def _open(self, kept: _Kept, cases: str) -> None:
        """Recovery first, then the books: nothing is sent before both are well (safety §3 #8).

        The books are compared less and less often while nothing changes: not what differs, and not the cases
        of it, which tell what operators accept and what any reconciliation finds.
        """
        now = self._clock.now()
        is_news = kept.differed is not None and kept.differed[0] != self._log.load(cases).version
        every = CHECK_AGAIN if is_news else kept.check_every
        if kept.checked_at is not None and now < kept.checked_at + every:
            kept.keeper.look()
            return
        if not kept.keeper.recover():
            doubt = ", ".join(kept.keeper.in_doubt())
            raise VenueSilent(kept.keeper.problem or f"not recovered yet: {doubt} in doubt")
        kept.checked_at, kept.check_every = now, CHECK_AGAIN
        if why_not := self._is_clean(kept.account):
            differs = (self._log.load(cases).version, why_not)
            if differs == kept.differed:
                kept.check_every = min(every * 2, CHECK_RARELY)
            kept.differed = differs
            raise VenueSilent(f"closed, the books differ from the venue: {why_not}")
        kept.is_open = True
        _is_well(kept)
        log.info("venue account %s is open", kept.account[1])

    def _listen(self, kept: _Kept) -> None:
        stream = kept.venue.stream
        if stream is None:
            return
        for news in stream.follow(kept.account[1]):
            if self._stopping.is_set() or kept.is_over.is_set():
                return
            self._hear(kept, news)

    def _hear(self, kept: _Kept, news: OrderReport | StreamGap) -> None:
        try:
            kept.keeper.take(news)
        except LeaseLost:
            kept.is_over.set()
        except Exception as problem:  # noqa: BLE001 - what is not taken now is asked for
            _failed(kept, problem)

    def _renew(self, kept: _Kept, now: datetime) -> None:
        if now - kept.renewed_at < LEASE / 3:
            return
        fence = self._leases.acquire(kept.fence.name, holder=self._worker_id, lasts=LEASE)
        if fence is None or fence.token != kept.fence.token:
            self._let_go(kept)
            return
        kept.renewed_at = now

    def _lease_until(self, account: Account) -> datetime:
        kept = self._kept.get(account)
        if kept is None or kept.is_over.is_set() or not kept.is_open:
            return datetime.min.replace(tzinfo=self._clock.now().tzinfo)
        return kept.renewed_at + LEASE - MARGIN

    def _let_go(self, kept: _Kept) -> None:
        kept.is_over.set()
        for thread in kept.threads[:1]:  # the listener does nothing more, and ends at the next word
            thread.join(timeout=10)
        with self._lock:
            self._kept.pop(kept.account, None)
        with suppress(StoreUnavailable):
            self._leases.release(kept.fence)


def _cases_of(account: VenueAccount, account_id: str) -> str:
    """The stream of what differs at the account."""
    purse = BOOK_OF_ITS_OWN if account.kind == CONNECTED else ""
    return cases_stream(account_name(account_id, account.book_id, purse))


def _failed(kept: _Kept, problem: Exception) -> None:
    """Told to operators, and logged when it is another one than before."""
    kept.heard.failed(problem)
    words = str(problem) or type(problem).__name__
    if words != kept.problem:
        kept.problem = words
        log.warning("venue account %s: %s", kept.account[1], words)


def _is_well(kept: _Kept) -> None:
    kept.heard.well()
    if kept.problem:
        kept.problem = ""
        log.info("venue account %s: all is well again", kept.account[1])


class VenueSilent(Exception):
    """Why an account is not open, or what could not be asked for; in words for its connector."""
