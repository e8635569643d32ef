"""Generated candles: the same for ever, possible, and worth trading."""

from __future__ import annotations

import hashlib
from statistics import correlation

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.market_data.synthetic import SOURCE, generate
from application.market_data.candle_rules import contradiction
from domain.errors import InvalidValue
from domain.market import INTERVALS_MS, Candle

HOUR_MS = 3_600_000
PINNED = "5ff8eb36b570f375d0ae3e4a8b3551ba7ddde1bb561e66017d3910328957c273"


def crossings(candles: list[Candle], fast: int = 12, slow: int = 26) -> int:
    """How often the fast exponential average crosses the slow one."""
    quick = slow_average = float(candles[0].close)
    above, count = None, 0
    for candle in candles:
        quick += (float(candle.close) - quick) * 2 / (fast + 1)
        slow_average += (float(candle.close) - slow_average) * 2 / (slow + 1)
        now = quick > slow_average
        count += above is not None and now is not above
        above = now
    return count


@given(
    interval=st.sampled_from(sorted(INTERVALS_MS)),
    start=st.integers(0, 20_000),
    count=st.integers(0, 400),
    seed=st.integers(0, 2**63),
)
def test_every_candle_is_possible_and_follows_the_one_before(
    interval: str, start: int, count: int, seed: int
) -> None:
    step = INTERVALS_MS[interval]

    candles = list(generate("BTC/USDT", interval, start * step, count, seed))

    assert [c.open_time_ms for c in candles] == [(start + i) * step for i in range(count)]
    assert [contradiction(c.open, c.high, c.low, c.close, c.volume) for c in candles] == [None] * count
    assert [c.open for c in candles[1:]] == [c.close for c in candles[:-1]]
    assert {c.close.as_tuple().exponent for c in candles} <= {-2}
    assert {c.volume.as_tuple().exponent for c in candles} <= {-5}
    assert all(c.volume > 0 for c in candles)


def test_the_same_arguments_give_the_same_candles_for_ever() -> None:
    candles = list(generate("BTC/USDT", "1h", 0, 1_000, seed=7))

    assert candles == list(generate("BTC/USDT", "1h", 0, 1_000, seed=7))
    assert candles != list(generate("BTC/USDT", "1h", 0, 1_000, seed=8))
    assert candles != list(generate("ETH/USDT", "1h", 0, 1_000, seed=7))
    assert hashlib.sha256(repr(candles).encode()).hexdigest() == PINNED


@pytest.mark.parametrize("interval", ["1m", "1h", "1d"])
@pytest.mark.parametrize("seed", range(5))
def test_an_ema_crossover_finds_something_to_trade(interval: str, seed: int) -> None:
    assert 5 <= crossings(list(generate("BTC/USDT", interval, 0, 1_000, seed))) <= 100


def test_volatility_comes_in_clusters() -> None:
    candles = list(generate("BTC/USDT", "1h", 0, 24 * 200, seed=1))
    moves = [float(abs(c.close / c.open - 1)) for c in candles]
    days = [sum(moves[day * 24 : day * 24 + 24]) for day in range(200)]

    assert correlation(days[:-1], days[1:]) > 0.3  # a wild day follows a wild day


def test_a_start_off_the_grid_is_refused() -> None:
    with pytest.raises(InvalidValue, match="start_ms"):
        next(generate("BTC/USDT", "1h", HOUR_MS + 1, 1, seed=0))


def test_the_source_says_what_they_are() -> None:
    assert SOURCE == "synthetic"
