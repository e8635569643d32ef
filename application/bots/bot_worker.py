"""Keeps every running bot running: one worker per bot by lease, one market per series."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from application.bots.fair_share import FairShare
from application.bots.followed_series import LEASE, SERIES_LEASE, Followed, FollowedSeries, Market
from application.bots.run_bot import BotRunner
from application.bots.run_market import MarketRunner
from application.bots.side_by_side import Helpers
from application.bots.stale_feeds import StaleFeeds
from application.connectors import VENUE, Connector, Heard, WatchedFeed, WatchedVenue
from application.paper.accounts import PaperAccountService
from application.ports.bot_observer import BotObserver
from application.ports.candle_feed import CandleFeed
from application.ports.candle_store import Series
from application.ports.clock import Clock
from application.ports.commands import CommandBus, Fence
from application.ports.event_log import EventLog, StoreUnavailable
from application.ports.exchange import CandleDriven, Exchange
from application.ports.leases import Leases
from application.ports.read_models import ReadModels
from application.venues.desk import ACCOUNT_LEASE, Account, VenueDesk
from application.views.rows import BotRow, OrderRow
from domain.errors import DomainError
from domain.market import Candle, interval_ms
from domain.orders.order import INTENDED, OPEN, PARTIALLY_FILLED, UNKNOWN

STALE_AFTER = timedelta(seconds=10)
HAND_OVER = timedelta(seconds=20)
"""How long what was given up is not taken again: time for a worker that has less."""
TICK_S = 0.5
ORDER_LOOK = timedelta(seconds=30)
CANDLE_LOOK = timedelta(seconds=60)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class _Hosted:
    runner: BotRunner
    market: MarketRunner
    fence: Fence
    renewed_at: datetime
    account: Account | None = None  # at a real venue


class BotWorker:
    """Looks every half second which bots should run and hosts those whose lease it gets.

    A series is followed with all its paper bots, see FollowedSeries. Each bot runs in one worker at a time:
    the lease's token is checked in every append its runner makes. A
    bot whose run breaks off is taken up again from the log after a pause that doubles up to a minute. A bot
    that was paused or stopped stays hosted until its open order has ended.
    """

    def __init__(
        self,
        *,
        worker_id: str,
        log: EventLog,
        bus: CommandBus,
        views: ReadModels,
        leases: Leases,
        exchange: Exchange,
        venue: CandleDriven,
        paper_accounts: PaperAccountService,
        open_feed: Callable[[Series], CandleFeed],
        wall_clock_sources: AbstractSet[str],
        clock: Clock,
        observer: BotObserver,
        desk: VenueDesk | None = None,
        stale_after: timedelta = STALE_AFTER,
        helpers: int = 0,
    ) -> None:
        """`wall_clock_sources`: candle sources whose age is measured on the wall clock (real venues).

        `desk`: the accounts at real venues; None where no bot trades at any. `stale_after`: how late a real
        venue's next candle may be before the bots on it are paused until it comes. `helpers`: threads that
        all series at real venues share, so that their bots work on a candle side by side; those of the
        candle-driven venue take turns.
        """
        self.worker_id = worker_id
        self._log, self._bus, self._views, self._leases = log, bus, views, leases
        self._venue_heard = Heard(VENUE, exchange.name, worker_id, clock)
        self._exchange, self._paper_accounts = exchange, paper_accounts
        self._wall_clock_sources = wall_clock_sources
        self._clock, self._observer, self._desk = clock, observer, desk
        self._stale_feeds = StaleFeeds(bus, views, stale_after, f"system:worker:{worker_id}")
        self._fair_share = FairShare(leases, worker_id, SERIES_LEASE, ACCOUNT_LEASE)
        self._handed_over: dict[str, datetime] = {}  # leases that are another worker's to take, until then
        self._waiting: dict[str, BotRow] = {}  # paused until their candles come again
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._hosted: dict[str, _Hosted] = {}
        self._not_before: dict[str, tuple[datetime, float]] = {}
        self._runs: dict[str, int] = {}  # the run that a bot was last seen in
        self.outage = ""  # what a tick itself failed with, until one succeeds
        self._looked_for_orders_at: datetime | None = None
        self._left: list[BotRow] = []  # with an open order, though they may not run
        self.last_tick_at: datetime | None = None
        self._series = FollowedSeries(
            worker_id=worker_id,
            leases=leases,
            clock=clock,
            open_feed=open_feed,
            live_sources=wall_clock_sources,
            venue=WatchedVenue(venue, self._venue_heard),
            helpers=Helpers(helpers),
            wait=self._stopping.wait,
            run=self._run_market,
            failed=self._failed,
            comes=self._candle_comes,
        )

    def run(self) -> None:
        """Tick until stopped, then close the feeds and give the leases back.

        A tick that fails (the database is away) is told to the observer and in `outage`, and tried again.
        """
        while not self._stopping.is_set():
            try:
                self.tick()
                self.outage = ""
            except Exception as problem:  # noqa: BLE001 - the worker outlives an outage of what it reads
                self._tell_outage(problem)
            self._stopping.wait(TICK_S)
        for followed in self._series.all().values():
            self._series.leave(followed)
        for hosted in self._hosted.values():
            self._give_back(hosted.fence)
        if self._desk is not None:
            self._desk.stop()
        with suppress(StoreUnavailable):
            self._fair_share.leave()

    def stop(self) -> None:
        """Ask run() to end; the candle being worked on is finished."""
        self._stopping.set()

    def hosted(self) -> list[str]:
        """Ids of the bots that run here."""
        with self._lock:
            return sorted(self._hosted)

    def connectors(self) -> list[Connector]:
        """The venue and every series that this worker follows, or would, by name: healthy or not."""
        accounts = self._desk.connectors() if self._desk is not None else ()
        found = [self._venue_heard.now(), *self._series.connectors(), *accounts]
        return sorted(found, key=lambda one: (one.kind, one.name))

    def tick(self) -> None:
        """One look: take up the bots that should run and drop those that should not."""
        now = self._clock.now()
        running = {row.bot_id: row for row in self._views.where(BotRow, status="running")}
        self._waiting = {row.bot_id: row for row in self._stale_feeds.waiting()}
        for bot_id in self.hosted():
            self._drop_if_over(bot_id, is_running=bot_id in running or bot_id in self._waiting)
        for bot_id in self.hosted():
            self._renew(bot_id, now)
        for followed in self._series.all().values():
            self._renew_market(followed, now)
        for row in running.values():
            if self._runs.get(row.bot_id) != row.run:
                self._runs[row.bot_id] = row.run
                self._drop(row.bot_id)  # stopped and started between two looks: the run before is over
                self._not_before.pop(row.bot_id, None)  # now, not when its pause ends
        if (name := self._fair_share.too_many(now)) is not None:
            self._hand_over(name, now)
        self._leave_what_nobody_needs({self._market_of(row) for row in running.values()})
        self._look_for_stale_feeds(running, now)
        left = self._left_with_an_order(running, now)
        self._keep_accounts([*running.values(), *left], now)
        try:
            for row in (*running.values(), *left):
                if row.bot_id not in self._hosted and self._may_try(row.bot_id, now):
                    self._take_up(row, now)
        finally:  # whatever broke the look off: the bots that were taken up run
            self._start_markets()
        self.last_tick_at = now

    # -- inside --------------------------------------------------------------------------------------------

    def _hand_over(self, name: str, now: datetime) -> None:
        """Let go of a series, or of a venue account, with its bots: a worker that has less takes it."""
        self._handed_over[name] = now + HAND_OVER
        for followed in self._series.all().values():
            if followed.fence is not None and followed.fence.name == name:
                self._leave_market(followed)
        if self._desk is not None and (account := self._desk.kept_by(name)) is not None:
            with self._lock:
                theirs = [bot_id for bot_id, one in self._hosted.items() if one.account == account]
            for bot_id in theirs:
                self._drop(bot_id)
            self._desk.hand_over(account, until=now + HAND_OVER)

    def _take_up(self, row: BotRow, now: datetime) -> None:
        """Host the bot if its lease is to be had; one bot's failure must not keep the others from running."""
        fence = self._leases.acquire(f"bot:{row.bot_id}", holder=self.worker_id, lasts=LEASE)
        if fence is None:
            return
        try:
            is_hosted = self._host(row, fence, now)
        except Exception as problem:  # noqa: BLE001 - told to the observer, and tried again after a pause
            is_hosted = False
            self._put_off(row.bot_id, problem)
        if not is_hosted:
            self._give_back(fence)

    def _host(self, row: BotRow, fence: Fence, now: datetime) -> bool:
        """False while another worker has the series, and so its bots."""
        series, is_real = market_key = self._market_of(row)
        account = (row.venue, row.venue_account) if is_real else None
        exchange = self._exchange_of(row, account)
        if exchange is None:
            return False
        runner = BotRunner(
            row.bot_id,
            log=self._log,
            bus=self._bus,
            exchange=exchange,
            observer=self._observer,
            feed_now_ms=self._feed_clock(series),
            fence=fence,
            actor=f"system:worker:{self.worker_id}",
        )
        followed = self._series.get(market_key)
        if followed is None or followed.market.has_ended:
            followed = self._follow(market_key, now)
        if followed is None:
            return False
        with self._lock:
            self._hosted[row.bot_id] = _Hosted(runner, followed.market, fence, now, account)
        followed.market.join(runner)
        return True

    def _exchange_of(self, row: BotRow, account: Account | None) -> Exchange | None:
        """None while another worker keeps the bot's account, or that is not open yet."""
        if account is None:
            self._paper_accounts.make_venue_follow(row.book_id)
            return self._exchange
        return self._desk.exchange_for(account, row.symbol) if self._desk is not None else None

    def _keep_accounts(self, rows: Sequence[BotRow], now: datetime) -> None:
        """Accounts at real venues are kept while bots trade on them; the bots of a lost one are dropped."""
        if self._desk is None:
            return
        self._desk.tick(now, {(row.venue, row.venue_account) for row in rows if self._market_of(row)[1]})
        with self._lock:
            at_real = [(bot_id, one.account) for bot_id, one in self._hosted.items() if one.account]
        for bot_id, account in at_real:
            if not self._desk.has(account):
                self._drop(bot_id)

    def _look_for_stale_feeds(self, running: Mapping[str, BotRow], now: datetime) -> None:
        """Pause and resume bots whose candles come live; those that wait have their candles followed on."""
        if not self._wall_clock_sources:
            return
        for row in self._waiting.values():
            key = self._market_of(row)
            if row.source in self._wall_clock_sources and self._series.get(key) is None:
                try:
                    self._follow(key, now)
                except Exception as problem:  # noqa: BLE001 - tried again at the next look
                    self._tell_outage(problem)
        self._stale_feeds.look(now, self._live_candles_of, running)

    def _live_candles_of(self, row: BotRow) -> Heard | None:
        followed = self._series.get(self._market_of(row))
        is_live = row.source in self._wall_clock_sources
        return followed.feed.heard if is_live and followed is not None else None

    def _market_of(self, row: BotRow) -> Market:
        return Series(row.source, row.symbol, row.interval), row.venue != self._exchange.name

    def _follow(self, key: Market, now: datetime) -> Followed | None:
        """A market for the series, which this look starts at its end; None while another worker has it."""
        return self._series.follow(key, now, may_take=lambda name: now >= self._handed_over.get(name, now))

    def _candle_comes(self, key: Market, closed_at: datetime) -> None:
        """Bots that waited for candles, and whose runner is still there, work on this one."""
        for row in list(self._waiting.values()):
            if row.bot_id in self._hosted and self._market_of(row) == key:
                self._stale_feeds.resume(row, closed_at, self._clock.now())

    def _start_markets(self) -> None:
        """Only now, so that all bots that were taken up in one look begin with the same candle."""
        self._series.start()

    def _renew_market(self, followed: Followed, now: datetime) -> None:
        """Keep the series, and let go of it when another worker took it."""
        if followed.market.has_ended:
            for bot_id in self._bots_of(followed.market):  # whoever joined while it was ending
                self._drop(bot_id)
        elif not self._series.keep(followed, now):
            self._leave_market(followed)

    def _leave_market(self, followed: Followed) -> None:
        for bot_id in self._bots_of(followed.market):
            self._drop(bot_id)
        self._series.leave(followed)

    def _leave_what_nobody_needs(self, wanted: AbstractSet[Market]) -> None:
        """Series that ended or could not be opened, and that no bot runs on any more."""
        for key, followed in self._series.all().items():
            is_idle = followed.market.has_ended and not self._bots_of(followed.market)
            if is_idle and key not in wanted:
                self._series.leave(followed)
        self._series.forget(wanted)

    def _drop_if_over(self, bot_id: str, *, is_running: bool) -> None:
        """A bot that runs no more goes once its order has ended; one that runs again needs a fresh runner."""
        hosted = self._hosted.get(bot_id)
        if hosted is None:
            return
        if is_running and hosted.runner.winds_down:
            self._drop(bot_id)
        elif not is_running:
            hosted.market.wind_down(hosted.runner)
            if hosted.runner.is_done:
                self._drop(bot_id)
                self._left = [row for row in self._left if row.bot_id != bot_id]

    def _left_with_an_order(self, running: Mapping[str, BotRow], now: datetime) -> list[BotRow]:
        """Bots that run no more but have an open order which no worker may be looking after.

        They are looked for now and then, and wanted all the time: what another worker gives up meanwhile is
        taken at once.
        """
        if self._looked_for_orders_at is None or now - self._looked_for_orders_at >= ORDER_LOOK:
            self._looked_for_orders_at = now
            bot_ids = {
                order.bot_id
                for status in (INTENDED, OPEN, PARTIALLY_FILLED, UNKNOWN)
                for order in self._views.where(OrderRow, status=status)
            }
            rows = (self._views.get(BotRow, bot_id) for bot_id in sorted(bot_ids))
            self._left = [row for row in rows if row is not None]
        return [row for row in self._left if row.bot_id not in running]

    def _run_market(self, market: MarketRunner, feed: WatchedFeed) -> None:
        with closing(self._market_steps(market, feed)) as steps:
            for pause_s in steps:
                if pause_s and self._stopping.wait(pause_s):
                    return

    def _market_steps(self, market: MarketRunner, feed: WatchedFeed) -> Generator[float]:
        """As MarketRunner.steps; what its end or its failure means for the bots is seen to."""
        try:
            with closing(feed), closing(market.steps()) as steps:
                yield from steps
            if not self._stopping.is_set():
                feed.heard.note("its candles end here; bots go on when more are imported")
                self._pause_until_more_candles(market)
        except Exception as problem:  # noqa: BLE001 - told to the observer; the next tick opens the market again
            feed.heard.failed(problem)
            bot_ids = self._bots_of(market)
            for bot_id in bot_ids:
                self._drop(bot_id)
                self._put_off(bot_id, problem)
            if not bot_ids:  # else each of them tells
                self._observer.worker_failed(problem)

    def _pause_until_more_candles(self, market: MarketRunner) -> None:
        """A replay came to its end: its bots are taken up again now and then, in case more was imported."""
        again_at = self._clock.now() + CANDLE_LOOK
        for bot_id in self._bots_of(market):
            was_let_in = market.has_let_in(bot_id)
            self._drop(bot_id)
            if was_let_in:  # else it came too late and has not seen a candle: the next look takes it up
                self._not_before[bot_id] = (again_at, 0.5)

    def _bots_of(self, market: MarketRunner) -> list[str]:
        with self._lock:
            return [bot_id for bot_id, hosted in self._hosted.items() if hosted.market is market]

    def _failed(self, runner: BotRunner, problem: Exception) -> None:
        self._drop(runner.bot_id)
        self._put_off(runner.bot_id, problem)

    def _put_off(self, bot_id: str, problem: Exception) -> None:
        """Try again later, unless the refusal is the bot's own state, which its row will soon show."""
        now = self._clock.now()
        _, pause_s = self._not_before.get(bot_id, (now, 0.5))
        pause_s = min(pause_s * 2, 60.0)
        self._not_before[bot_id] = (now + timedelta(seconds=pause_s), pause_s)
        if not (isinstance(problem, DomainError) and problem.code == "bot_not_running"):
            self._observer.bot_failed(bot_id, problem)

    def _tell_outage(self, problem: Exception) -> None:
        """Once, not at every look that it lasts."""
        words = str(problem) or type(problem).__name__
        if words != self.outage:
            self._observer.worker_failed(problem)
        self.outage = words

    def _may_try(self, bot_id: str, now: datetime) -> bool:
        not_before, _ = self._not_before.get(bot_id, (now, 0.0))
        return now >= not_before

    def _renew(self, bot_id: str, now: datetime) -> None:
        hosted = self._hosted.get(bot_id)
        if hosted is None or now - hosted.renewed_at < LEASE / 3:
            return
        fence = self._leases.acquire(hosted.fence.name, holder=self.worker_id, lasts=LEASE)
        if fence is None or fence.token != hosted.fence.token:
            self._drop(bot_id)  # somebody else runs it: what we would still write is refused
            return
        hosted.renewed_at = now
        self._not_before.pop(bot_id, None)  # it has run for a while: the next failure starts afresh

    def _drop(self, bot_id: str) -> None:
        with self._lock:
            hosted = self._hosted.pop(bot_id, None)
        if hosted is not None:
            hosted.market.leave(bot_id)
            self._give_back(hosted.fence)

    def _give_back(self, fence: Fence | None) -> None:
        """Early, for the next holder; while the store is away the lease runs out by itself."""
        if fence is None:
            return
        with suppress(StoreUnavailable):
            self._leases.release(fence)

    def _feed_clock(self, series: Series) -> Callable[[Candle], int]:
        if series.source in self._wall_clock_sources:
            return lambda _: (self._clock.now() - _EPOCH) // timedelta(milliseconds=1)
        length = interval_ms(series.interval)
        return lambda candle: candle.open_time_ms + length
