"""What a venue tells of an account before a bot may trade on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from domain.market import Market
from domain.venue_accounts.rights import KeyRights


@dataclass(frozen=True, slots=True)
class VenueAddress:
    """One account at one venue."""

    venue: str
    venue_account_id: str


class VenueGauges(Protocol):
    """What whoever is connected to venues knows of the connection. None: not known."""

    def clock_offset_ms(self, venue: str) -> Decimal | None:
        """By how much the venue's clock is ahead of ours."""
        ...

    def rate_budget_left(self, venue: str) -> Decimal | None:
        """The share of the venue's rate limit that is free now, 0 to 1."""
        ...

    def usd_price(self, venue: str, asset: str) -> Decimal | None:
        """What one unit of an asset is worth in US dollars, by the venue's own markets."""
        ...


class VenueFacts(VenueGauges, Protocol):
    """Everything a pre-flight asks. Reads only; each call may block up to the venue's time limit.

    Errors: DomainError (no key, a venue that is not supported or not reachable), VenueRefused,
    VenueOutcomeUnknown; all mean that the fact is not known.
    """

    def rights(self, account: VenueAddress) -> KeyRights:
        """What the account's key may do now, as the venue tells it."""
        ...

    def balances(self, account: VenueAddress) -> Mapping[str, Decimal]:
        """Free and in orders together, by asset."""
        ...

    def market(self, account: VenueAddress, symbol: str) -> Market:
        """The pair's filters. Errors: VenueRefused where it is not traded there."""
        ...
