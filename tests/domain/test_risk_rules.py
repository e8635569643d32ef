"""Every limit, one row each: what is measured, at the limit and beyond it, and the order of the checks."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from domain.errors import InvalidValue
from domain.money import text
from domain.risk.assess import (
    NO_LIMIT,
    OK,
    REFUSED,
    RULES,
    SIZED,
    SIZES,
    Assessment,
    Counts,
    Proposal,
    Standing,
    assess,
)
from domain.risk.errors import AboveHardBound
from domain.risk.limits import ACCOUNT, BOT, HARD, HARD_BOUNDS, PLATFORM, Limits, layers_of
from domain.risk.limits import require_within_hard_bounds as require
from tests.builders import at

QUIET = Counts(orders_last_hour=0, orders_last_day=0, open_orders=0, open_positions=0, last_order_at_utc=None)
STANDING = Standing(
    now=at(3600),
    equity=Decimal(10_000),
    position_notional=Decimal(0),
    daily_loss_bps=0,
    drawdown_bps=0,
    losses_in_a_row=0,
    strategy_used=Decimal(0),
    old_marks=(),
    bot=QUIET,
    account=QUIET,
)
PROPOSAL = Proposal(
    bot_id="bot-1",
    strategy="ema_crossover",
    notional=Decimal(1_000),
    price=Decimal(100),
    price_age_s=0,
    reference=None,
    stop_bps=None,
    target_bps=None,
    quote_scale=2,
    least_notional=Decimal(10),
)

OLD = replace(PROPOSAL, price_age_s=61)
HOLDS_300 = replace(STANDING, position_notional=Decimal(300))
PENNILESS = replace(STANDING, equity=Decimal(0))


def only(name: str, value: object) -> Limits:
    """One limit and no other."""
    change: dict[str, Any] = {name: value}
    return replace(Limits(), **change)


def held_against(
    limits: Limits, proposal: Proposal = PROPOSAL, standing: Standing = STANDING, layer: str = ACCOUNT
) -> Assessment:
    """Against the limits of one layer alone."""
    return assess(proposal, standing, {name: {layer: value} for name, value in limits.items()})


def counts(**changed: Any) -> Standing:
    return replace(STANDING, account=replace(QUIET, **changed))


REFUSALS = [
    # limit, within it, one beyond it, the refusal's code and figure
    (
        "max_price_age_s",
        60,
        (PROPOSAL, STANDING),
        (replace(PROPOSAL, price_age_s=61), STANDING),
        "price_too_old",
        "61",
    ),
    (
        "price_collar_bps",
        500,
        (replace(PROPOSAL, price=Decimal(105), reference=Decimal(100)), STANDING),
        (replace(PROPOSAL, price=Decimal("94.99"), reference=Decimal(100)), STANDING),
        "price_outside_collar",
        "501",
    ),
    (
        "max_drawdown_bps",
        1000,
        (PROPOSAL, replace(STANDING, drawdown_bps=999)),
        (PROPOSAL, replace(STANDING, drawdown_bps=1000)),
        "drawdown_reached",
        "1000",
    ),
    (
        "max_daily_loss_bps",
        300,
        (PROPOSAL, replace(STANDING, daily_loss_bps=299)),
        (PROPOSAL, replace(STANDING, daily_loss_bps=300)),
        "daily_loss_reached",
        "300",
    ),
    (
        "max_losses_in_a_row",
        3,
        (PROPOSAL, replace(STANDING, losses_in_a_row=2)),
        (PROPOSAL, replace(STANDING, losses_in_a_row=3)),
        "losses_in_a_row",
        "3",
    ),
    (
        "min_order_interval_s",
        60,
        (PROPOSAL, counts(last_order_at_utc=at(3540))),
        (PROPOSAL, counts(last_order_at_utc=at(3541))),
        "too_soon_after_last_order",
        "59",
    ),
    (
        "max_orders_per_hour",
        5,
        (PROPOSAL, counts(orders_last_hour=4)),
        (PROPOSAL, counts(orders_last_hour=5)),
        "hourly_orders_reached",
        "5",
    ),
    (
        "max_orders_per_day",
        20,
        (PROPOSAL, counts(orders_last_day=19)),
        (PROPOSAL, counts(orders_last_day=20)),
        "daily_orders_reached",
        "20",
    ),
    (
        "max_open_orders",
        2,
        (PROPOSAL, counts(open_orders=1)),
        (PROPOSAL, counts(open_orders=2)),
        "open_orders_reached",
        "2",
    ),
    (
        "max_open_positions",
        10,
        (PROPOSAL, counts(open_positions=9)),
        (PROPOSAL, counts(open_positions=10)),
        "open_positions_reached",
        "10",
    ),
    (
        "reward_to_risk",
        Decimal("1.5"),
        (replace(PROPOSAL, stop_bps=200, target_bps=300), STANDING),
        (replace(PROPOSAL, stop_bps=200, target_bps=299), STANDING),
        "reward_too_small",
        "1.495",
    ),
]


def test_every_rule_that_refuses_has_its_row_in_the_documented_order() -> None:
    assert [row[0] for row in REFUSALS] == [rule.name for rule in RULES]


@pytest.mark.parametrize(
    ("name", "limit", "within", "beyond", "code", "figure"), REFUSALS, ids=[row[0] for row in REFUSALS]
)
def test_a_rule_lets_its_limit_pass_and_refuses_what_is_beyond(
    name: str,
    limit: int | Decimal,
    within: tuple[Proposal, Standing],
    beyond: tuple[Proposal, Standing],
    code: str,
    figure: str,
) -> None:
    limits = only(name, limit)

    passed, refused = held_against(limits, *within), held_against(limits, *beyond)

    assert passed.refusal is None
    assert {found.verdict for found in passed.findings if found.rule == name} == {OK}
    assert refused.refusal is not None
    assert (refused.refusal.code, refused.refusal.data) == (
        code,
        {"layer": "account", "figure": figure, "limit": text(Decimal(limit))},
    )
    (found,) = [found for found in refused.findings if found.rule == name]
    assert (found.verdict, found.figure, found.layer) == (REFUSED, figure, ACCOUNT)


SIZE_ROWS = [
    # limit, proposal, standing, what is left of 1,000
    (
        "risk_per_trade_bps",
        200,
        replace(PROPOSAL, stop_bps=2_500),
        STANDING,
        "800",
    ),  # 2 % of 10,000 over 25 %
    ("risk_per_trade_bps", 200, PROPOSAL, STANDING, "200"),  # without a stop all of it is at risk
    ("max_order_notional", Decimal("400.555"), PROPOSAL, STANDING, "400.55"),
    (
        "max_position_notional",
        Decimal(700),
        PROPOSAL,
        replace(STANDING, position_notional=Decimal(300)),
        "400",
    ),
    ("max_position_share_bps", 1_000, PROPOSAL, replace(STANDING, position_notional=Decimal(250)), "750"),
]


@pytest.mark.parametrize(("name", "limit", "proposal", "standing", "left"), SIZE_ROWS)
def test_a_limit_of_size_makes_the_order_smaller(
    name: str, limit: int | Decimal, proposal: Proposal, standing: Standing, left: str
) -> None:
    assessed = held_against(only(name, limit), proposal, standing)

    assert assessed.refusal is None
    assert text(assessed.notional) == left
    assert {found.verdict for found in assessed.findings if found.rule == name} == {SIZED}


@pytest.mark.parametrize(
    ("limits", "standing", "code"),
    [
        (Limits(risk_per_trade_bps=9), STANDING, "risk_per_trade_reached"),
        (Limits(max_order_notional=Decimal("9.99")), STANDING, "order_notional_reached"),
        (
            Limits(max_position_notional=Decimal(700)),
            replace(STANDING, position_notional=Decimal(695)),
            "position_notional_reached",
        ),
        (
            Limits(max_position_share_bps=1_000),
            replace(STANDING, equity=Decimal(0)),
            "position_share_reached",
        ),
        (
            Limits(strategy_budgets={"ema_crossover": Decimal(500)}),
            replace(STANDING, strategy_used=Decimal(500)),
            "strategy_budget_reached",
        ),
    ],
)
def test_what_is_left_below_the_markets_least_is_refused_by_the_rule_that_left_it(
    limits: Limits, standing: Standing, code: str
) -> None:
    refusal = held_against(limits, standing=standing).refusal
    assert refusal is not None
    assert refusal.code == code
    assert "the market's least is 10" in str(refusal)


def test_a_strategys_budget_binds_its_own_bots_alone() -> None:
    limits = Limits(strategy_budgets={"ema_crossover": Decimal(600), "other": Decimal(5)})
    layers = layers_of(hard=False, platform=Limits(), account=limits, bot=Limits(), strategy="ema_crossover")

    assert layers == {"strategy_budget:ema_crossover": {ACCOUNT: Decimal(600)}}
    assert assess(PROPOSAL, STANDING, layers).notional == 600


def test_the_first_rule_in_order_is_the_one_that_refuses() -> None:
    """All that stand after it would refuse as well."""
    each: dict[str, Any] = {name: limit for name, limit, *_ in REFUSALS}
    everything = replace(Limits(max_order_notional=Decimal(1)), **each)
    worst_p = replace(
        PROPOSAL, price_age_s=61, price=Decimal(50), reference=Decimal(100), stop_bps=200, target_bps=1
    )
    worst_s = replace(
        STANDING,
        drawdown_bps=9_000,
        daily_loss_bps=9_000,
        losses_in_a_row=9,
        account=Counts(
            orders_last_hour=99,
            orders_last_day=99,
            open_orders=99,
            open_positions=99,
            last_order_at_utc=at(3599),
        ),
    )
    for name, _, _, _, code, _ in REFUSALS:
        refusal = held_against(everything, worst_p, worst_s).refusal
        assert refusal is not None
        assert refusal.code == code
        gone: dict[str, Any] = {name: None}
        everything = replace(everything, **gone)
    last = held_against(everything, worst_p, worst_s).refusal
    assert last is not None
    assert last.code == "order_notional_reached"


def test_a_bots_limit_is_measured_for_the_bot_and_every_other_for_the_account() -> None:
    standing = replace(STANDING, account=replace(QUIET, orders_last_hour=7))
    limits = Limits(max_orders_per_hour=5)
    assert held_against(limits, standing=standing, layer=BOT).refusal is None
    for layer in (HARD, PLATFORM, ACCOUNT):
        refusal = held_against(limits, standing=standing, layer=layer).refusal
        assert refusal is not None
        assert refusal.layer == layer


@pytest.mark.parametrize(
    "limits",
    [
        Limits(max_drawdown_bps=1000),
        Limits(max_daily_loss_bps=300),
        Limits(risk_per_trade_bps=100),
        Limits(max_position_share_bps=500),
    ],
)
def test_a_share_of_what_nobody_knows_is_refused(limits: Limits) -> None:
    """Safety #28: without a fresh price there is no equity."""
    refusal = held_against(limits, standing=replace(STANDING, old_marks=("ETH/USDT",))).refusal
    assert refusal is not None
    assert refusal.code == "equity_unknown"
    assert "ETH/USDT" in str(refusal)


