"""ccxt clients, opened the way that we use them: spot only, bounded, turned to where a venue is."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import ccxt  # type: ignore[import-untyped]  # ships no py.typed
import ccxt.pro as ccxt_pro  # type: ignore[import-untyped]

from adapters.exchanges.ccxt.kraken_ids import KrakenIds
from adapters.exchanges.ccxt.profiles import DEADLINE, RECV_WINDOW, VenueProfile
from adapters.exchanges.ccxt.venue_clock import Nonces, VenueClock
from adapters.exchanges.ccxt.wire import GuardedSession, OwnHosts, UnusableAnswer, strict_json
from application.ports.candle_source import UnknownExchange
from application.ports.venue_credentials import Credentials

EXPIRES_AT_MS: ContextVar[float | None] = ContextVar("expires_at_ms", default=None)
"""On our clock: until when the venue may take the request that is signed next; None: no matter."""

_QUIET = logging.getLogger("evenkeel.ccxt")  # ccxt logs every address, signature included, at debug level
_QUIET.addHandler(logging.NullHandler())
_QUIET.propagate = False
_QUIET.setLevel(logging.CRITICAL + 1)

_OPTIONS = {"defaultType": "spot", "fetchMargins": False, "warnOnFetchOpenOrdersWithoutSymbol": False}


class Expired(ccxt.BadRequest):  # type: ignore[misc]  # ccxt is untyped
    """The request was not sent: nothing would keep the venue from taking it too late."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueAddress:
    """Where a venue is. `url`: a simulator that speaks this exchange's language; "" the exchange itself, or
    its test network.
    """

    name: str
    exchange: str  # the ccxt name
    url: str = ""
    is_testnet: bool = False


def point(client: Any, address: VenueAddress) -> None:
    """Turn a client to where its venue is. Raises UnknownExchange where a venue has no test network."""
    if address.url:
        turn_to(client, address.url)
    elif address.is_testnet:
        if not client.urls.get("test"):
            raise UnknownExchange(exchange=address.name, did_you_mean=[address.exchange])
        client.set_sandbox_mode(True)


def require_exchange(exchange: str) -> None:
    """Raises UnknownExchange where ccxt has none of that name."""
    if exchange not in ccxt.exchanges:
        near = get_close_matches(exchange.lower(), ccxt.exchanges, n=3, cutoff=0.7)
        raise UnknownExchange(exchange=exchange, did_you_mean=near)


def open_client(exchange: str, *, timeout_ms: int = 10_000) -> Any:
    """A blocking ccxt client for public data, with the venue's rate limit on; raises UnknownExchange."""
    require_exchange(exchange)
    client = getattr(ccxt, exchange)(
        {"enableRateLimit": True, "timeout": timeout_ms, "options": dict(_OPTIONS)}
    )
    _keep_to_spot(client)
    return client


def open_async_client(
    address: VenueAddress,
    profile: VenueProfile,
    *,
    take: Callable[[float], Awaitable[None]],
    clock: VenueClock,
    credentials: Credentials | None = None,
    timeout_ms: int = 10_000,
) -> Any:
    """A ccxt.pro client on the running loop. `take` waits for a request's turn. Its user closes it."""
    require_exchange(address.exchange)
    options: dict[str, Any] = {
        "enableRateLimit": True,
        "timeout": timeout_ms,
        "newUpdates": True,
        "options": dict(_OPTIONS),
    }
    if credentials is not None:
        options |= {
            "apiKey": credentials.api_key,
            "secret": credentials.secret,
            "password": credentials.password or None,
        }
    vendor = getattr(ccxt_pro, address.exchange, None) or getattr(ccxt.async_support, address.exchange)
    events = (_TellsOrderEvents,) if profile.streams_execution_reports else ()
    bases = (_Guarded, *events, *_MENDED.get(address.exchange, ()), vendor)
    client = type(vendor.__name__, bases, {})(options)
    _keep_to_spot(client)
    client.logger = _QUIET
    client.take, client.venue_clock, client.nonces, client.profile = take, clock, Nonces(clock), profile
    point(client, address)
    client.session = client.guarded = GuardedSession(
        aiohttp.ClientSession(connector=OwnHosts(hosts_of(client))), hosts_of(client)
    )
    client.own_session = False
    return client


async def close_client(client: Any) -> None:
    """Gives its connections back."""
    client.timeout_on_exit = 0
    try:
        await client.close()
    finally:
        await client.guarded.close()


def _keep_to_spot(client: Any) -> None:
    """Loading markets asks for no more than it must: Binance's futures venues, Gemini's web pages."""
    known = client.options.get("fetchMarkets", {})
    if isinstance(known, dict):  # at Coinbase it names a method
        client.options["fetchMarkets"] = known | {"types": ["spot"]}
    details = client.options.get("fetchMarketsFromAPI")
    if isinstance(details, dict) and "fetchDetailsForAllSymbols" in details:
        details["fetchDetailsForAllSymbols"] = True  # Gemini tells its filters by pair only
    client.has["fetchCurrencies"] = False  # needs a key at some venues; markets say what we must know


