"""The facts of a pre-flight, from the parts that know them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from application.ports.exchange import Exchange
from application.ports.key_inspector import KeyInspector
from application.ports.vault import VenueKeys
from application.ports.venue_facts import VenueAddress, VenueGauges
from domain.market import Market
from domain.venue_accounts.rights import KeyRights


class Connections(VenueGauges, Protocol):
    """The venues of this process. Errors: DomainError for a venue that is not known."""

    def exchange(self, name: str) -> Exchange: ...


@dataclass(frozen=True, slots=True)
class AccountFacts:
    """VenueFacts over whatever is connected to the venues."""

    venues: Connections
    inspector: KeyInspector
    keys: VenueKeys

    def rights(self, account: VenueAddress) -> KeyRights:
        credentials = self.keys.credentials(account.venue_account_id)
        return self.inspector.inspect(account.venue, credentials).rights

    def balances(self, account: VenueAddress) -> Mapping[str, Decimal]:
        held = self.venues.exchange(account.venue).balances(account.venue_account_id)
        return {asset: balance.total for asset, balance in held.items() if balance.total}

    def market(self, account: VenueAddress, symbol: str) -> Market:
        return self.venues.exchange(account.venue).market(account.venue_account_id, symbol)

    def clock_offset_ms(self, venue: str) -> Decimal | None:
        return self.venues.clock_offset_ms(venue)

    def rate_budget_left(self, venue: str) -> Decimal | None:
        return self.venues.rate_budget_left(venue)

    def usd_price(self, venue: str, asset: str) -> Decimal | None:
        return self.venues.usd_price(venue, asset)
