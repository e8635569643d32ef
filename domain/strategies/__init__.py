"""Closed candles in, signals out. The one place where floats are allowed."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from domain.strategies.base import Strategy, UnknownStrategy
from domain.strategies.ema_crossover import EmaCrossover

STRATEGIES: Mapping[str, Callable[[Mapping[str, str]], Strategy]] = {
    "ema_crossover": EmaCrossover.from_parameters,
}


def make_strategy(name: str, parameters: Mapping[str, str]) -> Strategy:
    """A fresh strategy by name; raises UnknownStrategy or InvalidParameter."""
    try:
        make = STRATEGIES[name]
    except KeyError:
        raise UnknownStrategy(strategy=name, known=", ".join(STRATEGIES)) from None
    return make(parameters)
