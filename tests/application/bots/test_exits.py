"""A bot leaves its position at its stop, target or trailing stop, also when its process died in between."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from itertools import pairwise

import pytest

from application.ports.exchange import OrderReport, OrderRequest
from domain.bots.events import BotTerms, SignalRaised
from domain.market import Candle, Market
from tests.application.bots.market import Crash, CrashingVenue, CrashPoint, World
from tests.application.harness import Store, with_running_bot
from tests.application.venues.real_venue import RealVenue
from tests.builders import EPOCH, HOUR_MS, bot_terms, usdt

RISE = [
    ("100", "100"),
    ("100", "90"),
    ("90", "90"),
    ("90", "85"),
    ("85", "80"),
    ("80", "100"),  # the fast average crosses: it buys at the next open, 100
    ("100", "110"),
    ("110", "120"),
]


def series(*closes: tuple[str, str]) -> list[Candle]:
    made = []
    for number, (opens, closes_at) in enumerate(closes):
        low, high = sorted((Decimal(opens), Decimal(closes_at)))
        made.append(Candle(number * HOUR_MS, Decimal(opens), high, low, Decimal(closes_at), Decimal(1000)))
    return made


def traded(terms: BotTerms, candles: Sequence[Candle]) -> World:
    world = World(with_running_bot(cash=usdt("1000"), terms=terms))
    venue = world.venue()
    market = world.market(world.feed(candles), venue)
    market.join(world.runner(exchange=venue))
    market.run()
    return world


def sales(world: World) -> list[str]:
    return [e.why for e in world.store.events() if isinstance(e, SignalRaised) and e.side == "sell"]


FALLS = [("120", "121"), ("121", "119"), ("119", "94"), ("94", "100")]
RISES = [("120", "135"), ("135", "151"), ("151", "152"), ("152", "153")]


@pytest.mark.parametrize(
    ("exits", "then", "why"),
    [
        ({"stop_loss_bps": 500}, FALLS, "stop at 95"),
        ({"take_profit_bps": 5000}, RISES, "target at 150"),
        ({"trailing_stop_bps": 200}, [("120", "140"), ("140", "137"), ("137", "137")], "stop at 137.2"),
    ],
)
def test_a_position_is_left_whatever_the_strategy_says(
    exits: dict[str, int], then: list[tuple[str, str]], why: str
) -> None:
    world = traded(replace(bot_terms(), **exits), series(*RISE, *then))  # type: ignore[arg-type]

    assert sales(world)[0].startswith(why)
    assert world.store.owed("owner:bot:bot-1", "BTC") == "0 BTC"


def test_without_exits_the_strategy_alone_decides() -> None:
    world = traded(bot_terms(), series(*RISE, *RISES))
    assert sales(world) == []


class Small(CrashingVenue):
    """Takes only so much in one order at the market."""

    def market(self, venue_account: str, symbol: str) -> Market:
        return replace(super().market(venue_account, symbol), max_market_quantity=Decimal(4))


def test_a_position_above_what_the_venue_takes_at_once_is_left_candle_by_candle() -> None:
    """The price is back above the stop by then: what was to be sold is sold all the same."""
    terms = replace(bot_terms(), stop_loss_bps=500)
    world = World(with_running_bot(cash=usdt("1000"), terms=terms))
    venue = Small(world.venue(), CrashPoint())
    back = [("120", "121"), ("121", "119"), ("119", "94"), ("100", "110"), ("110", "110"), ("110", "110")]
    market = world.market(world.feed(series(*RISE, *back)), venue)
    market.join(world.runner(exchange=venue))
    market.run()

    assert len(sales(world)) == 3
    assert world.store.owed("owner:bot:bot-1", "BTC") == "0 BTC"


@pytest.mark.parametrize("nth", range(1, 60, 3))
def test_wherever_the_process_dies_the_same_exit_is_taken(nth: int) -> None:
    terms = replace(bot_terms(), trailing_stop_bps=200)
    candles = series(*RISE, ("120", "140"), ("140", "137"), ("137", "137"), ("137", "136"))
    expected = traded(terms, candles)

    world = World(with_running_bot(cash=usdt("1000"), terms=terms))
    try:
        world.process(candles, CrashPoint(nth))
    except Crash:
        world.process(candles, CrashPoint())

    assert sales(world) == sales(expected) != []
    assert world.store.owed("owner:bot:bot-1") == expected.store.owed("owner:bot:bot-1")


class ToldByItsStream(RealVenue):
    """Its first answer is lost, but not what it pushes: the keeper has booked the fill by then."""

    def __init__(self, store: Store) -> None:
        super().__init__(store.clock, name="paper", on_submit="filled", lost_answers=1)
        self._store = store

    def submit(self, request: OrderRequest) -> OrderReport:
        try:
            return super().submit(request)
        finally:
            self._store.tell(self.orders[request.client_order_id])


def test_a_purchase_whose_answer_is_lost_is_a_position_once_its_fill_is_booked() -> None:
    """Safety §3 #6: or else nothing would ever sell it, and its stop would not hold."""
    terms = replace(bot_terms(parameters={"fast": "2", "slow": "4"}), stop_loss_bps=500)
    world = World(with_running_bot(cash=usdt("1000"), terms=terms))
    runner = world.runner(exchange=ToldByItsStream(world.store))
    closes = ["60000", "55000", "50000", "50000", "49000", "55000", "47000"]  # bought for 50000

    for candle in series(*pairwise(["60000", *closes])):
        world.store.clock.move_to(EPOCH + timedelta(milliseconds=candle.open_time_ms + HOUR_MS))
        runner.on_candle(candle)

    (sale,) = sales(world)
    assert sale.startswith("stop at 47500")
