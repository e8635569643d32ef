"""Answers as JSON values, whichever way they go out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from application.queries.moments import iso_utc
from domain.money import text


def plain(value: Any) -> Any:
    """As JSON values: amounts as text, times in ISO 8601."""
    if is_dataclass(value) and not isinstance(value, type):
        return plain(asdict(value))
    if isinstance(value, Mapping):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(inner) for inner in value]
    if isinstance(value, Decimal):
        return text(value)
    if isinstance(value, datetime):
        return iso_utc(value)
    return value
