"""A bot's process dies at every single step; what it leaves in the log is what an unharmed run leaves.

Kept true: intent before effect, every step may be done again, a run resumes by doing it again.
"""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from decimal import Decimal
from typing import Any

import pytest

from application.ports.paper_accounts import CLOSE, FEE_IN_QUOTE, FEE_IN_RECEIVED, NEXT_OPEN, PaperTerms
from domain.market import Candle
from tests.application.bots.market import Crash, CrashPoint, World, walk
from tests.application.harness import with_running_bot

CONVENTIONS = [
    pytest.param(
        convention, fee_asset, cap, id=f"{convention}-fee in {fee_asset}-{'capped' if cap else 'uncapped'}"
    )
    for convention in (NEXT_OPEN, CLOSE)
    for fee_asset in (FEE_IN_QUOTE, FEE_IN_RECEIVED)
    for cap in (None, "0.5")
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
    assert sum(name == "OrderFilled" for name, *_ in expected) >= 2
    assert cap is None or any(name == "OrderPartiallyFilled" for name, *_ in expected)

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
