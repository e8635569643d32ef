"""Holds of their own, folded the way the hold itself folds (domain/holds/hold.py)."""

from __future__ import annotations

from typing import assert_never

from application.ports.event_log import RecordedEvent
from application.ports.read_models import Rows
from application.views.changed import changed
from application.views.missing import the
from application.views.rows import HoldRow
from domain.holds.events import HoldEvent, HoldPlaced, HoldReleased, HoldSettled
from domain.holds.hold import OPEN, SETTLED

NAMES = ("holds.hold_placed", "holds.hold_settled", "holds.hold_released")


def fold_hold(rows: Rows, recorded: RecordedEvent, event: HoldEvent) -> None:
    if isinstance(event, HoldPlaced):
        rows.put(
            HoldRow(
                hold_id=event.hold_id,
                position=recorded.position.number,
                version=recorded.version,
                owner_id=event.owner_id,
                book_id=event.book_id,
                asset=event.amount.asset,
                amount=event.amount.amount,
                status=OPEN,
                reason=event.reason,
                placed_at_utc=event.placed_at_utc,
                expires_at_utc=event.expires_at_utc,
                ended_at_utc=None,
            )
        )
        return
    hold, version = the(rows, HoldRow, event.hold_id), recorded.version
    match event:
        case HoldSettled(left=left) if left.amount:
            rows.put(changed(hold, version=version))
        case HoldSettled():
            rows.put(changed(hold, version=version, status=SETTLED, ended_at_utc=event.settled_at_utc))
        case HoldReleased():
            rows.put(changed(hold, version=version, status=event.because, ended_at_utc=event.released_at_utc))
        case _:
            assert_never(event)
