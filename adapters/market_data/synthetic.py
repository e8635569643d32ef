"""Candles that Evenkeel makes up: for the demo, for trying strategies without data, for benchmarks."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from math import isqrt
from random import Random

from domain.errors import InvalidValue
from domain.market import Candle, interval_ms, parse_symbol

SOURCE = "synthetic"
"""The source under which generated candles are stored: nobody mistakes them for a market's."""

_MILLION = 1_000_000
_START = 40_000 * _MILLION  # price in millionths of the quote asset
_CENT = _MILLION // 100
_FLOOR, _CEILING = _START // 20, _START * 20
_CALM_PPM, _WILD_PPM = 150, 1_500  # volatility of one minute, in millionths of the price
_TREND_PPM = 60
_SHORTEST_TREND, _LONGEST_TREND = 40, 160  # candles: long enough for an EMA crossover to notice


def generate(symbol: str, interval: str, start_ms: int, count: int, seed: int) -> Iterator[Candle]:
    """`count` candles from `start_ms` (UTC, on the interval's grid), oldest first, without gaps.

    A random walk of the price with trends that turn and volatility that comes in clusters. Prices have 2
    decimal places, volumes 5. The same arguments give the same candles everywhere and for ever: all
    arithmetic is on integers.
    """
    step = interval_ms(interval)
    if start_ms % step:
        raise InvalidValue("start_ms", f"{start_ms} is not where a candle of {interval} opens")
    # not for secrets: reproducible is the point
    random = Random(f"{parse_symbol(symbol)}|{interval}|{seed}")  # noqa: S311
    scale = isqrt(step * 10_000 // 60_000)  # a walk spreads with the root of time; hundredths
    price, volatility, trend, left = _START, _CALM_PPM * 2, 0, 0
    opening = _cents(price)
    for index in range(count):
        if not left:
            left = random.randint(_SHORTEST_TREND, _LONGEST_TREND)
            trend = random.choice((-1, 1)) * random.randint(_TREND_PPM // 3, _TREND_PPM)
            trend += (price < _FLOOR * 4) * _TREND_PPM - (price > _CEILING // 4) * _TREND_PPM
        left -= 1
        volatility = _next_volatility(volatility, random)
        change_ppm = (volatility * _bell(random) // 1_000 + trend) * scale // 100
        price = max(_FLOOR, min(_CEILING, price * (_MILLION + max(change_ppm, -500_000)) // _MILLION))
        closing = _cents(price)
        reach = max(2, opening * volatility * scale // (100 * _MILLION))  # of the wicks, in cents
        high = max(opening, closing) + random.randrange(reach)
        low = max(1, min(opening, closing) - random.randrange(reach))
        volume = max(1, random.randint(20_000, 400_000) * volatility // _CALM_PPM * step // 60_000)
        yield Candle(
            start_ms + index * step,
            _price(opening),
            _price(high),
            _price(low),
            _price(closing),
            _volume(volume),
        )
        opening = closing


def _next_volatility(volatility: int, random: Random) -> int:
    """Mostly fades towards calm, now and then bursts: quiet and wild times cluster."""
    if random.randrange(160) == 0:
        return min(_WILD_PPM, volatility * random.randint(2, 5))
    return max(_CALM_PPM, volatility + (_CALM_PPM * 2 - volatility) // 50 + random.randint(-8, 8))


def _bell(random: Random) -> int:
    """About normal, in thousandths of a standard deviation: twelve even draws, as integers."""
    return sum(random.randrange(1_000) for _ in range(12)) - 5_994


def _cents(price: int) -> int:
    return price // _CENT


def _price(cents: int) -> Decimal:
    return Decimal(cents).scaleb(-2)


def _volume(hundred_thousandths: int) -> Decimal:
    return Decimal(hundred_thousandths).scaleb(-5)
