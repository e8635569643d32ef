"""One market, many bots: a failure is one bot's own, a latecomer trades from now on, an outage passes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal

import pytest

from adapters.exchanges.paper.venue import PaperExchange
from application.bots.manage_bots import CreateBot, StartBot, StopBot
from application.bots.run_bot import BotRunner
from application.bots.run_market import MarketRunner
from application.ports.bot_observer import SilentObserver
from application.ports.exchange import (
    OrderReport,
    OrderRequest,
    VenueOrderNotFound,
    VenueOutcomeUnknown,
    VenueRefused,
)
from application.ports.paper_accounts import CLOSE, PaperTerms
from domain.bots.events import SignalRaised
from domain.market import Candle
from tests.application.bots.market import SERIES, CrashingVenue, CrashPoint, ListFeed, World, walk
from tests.application.harness import with_running_bot
from tests.builders import HOUR_MS, bot_terms, usdt

CANDLES = walk(3)


def two_bots(paper: PaperTerms | None = None) -> World:
    """bot-1 and bot-2 run on one account, 1,000 USDT each."""
    store = with_running_bot(cash=usdt("2000"), paper=paper)
    store.do(CreateBot("bot-2", "acc-1", "book-1", book_is_new=False, terms=bot_terms(name="second")))
    store.do(StartBot("bot-2", "acc-1", after_candle_ms=None))
    return World(store)


def signals(world: World, bot_id: str) -> list[int]:
    return [
        event.candle_open_time_ms // HOUR_MS
        for event in (recorded.event for recorded in world.store.log.stream(f"bot:{bot_id}"))
        if isinstance(event, SignalRaised)
    ]


def run_alone(candles: Sequence[Candle] = CANDLES) -> World:
    world = World(with_running_bot())
    world.process(candles, CrashPoint())
    return world


class Market:
    """A market whose failures are kept, and whose bots join, leave or fail before a given candle."""

    def __init__(
        self, world: World, candles: Sequence[Candle] = CANDLES, *, outages: set[int] | None = None
    ) -> None:
        self.world, self.failed = world, list[tuple[str, str]]()
        self.steps: dict[int, Callable[[], None]] = {}
        self.pauses: list[float] = []
        self.feed: ListFeed = world.feed(candles)
        move = self.feed.before
        self.feed.outages = outages or set()

        def before(candle: Candle) -> None:
            move(candle)
            self.steps.get(candle.open_time_ms // HOUR_MS, lambda: None)()

        self.feed.before = before
        self.venue = world.venue()
        self.runner = MarketRunner(
            SERIES, feed=self.feed, venue=self.venue, failed=self._failed, wait=self._wait, retry_s=5.0
        )

    def _failed(self, runner: BotRunner, problem: Exception) -> None:
        self.failed.append((runner.bot_id, str(problem)))

    def _wait(self, seconds: float) -> bool:
        self.pauses.append(seconds)
        assert self.runner.problem == "the venue is away"
        return False

    def join(self, bot_id: str = "bot-1") -> None:
        self.runner.join(self.world.runner(bot_id=bot_id, exchange=self.venue))


def test_two_bots_on_one_market_trade_as_each_would_alone() -> None:
    alone, market = run_alone(), Market(two_bots())
    market.join("bot-1")
    market.join("bot-2")

    market.runner.run()

    assert signals(market.world, "bot-1") == signals(market.world, "bot-2") == signals(alone, "bot-1")
    assert len(signals(alone, "bot-1")) >= 4
    assert market.failed == []


def test_one_bots_failure_does_not_stop_another() -> None:
    market = Market(two_bots())
    market.join("bot-1")
    market.join("bot-2")
    expected = signals(run_alone(), "bot-1")
    stop_at = expected[1]
    market.steps[stop_at] = lambda: _done(market.world.store.do(StopBot("bot-1", "acc-1", "behind its back")))

    market.runner.run()

    assert [bot_id for bot_id, _ in market.failed] == ["bot-1"]
    assert signals(market.world, "bot-1") == expected[:1]
    assert signals(market.world, "bot-2") == expected


def test_a_bot_that_joins_late_warms_up_and_trades_from_the_next_candle_on() -> None:
    market = Market(two_bots())
    market.join("bot-1")
    expected = signals(run_alone(), "bot-1")
    market.steps[20] = lambda: market.join("bot-2")

    market.runner.run()

    late = signals(market.world, "bot-2")
    assert late
    assert set(late) <= {number for number in expected if number >= 20}
    assert signals(market.world, "bot-1") == expected


def test_a_bot_whose_run_broke_off_works_through_what_it_missed_when_it_is_back() -> None:
    """The market went on without it: the sale it missed is made at the next close, not in the past."""
    expected = signals(run_alone(), "bot-1")
    first = expected[0]
    market = Market(two_bots(PaperTerms(fill_convention=CLOSE)))
    market.join("bot-1")
    market.join("bot-2")
    market.steps[first + 2] = lambda: market.runner.leave("bot-1")
    market.steps[first + 9] = lambda: market.join("bot-1")

    market.runner.run()

    assert market.failed == []
    assert signals(market.world, "bot-2") == expected
    assert signals(market.world, "bot-1") == [*expected[:2], expected[-1]]
    assert first + 2 < expected[1] + 1 < first + 9


def test_a_bot_that_leaves_before_it_was_let_in_is_not_let_in() -> None:
    market = Market(two_bots())
    market.join("bot-2")

    def join_and_leave() -> None:
        market.join("bot-1")
        market.runner.leave("bot-1")

    market.steps[3] = join_and_leave

    market.runner.run()

    assert signals(market.world, "bot-1") == []
    assert signals(market.world, "bot-2")


def test_a_bot_that_leaves_and_joins_again_between_two_candles_goes_on() -> None:
    market = Market(two_bots())
    market.join("bot-1")

    def leave_and_join() -> None:
        market.runner.leave("bot-1")
        market.join("bot-1")

    market.steps[15] = leave_and_join

    market.runner.run()

    assert market.failed == []
    assert signals(market.world, "bot-1")[-1] == signals(run_alone(), "bot-1")[-1]


@pytest.mark.parametrize("outages", [{0}, {7 * HOUR_MS}, {7 * HOUR_MS, 8 * HOUR_MS, 30 * HOUR_MS}])
def test_after_an_outage_the_feed_is_followed_from_where_it_broke(outages: set[int]) -> None:
    market = Market(World(with_running_bot()), outages=set(outages))
    market.join()

    market.runner.run()

    assert signals(market.world, "bot-1") == signals(run_alone(), "bot-1")
    assert market.pauses == [5.0] * len(outages)
    assert market.runner.problem == ""
    assert market.feed.followed_after == [None, *(ms - HOUR_MS if ms else None for ms in sorted(outages))]


def test_a_market_that_is_to_stop_does_not_wait_for_the_feed() -> None:
    market = Market(World(with_running_bot()), outages={5 * HOUR_MS})
    stopping = MarketRunner(
        SERIES, feed=market.feed, venue=market.venue, failed=market._failed, wait=lambda _: True
    )
    stopping.run()
    assert market.feed.followed_after == [None]
    assert stopping.problem == "the venue is away"


class Moody(CrashingVenue):
    """A venue that answers by a script: each request takes the next mood."""

    def __init__(self, venue: PaperExchange, moods: list[str]) -> None:
        super().__init__(venue, CrashPoint())
        self.moods = moods

    def _mood(self) -> str:
        return self.moods.pop(0) if self.moods else "well"

    def submit(self, request: OrderRequest) -> OrderReport:
        match self._mood():
            case "lost before":
                raise VenueOutcomeUnknown("timeout")
            case "lost after":
                super().submit(request)
                raise VenueOutcomeUnknown("timeout")
            case "refuses":
                raise VenueRefused("not today")
            case _:
                pass
        return super().submit(request)

    def report(self, venue_account: str, symbol: str, client_order_id: str) -> OrderReport:
        match self._mood():
            case "away":
                raise VenueOutcomeUnknown("no answer")
            case "forgot":
                raise VenueOrderNotFound(client_order_id)
            case _:
                pass
        return super().report(venue_account, symbol, client_order_id)


def run_with(moods: list[str], *, terms: PaperTerms | None = None) -> tuple[World, list[str]]:
    """The world after a run against that venue, and the first order's event names."""
    world = World(with_running_bot(paper=terms))
    venue = Moody(world.venue(), list(moods))
    market = world.market(world.feed(CANDLES), venue)
    market.join(world.runner(exchange=venue))
    market.run()
    orders = [r.stream for r in world.store.log.read(names=("orders.order_intended",))]
    return world, [name.partition(".")[2] for name in world.store.names(orders[0])]


