"""One account at one venue, with at most one key in use."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import assert_never

from domain.errors import InvalidValue
from domain.venue_accounts.errors import (
    NoVenueKey,
    UnknownVenueAccount,
    VenueAccountExists,
    VenueAccountIsClosed,
    VenueKeyOfAnotherAccount,
    VenueKeyPresent,
)
from domain.venue_accounts.events import (
    PooledAccountOpened,
    VenueAccountClosed,
    VenueAccountConnected,
    VenueAccountEvent,
    VenueKeyImported,
    VenueKeyRevoked,
    VenueKeyRotated,
)
from domain.venue_accounts.rights import KeyRights

CONNECTED, POOLED = "connected", "pooled"
POOLED_PREFIX = f"{POOLED}."
_VENUE = re.compile(r"[a-z][a-z0-9_-]{0,23}", re.ASCII)
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,23}", re.ASCII)


@dataclass(frozen=True, slots=True)
class VenueKey:
    """The key in use, by what may be known of it."""

    key_id: str
    fingerprint: str
    rights: tuple[str, ...]
    is_ip_restricted: bool
    since_utc: datetime


@dataclass(frozen=True, slots=True)
class VenueAccount:
    """Life: opened (without a key) → key imported ⇄ rotated, revoked → closed.

    Commands check in this order: the account exists, it is open, the value given, the key there is.
    """

    venue_account_id: str = ""
    kind: str = ""  # connected or pooled; "" before it is opened
    owner_id: str = ""  # of a connected one
    venue: str = ""
    name: str = ""
    book_id: str = ""  # the one that mirrors a connected one
    is_open: bool = False
    key: VenueKey | None = None
    keys_taken: int = 0
    venue_uid: str = ""  # whose keys it takes, in the venue's words; "" until a key told it

    @property
    def exists(self) -> bool:
        return bool(self.kind)

    # -- commands ------------------------------------------------------------------------------------------

    def connect(
        self, *, venue_account_id: str, owner_id: str, venue: str, name: str, book_id: str, at: datetime
    ) -> Sequence[VenueAccountEvent]:
        """A person's own; the same again is answered with no events."""
        parse_venue(venue)
        parse_name(name)
        if self.exists:
            self._require_same(CONNECTED, owner_id, venue, name)
            return []
        return [
            VenueAccountConnected(
                venue_account_id=venue_account_id,
                owner_id=owner_id,
                venue=venue,
                name=name,
                book_id=book_id,
                connected_at_utc=at,
            )
        ]

    def open_pooled(
        self, *, venue_account_id: str, venue: str, name: str, by: str, at: datetime
    ) -> Sequence[VenueAccountEvent]:
        """The platform's; the same again is answered with no events."""
        parse_venue(venue)
        parse_name(name)
        if self.exists:
            self._require_same(POOLED, "", venue, name)
            return []
        return [
            PooledAccountOpened(
                venue_account_id=venue_account_id, venue=venue, name=name, opened_by=by, opened_at_utc=at
            )
        ]

    def take_key(
        self,
        *,
        key_id: str,
        fingerprint: str,
        rights: KeyRights,
        venue_uid: str,
        replacing: bool,
        by: str,
        at: datetime,
    ) -> Sequence[VenueAccountEvent]:
        """Use a key from now on: the first one, or (`replacing`) one in place of another.

        Refusals after those of the account: venue_key_rights_unknown, venue_key_may_withdraw,
        venue_key_cannot_read, venue_key_present, no_venue_key (nothing to replace),
        venue_key_of_another_account (also after the key before was revoked).
        """
        self.require_open()
        rights.require_acceptable()
        old = self.key
        if old is not None and old.key_id == key_id:
            return []
        if old is not None and not replacing:
            raise VenueKeyPresent(venue_account_id=self.venue_account_id, key_id=old.key_id)
        replaced_key_id = self.require_key().key_id if replacing else ""
        if venue_uid and self.venue_uid and venue_uid != self.venue_uid:
            raise VenueKeyOfAnotherAccount(venue_account_id=self.venue_account_id)
        is_ip_restricted = rights.is_ip_restricted is True
        if not replacing:
            return [
                VenueKeyImported(
                    key_id=key_id,
                    fingerprint=fingerprint,
                    rights=rights.names,
                    is_ip_restricted=is_ip_restricted,
                    imported_by=by,
                    imported_at_utc=at,
                    venue_uid=venue_uid,
                )
            ]
        return [
            VenueKeyRotated(
                key_id=key_id,
                replaced_key_id=replaced_key_id,
                fingerprint=fingerprint,
                rights=rights.names,
                is_ip_restricted=is_ip_restricted,
                rotated_by=by,
                rotated_at_utc=at,
                venue_uid=venue_uid,
            )
        ]

    def revoke_key(self, *, reason: str, by: str, at: datetime) -> Sequence[VenueAccountEvent]:
        """Stop using the key. Works on a closed account, too: less is always allowed."""
        self._require_exists()
        _require_reason(reason, "the key is revoked")
        key = self.require_key()
        return [VenueKeyRevoked(key_id=key.key_id, reason=reason, revoked_by=by, revoked_at_utc=at)]

    def close(self, *, reason: str, by: str, at: datetime) -> Sequence[VenueAccountEvent]:
        """End it, its key with it. A closed one is answered with no events."""
        self._require_exists()
        _require_reason(reason, "the account is closed")
        if not self.is_open:
            return []
        revoked: list[VenueAccountEvent] = []
        if self.key is not None:
            revoked.append(
                VenueKeyRevoked(key_id=self.key.key_id, reason=reason, revoked_by=by, revoked_at_utc=at)
            )
        return [*revoked, VenueAccountClosed(reason=reason, closed_by=by, closed_at_utc=at)]

    # -- queries -------------------------------------------------------------------------------------------

    def require_open(self) -> None:
        """Raises UnknownVenueAccount, then VenueAccountIsClosed."""
        self._require_exists()
        if not self.is_open:
            raise VenueAccountIsClosed(venue_account_id=self.venue_account_id)

    def require_key(self) -> VenueKey:
        """The key in use; raises NoVenueKey."""
        if self.key is None:
            raise NoVenueKey(venue_account_id=self.venue_account_id)
        return self.key

    # -- folding -------------------------------------------------------------------------------------------

    def evolve(self, event: VenueAccountEvent) -> VenueAccount:
        """Fold one fact in. Never refuses."""
        match event:
            case VenueAccountConnected():
                return replace(
                    self,
                    venue_account_id=event.venue_account_id,
                    kind=CONNECTED,
                    owner_id=event.owner_id,
                    venue=event.venue,
                    name=event.name,
                    book_id=event.book_id,
                    is_open=True,
                )
            case PooledAccountOpened():
                return replace(
                    self,
                    venue_account_id=event.venue_account_id,
                    kind=POOLED,
                    venue=event.venue,
                    name=event.name,
                    is_open=True,
                )
            case VenueKeyImported(imported_at_utc=since) | VenueKeyRotated(rotated_at_utc=since):
                key = VenueKey(event.key_id, event.fingerprint, event.rights, event.is_ip_restricted, since)
                venue_uid = event.venue_uid or self.venue_uid
                return replace(self, key=key, keys_taken=self.keys_taken + 1, venue_uid=venue_uid)
            case VenueKeyRevoked():
                return replace(self, key=None)
            case VenueAccountClosed():
                return replace(self, is_open=False)
            case _:
                assert_never(event)

    # -- inside --------------------------------------------------------------------------------------------

    def _require_exists(self) -> None:
        if not self.exists:
            raise UnknownVenueAccount(venue_account_id=self.venue_account_id)

    def _require_same(self, kind: str, owner_id: str, venue: str, name: str) -> None:
        same = (self.kind, self.owner_id, self.venue, self.name) == (kind, owner_id, venue, name)
        if not (same and self.is_open):
            raise VenueAccountExists(venue_account_id=self.venue_account_id)


def parse_venue(raw: str, field: str = "venue") -> str:
    """A venue's name, such as binance; raises InvalidValue. `paper` and `pooled` are none."""
    if not _VENUE.fullmatch(raw) or raw in ("paper", POOLED):
        raise InvalidValue(
            field, f"{raw!r} is no venue with accounts; name one in small letters, as in 'binance'"
        )
    return raw


def parse_name(raw: str, field: str = "name") -> str:
    """A venue account's name; raises InvalidValue."""
    if not _NAME.fullmatch(raw):
        raise InvalidValue(
            field,
            f"{raw!r} is no name for a venue account; write up to 24 small letters, digits, - or _, as in "
            "'main'",
        )
    return raw


def pooled_account_id(venue: str, name: str) -> str:
    """One account a venue and name; raises InvalidValue."""
    return f"{POOLED_PREFIX}{parse_venue(venue)}.{parse_name(name)}"


def _require_reason(reason: str, what: str) -> None:
    if not reason.strip():
        raise InvalidValue("reason", f"say why {what}; auditors will read it")
