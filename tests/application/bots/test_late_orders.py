"""An order that was intended and not sent is asked about again before it is (safety #3, #6, #7, #44)."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from application.accounts.commands import FreezeAccount
from application.bots.manage_bots import StartBot, StopBot
from application.orders.trade_signal import TradeSignal
from application.platform.kill_switch import EngageKillSwitch
from application.ports.commands import Caller, Command, CommandBus, Outcome
from application.ports.exchange import OrderReport, OrderRequest, VenueOrderNotFound, VenueOutcomeUnknown
from domain.bots.bot import Bot
from domain.orders.order import FILLED, INTENDED, REFUSED, UNKNOWN, Order
from tests.application.bots.market import Crash, CrashingVenue, CrashPoint, World, walk
from tests.application.harness import with_running_bot
from tests.builders import HOUR_MS

CANDLES = walk(3)


class DiesAtSubmit(CrashingVenue):
    """The process is gone between the stored intent and the request."""

    def submit(self, request: OrderRequest) -> OrderReport:
        raise Crash


def world_with_an_unsent_order() -> tuple[World, int]:
    """And the number of the candle that it was decided on."""
    world = World(with_running_bot())
    exchange = DiesAtSubmit(world.venue(), CrashPoint())
    market = world.market(world.feed(CANDLES), exchange)
    market.join(world.runner(exchange=exchange))
    with pytest.raises(Crash):
        market.run()
    decided_on = world.store.bot().last_signal_candle_ms
    assert decided_on is not None
    assert last_order(world).status == INTENDED
    return world, next(n for n, each in enumerate(CANDLES) if each.open_time_ms == decided_on)


def last_order(world: World) -> Order:
    bot: Bot = world.store.bot()
    return world.store.order(bot.last_order_id)


def go_on(world: World, until: int) -> None:
    """A new process works through the candles before that number."""
    venue = world.venue()
    market = world.market(world.feed(CANDLES[:until]), venue)
    market.join(world.runner(exchange=venue))
    market.run()


def test_it_is_sent_and_filled_when_nothing_speaks_against_it() -> None:
    world, decided_on = world_with_an_unsent_order()
    go_on(world, decided_on + 2)
    assert last_order(world).status == FILLED


@pytest.mark.parametrize(
    "meanwhile",
    [EngageKillSwitch("fire drill", "op"), FreezeAccount("acc-1", "checked", "op")],
    ids=["kill switch", "frozen account"],
)
def test_it_ends_and_its_hold_goes_back_when_a_guardrail_trips_by_then(meanwhile: Command) -> None:
    world, decided_on = world_with_an_unsent_order()
    order_id = last_order(world).client_order_id
    world.store.do(meanwhile)

    go_on(world, decided_on + 2)

    assert world.store.order(order_id).status == REFUSED
    assert not world.store.book().held_total("USDT").amount
    assert not world.venue().open_orders("book-1")


def test_it_is_not_sent_for_a_bot_that_was_stopped_nor_by_its_next_run() -> None:
    world, decided_on = world_with_an_unsent_order()
    order_id = last_order(world).client_order_id
    world.store.do(StopBot("bot-1", "acc-1", "enough"))

    go_on(world, decided_on + 3)

    assert world.store.order(order_id).status == REFUSED
    world.store.do(StartBot("bot-1", "acc-1", after_candle_ms=None))
    go_on(world, decided_on + 2)
    assert world.store.order(order_id).status == REFUSED


def test_it_is_not_sent_once_its_candle_is_stale() -> None:
    world, decided_on = world_with_an_unsent_order()
    order_id = last_order(world).client_order_id
    venue = world.venue()
    runner = world.runner(exchange=venue)

    for each in CANDLES[decided_on + 5 : decided_on + 6]:
        venue.show("file", "BTC/USDT", "1h", each)
        runner.on_candle(each)

    assert world.store.order(order_id).status == REFUSED
    assert not world.store.book().held_total("USDT").amount


def test_its_age_is_told_by_the_feeds_clock_also_on_the_candle_it_was_decided_on() -> None:
    """Safety #3: a run that begins again 100 hours later begins with that very candle."""
    world, decided_on = world_with_an_unsent_order()
    order_id = last_order(world).client_order_id
    venue = world.venue()
    market = world.market(world.feed(CANDLES[: decided_on + 1]), venue)
    market.join(world.runner(exchange=venue, feed_now_ms=lambda candle: candle.open_time_ms + 101 * HOUR_MS))
    market.run()

    assert world.store.order(order_id).status == REFUSED
    assert not world.store.book().held_total("USDT").amount
    assert not world.venue().open_orders("book-1")


