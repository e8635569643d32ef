"""Limits under concurrency, on both databases: what is counted is counted in the order's own transaction."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from adapters.persistence.event_log import EventStore
from application.risk.set_limits import SetAccountLimits
from application.streams import risk_stream
from domain.risk.limits import Limits
from domain.risk.risk import Risk
from tests.application.risk_world import BTC, buy, live_commands, stopped_at
from tests.builders import caller
from tests.log_stores import Engine, engine

BOTS = [f"bot-{n}" for n in range(1, 11)]
SIXTY = replace(BTC, min_notional=Decimal(50))


@pytest.fixture(params=["sqlite", "postgres"])
def log(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    with engine(request.param, request, tmp_path) as opened:
        yield opened


def writers(log: Engine) -> list[EventStore]:
    """Two processes where the engine lets two write, each with states of its own."""
    return [log.open(inline=False) for _ in range(2 if log.kind == "postgres" else 1)]


def ten_at_once(log: Engine, limits: Limits) -> tuple[list[str], Risk]:
    """Ten bots that each want to buy for 60, at the same moment: what became of each."""
    stores = writers(log)
    setting_up = stores[0].bus
    commands = live_commands(*BOTS, terms=stopped_at(1_000), allocation="60")
    for number, command in enumerate([*commands, SetAccountLimits("acc-1", limits, False, "x", "acc-1")]):
        setting_up.execute(command, caller(f"c-{number}", None)).unwrap()
    with ThreadPoolExecutor(10) as pool:
        running = [
            pool.submit(
                stores[number % len(stores)].bus.execute,
                buy(bot_id, market=SIXTY),
                caller(f"buy-{bot_id}", None),
            )
            for number, bot_id in enumerate(BOTS)
        ]
        results = [future.result().unwrap() for future in running]
    risk: Risk = stores[0].log.load(risk_stream("acc-1")).state
    return [result.get("guardrail", "") for result in results], risk


def test_a_cap_of_100_lets_one_of_ten_orders_of_60_through(log: Engine) -> None:
    """Safety §3 #4: daily cap 100, 10 × 60 parallel ⇒ 1."""
    became, risk = ten_at_once(log, Limits(strategy_budgets={"ema_crossover": Decimal(100)}))

    assert sorted(became) == ["", *["strategy_budget_reached"] * 9]
    assert [order.notional for order in risk.open_orders.values()] == [60]


def test_one_order_a_day_is_one_whoever_decides_it(log: Engine) -> None:
    """Safety §3 #4."""
    became, risk = ten_at_once(log, Limits(max_orders_per_day=1))

    assert sorted(became) == ["", *["daily_orders_reached"] * 9]
    assert len(risk.orders) == 1


def test_the_hard_bound_of_five_an_hour_holds_without_any_setting(log: Engine) -> None:
    """Safety §3 #4."""
    became, risk = ten_at_once(log, Limits())

    assert sorted(became) == [*[""] * 5, *["hourly_orders_reached"] * 5]
    assert len(risk.orders) == 5
