"""What is open of an order ends when its run does, and when the strategy wants the opposite."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from adapters.exchanges.paper.venue import PaperExchange
from application.bots.manage_bots import DeallocateFromBot, PauseBot, StartBot, StopBot
from application.bots.run_bot import BotRunner
from application.orders.cancel_order import IntendCancel
from application.platform.kill_switch import EngageKillSwitch
from application.ports.exchange import OrderReport, VenueOutcomeUnknown
from application.ports.paper_accounts import CLOSE, PaperTerms
from domain.bots.events import GuardrailTripped, SignalRaised
from domain.market import Candle
from domain.money import text
from domain.orders.events import CancelIntended, OutcomeUnknown
from domain.orders.order import CANCELED, FILLED, PARTIALLY_FILLED, SELL
from tests.application.bots.market import SERIES, Crash, CrashingBus, CrashingVenue, CrashPoint, World, walk
from tests.application.harness import with_running_bot
from tests.builders import HOUR_MS, candle

CANDLES = walk(3)


def world_of(cap: str | None = None, convention: str = "next_open") -> World:
    terms = PaperTerms(fill_convention=convention, volume_cap=None if cap is None else Decimal(cap))
    return World(with_running_bot(paper=terms))


def replay(
    world: World, candles: list[Candle], exchange: PaperExchange | CrashingVenue | None = None
) -> None:
    """A process that shows the bot these candles and goes."""
    venue = exchange or world.venue()
    market = world.market(world.feed(candles), venue)
    market.join(world.runner(exchange=venue))
    market.run()


def signals(world: World, run: int) -> list[tuple[str, int]]:
    return [
        (event.side, event.candle_open_time_ms // HOUR_MS)
        for event in world.store.events()
        if isinstance(event, SignalRaised) and event.run == run
    ]


def guardrails(world: World) -> list[str]:
    return [event.guardrail for event in world.store.events() if isinstance(event, GuardrailTripped)]


def first_cancel(world: World) -> CancelIntended:
    return next(event for event in world.store.events() if isinstance(event, CancelIntended))


def last_order_of(world: World) -> str:
    return world.store.bot().last_order_id


def until_a_sale_waits(world: World) -> int:
    """How many candles it takes until a sale is open."""
    for count in range(1, len(CANDLES)):
        replay(world, CANDLES[:count])
        order = world.store.order(last_order_of(world))
        if order.terms is not None and order.terms.side == SELL and not order.has_ended:
            return count
    raise AssertionError("no sale was open")


# -- a run that is over --------------------------------------------------------------------------------------


def test_what_a_stopped_bots_order_held_can_be_taken_back() -> None:
    world = world_of()
    until = until_a_sale_waits(world)
    held = world.store.book().held_total("BTC")
    assert held.amount > 0
    world.store.do(StopBot("bot-1", "acc-1", "enough"))

    replay(world, CANDLES[:until])

    assert world.store.order(last_order_of(world)).status == CANCELED
    assert not world.store.book().held_total("BTC").amount
    world.store.do(DeallocateFromBot("bot-1", "acc-1", held, "back"))
    assert world.store.owed("owner:available", "BTC") == str(held)


@pytest.mark.parametrize("ended", [True, False], ids=["its last order filled", "its last order open"])
def test_a_new_run_on_a_replay_begins_at_its_beginning_and_trades(ended: bool) -> None:
    """Nothing of the run before governs it: neither where that stood, nor an order it left open."""
    world = world_of()
    until = until_a_sale_waits(world)
    if ended:
        replay(world, CANDLES[: until + 1])
        assert world.store.order(last_order_of(world)).status == FILLED
    world.store.do(StopBot("bot-1", "acc-1", "again"))
    world.store.do(StartBot("bot-1", "acc-1", after_candle_ms=None))

    replay(world, CANDLES)

    assert len(signals(world, 2)) >= 3
    assert min(number for _, number in signals(world, 2)) < until
    assert guardrails(world) == []
    if ended:  # it had sold all: it does again what the first run did
        fresh = world_of()
        replay(fresh, CANDLES)
        assert signals(world, 2) == signals(fresh, 1)


def test_a_fill_that_came_before_the_cancel_is_booked() -> None:
    world = world_of()
    until = until_a_sale_waits(world)
    venue = world.venue()
    venue.show(SERIES.source, SERIES.symbol, SERIES.interval, CANDLES[until])  # the bot has not seen it
    world.store.do(StopBot("bot-1", "acc-1", "enough"))

    runner = world.runner(exchange=venue)
    runner.wind_down()
    runner.end_order()

    assert runner.is_done
    order = world.store.order(last_order_of(world))
    assert (order.status, len(order.trade_ids)) == (FILLED, 1)
    assert not world.store.book().held_total("BTC").amount


def test_a_paused_bots_order_lives_on() -> None:
    world = world_of()
    until_a_sale_waits(world)
    runner = world.runner()
    runner.wind_down()

    runner.end_order()

    assert not runner.is_done
    assert not world.store.order(last_order_of(world)).is_to_cancel


# -- the opposite signal -------------------------------------------------------------------------------------


@pytest.mark.parametrize("convention", ["next_open", CLOSE])
def test_a_sale_that_finds_a_purchase_half_filled_cancels_the_rest_and_sells_what_is_there(
    convention: str,
) -> None:
    world = world_of("0.1", convention)

    replay(world, CANDLES)

    bought = world.store.order(first_cancel(world).client_order_id)
    assert bought.status == CANCELED
    assert bought.filled_base > 0
    sides = [side for side, _ in signals(world, 1)]
    assert sides[:2] == ["buy", "sell"]
    assert "order_still_open" not in guardrails(world)
    sold = world.store.order(_orders(world)[1]).terms
    assert sold is not None
    assert (sold.side, sold.base_quantity) == (SELL, bought.filled_base)


def test_an_order_makes_no_way_for_a_signal_that_is_not_traded() -> None:
    """The kill switch: open orders live on."""
    world = world_of("0.1")
    replay(world, CANDLES)
    number = (first_cancel(world).candle_open_time_ms or 0) // HOUR_MS

    world = world_of("0.1")
    replay(world, CANDLES[:number])
    assert world.store.order(last_order_of(world)).status == PARTIALLY_FILLED
    world.store.do(EngageKillSwitch("fire drill", "op"))
    replay(world, CANDLES[: number + 1])

    assert guardrails(world) == ["kill_switch_engaged"]
    assert world.store.order(last_order_of(world)).status == PARTIALLY_FILLED
    assert not any(isinstance(each, CancelIntended) for each in world.store.events())


class LosesCancels(CrashingVenue):
    """The first answers to a cancel are lost, and so are those to the first request."""

    def __init__(self, venue: PaperExchange, *, lost: int) -> None:
        super().__init__(venue, CrashPoint())
        self.lost = lost

    def cancel(self, venue_account: str, symbol: str, client_order_id: str) -> OrderReport:
        if self.lost:
            self.lost -= 1
            raise VenueOutcomeUnknown("timeout")
        return super().cancel(venue_account, symbol, client_order_id)


@pytest.mark.parametrize("lost", [1, 2, 3])
def test_an_exit_waits_until_the_venue_proves_that_the_purchase_has_ended(lost: int) -> None:
    world, unharmed = world_of("0.1"), world_of("0.1")
    replay(unharmed, CANDLES)
    replay(world, CANDLES, LosesCancels(world.venue(), lost=lost))

    (_, at_once), (side, later) = signals(unharmed, 1)[1], signals(world, 1)[1]
    assert side == SELL
    assert later == at_once + lost
    assert guardrails(world) == []


def test_a_doubt_that_comes_after_one_was_cleared_up_is_recorded_too() -> None:
    class LosesAnswers(LosesCancels):
        def submit(self, request: object) -> OrderReport:
            super().submit(request)  # type: ignore[arg-type]
            raise VenueOutcomeUnknown("timeout")

    world = world_of("0.1")
    replay(world, CANDLES, LosesAnswers(world.venue(), lost=1))

    first = first_cancel(world).client_order_id
    doubts = [
        each
        for each in world.store.events()
        if isinstance(each, OutcomeUnknown) and each.client_order_id == first
    ]
    assert len(doubts) == 2


def behind_its_market() -> tuple[World, int]:
    """A bot with a purchase half filled, whose sale comes on the candle of that number: the market has it."""
    world = world_of("0.1")
    replay(world, CANDLES)
    number = (first_cancel(world).candle_open_time_ms or 0) // HOUR_MS
    world = world_of("0.1")
    replay(world, CANDLES[:number])
    venue = world.venue()
    for each in CANDLES[number : number + 3]:
        venue.show(SERIES.source, SERIES.symbol, SERIES.interval, each)
    return world, number


def catch_up(world: World, until: int, point: CrashPoint) -> None:
    """A process that works through what the bot missed; the venue has seen it all."""
    exchange = CrashingVenue(world.venue(), point)
    runner = world.runner(bus=CrashingBus(world.store.bus, point), exchange=exchange)
    runner.warm_up(CANDLES[:until])
    for each in CANDLES[:until]:
        runner.on_candle(each)


def test_a_bot_that_catches_up_and_dies_between_cancel_and_sale_still_sells() -> None:
    """What the venue had filled by then lies after the signal's candle, and does not hide it."""
    unharmed, number = behind_its_market()
    steps = CrashPoint()
    catch_up(unharmed, number + 3, steps)
    expected = [type(event).__name__ for event in unharmed.store.events()]
    assert signals(unharmed, 1)[1] == (SELL, number)

    for nth in range(1, steps.steps + 1):
        world, _ = behind_its_market()
        with pytest.raises(Crash):
            catch_up(world, number + 3, CrashPoint(nth))
        catch_up(world, number + 3, CrashPoint())
        assert [type(event).__name__ for event in world.store.events()] == expected, f"crash at step {nth}"
        assert signals(world, 1)[1] == (SELL, number)


