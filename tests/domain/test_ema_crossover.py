"""The crossover strategy, against averages written down a second time."""

from __future__ import annotations

import random

import pytest

from domain.errors import DomainError
from domain.market import Candle
from domain.strategies import make_strategy
from domain.strategies.ema_crossover import EmaCrossover
from tests.builders import candle


def closes(seed: int, count: int = 600) -> list[float]:
    """A walk in whole cents, so that a float is exactly the candle's decimal."""
    rng = random.Random(seed)
    cents, found = 10_000, []
    for _ in range(count):
        cents = max(100, cents + rng.randint(-300, 300))
        found.append(cents / 100)
    return found


def candles(prices: list[float]) -> list[Candle]:
    return [candle(number, f"{price:.2f}") for number, price in enumerate(prices)]


def ewm_mean(prices: list[float], span: int) -> list[float]:
    """pandas' ewm(span=…, adjust=False).mean(): y[t] = (1 - a) y[t-1] + a x[t], a = 2 / (span + 1)."""
    alpha = 2 / (span + 1)
    averages = [prices[0]]
    for price in prices[1:]:
        averages.append((1 - alpha) * averages[-1] + alpha * price)
    return averages


def expected(prices: list[float], fast: int, slow: int, warm_up: int) -> list[tuple[int, str]]:
    quick, lazy = ewm_mean(prices, fast), ewm_mean(prices, slow)
    found, is_long = [], False
    for now in range(warm_up, len(prices)):
        was_above, is_above = quick[now - 1] > lazy[now - 1], quick[now] > lazy[now]
        was_below, is_below = quick[now - 1] < lazy[now - 1], quick[now] < lazy[now]
        if not is_long and is_above and not was_above:
            found.append((now, "buy"))
            is_long = True
        elif is_long and is_below and not was_below:
            found.append((now, "sell"))
            is_long = False
    return found


def signals(strategy: EmaCrossover, prices: list[float]) -> list[tuple[int, str]]:
    found, is_long = [], False
    for number, each in enumerate(candles(prices)):
        signal = strategy.on_candle(each, in_position=is_long)
        if signal is not None:
            found.append((number, signal.side))
            is_long = signal.side == "buy"
    return found


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize(
    ("fast", "slow", "warm_up"), [(2, 4, 4), (5, 20, 20), (12, 26, 26), (1, 2, 1), (3, 50, 10)]
)
def test_it_signals_where_the_averages_cross(seed: int, fast: int, slow: int, warm_up: int) -> None:
    prices = closes(seed)

    found = signals(EmaCrossover(fast=fast, slow=slow, warm_up=warm_up), prices)

    assert found == expected(prices, fast, slow, warm_up)
    assert len(found) > 5


def test_by_hand() -> None:
    # fast 1 is the close itself; slow 3 halves the distance: 10, 10, 12, 11, 10.5
    prices = [10.0, 10.0, 14.0, 10.0, 10.0]
    assert signals(EmaCrossover(fast=1, slow=3, warm_up=2), prices) == [(2, "buy"), (3, "sell")]


@pytest.mark.parametrize("warm_up", [1, 2, 3, 10])
def test_no_signal_before_the_warm_up_is_over(warm_up: int) -> None:
    rising = [10.0] * warm_up + [20.0]
    strategy = EmaCrossover(fast=1, slow=3, warm_up=warm_up)

    assert signals(strategy, rising) == [(warm_up, "buy")]
    assert signals(EmaCrossover(fast=1, slow=3, warm_up=warm_up + 1), rising) == []


def test_a_flat_market_never_signals_and_long_only_never_sells_what_is_not_held() -> None:
    assert signals(EmaCrossover(fast=2, slow=4, warm_up=4), [10.0] * 100) == []
    falling = EmaCrossover(fast=1, slow=3, warm_up=1)
    assert [falling.on_candle(each, in_position=False) for each in candles([10.0, 9.0, 8.0])] == [None] * 3


@pytest.mark.parametrize(
    ("parameters", "parameter"),
    [
        ({"fats": "3"}, "fats"),
        ({"fast": "0"}, "fast"),
        ({"fast": "-1"}, "fast"),
        ({"fast": "1.5"}, "fast"),
        ({"fast": ""}, "fast"),
        ({"fast": " 3"}, "fast"),
        ({"fast": "٣"}, "fast"),
        ({"fast": "10001"}, "fast"),
        ({"slow": "1"}, "slow"),
        ({"slow": "1e1"}, "slow"),
        ({"fast": "26"}, "fast"),
        ({"fast": "30", "slow": "20"}, "fast"),
        ({"warm_up": "0"}, "warm_up"),
        ({"warm_up": "100001"}, "warm_up"),
    ],
)
def test_a_parameter_out_of_range_is_named(parameters: dict[str, str], parameter: str) -> None:
    with pytest.raises(DomainError) as refusal:
        make_strategy("ema_crossover", parameters)
    assert (refusal.value.code, refusal.value.data["parameter"]) == ("invalid_parameter", parameter)


def test_an_unknown_strategy_is_refused_with_those_there_are() -> None:
    with pytest.raises(DomainError) as refusal:
        make_strategy("astrology", {})
    assert refusal.value.code == "unknown_strategy"
    assert refusal.value.data == {"strategy": "astrology", "known": "ema_crossover"}


def test_warming_up_takes_as_long_as_the_slow_average_unless_said_otherwise() -> None:
    prices = closes(7)
    by_name = make_strategy("ema_crossover", {"fast": "5", "slow": "20"})
    assert isinstance(by_name, EmaCrossover)
    assert signals(by_name, prices) == signals(EmaCrossover(fast=5, slow=20, warm_up=20), prices)
