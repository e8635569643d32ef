"""Close-all on the paper venue: whoever hosts the bot sees the sale through, and it is proven flat."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import pytest

from adapters.persistence.read_models import MemoryReadModels
from application.bots.manage_bots import PauseBot, ResumeBot, StopBot
from application.bots.run_bot import BotRunner
from application.kill_switch.engaged import EngagedSwitches
from application.kill_switch.process import KillSwitchProcess
from application.platform.kill_switch import EngageOwnersKillSwitch, ReleaseOwnersKillSwitch
from application.ports.commands import Command, CommandBus
from application.ports.exchange import Exchange
from application.views.rows import OrderRow
from domain.bots.errors import BotNotRunning
from domain.kill_switch.closing import is_closing
from domain.kill_switch.events import KillSwitchFlat
from domain.kill_switch.switches import CLOSE_ALL
from domain.money import text
from tests.application.bots.market import Crash, CrashingBus, CrashingVenue, CrashPoint, World, walk
from tests.application.harness import Store, with_running_bot

CANDLES = walk(3)
ENGAGE = EngageOwnersKillSwitch("acc-1", "bot-1", CLOSE_ALL, "enough", "acc-1", "switch-1")


def in_position() -> tuple[World, int]:
    """A world in which bot-1 holds something, and how many candles that took."""
    for count in range(5, len(CANDLES)):
        world = World(with_running_bot())
        replay(world, count)
        bot = world.store.bot()
        holds = world.store.owed("owner:bot:bot-1", "BTC") != "0 BTC"
        if holds and world.store.order(bot.last_order_id).has_ended:
            return world, count
    raise AssertionError("these candles open no position")


def replay(world: World, count: int) -> None:
    venue = world.venue()
    market = world.market(world.feed(CANDLES[:count]), venue)
    market.join(world.runner(exchange=venue))
    market.run()


def look(world: World, exchange: Exchange | None = None, bus: CommandBus | None = None) -> None:
    store, venue = world.store, exchange or world.venue()
    views = MemoryReadModels(store.log)
    process = KillSwitchProcess(
        store.log, bus or store.bus, views, lambda _, __: venue, store.clock, EngagedSwitches(store.log)
    )
    process()


def sales(store: Store) -> list[str]:
    rows = MemoryReadModels(store.log).where(OrderRow)
    return [row.client_order_id for row in rows if is_closing(row.client_order_id)]


def proofs(store: Store) -> list[KillSwitchFlat]:
    return [event for event in store.events() if isinstance(event, KillSwitchFlat)]


@pytest.mark.parametrize(
    "before",
    [None, PauseBot("bot-1", "acc-1", "lunch"), StopBot("bot-1", "acc-1", "done")],
    ids=["running", "paused", "stopped"],
)
def test_what_a_bot_holds_is_sold_at_the_next_candle_and_it_is_proven(before: Command | None) -> None:
    world, count = in_position()
    if before is not None:
        world.store.do(before)
    world.store.do(ENGAGE)
    look(world)
    (order_id,) = sales(world.store)
    assert world.store.bot().last_order_id == order_id
    look(world)  # no candle yet: nothing changes
    assert proofs(world.store) == []

    replay(world, count + 2)
    look(world)

    assert world.store.order(order_id).status == "filled"
    assert world.store.owed("owner:bot:bot-1", "BTC") == "0 BTC"
    (proof,) = proofs(world.store)
    assert [(each.asset, text(each.ours), text(each.theirs)) for each in proof.held] == [("BTC", "0", "0")]
    assert sales(world.store) == [order_id]


def test_freed_and_resumed_the_bot_knows_that_it_holds_nothing() -> None:
    world, count = in_position()
    world.store.do(ENGAGE)
    look(world)
    replay(world, count + 2)
    look(world)
    world.store.do(ReleaseOwnersKillSwitch("acc-1", "bot-1", "all is well", "acc-1"))
    world.store.do(ResumeBot("bot-1", "acc-1", CANDLES[count + 1].open_time_ms))

    replay(world, len(CANDLES))

    names = world.store.names("bot:bot-1")
    assert "bots.guardrail_tripped" not in names
    orders = MemoryReadModels(world.store.log).where(OrderRow)
    assert sorted({row.status for row in orders}) == ["filled"]
    assert world.store.owed("owner:due") == "0 USDT"


def crashing(nth: int) -> tuple[World, int]:
    """Killed at the nth step of looks and candles, and begun again until nothing is left to do."""
    world, count = in_position()
    world.store.do(ENGAGE)
    point = CrashPoint(nth)
    there = iter(range(count + 2, len(CANDLES), 2))  # the market goes on

    def looked() -> None:
        look(world, CrashingVenue(world.venue(), point), CrashingBus(world.store.bus, point))

    def shown() -> None:
        exchange = CrashingVenue(world.venue(), point)
        market = world.market(world.feed(CANDLES[: next(there)]), exchange)
        runner: BotRunner = world.runner(bus=CrashingBus(world.store.bus, point), exchange=exchange)
        market.join(runner)
        market.run()

    steps: list[Callable[[], None]] = [looked, shown, looked]
    for step in [*steps, *steps]:
        if proofs(world.store):
            break
        with suppress(Crash, BotNotRunning):  # paused, and with no order: nobody hosts it
            step()
    return world, point.steps


def test_killed_at_any_step_it_sells_once_and_proves_it_once() -> None:
    """Safety §3 #8: at every commit and every request of the process and of the bot's host."""
    _, steps = crashing(0)
    assert steps > 8
    for nth in range(1, steps + 1):
        world, _ = crashing(nth)
        assert len(sales(world.store)) == 1, nth
        assert world.store.owed("owner:bot:bot-1", "BTC") == "0 BTC", nth
        assert len(proofs(world.store)) == 1, nth
        assert not any(world.store.book().held_total(asset).amount for asset in ("BTC", "USDT")), nth