def test_a_cancel_that_was_intended_is_made_also_when_the_bot_was_paused_meanwhile() -> None:
    world, number = behind_its_market()
    with pytest.raises(Crash):
        replay(world, CANDLES[: number + 1], DiesAtCancel(world.venue(), CrashPoint()))
    assert world.store.order(last_order_of(world)).status == PARTIALLY_FILLED
    world.store.do(PauseBot("bot-1", "acc-1", "lunch"))

    replay(world, CANDLES[: number + 2])

    assert world.store.order(last_order_of(world)).status == CANCELED


class DiesAtCancel(CrashingVenue):
    """The process is gone between the stored intent and the request."""

    def cancel(self, venue_account: str, symbol: str, client_order_id: str) -> OrderReport:
        raise Crash


# -- the end of the data -------------------------------------------------------------------------------------


def test_a_forced_close_cancels_the_rest_of_a_purchase_and_sells_what_is_there() -> None:
    world = world_of("0.1", CLOSE)
    venue = world.venue()
    runner, last = _half_filled(world, venue)

    runner.close_position(replace(last, volume=Decimal(1_000)))
    runner.close_position(last)

    assert [side for side, _ in signals(world, 1)] == ["buy", "sell"]
    statuses = {
        order.terms.side: order.status for order in map(world.store.order, _orders(world)) if order.terms
    }
    assert statuses["buy"] == CANCELED
    assert not world.store.book().held_total("USDT").amount


