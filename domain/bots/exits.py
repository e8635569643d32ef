"""Where a bot leaves its position whatever its strategy says: stop, target and trailing stop."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from domain.bots.events import BotTerms
from domain.market import Candle
from domain.money import add, multiply_down, multiply_up, subtract

ONE_BPS = Decimal("0.0001")
PLACES = 18


@dataclass(frozen=True, slots=True)
class Exits:
    """One cancels the others: the first that is reached sells the whole position.

    They are looked at when a candle closes, by its low and high: of two reached in one candle the stop
    counts, for nobody knows which came first, and a trailing stop follows the candles before it.
    """

    stop_loss_bps: int | None = None
    take_profit_bps: int | None = None
    trailing_stop_bps: int | None = None

    @classmethod
    def of(cls, terms: BotTerms) -> Exits:
        return cls(terms.stop_loss_bps, terms.take_profit_bps, terms.trailing_stop_bps)

    @property
    def are_set(self) -> bool:
        return (self.stop_loss_bps, self.take_profit_bps, self.trailing_stop_bps) != (None, None, None)

    def stop_price(self, entry_price: Decimal, highest: Decimal) -> Decimal | None:
        """The higher of stop and trailing stop, in quote per base; None without either.

        `highest` is the highest price since the entry, and at least the entry price.
        """
        stops = []
        if self.stop_loss_bps is not None:
            stops.append(_below(entry_price, self.stop_loss_bps))
        if self.trailing_stop_bps is not None:
            stops.append(_below(highest, self.trailing_stop_bps))
        return max(stops, default=None)

    def target_price(self, entry_price: Decimal) -> Decimal | None:
        if self.take_profit_bps is None:
            return None
        return add(entry_price, multiply_up(entry_price, _share(self.take_profit_bps), PLACES))

    def reached(self, candle: Candle, *, entry_price: Decimal, highest: Decimal) -> str:
        """Why the position is left on this candle, or "". `highest`: of the candles before it."""
        stop, target = self.stop_price(entry_price, highest), self.target_price(entry_price)
        if stop is not None and candle.low <= stop:
            return f"stop at {stop:f}: the candle's low was {candle.low:f}"
        if target is not None and candle.high >= target:
            return f"target at {target:f}: the candle's high was {candle.high:f}"
        return ""


def _below(price: Decimal, bps: int) -> Decimal:
    return subtract(price, multiply_down(price, _share(bps), PLACES))


def _share(bps: int) -> Decimal:
    return Decimal(bps) * ONE_BPS
