"""What trades where: markets with their filters, candles, and candle intervals."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from domain.errors import InvalidValue
from domain.money import DEFAULT_SCALE, ZERO, floor_to_step, parse_asset

INTERVALS_MS = {
    "1s": 1_000,
    "1m": 60_000,
    "3m": 180_000,
    "5m": 300_000,
    "15m": 900_000,
    "30m": 1_800_000,
    "1h": 3_600_000,
    "2h": 7_200_000,
    "4h": 14_400_000,
    "6h": 21_600_000,
    "8h": 28_800_000,
    "12h": 43_200_000,
    "1d": 86_400_000,
}
"""Candle intervals by name, in milliseconds."""


@dataclass(frozen=True, slots=True)
class Candle:
    """One closed candle. Prices in quote per base, volume in base; open_time_ms is UTC since the epoch."""

    open_time_ms: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Market:
    """One trading pair of a venue with its filters. A filter of zero is off.

    tick_size: price step (quote per base). lot_size: quantity step (base). min_notional: least
    quantity × price (quote). max_quantity: most base in one order, max_market_quantity: in one at the market.
    Scales: decimal places that amounts of base and quote are rounded to.
    """

    symbol: str  # "BTC/USDT"
    tick_size: Decimal = ZERO
    lot_size: Decimal = ZERO
    min_notional: Decimal = ZERO
    max_quantity: Decimal = ZERO
    max_market_quantity: Decimal = ZERO
    base_scale: int = DEFAULT_SCALE
    quote_scale: int = DEFAULT_SCALE

    @property
    def base(self) -> str:
        return self.symbol.partition("/")[0]

    @property
    def quote(self) -> str:
        return self.symbol.partition("/")[2]

    @property
    def most_at_the_market(self) -> Decimal | None:
        """The most base in one market order, in whole lots; None: there is no such filter."""
        most = [limit for limit in (self.max_quantity, self.max_market_quantity) if limit]
        if not most:
            return None
        return floor_to_step(min(most), self.lot_size) if self.lot_size else min(most)


def parse_symbol(raw: object, field: str = "symbol") -> str:
    """A pair such as BTC/USDT; raises InvalidValue for anything else."""
    text = raw if isinstance(raw, str) else ""
    base, slash, quote = text.partition("/")
    if not slash or base == quote:
        raise InvalidValue(field, f"{raw!r} is not a pair of two assets; write it as 'BTC/USDT'")
    parse_asset(base, field)
    parse_asset(quote, field)
    return text


def interval_ms(name: str, field: str = "interval") -> int:
    """Milliseconds of a candle interval by name ("1h"); raises InvalidValue for an unknown one."""
    try:
        return INTERVALS_MS[name]
    except KeyError:
        raise InvalidValue(field, f"{name!r} is not one of {', '.join(INTERVALS_MS)}") from None


def interval_name(milliseconds: int) -> str:
    """The name of an interval of that many milliseconds; raises InvalidValue when there is none."""
    for name, length in INTERVALS_MS.items():
        if length == milliseconds:
            return name
    raise InvalidValue("interval", f"no candle interval is {milliseconds} ms long")