def _half_filled(world: World, venue: PaperExchange) -> tuple[BotRunner, Candle]:
    runner = world.runner(exchange=venue)
    for each in CANDLES:
        venue.show(SERIES.source, SERIES.symbol, SERIES.interval, each)
        runner.on_candle(each)
        if world.store.order(last_order_of(world)).status == PARTIALLY_FILLED:
            return runner, each
    raise AssertionError("no order was half filled")


def _orders(world: World) -> list[str]:
    return [each.event.client_order_id for each in world.store.log.read(names=("orders.order_intended",))]


def test_a_cancel_that_another_process_intended_is_asked_for_until_it_is_done() -> None:
    """A kill switch wrote it down, its request was lost, and it was released before it could ask again."""
    until = until_an_order_is_filled_in_part(world_of("0.01"))
    world = world_of("0.01")
    last = text(CANDLES[until - 1].close)
    still = [candle(number, last, last, volume="0.1") for number in (until, until + 1)]  # nothing to trade on
    feed = world.feed([*CANDLES[:until], *still])
    move, intended = feed.before, list[str]()

    def intend(at_hand: Candle) -> None:
        move(at_hand)
        if at_hand is still[0]:
            intended.append(last_order_of(world))
            world.store.do(IntendCancel(intended[0], "a kill switch wanted it"))

    feed.before = intend
    venue = world.venue()
    market = world.market(feed, venue)
    market.join(world.runner(exchange=venue))

    market.run()

    assert world.store.order(intended[0]).status == CANCELED


def until_an_order_is_filled_in_part(world: World) -> int:
    """How many candles that takes."""
    for count in range(1, len(CANDLES)):
        replay(world, CANDLES[:count])
        if last_order_of(world) and world.store.order(last_order_of(world)).status == PARTIALLY_FILLED:
            return count
    raise AssertionError("no order was filled in part")