def test_a_price_ten_times_the_reference_is_refused() -> None:
    """Safety #28: fat finger."""
    wrong = replace(PROPOSAL, price=Decimal(1_000), reference=Decimal(100))
    refusal = held_against(Limits(price_collar_bps=1_000), wrong).refusal
    assert refusal is not None
    assert refusal.data["figure"] == "90000"


def test_what_does_not_apply_passes_and_says_so() -> None:
    limits = Limits(price_collar_bps=1, reward_to_risk=Decimal(9), min_order_interval_s=9)
    assessed = held_against(limits)
    applied = [found for found in assessed.findings if found.verdict != NO_LIMIT]
    assert {found.rule for found in applied} == {"price_collar_bps", "reward_to_risk", "min_order_interval_s"}
    assert {found.verdict for found in applied} == {OK}
    assert assessed.notional == PROPOSAL.notional


def test_without_limits_every_rule_is_listed_and_nothing_changes() -> None:
    assessed = assess(PROPOSAL, STANDING, {})
    assert len(assessed.findings) == len(RULES) + len(SIZES)
    assert {found.verdict for found in assessed.findings} == {NO_LIMIT}
    assert (assessed.refusal, assessed.notional) == (None, PROPOSAL.notional)


def test_the_hard_bounds_are_those_that_were_promised() -> None:
    assert dict(HARD_BOUNDS.items()) == {
        "risk_per_trade_bps": 200,
        "reward_to_risk": Decimal("1.5"),
        "max_position_share_bps": 1_000,
        "max_open_positions": 10,
        "max_orders_per_hour": 5,
        "max_orders_per_day": 20,
        "max_daily_loss_bps": 500,
        "max_drawdown_bps": 1_500,
        "max_losses_in_a_row": 5,
    }


