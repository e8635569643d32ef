"""Refusals of limits: one class a rule, with its figure, the limit and who set it."""

from __future__ import annotations

from domain.errors import DomainError


class AboveHardBound(DomainError, code="above_hard_bound"):
    """The setting would allow more than the bound that is written in the program; ask for no more than it."""

    def __init__(self, *, limit: str, asked: str, bound: str) -> None:
        super().__init__(f"{limit}: {asked} goes beyond the hard bound of {bound}, which no setting does")
        self.limit, self.asked, self.bound = limit, asked, bound


class LimitReached(DomainError, code="limit_reached"):
    """An order that adds to a position goes beyond a limit. `layer` says who set it."""

    def __init__(self, *, layer: str, figure: str, limit: str, detail: str) -> None:
        super().__init__(f"{detail} ({layer} limit)")
        self.layer, self.figure, self.limit = layer, figure, limit


class PriceTooOld(LimitReached, code="price_too_old"):
    """The price that the order rests on is older than allowed; the next candle brings a newer one."""


class EquityUnknown(LimitReached, code="equity_unknown"):
    """A position's price is too old to say what the account is worth, so no share of it can be taken."""


class PriceOutsideCollar(LimitReached, code="price_outside_collar"):
    """The price is further from the reference than allowed: look at the feed before anything else."""


class DrawdownReached(LimitReached, code="drawdown_reached"):
    """The account lost more from its peak than allowed: it is stopped until somebody frees it."""


class DailyLossReached(LimitReached, code="daily_loss_reached"):
    """The account lost more today than allowed; new positions wait for the next day (UTC)."""


class LossesInARow(LimitReached, code="losses_in_a_row"):
    """Too many of the bot's trades in a row ended with a loss: it is paused until its owner resumes it."""


class TooSoonAfterLastOrder(LimitReached, code="too_soon_after_last_order"):
    """The least time between two orders has not passed."""


class HourlyOrdersReached(LimitReached, code="hourly_orders_reached"):
    """As many orders as allowed were placed within the last hour."""


class DailyOrdersReached(LimitReached, code="daily_orders_reached"):
    """As many orders as allowed were placed within the last 24 hours."""


class OpenOrdersReached(LimitReached, code="open_orders_reached"):
    """As many orders as allowed are open."""


class OpenPositionsReached(LimitReached, code="open_positions_reached"):
    """As many positions as allowed are open; one more waits until one is closed."""


class RewardTooSmall(LimitReached, code="reward_too_small"):
    """The target is too near for the distance of the stop; change the bot's stop or target."""


class RiskPerTradeReached(LimitReached, code="risk_per_trade_reached"):
    """What is left of the order when it risks no more than allowed is too little to be placed."""


class OrderNotionalReached(LimitReached, code="order_notional_reached"):
    """What one order may be worth is less than the market's least."""


class PositionNotionalReached(LimitReached, code="position_notional_reached"):
    """The position is as large as allowed, or what is left up to there is too little to be placed."""


class PositionShareReached(LimitReached, code="position_share_reached"):
    """The position is as large a share of the account as allowed, or what is left is too little."""


class StrategyBudgetReached(LimitReached, code="strategy_budget_reached"):
    """The strategy's budget is used up, or what is left of it is too little to be placed."""
