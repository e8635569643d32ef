"""Real venues by name, connected when they are first needed."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING

from application.ports.candle_source import UnknownExchange
from application.ports.exchange import Exchange
from application.ports.key_inspector import KeyInspector, KeyReport, VenueNotSupported
from application.ports.vault import Credentials
from application.ports.venue_credentials import CredentialsOf
from application.ports.venue_facts import VenueAddress, VenueFacts
from application.ports.venue_observer import VenueObserver
from application.venues.desk import RealVenue
from domain.market import Market
from domain.venue_accounts.rights import KeyRights
from entrypoints.settings import Settings

if TYPE_CHECKING:
    from adapters.exchanges.ccxt import clients
    from adapters.exchanges.ccxt.connection import VenueConnection
    from adapters.exchanges.ccxt.facts import CcxtVenueFacts
    from adapters.exchanges.ccxt.streams import CcxtOrderStream


class Venues:
    """One connection a venue, shared by all who use it in this process: one rate budget, one breaker.

    A name is a ccxt name, or that of a simulator in the settings. Errors: UnknownExchange.
    """

    def __init__(self, settings: Settings, credentials_of: CredentialsOf, observer: VenueObserver) -> None:
        self._settings, self._credentials_of, self._observer = settings, credentials_of, observer
        self._lock = threading.Lock()
        self._open: dict[str, RealVenue] = {}
        self._connections: dict[str, VenueConnection] = {}
        self._streams: list[CcxtOrderStream] = []
        self._keys: dict[tuple[str, str], str] = {}

    def __call__(self, name: str) -> RealVenue:
        with self._lock:
            if name not in self._open:
                self._open[name] = self._connected(name)
            return self._open[name]

    def connection(self, name: str) -> VenueConnection:
        self(name)
        with self._lock:
            return self._connections[name]

    def exchange(self, name: str) -> Exchange:
        return self(name).exchange

    def refresh_key(self, venue: str, venue_account: str, key_id: str) -> None:
        """A key that was changed or withdrawn is used no more: the next request asks for the account's."""
        with self._lock:
            connection, before = self._connections.get(venue), self._keys.get((venue, venue_account))
            self._keys[venue, venue_account] = key_id
        if connection is not None and before not in (None, key_id):
            connection.forget(venue_account)

    def close(self) -> None:
        """Every stream ends, every connection is given back."""
        with self._lock:
            for stream in self._streams:
                stream.close()
            for connection in self._connections.values():
                connection.close()
            self._open.clear()
            self._connections.clear()
            self._streams.clear()

    def _connected(self, name: str) -> RealVenue:
        from adapters.exchanges.ccxt.clients import require_exchange  # ccxt takes a second: only who needs it
        from adapters.exchanges.ccxt.connection import VenueConnection
        from adapters.exchanges.ccxt.exchange import CcxtExchange
        from adapters.exchanges.ccxt.streams import CcxtOrderStream

        address = address_of(self._settings, name)
        require_exchange(address.exchange)
        connection = VenueConnection(
            address,
            self._credentials_of,
            observer=self._observer,
            timeout_ms=self._settings.venue_timeout_ms,
        )
        exchange, stream = CcxtExchange(connection), CcxtOrderStream(connection)
        self._connections[name] = connection
        self._streams.append(stream)
        return RealVenue(exchange, stream if exchange.guarantees.streams_orders else None)


def address_of(settings: Settings, name: str) -> clients.VenueAddress:
    """Where a venue is, and in which venue's words it is spoken to."""
    from adapters.exchanges.ccxt import clients

    url = settings.simulator_urls.get(name, "")
    return clients.VenueAddress(name=name, exchange=SIMULATED if url else name, url=url)


SIMULATED = "binance"
"""What a simulator speaks."""


class VenueKeyInspector(KeyInspector):
    """Asks the venue, whichever it is."""

    def __init__(self, venues: Venues) -> None:
        self._venues = venues

    def inspect(self, venue: str, credentials: Credentials) -> KeyReport:
        from adapters.exchanges.ccxt.facts import CcxtKeyInspector

        return CcxtKeyInspector(lambda name: _supported(self._venues, name)).inspect(venue, credentials)


class VenueFactsByName(VenueFacts):
    """Asks the venue, whichever it is."""

    def __init__(self, venues: Venues) -> None:
        self._venues = venues

    def rights(self, account: VenueAddress) -> KeyRights:
        return self._facts.rights(account)

    def balances(self, account: VenueAddress) -> Mapping[str, Decimal]:
        return self._facts.balances(account)

    def market(self, account: VenueAddress, symbol: str) -> Market:
        return self._facts.market(account, symbol)

    def clock_offset_ms(self, venue: str) -> Decimal | None:
        return self._facts.clock_offset_ms(venue)

    def rate_budget_left(self, venue: str) -> Decimal | None:
        return self._facts.rate_budget_left(venue)

    def usd_price(self, venue: str, asset: str) -> Decimal | None:
        return self._facts.usd_price(venue, asset)

    @property
    def _facts(self) -> CcxtVenueFacts:
        from adapters.exchanges.ccxt.facts import CcxtVenueFacts

        return CcxtVenueFacts(lambda name: _supported(self._venues, name))


def _supported(venues: Venues, name: str) -> VenueConnection:
    """Raises VenueNotSupported."""
    try:
        return venues.connection(name)
    except UnknownExchange:
        raise VenueNotSupported(venue=name) from None