@pytest.mark.parametrize(
    ("moods", "expected"),
    [
        (
            ["lost after"],
            ["order_intended", "outcome_unknown", "outcome_resolved", "order_accepted", "order_filled"],
        ),
        (
            ["lost after", "away", "away"],
            ["order_intended", "outcome_unknown", "outcome_resolved", "order_accepted", "order_filled"],
        ),
        (
            ["lost before"],
            ["order_intended", "outcome_unknown", "outcome_resolved", "order_accepted", "order_filled"],
        ),
        (["refuses"], ["order_intended", "order_refused"]),
        (["well", "away"], ["order_intended", "order_accepted", "order_filled"]),
        (["well", "forgot"], ["order_intended", "order_accepted", "order_filled"]),
    ],
)
def test_whatever_a_venue_answers_an_order_is_made_once_and_ends_on_proof(
    moods: list[str], expected: list[str]
) -> None:
    world, first_order = run_with(moods)

    assert first_order == expected
    account, book = world.venue().account("book-1"), world.store.book()
    for asset in ("USDT", "BTC"):
        at_venue = account.free.get(asset, Decimal(0)) + account.locked.get(asset, Decimal(0))
        assert book.balances.get(("custody:book-1", asset), Decimal(0)) == at_venue
        assert book.held_total(asset).amount == account.locked.get(asset, Decimal(0))


