"""Accounts at venues, and which of their keys is in use."""

from __future__ import annotations

from typing import assert_never

from application.ports.event_log import RecordedEvent
from application.ports.read_models import Rows
from application.views.changed import changed
from application.views.missing import the
from application.views.rows import VenueAccountRow
from domain.venue_accounts.events import (
    PooledAccountOpened,
    VenueAccountClosed,
    VenueAccountConnected,
    VenueAccountEvent,
    VenueKeyImported,
    VenueKeyRevoked,
    VenueKeyRotated,
)
from domain.venue_accounts.venue_account import CONNECTED, POOLED

OPEN, CLOSED = "open", "closed"


class VenueAccounts:
    """One row an account."""

    name = "venue_accounts"
    rows: tuple[type, ...] = (VenueAccountRow,)
    names: tuple[str, ...] = (
        "venue_accounts.venue_account_connected",
        "venue_accounts.pooled_account_opened",
        "venue_accounts.venue_key_imported",
        "venue_accounts.venue_key_rotated",
        "venue_accounts.venue_key_revoked",
        "venue_accounts.venue_account_closed",
    )

    def fold(self, rows: Rows, recorded: RecordedEvent) -> None:
        event: VenueAccountEvent = recorded.event
        if isinstance(event, VenueAccountConnected | PooledAccountOpened):
            rows.put(_opened(recorded, event))
            return
        row = the(rows, VenueAccountRow, recorded.stream.removeprefix("venue_account:"))
        version = recorded.version
        match event:
            case VenueKeyImported(imported_at_utc=since) | VenueKeyRotated(rotated_at_utc=since):
                rows.put(
                    changed(
                        row,
                        version=version,
                        key_id=event.key_id,
                        fingerprint=event.fingerprint,
                        rights=",".join(event.rights),
                        is_ip_restricted=int(event.is_ip_restricted),
                        key_since_utc=since,
                    )
                )
            case VenueKeyRevoked():
                without = {"key_id": "", "fingerprint": "", "rights": "", "is_ip_restricted": 0}
                rows.put(changed(row, version=version, **without, key_since_utc=None))
            case VenueAccountClosed():
                rows.put(changed(row, version=version, status=CLOSED))
            case _:
                assert_never(event)


def _opened(recorded: RecordedEvent, event: VenueAccountConnected | PooledAccountOpened) -> VenueAccountRow:
    connected = event if isinstance(event, VenueAccountConnected) else None
    return VenueAccountRow(
        venue_account_id=event.venue_account_id,
        position=recorded.position.number,
        version=recorded.version,
        owner_id=connected.owner_id if connected else "",
        kind=CONNECTED if connected else POOLED,
        venue=event.venue,
        name=event.name,
        book_id=connected.book_id if connected else "",
        status=OPEN,
        key_id="",
        fingerprint="",
        rights="",
        is_ip_restricted=0,
        key_since_utc=None,
        opened_at_utc=recorded.metadata.recorded_at_utc,
    )
