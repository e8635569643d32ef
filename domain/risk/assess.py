"""The rules: an order that would add to a position, held against every limit, in a documented order."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from domain.money import ZERO, divide_down, multiply_down, subtract, text
from domain.risk import errors
from domain.risk.errors import LimitReached
from domain.risk.exposure import BPS, share_bps
from domain.risk.limits import BOT, STRATEGY_BUDGET

OK, SIZED, REFUSED, NO_LIMIT = "ok", "sized", "refused", "no_limit"
"""A rule's verdict: passed, passed once the order is made smaller, refused, nothing set."""

_SCALE = 18


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """An order that would add to a position, before it is held against the limits."""

    bot_id: str
    strategy: str
    notional: Decimal  # quote, fees included: what would be spent
    price: Decimal  # what it is decided on
    price_age_s: int  # since its candle closed
    reference: (
        Decimal | None
    )  # another, earlier price of the market that is still good; None where there is none
    stop_bps: int | None  # distance of the nearest stop
    target_bps: int | None
    quote_scale: int
    least_notional: Decimal  # the market's


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What a bot, or all of an account's with the same kind of money, did and has."""

    orders_last_hour: int
    orders_last_day: int
    open_orders: int
    open_positions: int  # without the bot's own, where it adds to one
    last_order_at_utc: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What an order is measured against, as of one moment."""

    now: datetime
    equity: Decimal  # of the book in the quote asset: all that is owed, base assets at their marks
    position_notional: Decimal  # what the bot holds and has on order, at the price
    daily_loss_bps: int
    drawdown_bps: int
    losses_in_a_row: int
    strategy_used: Decimal  # cost of the strategy's positions in this quote asset, and its open orders
    old_marks: tuple[str, ...]  # symbols held whose price is too old to value them
    bot: Counts
    account: Counts

    def counts(self, layer: str) -> Counts:
        return self.bot if layer == BOT else self.account


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One rule's answer: what was measured, what is allowed, who says so."""

    rule: str
    layer: str
    figure: str
    limit: str
    verdict: str
    detail: str
    refusal: LimitReached | None = None  # where the verdict is REFUSED


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessment:
    """Every rule's finding, in their order, and what may be spent after all."""

    findings: Sequence[Finding]
    notional: Decimal

    @property
    def refusal(self) -> LimitReached | None:
        """The first rule's that refuses."""
        return next((found.refusal for found in self.findings if found.refusal is not None), None)


Layers = Mapping[str, Mapping[str, int | Decimal]]


def assess(proposal: Proposal, standing: Standing, layers: Layers) -> Assessment:
    """Hold an order against every limit of every layer.

    First the rules that refuse, in the order of RULES, then those that make the order smaller, in the order
    of SIZES. What is left below the market's least, or nothing, is refused by the rule that left the least.
    """
    findings: list[Finding] = []
    for rule in RULES:
        findings += _checked(rule, proposal, standing, layers)
    sized = proposal
    for size in SIZES:
        found, sized = _sized(size, sized, standing, layers)
        findings += found
    return Assessment(findings=findings, notional=sized.notional)


# -- rules that refuse -------------------------------------------------------------------------------------

Measured = tuple[str, bool, str]  # the figure, whether it is within the limit, in words
Measure = Callable[[Proposal, Standing, str, "int | Decimal"], "Measured | None"]


@dataclass(frozen=True, slots=True)
class Rule:
    """One limit's name, how it is measured, and its refusal. `measure`: None where it does not apply."""

    name: str
    measure: Measure
    refusal: type[LimitReached]


def _price_age(p: Proposal, _s: Standing, _layer: str, limit: int | Decimal) -> Measured:
    return (
        str(p.price_age_s),
        p.price_age_s <= limit,
        f"the price is {p.price_age_s} s old, at most {limit} s",
    )


def _collar(p: Proposal, _s: Standing, _layer: str, limit: int | Decimal) -> Measured | None:
    if p.reference is None:
        return None
    off = subtract(p.price, p.reference)
    bps = share_bps(off.copy_abs(), p.reference)
    words = f"the price {text(p.price)} is {bps} bps from the reference {text(p.reference)}, at most {limit}"
    return str(bps), bps <= limit, words


def _drawdown(_p: Proposal, s: Standing, _layer: str, limit: int | Decimal) -> Measured:
    return _below(s.drawdown_bps, limit, "bps were lost from the peak")