def test_a_stale_candle_is_not_traded_on() -> None:
    world = World(with_running_bot())
    runner = BotRunner(
        "bot-1",
        log=world.store.log,
        bus=world.store.bus,
        exchange=world.venue(),
        observer=SilentObserver(),
        feed_now_ms=lambda candle: candle.open_time_ms + 100 * HOUR_MS,
    )
    for each in CANDLES:
        runner.on_candle(each)

    names = world.store.names("bot:bot-1")
    assert names.count("bots.guardrail_tripped") == names.count("bots.signal_raised") > 0
    assert list(world.store.log.read(names=("orders.order_intended",))) == []


def test_a_position_left_at_the_end_is_sold_as_if_one_more_candle_asked_for_it() -> None:
    world = World(with_running_bot(paper=PaperTerms(fill_convention=CLOSE)))
    venue = world.venue()
    bought = _index_of_first_buy()
    runner = world.runner(exchange=venue)
    for each in CANDLES[: bought + 1]:
        venue.show(SERIES.source, SERIES.symbol, SERIES.interval, each)
        runner.on_candle(each)
    assert world.store.book().owed("owner:bot:bot-1", "BTC").amount > 0

    runner.close_position(CANDLES[bought])
    runner.close_position(CANDLES[bought])

    assert world.store.owed("owner:bot:bot-1", "BTC") == "0 BTC"
    assert signals(world, "bot-1") == [bought, bought + 1]


def _index_of_first_buy() -> int:
    return signals(run_alone(), "bot-1")[0]


def _done(_: object) -> None: ...
