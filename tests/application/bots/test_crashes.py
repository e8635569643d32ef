"""A bot's process dies at every single step; what it leaves in the log is what an unharmed run leaves.

Kept true: intent before effect, every step may be done again, a run resumes by doing it again.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import fields, is_dataclass
from decimal import Decimal
from typing import Any

import pytest

from application.bots.manage_bots import StartBot, StopBot
from application.ports.paper_accounts import CLOSE, FEE_IN_QUOTE, FEE_IN_RECEIVED, NEXT_OPEN, PaperTerms
from domain.bots.errors import BotNotRunning
from domain.market import Candle
from tests.application.bots.market import Crash, CrashPoint, World, walk
from tests.application.harness import with_running_bot

CONVENTIONS = [
    pytest.param(convention, fee_asset, cap, id=f"{convention}-fee in {fee_asset}-cap {cap}")
    for convention in (NEXT_OPEN, CLOSE)
    for fee_asset in (FEE_IN_QUOTE, FEE_IN_RECEIVED)
    for cap in (None, "0.5", "0.1")
]


def terms(convention: str, fee_asset: str, cap: str | None) -> PaperTerms:
    return PaperTerms(
        fill_convention=convention,
        fee_asset=fee_asset,
        volume_cap=None if cap is None else Decimal(cap),
        lot_size=Decimal("0.001"),
        base_scale=8,
        quote_scale=8,
        slippage_bps=Decimal(5),
    )


def facts(world: World) -> list[tuple[Any, ...]]:
    """Every event in log order, without when it was recorded: a crash costs time."""
    return [_fact(event) for event in world.store.events()]


def _fact(event: Any) -> tuple[Any, ...]:
    kept = (field.name for field in fields(event) if not _is_our_time(field.name))
    return (type(event).__name__, *((name, _plain(getattr(event, name))) for name in kept))


def _plain(value: Any) -> Any:
    return repr(value) if is_dataclass(value) else value


def _is_our_time(name: str) -> bool:
    return name.endswith("_at_utc") and name != "traded_at_utc"


def run(paper: PaperTerms, candles: list[Candle], *crashes: int) -> tuple[World, int]:
    """The world after processes that crash at these steps and one that runs to the end; its steps."""
    world = World(with_running_bot(paper=paper))
    for nth in crashes:
        with pytest.raises(Crash):
            world.process(candles, CrashPoint(nth))
    last = CrashPoint()
    world.process(candles, last)
    return world, last.steps


def venue_balances(world: World) -> dict[str, tuple[Decimal, Decimal]]:
    account = world.venue().account("book-1")
    return {asset: (account.free[asset], account.locked[asset]) for asset in account.free}


@pytest.mark.parametrize("seed", [2, 3])
@pytest.mark.parametrize(("convention", "fee_asset", "cap"), CONVENTIONS)
def test_a_crash_at_any_step_leaves_the_same_events_and_balances(
    convention: str, fee_asset: str, cap: str | None, seed: int
) -> None:
    paper, candles = terms(convention, fee_asset, cap), walk(seed)
    unharmed, steps = run(paper, candles)
    expected, balances = facts(unharmed), dict(unharmed.store.book().balances)
    at_venue = venue_balances(unharmed)
    names = [name for name, *_ in expected]
    assert names.count("OrderFilled") + names.count("OrderCanceled") >= 2
    assert ("OrderPartiallyFilled" in names) is (cap is not None)
    assert ("CancelIntended" in names) is (cap is not None and seed == 3)  # a sale found a purchase open

    for nth in range(1, steps + 1):
        world, _ = run(paper, candles, nth)

        assert facts(world) == expected, f"crash at step {nth} of {steps}"
        assert dict(world.store.book().balances) == balances
        assert venue_balances(world) == at_venue


@pytest.mark.parametrize(("convention", "fee_asset", "cap"), CONVENTIONS)
def test_crash_after_crash_leaves_the_same_events(convention: str, fee_asset: str, cap: str | None) -> None:
    paper, candles = terms(convention, fee_asset, cap), walk(4)
    unharmed, steps = run(paper, candles)

    for first in range(7, steps, 17):
        world, _ = run(paper, candles, first, 3, 5, 8)
        assert facts(world) == facts(unharmed), f"crash at step {first} of {steps}, then again"


def leaves_an_order_open(paper: PaperTerms, candles: list[Candle]) -> int:
    """The number of the first candle after which one is."""
    for number in range(1, len(candles)):
        world, _ = run(paper, candles[:number])
        order = world.store.order(world.store.bot().last_order_id)
        if order.exists and not order.has_ended:
            return number
    raise AssertionError("no order was open")


def wind_down(world: World, candles: list[Candle], *crashes: int) -> int:
    """Processes that crash at these steps, and one that goes on until nothing is left to do; its steps."""
    for nth in crashes:
        with pytest.raises(Crash):
            world.process(candles, CrashPoint(nth))
    last = CrashPoint()
    with suppress(BotNotRunning):  # it had ended before the crash
        world.process(candles, last)
    return last.steps


@pytest.mark.parametrize(("convention", "cap"), [(NEXT_OPEN, None), (NEXT_OPEN, "0.1"), (CLOSE, "0.1")])
@pytest.mark.parametrize("starts_again", [False, True])
def test_a_crash_at_any_step_after_a_stop_cancels_the_order_all_the_same(
    convention: str, cap: str | None, starts_again: bool
) -> None:
    paper, candles = terms(convention, FEE_IN_QUOTE, cap), walk(2)
    number = leaves_an_order_open(paper, candles)

    def stopped() -> tuple[World, list[Candle]]:
        world, _ = run(paper, candles[:number])
        world.store.do(StopBot("bot-1", "acc-1", "enough"))
        if starts_again:  # before any worker saw that it was stopped
            world.store.do(StartBot("bot-1", "acc-1", after_candle_ms=None))
        return world, candles if starts_again else candles[:number]

    unharmed, shown = stopped()
    steps = wind_down(unharmed, shown)
    expected, at_venue = facts(unharmed), venue_balances(unharmed)
    ends = [dict(rest) for name, *rest in expected if name == "OrderCanceled"]
    assert ends
    assert ends[0]["reason"] == "canceled on request"
    assert steps >= 6
    if not starts_again:
        assert not any(locked for _, locked in at_venue.values())
        assert not unharmed.store.book().held_total("USDT").amount

    for nth in range(1, steps + 1):
        world, _ = stopped()
        wind_down(world, shown, nth)
        assert facts(world) == expected, f"crash at step {nth} of {steps}"
        assert venue_balances(world) == at_venue


@pytest.mark.parametrize(("convention", "fee_asset", "cap"), CONVENTIONS)
def test_what_the_book_says_is_what_the_venue_has(convention: str, fee_asset: str, cap: str | None) -> None:
    world, _ = run(terms(convention, fee_asset, cap), walk(5))
    account = world.venue().account("book-1")
    book = world.store.book()

    for asset in ("USDT", "BTC"):
        assert book.balances.get(("custody:book-1", asset), Decimal(0)) == account.free.get(
            asset, Decimal(0)
        ) + account.locked.get(asset, Decimal(0))
        assert book.held_total(asset).amount == account.locked.get(asset, Decimal(0))
