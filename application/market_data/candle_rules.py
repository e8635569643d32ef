"""What no true candle can be: checked wherever candles come in."""

from __future__ import annotations

from decimal import Decimal

from domain.errors import DomainError
from domain.market import Candle


class ImpossibleCandle(DomainError, code="impossible_candle"):
    """A candle contradicts itself, so something between the venue and here is wrong; it is not kept."""

    def __init__(self, *, where: str, open_time_ms: int, problem: str) -> None:
        super().__init__(f"{where}: the candle opening at {open_time_ms} ms is impossible: {problem}")
        self.where, self.open_time_ms, self.problem = where, open_time_ms, problem


def contradiction(
    open_: Decimal, high: Decimal, low: Decimal, close: Decimal, volume: Decimal
) -> tuple[str, str] | None:
    """The first rule that the numbers break, as (code, what is wrong); None for a possible candle."""
    for name, price in (("open", open_), ("high", high), ("low", low), ("close", close)):
        if price <= 0:
            return "price_not_positive", f"{name} is {price}; a price is above zero"
    if volume < 0:
        return "negative_volume", f"volume is {volume}; it is never below zero"
    if high < low:
        return "high_below_low", f"high {high} is below low {low}"
    for name, price in (("open", open_), ("close", close)):
        if not low <= price <= high:
            return f"{name}_outside_range", f"{name} {price} is outside low {low} to high {high}"
    return None


def require_possible(candle: Candle, *, where: str) -> None:
    """Raises ImpossibleCandle."""
    found = contradiction(candle.open, candle.high, candle.low, candle.close, candle.volume)
    if found is not None:
        raise ImpossibleCandle(where=where, open_time_ms=candle.open_time_ms, problem=found[1])
