"""How much a client may ask for: request weight a minute by address, orders by account. 429, then 418."""

from __future__ import annotations

from collections import Counter

from adapters.simulator.core.errors import Rejected

_MINUTE_MS = 60_000
_ORDER_WINDOW_MS = 10_000
_FIRST_BAN_MS = 120_000
_PATIENCE = 20
"""Requests after the first 429 of a minute until the address is banned."""


class Limited(Rejected):
    """Too much: come back in `retry_after_s`."""

    def __init__(self, status: int, message: str, retry_after_s: int) -> None:
        super().__init__(-1003 if status == 418 or "weight" in message else -1015, message, status)
        self.retry_after_s = retry_after_s


class Limits:
    def __init__(self, *, weight_a_minute: int, orders_in_ten_seconds: int) -> None:
        self.weight_a_minute = weight_a_minute
        self.orders_in_ten_seconds = orders_in_ten_seconds
        self._minute = self._ten_seconds = 0
        self._weight: Counter[str] = Counter()
        self._refused: Counter[str] = Counter()
        self._orders: Counter[str] = Counter()
        self._banned_until_ms: dict[str, int] = {}

    def spend(self, address: str, weight: int, now_ms: int) -> None:
        """Raises Limited, and what goes on asking then is banned."""
        self._turn(now_ms)
        until_ms = self._banned_until_ms.get(address, 0)
        if now_ms < until_ms:
            raise Limited(
                418,
                f"Way too much request weight used; IP banned until {until_ms}. "
                "Please use WebSocket Streams for live updates to avoid bans.",
                -(-(until_ms - now_ms) // 1_000),
            )
        self._weight[address] += weight
        if self._weight[address] <= self.weight_a_minute:
            return
        self._refused[address] += 1
        if self._refused[address] > _PATIENCE:
            self._banned_until_ms[address] = now_ms + _FIRST_BAN_MS
        raise Limited(
            429,
            f"Too much request weight used; current limit is {self.weight_a_minute} request weight per "
            "1 MINUTE. Please use WebSocket Streams for live updates to avoid polling the API.",
            -(-(_MINUTE_MS - now_ms % _MINUTE_MS) // 1_000),
        )

    def count_order(self, account: str, now_ms: int) -> None:
        self._turn(now_ms)
        if self._orders[account] >= self.orders_in_ten_seconds:
            raise Limited(
                429,
                f"Too many new orders; current limit is {self.orders_in_ten_seconds} orders per 10 SECOND.",
                -(-(_ORDER_WINDOW_MS - now_ms % _ORDER_WINDOW_MS) // 1_000),
            )
        self._orders[account] += 1

    def used_weight(self, address: str) -> int:
        return self._weight[address]

    def used_orders(self, account: str) -> int:
        return self._orders[account]

    def _turn(self, now_ms: int) -> None:
        minute, ten_seconds = now_ms // _MINUTE_MS, now_ms // _ORDER_WINDOW_MS
        if minute != self._minute:
            self._minute = minute
            self._weight.clear()
            self._refused.clear()
        if ten_seconds != self._ten_seconds:
            self._ten_seconds = ten_seconds
            self._orders.clear()
