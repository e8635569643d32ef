"""A market that moves by itself: prices from a seeded walk or candles, quotes around them, takers.

Nothing here knows the time: a step is asked for with the seconds of market time that passed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from math import isqrt
from random import Random
from typing import Protocol

from adapters.simulator.core.commands import Minute, MoveMarket, Take
from adapters.simulator.core.orders import BUY, SELL
from adapters.simulator.core.symbols import Symbol
from domain.market import Candle
from domain.money import divide_down, floor_to_step

_MINUTE_MS = 60_000
_PPM = 1_000_000
_VOLATILITY_PPM = 60
"""Of one second, in millionths of the price."""
_LEVELS = 10
_LEVEL_WORTH = Decimal(25_000)
"""Notional that the maker quotes at each level, in dollars, about."""
_HALF_SPREAD = Decimal("0.00005")
_GAP = Decimal("0.0001")
HISTORY_MINUTES = 500


class Path(Protocol):
    """Where the price goes."""

    def after(self, milliseconds: int, price: Decimal) -> Decimal:
        """The price so much market time later; `price` is where it stands."""
        ...


@dataclass(slots=True)
class Walk:
    """A random walk, repeatable by its seed."""

    random: Random

    def after(self, milliseconds: int, price: Decimal) -> Decimal:
        spread = _VOLATILITY_PPM * isqrt(milliseconds * 1_000)  # thousandths: the root of time
        change_ppm = spread * _bell(self.random) // 1_000_000
        return price * (_PPM + max(-_PPM // 10, min(_PPM // 10, change_ppm))) / _PPM


@dataclass(slots=True)
class Replay:
    """Real candles, each gone through as open, low, high, close, or open, high, low, close if it fell.

    After the last one the price stays where that closed.
    """

    candles: Sequence[Candle]
    interval_ms: int
    _elapsed_ms: int = 0

    def after(self, milliseconds: int, price: Decimal) -> Decimal:
        self._elapsed_ms += milliseconds
        index, within_ms = divmod(self._elapsed_ms, self.interval_ms)
        if index >= len(self.candles):
            return self.candles[-1].close if self.candles else price
        candle = self.candles[index]
        turns = [candle.low, candle.high] if candle.close >= candle.open else [candle.high, candle.low]
        points = [candle.open, *turns, candle.close]
        leg, into = divmod(within_ms * 3, self.interval_ms)
        begin, end = points[leg], points[leg + 1]
        return begin + (end - begin) * into / self.interval_ms


@dataclass(slots=True)
class Mover:
    """One symbol's market: asked for its next move, again and again."""

    symbol: Symbol
    path: Path
    random: Random
    price: Decimal
    quote_worth: Decimal = Decimal(1)  # of one quote asset, in dollars
    _quantity: Decimal = field(init=False)

    def __post_init__(self) -> None:
        worth = divide_down(_LEVEL_WORTH, self.price * self.quote_worth, 8)
        self._quantity = max(
            self.symbol.step_size,
            min(floor_to_step(worth, self.symbol.step_size), self.symbol.max_market_quantity),
        )

    def step(self, milliseconds: int) -> MoveMarket:
        """Quotes around the next price, and one or two takes."""
        tick = self.symbol.tick_size
        moved = self.path.after(milliseconds, self.price)
        self.price = max(floor_to_step(moved, tick), tick * (_LEVELS + 2))
        return MoveMarket(
            symbol=self.symbol.name,
            price=self.price,
            half_spread=max(tick, floor_to_step(self.price * _HALF_SPREAD, tick)),
            gap=max(tick, floor_to_step(self.price * _GAP, tick)),
            levels=_LEVELS,
            quantity=self._quantity,
            takes=tuple(self._takes()),
        )

    def _takes(self) -> Iterator[Take]:
        lots = int(self._quantity / self.symbol.step_size)
        for _ in range(self.random.randint(1, 2)):
            quantity = self.random.randint(1, max(1, lots // 4)) * self.symbol.step_size
            yield Take(side=self.random.choice((BUY, SELL)), quantity=quantity)


def history(symbol: Symbol, price: Decimal, now_ms: int, random: Random) -> tuple[Minute, ...]:
    """Minutes that a walk may have taken to arrive at `price` by now, oldest first."""
    newest = now_ms - now_ms % _MINUTE_MS - _MINUTE_MS
    walk = Walk(random)
    minutes: list[Minute] = []
    close = price
    for back in range(HISTORY_MINUTES):
        opened = _on_tick(walk.after(_MINUTE_MS, close), symbol)
        reach = _on_tick(max(opened, close) * random.randint(0, 300) / _PPM, symbol)
        minutes.append(
            Minute(
                open_time_ms=newest - back * _MINUTE_MS,
                open=opened,
                high=max(opened, close) + reach,
                low=max(min(opened, close) - reach, symbol.tick_size),
                close=close,
                volume=random.randint(1_000, 100_000) * symbol.step_size,
            )
        )
        close = opened
    return tuple(reversed(minutes))


def recorded_history(candles: Sequence[Candle], now_ms: int) -> tuple[Minute, ...]:
    """One-minute candles as if the last of them had closed just now."""
    newest = now_ms - now_ms % _MINUTE_MS - _MINUTE_MS
    return tuple(
        Minute(
            open_time_ms=newest - (len(candles) - 1 - index) * _MINUTE_MS,
            open=one.open,
            high=one.high,
            low=one.low,
            close=one.close,
            volume=one.volume,
        )
        for index, one in enumerate(candles)
    )


def _on_tick(price: Decimal, symbol: Symbol) -> Decimal:
    return max(floor_to_step(price, symbol.tick_size), symbol.tick_size)


def _bell(random: Random) -> int:
    """About normal, in thousandths of a standard deviation."""
    return sum(random.randrange(1_000) for _ in range(12)) - 5_994
