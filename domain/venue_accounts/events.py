"""What happens to an account at a venue. Keys are named by id and fingerprint; no event holds one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueAccountConnected:
    """A person's own account at a venue, which a CONNECTED book of theirs mirrors."""

    venue_account_id: str
    owner_id: str
    venue: str
    name: str  # the owner's word for it: small letters, digits, - and _
    book_id: str
    connected_at_utc: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PooledAccountOpened:
    """The platform's account at a venue, on which owners have LIVE books."""

    venue_account_id: str
    venue: str
    name: str
    opened_by: str
    opened_at_utc: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueKeyImported:
    """The account is reached with this key from now on."""

    key_id: str
    fingerprint: str  # a digest of the key's public half: what makes the same key the same
    rights: tuple[str, ...]  # as the venue told them when it was imported
    is_ip_restricted: bool
    imported_by: str
    imported_at_utc: datetime
    venue_uid: str = ""  # the venue's own id of the account that the key opens; "" where it tells none


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueKeyRotated:
    """A new key took the old one's place."""

    key_id: str
    replaced_key_id: str
    fingerprint: str
    rights: tuple[str, ...]
    is_ip_restricted: bool
    rotated_by: str
    rotated_at_utc: datetime
    venue_uid: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueKeyRevoked:
    """The account is not reached any more until it gets another key."""

    key_id: str
    reason: str
    revoked_by: str
    revoked_at_utc: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueAccountClosed:
    """Nothing is traded on it again; its books stay readable."""

    reason: str
    closed_by: str
    closed_at_utc: datetime


VenueAccountEvent = (
    VenueAccountConnected
    | PooledAccountOpened
    | VenueKeyImported
    | VenueKeyRotated
    | VenueKeyRevoked
    | VenueAccountClosed
)