def _daily_loss(_p: Proposal, s: Standing, _layer: str, limit: int | Decimal) -> Measured:
    return _below(s.daily_loss_bps, limit, "bps were lost today")


def _losses(_p: Proposal, s: Standing, _layer: str, limit: int | Decimal) -> Measured:
    return _below(s.losses_in_a_row, limit, "losses in a row")


def _interval(_p: Proposal, s: Standing, layer: str, limit: int | Decimal) -> Measured:
    last = s.counts(layer).last_order_at_utc
    if last is None:
        return "", True, "there was no order before"
    passed = int((s.now - last).total_seconds())
    return str(passed), passed >= limit, f"{passed} s since the last order, at least {limit} s"


def _hourly(_p: Proposal, s: Standing, layer: str, limit: int | Decimal) -> Measured:
    return _one_more(s.counts(layer).orders_last_hour, limit, "orders within an hour")


def _daily(_p: Proposal, s: Standing, layer: str, limit: int | Decimal) -> Measured:
    return _one_more(s.counts(layer).orders_last_day, limit, "orders within 24 hours")


def _open_orders(_p: Proposal, s: Standing, layer: str, limit: int | Decimal) -> Measured:
    return _one_more(s.counts(layer).open_orders, limit, "open orders")


def _open_positions(_p: Proposal, s: Standing, layer: str, limit: int | Decimal) -> Measured:
    return _one_more(s.counts(layer).open_positions, limit, "open positions")


def _reward(p: Proposal, _s: Standing, _layer: str, limit: int | Decimal) -> Measured | None:
    if p.stop_bps is None or p.target_bps is None:
        return None
    ratio = divide_down(Decimal(p.target_bps), Decimal(p.stop_bps), 4)
    words = f"target {p.target_bps} bps for a stop of {p.stop_bps} bps is {text(ratio)}, at least {limit}"
    return (
        text(ratio),
        Decimal(p.target_bps) >= multiply_down(Decimal(limit), Decimal(p.stop_bps), _SCALE),
        words,
    )


RULES = (
    Rule("max_price_age_s", _price_age, errors.PriceTooOld),
    Rule("price_collar_bps", _collar, errors.PriceOutsideCollar),
    Rule("max_drawdown_bps", _drawdown, errors.DrawdownReached),
    Rule("max_daily_loss_bps", _daily_loss, errors.DailyLossReached),
    Rule("max_losses_in_a_row", _losses, errors.LossesInARow),
    Rule("min_order_interval_s", _interval, errors.TooSoonAfterLastOrder),
    Rule("max_orders_per_hour", _hourly, errors.HourlyOrdersReached),
    Rule("max_orders_per_day", _daily, errors.DailyOrdersReached),
    Rule("max_open_orders", _open_orders, errors.OpenOrdersReached),
    Rule("max_open_positions", _open_positions, errors.OpenPositionsReached),
    Rule("reward_to_risk", _reward, errors.RewardTooSmall),
)
"""In this order; the first that refuses is the order's refusal."""

OF_EQUITY = frozenset(
    {"max_drawdown_bps", "max_daily_loss_bps", "risk_per_trade_bps", "max_position_share_bps"}
)
"""Limits that need to know what the account is worth."""


def _below(figure: int, limit: int | Decimal, what: str) -> Measured:
    return str(figure), figure < limit, f"{figure} {what}, below {limit}"


def _one_more(count: int, limit: int | Decimal, what: str) -> Measured:
    return str(count), count < limit, f"{count} {what} before this one, at most {limit} with it"


def _checked(rule: Rule, proposal: Proposal, standing: Standing, layers: Layers) -> list[Finding]:
    found = [
        _finding(rule, layer, limit, rule.measure(proposal, standing, layer, limit), standing)
        for layer, limit in layers.get(rule.name, {}).items()
    ]
    return found or [_unlimited(rule.name)]


def _finding(
    rule: Rule, layer: str, limit: int | Decimal, measured: Measured | None, standing: Standing
) -> Finding:
    bound = text(Decimal(limit))
    if rule.name in OF_EQUITY and standing.old_marks:
        return _equity_unknown(rule.name, layer, bound, standing)
    if measured is None:
        words = "does not apply: there is nothing to hold it against"
        return Finding(rule=rule.name, layer=layer, figure="", limit=bound, verdict=OK, detail=words)
    figure, is_within, words = measured
    refusal = None if is_within else rule.refusal(layer=layer, figure=figure, limit=bound, detail=words)
    return Finding(
        rule=rule.name,
        layer=layer,
        figure=figure,
        limit=bound,
        verdict=OK if is_within else REFUSED,
        detail=words,
        refusal=refusal,
    )


