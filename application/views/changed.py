"""A row with some columns changed: dataclasses.replace, at a fraction of its cost, for the inner loop."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from operator import attrgetter
from typing import Any, TypeVar

R = TypeVar("R")

_READERS: dict[type, tuple[dict[str, int], Callable[[Any], tuple[Any, ...]]]] = {}


def changed(row: R, **columns: Any) -> R:
    """The same row but for these columns."""
    kind = type(row)
    try:
        places, values = _READERS[kind]
    except KeyError:
        names = [field.name for field in fields(kind)]  # type: ignore[arg-type]  # rows are dataclasses
        places, values = {name: i for i, name in enumerate(names)}, attrgetter(*names)
        _READERS[kind] = places, values
    after = list(values(row))
    for name, value in columns.items():
        after[places[name]] = value
    return kind(*after)
