"""What a venue says its limits are, in the answer that lists its markets: Binance's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeGuard

OF_THE_LIMIT = 0.9
"""As much of a limit do we use."""

_SECONDS = {"SECOND": 1, "MINUTE": 60, "HOUR": 3_600, "DAY": 86_400}


@dataclass(frozen=True, slots=True)
class Limits:
    """Requests' weight of an address and orders of an account, a second."""

    weight_per_s: float
    orders_per_s: float


def told_limits(answer: object) -> Limits | None:
    """The tightest of each kind; None where the answer does not tell both, or tells nonsense."""
    told = answer.get("rateLimits") if isinstance(answer, dict) else None
    rates: dict[str, list[float]] = {"REQUEST_WEIGHT": [], "ORDERS": []}
    for one in told if isinstance(told, list) else ():
        if not isinstance(one, dict) or one.get("rateLimitType") not in rates:
            continue
        seconds, number, limit = (
            _SECONDS.get(str(one.get("interval"))),
            one.get("intervalNum"),
            one.get("limit"),
        )
        if seconds is None or not _is_count(number) or not _is_count(limit):
            return None
        if seconds < _SECONDS["DAY"]:  # a day's orders are not spread over it
            rates[str(one["rateLimitType"])].append(limit / (seconds * number))
    if not rates["REQUEST_WEIGHT"] or not rates["ORDERS"]:
        return None
    return Limits(min(rates["REQUEST_WEIGHT"]), min(rates["ORDERS"]))


def _is_count(number: object) -> TypeGuard[int]:
    return isinstance(number, int) and not isinstance(number, bool) and 0 < number < 10**9
