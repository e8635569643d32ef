"""What a venue says of a key before we take it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from application.ports.vault import Credentials
from domain.errors import DomainError
from domain.venue_accounts.rights import KeyRights


class VenueKeyRejected(DomainError, code="venue_key_rejected"):
    """The venue does not take the key: it is wrong, expired, or not for this address."""

    def __init__(self, *, venue: str) -> None:
        super().__init__(f"{venue} does not accept the key; check both halves, its expiry and its IP list")
        self.venue = venue


class VenueNotReachable(DomainError, code="venue_not_reachable"):
    """The venue could not be asked, so nothing was taken; try again later."""

    def __init__(self, *, venue: str) -> None:
        super().__init__(f"{venue} could not be asked; nothing was changed, try again later")
        self.venue = venue


class VenueNotSupported(DomainError, code="venue_not_supported"):
    """This installation speaks to no venue of that name."""

    def __init__(self, *, venue: str) -> None:
        super().__init__(f"this installation does not speak to {venue}; `docs/venues.md` says which it can")
        self.venue = venue


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyReport:
    """What a key may do, which account it opens, and what that has."""

    rights: KeyRights
    balances: Mapping[str, Decimal]  # by asset code: free and in orders together, exact; zeros left out
    venue_uid: str = ""  # the venue's id of the account, alike for all its keys; "" if none is told


class KeyInspector(Protocol):
    """Asks a venue about a key with the key itself.

    On Binance: GET /sapi/v1/account/apiRestrictions (enableReading, enableSpotAndMarginTrading,
    enableWithdrawals, enableInternalTransfer, permitsUniversalTransfer, ipRestrict) and `canWithdraw`,
    `uid` and balances of GET /api/v3/account. Whatever takes money out counts as `may_take_out`; what the
    venue does not say is None, and refused.
    """

    def inspect(self, venue: str, credentials: Credentials) -> KeyReport:
        """Errors: VenueKeyRejected, VenueNotReachable, VenueNotSupported. No message holds the key."""
        ...
