"""Venues as tests want them: what they say of keys and accounts, and who asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from application.ports.exchange import VenueOutcomeUnknown, VenueRefused
from application.ports.key_inspector import KeyReport, VenueKeyRejected, VenueNotReachable, VenueNotSupported
from application.ports.vault import Credentials
from application.ports.venue_facts import VenueAddress
from domain.market import Market
from domain.venue_accounts.rights import KeyRights

GOOD_RIGHTS = KeyRights(may_read=True, may_trade=True, may_take_out=False, is_ip_restricted=True)


@dataclass
class FakeInspector:
    """A venue that knows any key but `wrong`, and says of each what it is told to."""

    rights: KeyRights = GOOD_RIGHTS
    balances: dict[str, Decimal] = field(default_factory=dict)
    venues: tuple[str, ...] = ("binance", "kraken", "simulator")
    reachable: bool = True
    venue_uid: str = "354937868"  # of the account that every key opens
    asked: list[str] = field(default_factory=list)

    def inspect(self, venue: str, credentials: Credentials) -> KeyReport:
        self.asked.append(venue)
        if venue not in self.venues:
            raise VenueNotSupported(venue=venue)
        if not self.reachable:
            raise VenueNotReachable(venue=venue)
        if credentials.api_key.startswith("wrong"):
            raise VenueKeyRejected(venue=venue)
        return KeyReport(rights=self.rights, balances=self.balances, venue_uid=self.venue_uid)


KEY = Credentials("api-key-PLANTED-0123456789", "secret-PLANTED-0123456789", "passphrase-PLANTED")


def another(number: int) -> Credentials:
    """A key of its own."""
    return Credentials(f"api-key-{number}", f"secret-{number}")


@dataclass
class FakeFacts:
    """A venue where all is well for a pre-flight, until a test breaks something."""

    key_rights: KeyRights = GOOD_RIGHTS
    held: dict[str, Decimal] = field(default_factory=dict)
    filters: Market = field(
        default_factory=lambda: Market(
            symbol="BTC/USDT",
            tick_size=Decimal("0.01"),
            lot_size=Decimal("0.00001"),
            min_notional=Decimal(5),
        )
    )
    not_traded: str = ""  # why
    offset_ms: Decimal | None = Decimal(3)
    left: Decimal | None = Decimal("0.9")
    prices: dict[str, Decimal] = field(default_factory=lambda: {"USDT": Decimal(1), "BTC": Decimal(50_000)})
    silent: bool = False
    asked: list[str] = field(default_factory=list)

    def rights(self, account: VenueAddress) -> KeyRights:
        self._ask("rights")
        return self.key_rights

    def balances(self, account: VenueAddress) -> Mapping[str, Decimal]:
        self._ask("balances")
        return self.held

    def market(self, account: VenueAddress, symbol: str) -> Market:
        self._ask("market")
        if self.not_traded:
            raise VenueRefused(self.not_traded)
        return self.filters

    def clock_offset_ms(self, venue: str) -> Decimal | None:
        self._ask("clock")
        return self.offset_ms

    def rate_budget_left(self, venue: str) -> Decimal | None:
        self._ask("budget")
        return self.left

    def usd_price(self, venue: str, asset: str) -> Decimal | None:
        self._ask("price")
        return self.prices.get(asset)

    def _ask(self, what: str) -> None:
        self.asked.append(what)
        if self.silent:
            raise VenueOutcomeUnknown("no answer within 10 s")
