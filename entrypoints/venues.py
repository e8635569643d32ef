"""Real venues by name, connected when they are first needed."""

from __future__ import annotations

import threading
from collections.abc import Container
from decimal import Decimal
from typing import TYPE_CHECKING

from application.ports.candle_source import UnknownExchange
from application.ports.exchange import Exchange
from application.ports.key_inspector import KeyReport, VenueNotSupported
from application.ports.vault import Credentials
from application.ports.venue_credentials import CredentialsOf
from application.ports.venue_observer import VenueObserver
from application.venues.desk import RealVenue
from entrypoints.settings import Settings

if TYPE_CHECKING:
    from adapters.exchanges.ccxt import clients
    from adapters.exchanges.ccxt.connection import VenueConnection
    from adapters.exchanges.ccxt.gauges import CcxtGauges
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

    def exchange(self, name: str) -> Exchange:
        return self(name).exchange

    def inspect(self, venue: str, credentials: Credentials) -> KeyReport:
        """As KeyInspector."""
        from adapters.exchanges.ccxt.key_rights import CcxtKeyInspector

        return CcxtKeyInspector(self._connection(venue)).inspect(venue, credentials)

    def clock_offset_ms(self, venue: str) -> Decimal | None:
        """As VenueGauges, and so are the next two."""
        return self._gauges(venue).clock_offset_ms()

    def rate_budget_left(self, venue: str) -> Decimal | None:
        return self._gauges(venue).rate_budget_left()

    def usd_price(self, venue: str, asset: str) -> Decimal | None:
        return self._gauges(venue).usd_price(asset)

    def _gauges(self, venue: str) -> CcxtGauges:
        from adapters.exchanges.ccxt.gauges import CcxtGauges

        return CcxtGauges(self._connection(venue))

    def _connection(self, venue: str) -> VenueConnection:
        """Raises VenueNotSupported."""
        try:
            self(venue)
        except UnknownExchange:
            raise VenueNotSupported(venue=venue) from None
        return self._connections[venue]

    def forget_key(self, venue: str, venue_account: str) -> None:
        """The account's key was changed by this process: the next request asks for it again."""
        with self._lock:
            connection = self._connections.get(venue)
        if connection is not None:
            connection.forget(venue_account)

    def refresh_key(self, venue: str, venue_account: str, key_id: str) -> None:
        """As forget_key, where whoever keeps the account sees that another process changed its key."""
        with self._lock:
            before = self._keys.get((venue, venue_account))
            self._keys[venue, venue_account] = key_id
        if before not in (None, key_id):
            self.forget_key(venue, venue_account)

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
    exchange = SIMULATED if url else name.removesuffix(TESTNET)
    is_testnet = not url and name.endswith(TESTNET)
    return clients.VenueAddress(name=name, exchange=exchange, url=url, is_testnet=is_testnet)


class NoRealMoney(Container[str]):
    """The venues by name at which no money is real: simulators and test networks."""

    def __init__(self, simulators: Container[str]) -> None:
        self._simulators = simulators

    def __contains__(self, venue: object) -> bool:
        return venue in self._simulators or (isinstance(venue, str) and venue.endswith(TESTNET))


SIMULATED = "binance"
"""What a simulator speaks."""

TESTNET = "-testnet"
"""Behind a ccxt name: the venue's own test network, as `binance-testnet`."""
