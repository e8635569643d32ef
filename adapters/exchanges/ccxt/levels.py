"""Levels of an order book, as ccxt keeps them: sorted, and of floats, whatever a client's numbers are.

Fifteen digits are enough to decide on; nothing is booked from a book.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from adapters.exchanges.ccxt.exact import NonsenseAnswer, above_zero
from application.ports.market_view import Level


def levels_of(side: Any, most: int) -> tuple[Level, ...]:
    """The best ones; raises NonsenseAnswer for a price or a quantity that is none."""
    if not isinstance(side, list):
        raise NonsenseAnswer("one side of a book is no list")
    return tuple(Level(_exact(level[0], "price"), _exact(level[1], "quantity")) for level in side[:most])


def problem_of(bids: tuple[Level, ...], asks: tuple[Level, ...]) -> str:
    """Why nobody should decide on such a book; "" where one may."""
    if not bids or not asks:
        return "one side is empty"
    return "it is crossed" if bids[0].price >= asks[0].price else ""


def _exact(number: object, name: str) -> Decimal:
    if isinstance(number, bool) or not isinstance(number, int | float | str):
        raise NonsenseAnswer(f"{name} of a level is no number")
    return above_zero(str(number), name)