def _equity_unknown(name: str, layer: str, bound: str, standing: Standing) -> Finding:
    words = f"no fresh price of {', '.join(standing.old_marks)}, so what the account is worth is not known"
    refusal = errors.EquityUnknown(layer=layer, figure="", limit=bound, detail=words)
    return Finding(
        rule=name, layer=layer, figure="", limit=bound, verdict=REFUSED, detail=words, refusal=refusal
    )


def _unlimited(name: str) -> Finding:
    return Finding(rule=name, layer="", figure="", limit="", verdict=NO_LIMIT, detail="nothing is set")


# -- rules that make an order smaller ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Size:
    """One limit's name, the most that it lets an order spend, and its refusal."""

    name: str
    most: Callable[[Proposal, Standing, Decimal], Decimal]
    refusal: type[LimitReached]


def _by_risk(p: Proposal, s: Standing, limit: Decimal) -> Decimal:
    """Without a stop all of the order is at risk."""
    at_risk = _share(s.equity, limit)
    distance = BPS if p.stop_bps is None else Decimal(p.stop_bps)
    return divide_down(multiply_down(at_risk, BPS, _SCALE), distance, _SCALE)


def _by_order(_p: Proposal, _s: Standing, limit: Decimal) -> Decimal:
    return limit


def _by_position(_p: Proposal, s: Standing, limit: Decimal) -> Decimal:
    return subtract(limit, s.position_notional)


def _by_share(_p: Proposal, s: Standing, limit: Decimal) -> Decimal:
    return subtract(_share(s.equity, limit), s.position_notional)


def _by_budget(_p: Proposal, s: Standing, limit: Decimal) -> Decimal:
    return subtract(limit, s.strategy_used)


SIZES = (
    Size("risk_per_trade_bps", _by_risk, errors.RiskPerTradeReached),
    Size("max_order_notional", _by_order, errors.OrderNotionalReached),
    Size("max_position_notional", _by_position, errors.PositionNotionalReached),
    Size("max_position_share_bps", _by_share, errors.PositionShareReached),
    Size(STRATEGY_BUDGET, _by_budget, errors.StrategyBudgetReached),
)
"""In this order; each may leave less than the one before."""


def _share(equity: Decimal, bps: Decimal) -> Decimal:
    return divide_down(multiply_down(max(equity, ZERO), bps, _SCALE), BPS, _SCALE)


def _sized(
    size: Size, proposal: Proposal, standing: Standing, layers: Layers
) -> tuple[list[Finding], Proposal]:
    """The rule's findings, and the order as it leaves it."""
    key = f"{STRATEGY_BUDGET}:{proposal.strategy}" if size.name == STRATEGY_BUDGET else size.name
    given = layers.get(key, {})
    if not given:
        return [_unlimited(key)], proposal
    found = []
    for layer, limit in given.items():
        bound = text(Decimal(limit))
        if size.name in OF_EQUITY and standing.old_marks:
            found.append(_equity_unknown(key, layer, bound, standing))
            continue
        most = _cut(max(size.most(proposal, standing, Decimal(limit)), ZERO), proposal.quote_scale)
        left = min(proposal.notional, most)
        words = f"may spend {text(most)} of {text(proposal.notional)}"
        verdict, refusal = OK if left == proposal.notional else SIZED, None
        if left < proposal.notional and (left <= ZERO or left < proposal.least_notional):
            words = f"{words}; the market's least is {text(proposal.least_notional)}"
            verdict = REFUSED
            refusal = size.refusal(layer=layer, figure=text(proposal.notional), limit=bound, detail=words)
        found.append(
            Finding(
                rule=key,
                layer=layer,
                figure=text(proposal.notional),
                limit=bound,
                verdict=verdict,
                detail=words,
                refusal=refusal,
            )
        )
        proposal = replace(proposal, notional=left)
    return found, proposal


def _cut(amount: Decimal, scale: int) -> Decimal:
    return multiply_down(amount, Decimal(1), scale)
