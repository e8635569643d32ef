"""One bot's position as risk sees it, and a book's profit over time: both pure arithmetic."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal

from domain.money import DEFAULT_SCALE, ZERO, add, divide_down, multiply_down, negate, subtract

BPS = Decimal(10_000)


@dataclass(frozen=True, slots=True)
class Exposure:
    """What a bot holds, at average cost, fees included."""

    book_id: str
    symbol: str
    strategy: str
    lot_size: Decimal = ZERO
    base_quantity: Decimal = ZERO
    cost_quote: Decimal = ZERO
    realised_quote: Decimal = ZERO  # of all its sales

    @property
    def is_open(self) -> bool:
        """Less than a lot is dust, which no order can sell."""
        return self.base_quantity > ZERO and self.base_quantity >= self.lot_size

    def after(self, base_change: Decimal, quote_change: Decimal) -> Exposure:
        """After one more fill. What is sold beyond what was counted had a cost that is not known here: its
        proceeds count for no profit.
        """
        if base_change >= ZERO:
            return replace(
                self,
                base_quantity=add(self.base_quantity, base_change),
                cost_quote=subtract(self.cost_quote, quote_change),
            )
        sold = negate(base_change)
        known = min(sold, self.base_quantity)
        if known <= ZERO:
            return self
        cost = (
            self.cost_quote
            if known == self.base_quantity
            else share_of(self.cost_quote, known, self.base_quantity)
        )
        proceeds = quote_change if known == sold else share_of(quote_change, known, sold)
        return replace(
            self,
            base_quantity=subtract(self.base_quantity, known),
            cost_quote=subtract(self.cost_quote, cost),
            realised_quote=add(self.realised_quote, subtract(proceeds, cost)),
        )

    def profit_at(self, price: Decimal | None) -> Decimal:
        """Realised and not, in quote; without a price the position is worth what it cost."""
        if price is None:
            return self.realised_quote
        return add(self.realised_quote, subtract(worth(self.base_quantity, price), self.cost_quote))


@dataclass(frozen=True, slots=True)
class Curve:
    """A book's profit over time, in one quote asset. Deposits and withdrawals do not show in it."""

    equity: Decimal = ZERO
    profit: Decimal = ZERO
    peak: Decimal = ZERO  # the largest profit
    day: str = ""  # ISO date, UTC
    day_began_at: Decimal = ZERO  # the last profit known before the day

    def after(self, *, equity: Decimal, profit: Decimal, day: str) -> Curve:
        new_day = day > self.day
        return Curve(
            equity=equity,
            profit=profit,
            peak=max(self.peak, profit),
            day=max(day, self.day),
            day_began_at=self.profit if new_day else self.day_began_at,
        )

    @property
    def daily_loss_bps(self) -> int:
        """Of what the book would be worth without the loss, rounded up; zero in a day of profit."""
        return _lost_bps(subtract(self.day_began_at, self.profit), self.equity)

    @property
    def drawdown_bps(self) -> int:
        """Of what the book would be worth at its peak, rounded up."""
        return _lost_bps(subtract(self.peak, self.profit), self.equity)

    def from_here(self) -> Curve:
        """The peak anew: what was lost before is known, and somebody lets trading go on."""
        return replace(self, peak=self.profit)


def _lost_bps(lost: Decimal, equity: Decimal) -> int:
    if lost <= ZERO:
        return 0
    whole = add(equity, lost)
    return share_bps(lost, whole) if whole > ZERO else int(BPS)


def share_bps(part: Decimal, whole: Decimal) -> int:
    """In basis points, rounded up; all of it where there is nothing."""
    if whole <= ZERO:
        return 0 if part <= ZERO else int(BPS)
    share = divide_down(multiply_down(part, BPS, DEFAULT_SCALE), whole, DEFAULT_SCALE)
    return int(share) + (share > int(share))


def share_of(amount: Decimal, part: Decimal, whole: Decimal) -> Decimal:
    """The part's share of an amount, cut to 18 places."""
    return divide_down(multiply_down(amount, part, 2 * DEFAULT_SCALE), whole, DEFAULT_SCALE)


def worth(base: Decimal, price: Decimal) -> Decimal:
    return multiply_down(base, price, DEFAULT_SCALE)
