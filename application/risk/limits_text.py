"""Limits as faces write and read them: amounts as text, everything by name."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from domain.errors import InvalidValue
from domain.money import parse_amount, text
from domain.risk.limits import AMOUNTS, NAMES, RATIOS, Limits


def limits_to_text(limits: Limits) -> dict[str, Any]:
    """Every limit by name, null where there is none; amounts and ratios as text."""
    shown: dict[str, Any] = {}
    for name in NAMES:
        value = getattr(limits, name)
        shown[name] = text(value) if isinstance(value, Decimal) else value
    shown["strategy_budgets"] = {name: text(value) for name, value in sorted(limits.strategy_budgets.items())}
    return shown


def limits_from_text(given: Mapping[str, Any]) -> Limits:
    """The inverse; a name that is left out has no limit. Raises InvalidValue, naming the field."""
    values: dict[str, Any] = {}
    for name, raw in given.items():
        if name == "strategy_budgets":
            values[name] = {strategy: parse_amount(budget, name) for strategy, budget in raw.items()}
        elif name not in NAMES:
            raise InvalidValue(name, f"is no limit; the limits are {', '.join(NAMES)}")
        elif raw is not None:
            values[name] = parse_amount(raw, name) if name in AMOUNTS | RATIOS else _whole(raw, name)
    return Limits(**values)


def _whole(raw: object, name: str) -> int:
    if isinstance(raw, int) and not isinstance(raw, bool):
        return raw
    if isinstance(raw, str) and raw.isascii() and raw.isdigit() and len(raw) <= 9:
        return int(raw)
    raise InvalidValue(name, f"{raw!r} is not a whole number of zero or more")
