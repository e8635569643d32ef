"""The read models of several shards. Each follows its own shard's log in its own tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, TypeVar, cast

from adapters.persistence.row_store import row_table
from adapters.persistence.shards.routing import Directory
from application.ports.event_log import Position
from application.ports.read_models import EVERYTHING, Narrowed, Page, ReadModels
from application.views.rows import TotalRow
from domain.money import add

R = TypeVar("R")


class ShardedReadModels:
    """A ReadModels. What is asked about one owner is asked of one shard, all else of every shard.

    A page over several owners is in the order of positions: shard by shard, each newest first.
    """

    def __init__(self, views: Sequence[ReadModels], directory: Directory) -> None:
        self._views, self._directory = views, directory

    def get(self, kind: type[R], *key: Any) -> R | None:
        if kind is TotalRow:
            return next((row for row in self.where(kind) if _key_of(row) == key), None)
        found = (views.get(kind, *key) for views in self._views)
        return next((row for row in found if row is not None), None)

    def where(self, kind: type[R], /, **equal: Any) -> Sequence[R]:
        rows = [row for views in self._asked(equal) for row in views.where(kind, **equal)]
        if kind is TotalRow:
            return cast("Sequence[R]", _added_up(cast("Sequence[TotalRow]", rows)))
        return sorted(rows, key=_key_of)

    def page(
        self,
        kind: type[R],
        *,
        equal: Mapping[str, Any],
        narrowed: Narrowed = EVERYTHING,
        before: Position | None = None,
        limit: int = 50,
    ) -> Page[R]:
        rows: list[R] = []
        for views in reversed(self._asked(equal)):
            if len(rows) >= limit:
                if views.page(kind, equal=equal, narrowed=narrowed, before=before, limit=1).rows:
                    return Page(rows, Position.of(cast("Any", rows[-1]).position))
                continue
            page = views.page(kind, equal=equal, narrowed=narrowed, before=before, limit=limit - len(rows))
            rows += page.rows
            if page.next_cursor is not None:
                return Page(rows, page.next_cursor)
        return Page(rows, None)

    def position(self, projection: str) -> Position:
        """Of the shard that was folded least: no shard is further behind than its own log says."""
        return min((views.position(projection) for views in self._views), key=lambda position: position.id)

    def wait_for(self, position: int, *, timeout_s: float) -> bool:
        shard = Position.of(position).shard
        return shard < len(self._views) and self._views[shard].wait_for(position, timeout_s=timeout_s)

    def _asked(self, equal: Mapping[str, Any]) -> Sequence[ReadModels]:
        owner_id = equal.get("owner_id") or equal.get("account_id")
        return self._views if owner_id is None else [self._views[self._directory.of_owner(owner_id)]]


def _added_up(rows: Sequence[TotalRow]) -> list[TotalRow]:
    """One total over all shards; at zero there is no row, as on each of them."""
    sums: dict[tuple[str, str, str], Decimal] = {}
    for row in rows:
        key = (row.purse, row.account_class, row.asset)
        sums[key] = add(sums[key], row.amount) if key in sums else row.amount
    return [
        TotalRow(purse=key[0], account_class=key[1], asset=key[2], amount=amount)
        for key, amount in sorted(sums.items())
        if amount
    ]


def _key_of(row: Any) -> tuple[Any, ...]:
    return row_table(type(row), "postgresql").key_of(row)
