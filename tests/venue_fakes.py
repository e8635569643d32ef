"""Venues as tests want them: what they say of keys and accounts, and who asked."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from application.ports.key_inspector import KeyReport, VenueKeyRejected, VenueNotReachable, VenueNotSupported
from application.ports.vault import Credentials
from domain.venue_accounts.rights import KeyRights

GOOD_RIGHTS = KeyRights(may_read=True, may_trade=True, may_take_out=False, is_ip_restricted=True)


@dataclass
class FakeInspector:
    """A venue that knows any key but `wrong`, and says of each what it is told to."""

    rights: KeyRights = GOOD_RIGHTS
    balances: dict[str, Decimal] = field(default_factory=dict)
    venues: tuple[str, ...] = ("binance", "kraken", "simulator")
    reachable: bool = True
    asked: list[str] = field(default_factory=list)

    def inspect(self, venue: str, credentials: Credentials) -> KeyReport:
        self.asked.append(venue)
        if venue not in self.venues:
            raise VenueNotSupported(venue=venue)
        if not self.reachable:
            raise VenueNotReachable(venue=venue)
        if credentials.api_key.startswith("wrong"):
            raise VenueKeyRejected(venue=venue)
        return KeyReport(rights=self.rights, balances=self.balances)


KEY = Credentials("api-key-PLANTED-0123456789", "secret-PLANTED-0123456789", "passphrase-PLANTED")


def another(number: int) -> Credentials:
    """A key of its own."""
    return Credentials(f"api-key-{number}", f"secret-{number}")
