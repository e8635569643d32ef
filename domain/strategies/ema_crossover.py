"""Enter when the fast average crosses above the slow one, leave when it crosses below."""

from __future__ import annotations

from collections.abc import Mapping

from domain.market import Candle
from domain.strategies.base import InvalidParameter, Signal, whole_number


class EmaCrossover:
    """Exponential moving averages of the close, EMA[0] = close[0], smoothing 2 / (n + 1).

    No signal before `warm_up` candles. Long only: buys when flat, sells when in a position.
    """

    __slots__ = ("_fast", "_fast_weight", "_seen", "_slow", "_slow_weight", "_warm_up")

    def __init__(self, *, fast: int = 12, slow: int = 26, warm_up: int = 26) -> None:
        self._fast_weight = 2 / (fast + 1)
        self._slow_weight = 2 / (slow + 1)
        self._warm_up = warm_up
        self._seen = 0
        self._fast = self._slow = 0.0

    @classmethod
    def from_parameters(cls, parameters: Mapping[str, str]) -> EmaCrossover:
        """fast (default 12), slow (26), warm_up (as slow); raises InvalidParameter."""
        for name in parameters:
            if name not in ("fast", "slow", "warm_up"):
                raise InvalidParameter(parameter=name, problem="unknown; there are fast, slow and warm_up")
        fast = whole_number(parameters, "fast", default=12, least=1, most=10_000)
        slow = whole_number(parameters, "slow", default=26, least=2, most=10_000)
        if fast >= slow:
            raise InvalidParameter(parameter="fast", problem=f"{fast} must be below slow, {slow}")
        warm_up = whole_number(parameters, "warm_up", default=slow, least=1, most=100_000)
        return cls(fast=fast, slow=slow, warm_up=warm_up)

    def on_candle(self, candle: Candle, *, in_position: bool) -> Signal | None:
        close = float(candle.close)
        if not self._seen:
            self._seen = 1
            self._fast = self._slow = close
            return None
        fast_before, slow_before = self._fast, self._slow
        self._fast = fast = fast_before + self._fast_weight * (close - fast_before)
        self._slow = slow = slow_before + self._slow_weight * (close - slow_before)
        self._seen += 1
        if self._seen <= self._warm_up:
            return None
        if in_position:
            if fast < slow and fast_before >= slow_before:
                return Signal("sell", "the fast average crossed below the slow one")
        elif fast > slow and fast_before <= slow_before:
            return Signal("buy", "the fast average crossed above the slow one")
        return None
