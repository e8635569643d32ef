"""A market in memory: candles, a feed over them, a paper venue whose store outlives it, and crashes."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from adapters.exchanges.paper.memory_store import MemoryPaperStore
from adapters.exchanges.paper.venue import PaperExchange
from application.bots.run_bot import BotRunner
from application.bots.run_market import MarketRunner
from application.paper.accounts import PaperAccountService
from application.ports.bot_observer import BotObserver, SilentObserver
from application.ports.candle_feed import FeedUnavailable
from application.ports.candle_store import Series
from application.ports.commands import Caller, Command, CommandBus, Outcome
from application.ports.exchange import (
    AccountTrade,
    CandleDriven,
    Exchange,
    Guarantees,
    OpenOrder,
    OrderReport,
    OrderRequest,
    VenueBalance,
)
from domain.market import Candle, Market
from domain.reconciliation.statement import AccountStatement
from tests.application.harness import Store
from tests.builders import EPOCH, HOUR_MS, candle

SERIES = Series("file", "BTC/USDT", "1h")


class Crash(BaseException):
    """The process is gone: no handler of ours runs on."""


@dataclass
class CrashPoint:
    """Counts steps; the nth one is the last that this process does."""

    nth: int = 0
    steps: int = 0

    def pass_by(self) -> None:
        self.steps += 1
        if self.steps == self.nth:
            raise Crash


@dataclass
class CrashingBus:
    """A bus whose process may die before a commit or right after it."""

    bus: CommandBus
    point: CrashPoint

    def submit(self, command: Command, caller: Caller) -> Future[Outcome]:
        return self.bus.submit(command, caller)

    def execute(self, command: Command, caller: Caller) -> Outcome:
        self.point.pass_by()
        outcome = self.bus.execute(command, caller)
        self.point.pass_by()
        return outcome


@dataclass
class CrashingVenue:
    """A venue whose client may die before a request arrives or before its answer does."""

    venue: PaperExchange
    point: CrashPoint
    name: str = "paper"

    def _call(self, request: Callable[[], Any]) -> Any:
        self.point.pass_by()
        answer = request()
        self.point.pass_by()
        return answer

    def show(self, source: str, symbol: str, interval: str, candle: Candle) -> None:
        self._call(lambda: self.venue.show(source, symbol, interval, candle))

    def submit(self, request: OrderRequest) -> OrderReport:
        report: OrderReport = self._call(lambda: self.venue.submit(request))
        return report

    def report(self, venue_account: str, symbol: str, client_order_id: str) -> OrderReport:
        report: OrderReport = self._call(lambda: self.venue.report(venue_account, symbol, client_order_id))
        return report

    def cancel(self, venue_account: str, symbol: str, client_order_id: str) -> OrderReport:
        report: OrderReport = self._call(lambda: self.venue.cancel(venue_account, symbol, client_order_id))
        return report

    def open_orders(self, venue_account: str) -> Sequence[OpenOrder]:
        return self.venue.open_orders(venue_account)

    def trades_since(self, venue_account: str, symbol: str, since_utc: datetime) -> Sequence[AccountTrade]:
        return self.venue.trades_since(venue_account, symbol, since_utc)

    def balances(self, venue_account: str) -> Mapping[str, VenueBalance]:
        return self.venue.balances(venue_account)

    def statement(self, venue_account: str) -> AccountStatement:
        return self.venue.statement(venue_account)

    @property
    def guarantees(self) -> Guarantees:
        return self.venue.guarantees

    def market(self, venue_account: str, symbol: str) -> Market:
        return self.venue.market(venue_account, symbol)

    def taker_fee_rate(self, venue_account: str, symbol: str) -> Decimal:
        return self.venue.taker_fee_rate(venue_account, symbol)


@dataclass
class ListFeed:
    """A feed over a list. `outages`: candles before which the source is away once; `before` sees each one."""

    candles: Sequence[Candle]
    outages: set[int] = field(default_factory=set)
    before: Callable[[Candle], None] = lambda candle: None
    followed_after: list[int | None] = field(default_factory=list)

    def history(self, series: Series, *, until_ms: int | None = None) -> Iterator[Candle]:
        for each in self.candles:
            if until_ms is None or each.open_time_ms < until_ms:
                yield each

    def follow(self, series: Series, *, after_ms: int | None = None) -> Iterator[Candle]:
        self.followed_after.append(after_ms)
        for each in self.candles:
            if after_ms is not None and each.open_time_ms <= after_ms:
                continue
            if each.open_time_ms in self.outages:
                self.outages.discard(each.open_time_ms)
                raise FeedUnavailable("the venue is away")
            self.before(each)
            yield each

    def close(self) -> None: ...


def walk(seed: int, count: int = 40, *, volume: str = "") -> list[Candle]:
    """Candles of a wild random walk in whole units, each opening where the one before closed."""
    rng = random.Random(seed)
    price, made = 1_000, []
    for number in range(count):
        close = max(100, price + rng.randint(-120, 120))
        drawn = volume or str(rng.randint(1, 9) / 10)
        made.append(candle(number, str(price), str(close), volume=drawn))
        price = close
    return made


@dataclass
class World:
    """What outlives a process: the log and the venue's own store."""

    store: Store
    paper_store: MemoryPaperStore = field(default_factory=MemoryPaperStore)

    def venue(self) -> PaperExchange:
        venue = PaperExchange(self.paper_store)
        PaperAccountService(self.store.bus, self.store.log, venue).make_venue_follow("book-1")
        return venue

    def runner(
        self,
        *,
        bus: CommandBus | None = None,
        exchange: Exchange | None = None,
        bot_id: str = "bot-1",
        observer: BotObserver | None = None,
        feed_now_ms: Callable[[Candle], int] = lambda candle: candle.open_time_ms + HOUR_MS,
    ) -> BotRunner:
        return BotRunner(
            bot_id,
            log=self.store.log,
            bus=bus or self.store.bus,
            exchange=exchange or self.venue(),
            observer=observer or SilentObserver(),
            feed_now_ms=feed_now_ms,
        )

    def feed(self, candles: Sequence[Candle]) -> ListFeed:
        """A feed that moves the clock to each candle's close."""

        def move(candle: Candle) -> None:
            self.store.clock.move_to(EPOCH + timedelta(milliseconds=candle.open_time_ms + HOUR_MS))

        return ListFeed(candles, before=move)

    def process(self, candles: Sequence[Candle], point: CrashPoint) -> None:
        """One process from start to the end of the candles, or to its crash."""
        exchange = CrashingVenue(self.venue(), point)
        market = self.market(self.feed(candles), exchange)
        market.join(self.runner(bus=CrashingBus(self.store.bus, point), exchange=exchange))
        market.run()

    def market(self, feed: ListFeed, venue: CandleDriven) -> MarketRunner:
        return MarketRunner(SERIES, feed=feed, venue=venue, failed=raise_it, wait=lambda _: False)


def raise_it(runner: BotRunner, problem: Exception) -> None:
    raise AssertionError(f"{runner.bot_id} failed: {problem!r}") from problem