@pytest.mark.parametrize(("name", "bound"), list(HARD_BOUNDS.items()))
def test_a_setting_reaches_its_hard_bound_and_no_further(name: str, bound: int | Decimal) -> None:
    step = Decimal("0.1") if isinstance(bound, Decimal) else 1
    looser = bound - step if name == "reward_to_risk" else bound + step
    require(only(name, bound))
    with pytest.raises(AboveHardBound) as refusal:
        require(only(name, looser))
    assert refusal.value.data == {
        "limit": name,
        "asked": text(Decimal(looser)),
        "bound": text(Decimal(bound)),
    }


@pytest.mark.parametrize(
    ("limits", "field"),
    [
        (Limits(max_open_orders=-1), "max_open_orders"),
        (Limits(max_open_orders=True), "max_open_orders"),
        (Limits(max_open_orders=1_000_001), "max_open_orders"),
        (Limits(price_collar_bps=10_001), "price_collar_bps"),
        (Limits(max_order_notional=Decimal("NaN")), "max_order_notional"),
        (Limits(max_order_notional=Decimal(-1)), "max_order_notional"),
        (Limits(strategy_budgets={"x": Decimal(-1)}), "strategy_budget:x"),
    ],
)
def test_a_figure_that_is_none_is_refused_by_name(limits: Limits, field: str) -> None:
    with pytest.raises(InvalidValue) as refusal:
        require(limits)
    assert refusal.value.field == field


def test_hard_bounds_and_the_platforms_bind_real_money_alone() -> None:
    own = Limits(max_open_orders=3)
    given: dict[str, Any] = {"platform": Limits(max_open_orders=7), "account": own, "bot": Limits()}
    real = layers_of(hard=True, strategy="x", **given)
    paper = layers_of(hard=False, strategy="x", **given)
    assert real["max_open_orders"] == {PLATFORM: 7, ACCOUNT: 3}
    assert {name for name, by in real.items() if HARD in by} == {name for name, _ in HARD_BOUNDS.items()}
    assert paper == {"max_open_orders": {ACCOUNT: 3}}


def test_time_between_orders_is_measured_from_the_last_one() -> None:
    standing = replace(STANDING, bot=replace(QUIET, last_order_at_utc=STANDING.now - timedelta(seconds=5)))
    assert held_against(Limits(min_order_interval_s=6), standing=standing, layer=BOT).refusal is not None
    assert held_against(Limits(min_order_interval_s=6), standing=standing).refusal is None
