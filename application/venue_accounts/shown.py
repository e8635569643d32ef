"""Venue accounts as the faces show them. Of a key: its id, fingerprint, rights and since when."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from application.ports.event_log import EventLog
from application.ports.read_models import ReadModels
from application.ports.vault import PLATFORM
from application.streams import venue_account_stream
from application.venue_accounts.commands import live_book_id, require_owned
from application.views.rows import BookRow, VenueAccountRow
from domain.ledger.book import LIVE
from domain.venue_accounts.errors import UnknownVenueAccount
from domain.venue_accounts.venue_account import POOLED, VenueAccount


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueKeyView:
    """What may be known of a key."""

    key_id: str
    fingerprint: str
    rights: Sequence[str]
    ip_restricted: bool
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueAccountView:
    """An account at a venue. `book_id` is the caller's book on it; `version` counts its stream's events."""

    venue_account_id: str
    kind: str  # connected or pooled
    venue: str
    name: str
    book_id: str
    status: str  # open or closed
    key: VenueKeyView | None
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueAccountAnswer(VenueAccountView):
    """An account right after a command; `opening` is what its book was opened with."""

    opening: Sequence[str] = ()


def venue_account_from_answer(result: Mapping[str, Any]) -> VenueAccountAnswer:
    """Of what a command on a venue account answered, made of that alone."""
    key = result["key"]
    shown = {name: value for name, value in result.items() if name not in ("key", "replaced_key_id")}
    since = {"since": datetime.fromisoformat(key["since"])} if key else {}
    return VenueAccountAnswer(**shown, key=VenueKeyView(**{**key, **since}) if key else None)


def venue_account_from_row(row: VenueAccountRow) -> VenueAccountView:
    key = None
    if row.key_since_utc is not None:
        key = VenueKeyView(
            key_id=row.key_id,
            fingerprint=row.fingerprint,
            rights=tuple(filter(None, row.rights.split(","))),
            ip_restricted=bool(row.is_ip_restricted),
            since=row.key_since_utc,
        )
    return VenueAccountView(
        venue_account_id=row.venue_account_id,
        kind=row.kind,
        venue=row.venue,
        name=row.name,
        book_id=row.book_id,
        status=row.status,
        key=key,
        version=row.version,
    )


def venue_accounts_of(views: ReadModels, owner_id: str) -> list[VenueAccountView]:
    """The owner's own accounts, and the pooled ones on which they have a LIVE book, without their keys."""
    found = [venue_account_from_row(row) for row in views.where(VenueAccountRow, owner_id=owner_id)]
    for book in views.where(BookRow, owner_id=owner_id, purse=LIVE):
        row = views.get(VenueAccountRow, book.venue_account)
        if row is not None:
            found.append(replace(venue_account_from_row(row), book_id=book.book_id, key=None))
    return found


def venue_account(log: EventLog, venue_account_id: str, owner_id: str) -> VenueAccountView:
    """One account, fresh from its stream, for its owner or (PLATFORM) a pooled one's operator.

    Of a pooled one, an owner of a LIVE book on it sees what its list shows. Errors: UnknownVenueAccount.
    """
    versioned = log.load(venue_account_stream(venue_account_id))
    account: VenueAccount = versioned.state
    key, book_id = account.key, account.book_id
    if account.kind == POOLED and owner_id != PLATFORM:
        book_id, key = live_book_id(owner_id, venue_account_id), None
        if not log.stream(f"book:{book_id}", limit=1):
            raise UnknownVenueAccount(venue_account_id=venue_account_id)
    else:
        require_owned(account, venue_account_id, owner_id)
    return VenueAccountView(
        venue_account_id=venue_account_id,
        kind=account.kind,
        venue=account.venue,
        name=account.name,
        book_id=book_id,
        status="open" if account.is_open else "closed",
        key=VenueKeyView(
            key_id=key.key_id,
            fingerprint=key.fingerprint,
            rights=key.rights,
            ip_restricted=key.is_ip_restricted,
            since=key.since_utc,
        )
        if key
        else None,
        version=versioned.version,
    )
