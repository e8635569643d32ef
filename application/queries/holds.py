"""Holds of their own, with what is left of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from application.ports.event_log import Position
from application.ports.read_models import Page, ReadModels
from application.queries.asset_codes import shown_asset
from application.views.rows import BalanceRow, BookRow, HoldRow
from domain.errors import InvalidValue
from domain.holds.hold import STATUSES
from domain.ledger.postings import held_account
from domain.money import negate, text


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldView:
    """Some of an owner's money that an operator set aside."""

    hold_id: str
    book_id: str
    asset: str
    amount: str  # as it was placed
    left: str
    status: str  # open, settled, released or expired
    reason: str
    placed_at: datetime
    expires_at: datetime | None
    ended_at: datetime | None


def holds_page(
    views: ReadModels,
    *,
    book_id: str | None = None,
    status: str | None = None,
    before: Position | None = None,
    limit: int = 50,
) -> Page[HoldView]:
    """Newest first, of one book or of all. InvalidValue for a status that there is not."""
    if status is not None and status not in STATUSES:
        raise InvalidValue("status", f"{status!r} is not one of {', '.join(STATUSES)}")
    asked = {"book_id": book_id, "status": status}
    equal = {name: value for name, value in asked.items() if value is not None}
    page = views.page(HoldRow, equal=equal, before=before, limit=limit)
    return Page([_shown(views, row) for row in page.rows], page.next_cursor)


def _shown(views: ReadModels, row: HoldRow) -> HoldView:
    book = views.get(BookRow, row.book_id)
    left = views.get(BalanceRow, row.book_id, held_account(row.hold_id), row.asset)
    return HoldView(
        hold_id=row.hold_id,
        book_id=row.book_id,
        asset=shown_asset(row.asset, book.purse if book else ""),
        amount=text(row.amount),
        left=text(negate(left.amount)) if left else "0",
        status=row.status,
        reason=row.reason,
        placed_at=row.placed_at_utc,
        expires_at=row.expires_at_utc,
        ended_at=row.ended_at_utc,
    )
