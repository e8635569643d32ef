"""How a fold says that the log does not hold together."""

from __future__ import annotations

from typing import TypeVar

from application.ports.read_models import Rows

R = TypeVar("R")


class MissingRow(Exception):
    """An event refers to something whose beginning the log does not hold; the projection stops there."""

    def __init__(self, kind: type, key: tuple[object, ...]) -> None:
        super().__init__(f"no {kind.__name__} {', '.join(map(str, key))}: its first event is missing")


def the(rows: Rows, kind: type[R], *key: str) -> R:
    """The row that must be there; raises MissingRow."""
    row = rows.get(kind, *key)
    if row is None:
        raise MissingRow(kind, key)
    return row
