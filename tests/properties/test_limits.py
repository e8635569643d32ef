"""No setting exceeds a hard bound, whoever sets it, and with real money no order does."""

from __future__ import annotations

from contextlib import suppress
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from domain.errors import DomainError
from domain.money import ZERO
from domain.platform.platform import Platform
from domain.risk.assess import REFUSED, Counts, Proposal, Standing, assess
from domain.risk.limits import (
    AMOUNTS,
    HARD_BOUNDS,
    NAMES,
    RATIOS,
    Limits,
    exceeds,
    layers_of,
    require_within_hard_bounds,
)
from domain.risk.risk import Risk
from tests.builders import START, at

AMOUNT = st.decimals(min_value=0, max_value=20_000, places=2)


def value_of(name: str) -> st.SearchStrategy[Any]:
    figures = AMOUNT if name in AMOUNTS | RATIOS else st.integers(-1, 12_000)
    return st.none() | figures


LIMITS = st.builds(Limits, **{name: value_of(name) for name in NAMES})
WITHIN = st.builds(
    Limits,
    **{
        name: st.none() | st.integers(0, bound) if isinstance(bound, int) else st.none()
        for name, bound in HARD_BOUNDS.items()
    },
)
COUNTS = st.builds(
    Counts,
    orders_last_hour=st.integers(0, 8),
    orders_last_day=st.integers(0, 25),
    open_orders=st.integers(0, 12),
    open_positions=st.integers(0, 12),
    last_order_at_utc=st.none() | st.just(START),
)
STANDINGS = st.builds(
    Standing,
    now=st.just(at(3_600)),
    equity=AMOUNT,
    position_notional=AMOUNT,
    daily_loss_bps=st.integers(0, 700),
    drawdown_bps=st.integers(0, 2_000),
    losses_in_a_row=st.integers(0, 7),
    strategy_used=AMOUNT,
    old_marks=st.just(()),
    bot=COUNTS,
    account=COUNTS,
)
PROPOSALS = st.builds(
    Proposal,
    bot_id=st.just("bot-1"),
    strategy=st.just("ema_crossover"),
    notional=st.decimals(min_value=1, max_value=20_000, places=2),
    price=st.just(Decimal(100)),
    price_age_s=st.integers(0, 100),
    reference=st.none() | st.just(Decimal(101)),
    stop_bps=st.none() | st.integers(1, 9_999),
    target_bps=st.none() | st.integers(1, 20_000),
    quote_scale=st.just(2),
    least_notional=st.just(Decimal(1)),
)


@given(st.lists(st.tuples(st.sampled_from(["account", "bot", "platform"]), LIMITS), max_size=6))
def test_whatever_is_asked_for_no_setting_that_stands_exceeds_its_bound(
    asked: list[tuple[str, Limits]],
) -> None:
    risk, platform = Risk(owner_id="acc-1"), Platform()
    for scope, limits in asked:
        with suppress(DomainError):
            if scope == "platform":
                for event in platform.set_limits(limits, reason="x", by="op", at=START):
                    platform = platform.evolve(event)
            elif scope == "bot":
                for change in risk.set_bot_limits("bot-1", limits, reason="x", by="a", at=START):
                    risk = risk.evolve(change)
            else:
                for change in risk.set_limits(
                    limits, hard_bounds_on_paper=False, reason="x", by="a", at=START
                ):
                    risk = risk.evolve(change)
    for standing in (risk.limits, platform.limits, *risk.bot_limits.values()):
        require_within_hard_bounds(standing)
        for name, value in standing.items():
            bound = getattr(HARD_BOUNDS, name, None)
            assert bound is None or not exceeds(name, value, bound)


@given(PROPOSALS, STANDINGS, WITHIN, WITHIN, WITHIN)
def test_with_real_money_no_order_passes_that_a_hard_bound_forbids(
    proposal: Proposal, standing: Standing, platform: Limits, account: Limits, bot: Limits
) -> None:
    layers = layers_of(hard=True, platform=platform, account=account, bot=bot, strategy=proposal.strategy)
    assessed = assess(proposal, standing, layers)

    assert ZERO <= assessed.notional <= proposal.notional
    refused = {found.rule for found in assessed.findings if found.verdict == REFUSED}
    assert (assessed.refusal is None) == (not refused)
    if assessed.refusal is not None:
        return
    equity, spent = standing.equity, assessed.notional
    at_risk = spent * Decimal(proposal.stop_bps or 10_000) / 10_000
    assert at_risk <= equity * Decimal("0.02")
    assert standing.position_notional + spent <= equity * Decimal("0.10") or spent == ZERO
    assert standing.daily_loss_bps < 500
    assert standing.drawdown_bps < 1_500
    assert standing.account.open_positions < 10
    assert standing.account.orders_last_hour < 5
    assert standing.account.orders_last_day < 20
    if proposal.stop_bps is not None and proposal.target_bps is not None:
        assert Decimal(proposal.target_bps) >= Decimal("1.5") * proposal.stop_bps


@given(PROPOSALS, STANDINGS, WITHIN, WITHIN)
def test_a_further_limit_never_lets_more_through(
    proposal: Proposal, standing: Standing, account: Limits, bot: Limits
) -> None:
    def assessed(*, with_bot: bool) -> Any:
        own = bot if with_bot else Limits()
        return assess(
            proposal,
            standing,
            layers_of(hard=True, platform=Limits(), account=account, bot=own, strategy=proposal.strategy),
        )

    wide, narrow = assessed(with_bot=False), assessed(with_bot=True)
    assert narrow.notional <= wide.notional
    assert wide.refusal is None or narrow.refusal is not None
