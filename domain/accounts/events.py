"""What happens to a person's account. No personal data: that sits in rows that can be erased."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountRegistered:
    """A person joined."""

    account_id: str
    roles: tuple[str, ...]
    identity_commitment: str  # salted SHA-256 of the sign-in name; the salt goes when the person is erased
    registered_at_utc: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleGranted:
    """The account may do what the role may, from its next request on."""

    role: str
    granted_by: str
    granted_at_utc: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountFrozen:
    """The account may look, but its bots place no orders and its money does not move."""

    reason: str
    frozen_by: str
    frozen_at_utc: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountUnfrozen:
    """The account may act again."""

    reason: str
    unfrozen_by: str
    unfrozen_at_utc: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveTradingRequested:
    """The person asked to be let trade with real money."""

    reason: str
    requested_at_utc: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveTradingApproved:
    """A second person let them: their bots may be switched to LIVE, each through its own gate."""

    reason: str
    approved_by: str
    approved_at_utc: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveTradingRevoked:
    """The request was declined or the approval taken back: their LIVE bots send no more orders."""

    reason: str
    revoked_by: str
    revoked_at_utc: datetime


AccountEvent = (
    AccountRegistered
    | RoleGranted
    | AccountFrozen
    | AccountUnfrozen
    | LiveTradingRequested
    | LiveTradingApproved
    | LiveTradingRevoked
)
