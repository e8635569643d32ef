"""A paper account's terms as text, the way the log keeps them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from decimal import Decimal
from typing import Any

from application.ports.paper_accounts import PaperTerms
from domain.money import text

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
