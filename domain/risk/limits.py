"""Limits by name, the bounds that no setting exceeds, and which layer sets what."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from decimal import Decimal

from domain.errors import InvalidValue
from domain.money import fits, text
from domain.risk.errors import AboveHardBound

HARD, PLATFORM, ACCOUNT, BOT = "hard", "platform", "account", "bot"
LAYERS = (HARD, PLATFORM, ACCOUNT, BOT)
"""Who may set a limit, the widest first. What the bot's layer sets is measured for the bot, all else for the
account."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What may be risked; None is no limit. Shares are in basis points (100 = 1 %), amounts in the order's
    quote asset. Measured on orders that add to a position: what reduces one is never held back.
    """

    risk_per_trade_bps: int | None = None  # of equity: quantity × distance to the stop
    reward_to_risk: Decimal | None = None  # at least, where a bot states a stop and a target
    max_order_notional: Decimal | None = None
    max_position_notional: Decimal | None = None
    max_position_share_bps: int | None = None  # of equity
    max_open_positions: int | None = None
    max_open_orders: int | None = None
    max_orders_per_hour: int | None = None
    max_orders_per_day: int | None = None
    max_daily_loss_bps: int | None = None  # of equity, since the day began (UTC)
    max_drawdown_bps: int | None = None  # of equity at its peak; reached, the account is stopped
    max_losses_in_a_row: int | None = None  # reached, the bot is paused
    price_collar_bps: int | None = None  # how far the price may be from the reference
    max_price_age_s: int | None = None  # beyond the candle's close
    min_order_interval_s: int | None = None
    strategy_budgets: Mapping[str, Decimal] = field(default_factory=dict)  # by strategy: cost and open orders

    def items(self) -> Iterator[tuple[str, int | Decimal]]:
        """Every limit that is set, by name; a budget as "strategy_budget:NAME"."""
        for name in NAMES:
            value = getattr(self, name)
            if value is not None:
                yield name, value
        for strategy, budget in sorted(self.strategy_budgets.items()):
            yield f"{STRATEGY_BUDGET}:{strategy}", budget

    @property
    def is_empty(self) -> bool:
        return self == NO_LIMITS


STRATEGY_BUDGET = "strategy_budget"
NAMES = tuple(each.name for each in fields(Limits) if each.name != "strategy_budgets")
NO_LIMITS = Limits()

LEAST = frozenset({"reward_to_risk", "min_order_interval_s"})
"""Limits from below; all others are from above."""

AMOUNTS = frozenset({"max_order_notional", "max_position_notional"})
RATIOS = frozenset({"reward_to_risk"})
SHARES = frozenset(
    {
        "risk_per_trade_bps",
        "max_position_share_bps",
        "max_daily_loss_bps",
        "max_drawdown_bps",
        "price_collar_bps",
    }
)

HARD_BOUNDS = Limits(
    risk_per_trade_bps=200,
    reward_to_risk=Decimal("1.5"),
    max_position_share_bps=1_000,
    max_open_positions=10,
    max_orders_per_hour=5,
    max_orders_per_day=20,
    max_daily_loss_bps=500,
    max_drawdown_bps=1_500,
    max_losses_in_a_row=5,
)
"""What no setting exceeds: not a bot's, not an account's, not the platform's. Changed in code alone."""

_MOST_SHARE_BPS = 10_000
_MOST_COUNT = 1_000_000


def require_within_hard_bounds(limits: Limits) -> None:
    """Raises InvalidValue for a figure that is none, then AboveHardBound for one that exceeds its bound."""
    for name, value in limits.items():
        _require_valid(name, value)
    for name, value in limits.items():
        bound = getattr(HARD_BOUNDS, name, None)
        if bound is not None and exceeds(name, value, bound):
            raise AboveHardBound(limit=name, asked=text(Decimal(value)), bound=text(Decimal(bound)))


def exceeds(name: str, value: int | Decimal, bound: int | Decimal) -> bool:
    """Whether a limit of that name allows more than another."""
    return value < bound if name in LEAST else value > bound


def layers_of(
    *, hard: bool, platform: Limits, account: Limits, bot: Limits, strategy: str
) -> Mapping[str, Mapping[str, int | Decimal]]:
    """Of each limit, who sets it to what, the widest layer first. `hard`: the hard bounds and the platform's
    limits bind, as they do all real money; else only what the account and the bot set.
    """
    found: dict[str, dict[str, int | Decimal]] = {}
    given = ((HARD, HARD_BOUNDS), (PLATFORM, platform), (ACCOUNT, account), (BOT, bot))
    for layer, limits in given if hard else given[2:]:
        for name, value in limits.items():
            found.setdefault(name, {})[layer] = value
    own_budget = f"{STRATEGY_BUDGET}:{strategy}"
    others = [name for name in found if name.startswith(STRATEGY_BUDGET) and name != own_budget]
    for name in others:
        del found[name]
    return found


def _require_valid(name: str, value: int | Decimal) -> None:
    if name in AMOUNTS | RATIOS or name.startswith(STRATEGY_BUDGET):
        if not isinstance(value, Decimal) or not fits(value) or value < 0:
            raise InvalidValue(name, f"{value} is no amount of zero or more, of at most 18 digits")
    elif not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise InvalidValue(name, f"{value!r} is not a whole number of zero or more")
    elif name in SHARES and value > _MOST_SHARE_BPS:
        raise InvalidValue(name, f"is in basis points: at most {_MOST_SHARE_BPS} (100 %), is {value}")
    elif value > _MOST_COUNT:
        raise InvalidValue(name, f"must be at most {_MOST_COUNT}; leave it out for no limit")
