"""Reading and folding the read models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Generic, Protocol, TypeVar

from application.ports.event_log import Position, RecordedEvent

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Page(Generic[R]):
    """Rows, newest first, and the cursor that continues after them; None when there are no more."""

    rows: Sequence[R]
    next_cursor: Position | None


@dataclass(frozen=True, slots=True)
class Narrowed:
    """What the rows of a page must be besides equal: times from and before, and what stands beside them.

    A time that a row does not have is neither.

    `beside`: there is a row of that kind at the same position whose columns equal these values.
    """

    since: Mapping[str, datetime] = field(default_factory=dict)  # column >= value
    before: Mapping[str, datetime] = field(default_factory=dict)  # column < value
    beside: Sequence[tuple[type, Mapping[str, Any]]] = ()


EVERYTHING = Narrowed()


class Rows(Protocol):
    """The rows a projection folds into: reads see its own writes; all of a page commit with its position."""

    def get(self, kind: type[R], *key: Any) -> R | None: ...

    def put(self, row: Any) -> None: ...

    def add(self, row: Any) -> None:
        """Put a row under a key that is never put, asked for or deleted again by a fold."""
        ...

    def increase(self, kind: type, key: tuple[Any, ...], amount: Decimal) -> None:
        """Add to the amount of the row under that key; at zero there is no row.

        For kinds whose last column is `amount` and that a fold writes in no other way.
        """
        ...

    def delete(self, kind: type, *key: Any) -> None: ...


class Projection(Protocol):
    """A read model folded from events, in log order, each exactly once. No effect but on its rows."""

    name: str
    rows: tuple[type, ...]  # the row classes it owns; no other projection writes them
    names: tuple[str, ...]  # the event names it folds

    def fold(self, rows: Rows, recorded: RecordedEvent) -> None: ...


class ReadModels(Protocol):
    """Querying the read models. They may lag behind the log; nothing here ever authorises spending."""

    def get(self, kind: type[R], *key: Any) -> R | None: ...

    def where(self, kind: type[R], /, **equal: Any) -> Sequence[R]:
        """Every row whose columns equal the given values, by key. For small sets: one owner, one bot."""
        ...

    def page(
        self,
        kind: type[R],
        *,
        equal: Mapping[str, Any],
        narrowed: Narrowed = EVERYTHING,
        before: Position | None = None,
        limit: int = 50,
    ) -> Page[R]:
        """Rows with a `position` column, newest first, older than the cursor."""
        ...

    def position(self, projection: str) -> Position:
        """How far a projection has folded the log."""
        ...

    def wait_for(self, position: int, *, timeout_s: float) -> bool:
        """Block until every projection has folded that position (its number); False when it took too long."""
        ...
