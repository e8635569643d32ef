"""A paper account's terms: what they may be, and as text, the way the log keeps them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from decimal import Decimal
from typing import Any

from application.ports.paper_accounts import CLOSE, FEE_IN_QUOTE, FEE_IN_RECEIVED, NEXT_OPEN, PaperTerms
from domain.errors import InvalidValue
from domain.money import DEFAULT_SCALE, fits, text

LARGEST_REBATE = Decimal("-0.01")
BPS = Decimal(10_000)
LONGEST_LATENCY_MS = 86_400_000
_NUMBERS = {"base_scale": int, "quote_scale": int, "latency_ms": int, "seed": int}
_WORDS = {"fill_convention", "fee_asset"}


def terms_to_text(terms: PaperTerms) -> dict[str, str]:
    """Every term by name; a volume cap of None is left out."""
    values = {field.name: getattr(terms, field.name) for field in fields(terms)}
    return {
        name: text(value) if isinstance(value, Decimal) else str(value)
        for name, value in values.items()
        if value is not None
    }


def terms_from_text(stored: Mapping[str, str]) -> PaperTerms:
    """The inverse of terms_to_text; a term that was not stored has its default."""
    values: dict[str, Any] = {
        name: raw if name in _WORDS else _NUMBERS.get(name, Decimal)(raw) for name, raw in stored.items()
    }
    return PaperTerms(**values)


def require_valid(terms: PaperTerms) -> None:
    """Raises InvalidValue, naming the first field that is out of range."""
    _one_of("fill_convention", terms.fill_convention, NEXT_OPEN, CLOSE)
    _one_of("fee_asset", terms.fee_asset, FEE_IN_QUOTE, FEE_IN_RECEIVED)
    for name in ("maker_fee_rate", "taker_fee_rate"):
        rate = _number(name, getattr(terms, name))
        if not LARGEST_REBATE <= rate < 1:
            raise InvalidValue(name, f"must be from {LARGEST_REBATE} (a rebate) to below 1, is {rate}")
    for name in ("base_scale", "quote_scale"):
        scale = _whole(name, getattr(terms, name))
        if not 0 <= scale <= DEFAULT_SCALE:
            raise InvalidValue(name, f"must be from 0 to {DEFAULT_SCALE} decimal places, is {scale}")
    for name, scale in (
        ("tick_size", DEFAULT_SCALE),
        ("lot_size", terms.base_scale),
        ("min_notional", DEFAULT_SCALE),
    ):
        _step(name, getattr(terms, name), scale)
    if terms.volume_cap is not None and not 0 < _number("volume_cap", terms.volume_cap) <= 1:
        raise InvalidValue("volume_cap", f"must be above 0 and at most 1, is {terms.volume_cap}")
    if not 0 <= _number("slippage_bps", terms.slippage_bps) < BPS:
        raise InvalidValue("slippage_bps", f"must be from 0 to below {BPS}, is {terms.slippage_bps}")
    if not 0 <= _whole("latency_ms", terms.latency_ms) <= LONGEST_LATENCY_MS:
        raise InvalidValue("latency_ms", f"must be from 0 to {LONGEST_LATENCY_MS}, is {terms.latency_ms}")
    if not 0 <= _number("fill_probability", terms.fill_probability) <= 1:
        raise InvalidValue("fill_probability", f"must be from 0 to 1, is {terms.fill_probability}")
    if not 0 <= _whole("seed", terms.seed) < 2**63:
        raise InvalidValue("seed", f"must be a whole number from 0 to below 2^63, is {terms.seed}")


def _one_of(name: str, value: str, *allowed: str) -> None:
    if value not in allowed:
        raise InvalidValue(name, f"{value!r} is not one of {', '.join(allowed)}")


def _number(name: str, value: object) -> Decimal:
    """A Decimal within bounds: a float here would bring its error into every fill."""
    if not isinstance(value, Decimal) or not fits(value):
        problem = f"must be a decimal number of at most {DEFAULT_SCALE} digits before and after the point"
        raise InvalidValue(name, f"{problem}, is {value!r}")
    return value


def _whole(name: str, value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise InvalidValue(name, f"must be a whole number, is {value!r}")
    return value


def _step(name: str, value: object, scale: int) -> None:
    step = _number(name, value)
    if step < 0:
        raise InvalidValue(name, f"must be zero (off) or above, is {step}")
    if len(text(step).partition(".")[2]) > scale:
        raise InvalidValue(name, f"{step} is finer than {scale} decimal places")
