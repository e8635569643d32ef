"""Exact figures from what a venue wrote. Whatever is no possible figure is no answer."""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from domain.orders.order import LARGEST_DIGITS

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_MS = 1_230_940_800_000  # 2009: before that, there was nothing to trade
_LAST_MS = 253_402_300_799_000  # the year 9999: later than that, a datetime has no room
_MOST_PLACES = 18
_NUMBER = re.compile(r"[+-]?\d{1,60}(\.\d{1,60})?([eE][+-]?\d{1,3})?", re.ASCII)


class NonsenseAnswer(Exception):
    """A venue's answer cannot be true, or has another shape: nothing follows from it."""


def figure(raw: object, name: str, *, negative: bool = False) -> Decimal:
    """The number as it was written; raises NonsenseAnswer for what no order, fill or balance can have.

    A float is refused: it no longer says what the venue wrote.
    """
    if isinstance(raw, bool) or not isinstance(raw, str | int | Decimal):
        raise NonsenseAnswer(f"{name} is {shown(raw)}, no number as text")
    if isinstance(raw, str) and not _NUMBER.fullmatch(raw):
        raise NonsenseAnswer(f"{name} is {shown(raw)}, no number")
    value = Decimal(raw)
    if not value.is_finite() or (value < 0 and not negative):
        raise NonsenseAnswer(f"{name} is {shown(raw)}")
    if value and (value.adjusted() >= LARGEST_DIGITS or value.as_tuple().exponent < -30):  # type: ignore[operator]
        raise NonsenseAnswer(f"{name} is {shown(raw)}, out of any range")
    return value


def above_zero(raw: object, name: str) -> Decimal:
    """A figure that stands for something: a price, a quantity that traded."""
    value = figure(raw, name)
    if not value:
        raise NonsenseAnswer(f"{name} is zero")
    return value


def moment(raw: object, name: str) -> datetime:
    """Milliseconds since the epoch, as a time."""
    if isinstance(raw, bool) or not isinstance(raw, int) or not _FIRST_MS <= raw < _LAST_MS:
        raise NonsenseAnswer(f"{name} is {shown(raw)}, no time in milliseconds")
    return _EPOCH + timedelta(milliseconds=raw)


def milliseconds(at: datetime) -> int:
    """Since the epoch, cut."""
    return (at - _EPOCH) // timedelta(milliseconds=1)


def word(raw: object, name: str) -> str:
    """An id, a name of an asset or a status: text that is there."""
    if not isinstance(raw, str) or not raw or len(raw) > 128:
        raise NonsenseAnswer(f"{name} is {shown(raw)}")
    return raw


def synthetic_trade_id(*parts: object) -> str:
    """Of a trade without an id: the same facts make the same id, never chance (safety §3 #10)."""
    return "h" + hashlib.sha256("|".join(map(str, parts)).encode()).hexdigest()[:31]


def places(step: Decimal) -> int:
    """Decimal places that amounts in such steps have; 18 where there is no step."""
    if not step:
        return _MOST_PLACES
    exponent = step.normalize().as_tuple().exponent
    return min(_MOST_PLACES, max(0, -int(exponent)))


def shown(raw: object) -> str:
    """Anything in a few printable characters: a hostile value must not fill a log."""
    if isinstance(raw, int) and raw.bit_length() > 256:
        return "a number of very many digits"
    written = (
        repr(raw)
        if isinstance(raw, str | int | float | Decimal | bool) or raw is None
        else type(raw).__name__
    )
    return written if len(written) <= 40 else written[:37] + "..."