class LosesTheRequest(CrashingVenue):
    """The first request times out and reaches the venue only after it was looked for once."""

    late: OrderRequest | None = None
    arrived = False

    def submit(self, request: OrderRequest) -> OrderReport:
        if self.late is None:
            self.late = request
            raise VenueOutcomeUnknown("timed out")
        self.venue.submit(self.late)  # it arrives after all, before the second one does
        self.arrived = True
        return super().submit(request)

    def report(self, venue_account: str, symbol: str, client_order_id: str) -> OrderReport:
        if not self.arrived:
            raise VenueOrderNotFound("not yet")
        return super().report(venue_account, symbol, client_order_id)


def test_a_request_that_arrives_after_it_was_looked_for_opens_one_order_and_its_fill_is_booked() -> None:
    """Safety #6, #7: "not found" after an unknown create ends nothing."""
    world = World(with_running_bot())
    exchange = LosesTheRequest(world.venue(), CrashPoint())
    market = world.market(world.feed(CANDLES), exchange)
    market.join(world.runner(exchange=exchange))
    market.run()
    order = world.store.order(exchange.late.client_order_id if exchange.late else "")

    assert order.status == FILLED
    assert len(order.trade_ids) == 1


class NeverGetsIt(CrashingVenue):
    """Every request is lost on its way, and nobody can tell."""

    def submit(self, request: OrderRequest) -> OrderReport:
        raise VenueOutcomeUnknown("timed out")


@pytest.mark.parametrize(
    ("minutes", "status"), [(1, UNKNOWN), (6, REFUSED)], ids=["it may be under way", "it would be there"]
)
def test_a_lost_order_of_a_stopped_bot_ends_once_the_venue_would_have_it(minutes: int, status: str) -> None:
    """Safety #7: until then not found proves nothing, and the funds stay held."""
    world = World(with_running_bot())
    exchange = NeverGetsIt(world.venue(), CrashPoint())
    runner = world.runner(exchange=exchange)
    for each in CANDLES:
        if last_order(world).status == UNKNOWN:
            break
        runner.on_candle(each)
    world.store.do(StopBot("bot-1", "acc-1", "enough"))
    runner.wind_down()
    runner.end_order()
    assert last_order(world).status == UNKNOWN

    world.store.clock.move_to(world.store.clock.now() + timedelta(minutes=minutes))
    runner.end_order()

    assert last_order(world).status == status
    assert bool(world.store.book().held_total("USDT").amount) is (status == UNKNOWN)
    assert runner.is_done is (status == REFUSED)


@dataclass
class LosesAnAnswer:
    """A bus whose first commit of a signal is answered from its own stored key, as after a lost COMMIT."""

    bus: CommandBus
    lost: int = 0

    def submit(self, command: Command, caller: Caller) -> Future[Outcome]:
        return self.bus.submit(command, caller)

    def execute(self, command: Command, caller: Caller) -> Outcome:
        outcome = self.bus.execute(command, caller)
        if isinstance(command, TradeSignal) and not self.lost:
            self.lost += 1
            return replace(outcome, replayed=True)
        return outcome


def test_an_order_whose_commit_was_answered_late_is_sent_all_the_same() -> None:
    """Safety #2: the writer found its own commit; to the runner that is a replay of its first try."""
    world = World(with_running_bot())
    venue, bus = world.venue(), LosesAnAnswer(world.store.bus)
    market = world.market(world.feed(CANDLES), venue)
    market.join(world.runner(bus=bus, exchange=venue))
    market.run()
    unharmed = World(with_running_bot())
    go_on(unharmed, len(CANDLES))

    assert bus.lost
    assert dict(world.store.book().balances) == dict(unharmed.store.book().balances)
