"""Real venues by name, connected when they are first needed."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from application.ports.exchange import Exchange
from application.ports.venue_credentials import CredentialsOf
from application.ports.venue_observer import VenueObserver
from application.venues.desk import RealVenue
from entrypoints.settings import Settings

if TYPE_CHECKING:
    from adapters.exchanges.ccxt.clients import VenueAddress
    from adapters.exchanges.ccxt.connection import VenueConnection
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

    def __call__(self, name: str) -> RealVenue:
        with self._lock:
            if name not in self._open:
                self._open[name] = self._connected(name)
            return self._open[name]

    def exchange(self, name: str) -> Exchange:
        return self(name).exchange

    def forget_key(self, venue: str, venue_account: str) -> None:
        """The account's key was changed: the next request asks for it again."""
        with self._lock:
            connection = self._connections.get(venue)
        if connection is not None:
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


def address_of(settings: Settings, name: str) -> VenueAddress:
    """Where a venue is, and in which venue's words it is spoken to."""
    from adapters.exchanges.ccxt.clients import VenueAddress

    url = settings.simulator_urls.get(name, "")
    return VenueAddress(name=name, exchange=SIMULATED if url else name, url=url)


SIMULATED = "binance"
"""What a simulator speaks."""