def turn_to(client: Any, url: str) -> None:
    """Every address of a client, at `url` instead of its venue's host."""
    client.urls["api"] = _turned(client.urls["api"], urlsplit(url).netloc, urlsplit(url).scheme)
    streams = client.urls["api"].get("ws")
    if client.id == "binance" and isinstance(streams, dict):
        # ccxt tells spot from futures by this word in the address
        streams["spot"] = streams["spot"].removesuffix("/ws") + "/stream/ws"


def hosts_of(client: Any) -> frozenset[str]:
    """Every host that a client may ask."""
    found: set[str] = set()
    hostname = getattr(client, "hostname", None) or ""
    for url in _urls(client.urls["api"]):
        host = urlsplit(url.replace("{hostname}", hostname)).hostname
        if host:
            found.add(host)
    return frozenset(found)


def _turned(urls: Any, host: str, scheme: str) -> Any:
    if isinstance(urls, dict):
        return {name: _turned(url, host, scheme) for name, url in urls.items()}
    if not isinstance(urls, str):
        return urls
    parts = urlsplit(urls)
    is_socket = parts.scheme in ("ws", "wss")
    secure = scheme == "https"
    new_scheme = ("wss" if secure else "ws") if is_socket else scheme
    return parts._replace(scheme=new_scheme, netloc=host).geturl()


def _urls(urls: Any) -> list[str]:
    if isinstance(urls, dict):
        return [found for url in urls.values() for found in _urls(url)]
    return [urls] if isinstance(urls, str) else []


class _Guarded:
    """Put before a ccxt class: our budget, our clock, our reading of JSON, and expiries in what is signed."""

    take: Callable[[float], Awaitable[None]]
    venue_clock: VenueClock
    nonces: Nonces
    profile: VenueProfile

    async def throttle(self, cost: float | None = None) -> None:
        await self.take(1.0 if cost is None else float(cost))

    def nonce(self) -> int:
        """In place of the venue's own: of our measured clock."""
        return self.nonces.next() if self.profile.nonces_must_grow else self.venue_clock.venue_ms()

    def parse_json(self, body: str) -> object:
        return strict_json(body)

    async def fetch(self, url: str, method: str = "GET", headers: Any = None, body: Any = None) -> Any:
        answer = await super().fetch(url, method, headers, body)  # type: ignore[misc]
        if not isinstance(answer, dict | list):
            raise UnusableAnswer("the venue's answer is no JSON")
        return answer

    def handle_message(self, client: Any, message: Any) -> None:
        """What a handler cannot read breaks the line: left to itself, ccxt would go on without reading."""
        try:
            super().handle_message(client, message)  # type: ignore[misc]
        except Exception as e:  # noqa: BLE001  # hostile values: of any class
            client.on_error(UnusableAnswer(f"a message makes no sense ({type(e).__name__})"))

    def sign(
        self, path: str, api: Any = "public", method: str = "GET", params: Any = None, *rest: Any
    ) -> Any:
        """Just before it is sent, once: what waits for its turn until it is too late is not sent."""
        params = dict(params or {})
        expires_at_ms = EXPIRES_AT_MS.get()
        if expires_at_ms is not None and method == "POST":
            params |= self._expiry(expires_at_ms)
        return super().sign(path, api, method, params, *rest)  # type: ignore[misc]

    def _expiry(self, expires_at_ms: float) -> dict[str, object]:
        profile, clock = self.profile, self.venue_clock
        if profile.expiry and not clock.was_measured:
            raise Expired("the venue's clock is not known, so no moment of it can be named")
        now_ms, until_ms = clock.venue_ms(), clock.at_the_latest_ms(expires_at_ms)
        left_ms = min(until_ms - now_ms, profile.longest_expiry_ms)
        if left_ms < profile.shortest_expiry_ms:
            raise Expired("its time to be sent has passed")
        if profile.expiry == RECV_WINDOW:
            return {"timestamp": now_ms, "recvWindow": left_ms}
        if profile.expiry == DEADLINE:
            return {"deadline": ccxt.Exchange.iso8601(now_ms + left_ms)}
        return {}


class _SpotIsSpot:
    """Gemini tells a contract's currency of spot pairs as well, and ccxt takes them for swaps."""

    def parse_market(self, response: Any) -> Any:
        if isinstance(response, dict) and response.get("product_type") == "spot":
            response = {name: value for name, value in response.items() if name != "contract_price_currency"}
        return super().parse_market(response)  # type: ignore[misc]


_MENDED: dict[str, tuple[type, ...]] = {"gemini": (_SpotIsSpot,), "kraken": (KrakenIds,)}


class _TellsOrderEvents:
    """Binance's own messages about orders, as they come: ccxt would keep only the newest of each order."""

    on_order_event: Callable[[Any], None] | None = None

    def handle_order_update(self, client: Any, message: Any) -> None:  # noqa: ARG002  # ccxt's signature
        if self.on_order_event is not None:
            self.on_order_event(message)

    def handle_event_stream_terminated(self, client: Any, message: Any) -> None:  # noqa: ARG002  # as above
        """The line breaks: ccxt would keep it, and who waits for orders would wait for ever."""
        client.on_error(UnusableAnswer("the venue ended the stream"))
