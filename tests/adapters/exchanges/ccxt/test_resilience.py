"""Budget, breaker, retries and observer together, on the wire."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import aiohttp
import pytest

from adapters.exchanges.ccxt.connection import VenueConnection
from adapters.exchanges.ccxt.exchange import CcxtExchange, _translated
from adapters.exchanges.ccxt.profiles import BINANCE
from adapters.exchanges.ccxt.wire import ForeignHost, GuardedSession, OwnHosts
from application.ports.exchange import VenueOutcomeUnknown, VenueRefused
from application.ports.venue_observer import NobodyWatches
from tests.adapters.exchanges.ccxt.scripted import (
    ACCOUNT,
    NEVER_ANSWERED,
    Said,
    ScriptedVenue,
    binance_order,
    binance_symbol,
    limit_buy,
    request,
)

FAILS = Said({"code": -1001, "msg": "Internal error"}, 503)
ORDER = "GET /api/v3/order"


@dataclass
class Watcher(NobodyWatches):
    """A VenueObserver that remembers."""

    requests: list[tuple[str, str]] = field(default_factory=list)
    breaker: list[str] = field(default_factory=list)
    bans: list[float] = field(default_factory=list)
    waits: list[tuple[str, float]] = field(default_factory=list)
    offsets: list[float] = field(default_factory=list)

    def request_made(self, venue: str, kind: str, outcome: str, seconds: float) -> None:
        self.requests.append((kind, outcome))

    def throttled(self, venue: str, kind: str, seconds: float) -> None:
        self.waits.append((kind, seconds))

    def breaker_changed(self, venue: str, state: str) -> None:
        self.breaker.append(state)

    def banned(self, venue: str, seconds: float) -> None:
        self.bans.append(seconds)

    def clock_measured(self, venue: str, offset_ms: float) -> None:
        self.offsets.append(offset_ms)


@pytest.fixture
def watcher() -> Watcher:
    return Watcher()


def test_a_venue_that_fails_is_left_alone_and_its_orders_can_still_be_canceled(
    binance: ScriptedVenue, watcher: Watcher
) -> None:
    """Safety §4 row 15; the kill switch works while the venue is failing."""
    exchange = binance.open(watcher)
    exchange.market(ACCOUNT, "BTC/USDT")
    binance.says(ORDER, FAILS)
    for _ in range(2):
        with pytest.raises(VenueOutcomeUnknown):
            exchange.report(ACCOUNT, "BTC/USDT", "o-1")
    asked = len(binance.heard)

    with pytest.raises(VenueOutcomeUnknown, match="not sent: the venue fails"):
        exchange.report(ACCOUNT, "BTC/USDT", "o-1")
    with pytest.raises(VenueOutcomeUnknown, match="not sent: the venue fails"):
        exchange.submit(request(limit_buy()))

    assert len(binance.heard) == asked
    assert watcher.breaker == ["open"]
    assert watcher.requests[-2:] == [("query", "not_sent"), ("create", "not_sent")]


def test_a_cancel_is_sent_and_looked_for_while_the_breaker_is_open(
    binance: ScriptedVenue, watcher: Watcher
) -> None:
    exchange = binance.open(watcher)
    exchange.market(ACCOUNT, "BTC/USDT")
    binance.says(ORDER, FAILS)
    for _ in range(2):
        with pytest.raises(VenueOutcomeUnknown):
            exchange.report(ACCOUNT, "BTC/USDT", "o-1")
    binance.says(ORDER, Said(binance_order(status="CANCELED")))
    binance.says("DELETE /api/v3/order", Said(binance_order(status="CANCELED")))

    assert exchange.cancel(ACCOUNT, "BTC/USDT", "o-1").status == "canceled"
    assert watcher.breaker == ["open", "closed"]


@pytest.mark.parametrize("status", [429, 418])
def test_a_ban_is_obeyed_by_everybody_at_that_venue(
    binance: ScriptedVenue, watcher: Watcher, status: int
) -> None:
    """Retry-After, and 418 above all: who asks on is banned for longer."""
    exchange = binance.open(watcher)
    exchange.market(ACCOUNT, "BTC/USDT")
    binance.says(
        ORDER, Said({"code": -1003, "msg": "Way too many requests."}, status, {"Retry-After": "3600"})
    )
    with pytest.raises(VenueOutcomeUnknown, match="-1003"):
        exchange.report(ACCOUNT, "BTC/USDT", "o-1")
    asked = len(binance.heard)

    for ask in (
        lambda: exchange.report(ACCOUNT, "BTC/USDT", "o-1"),
        lambda: exchange.cancel(ACCOUNT, "BTC/USDT", "o-1"),
        lambda: exchange.balances("another account"),
        lambda: exchange.submit(request(limit_buy())),
    ):
        with pytest.raises(VenueOutcomeUnknown, match="not sent: the venue's rate limit"):
            ask()

    assert len(binance.heard) == asked
    assert watcher.bans == [3_600.0]


def test_a_short_ban_is_waited_out(binance: ScriptedVenue, watcher: Watcher) -> None:
    exchange = binance.open(watcher, profile=replace(BINANCE, budget_per_s=1e6))
    exchange.market(ACCOUNT, "BTC/USDT")
    banned = Said({"code": -1003, "msg": "Too many requests."}, 429, {"Retry-After": "1"})
    binance.says(ORDER, banned, Said(binance_order()))

    assert exchange.report(ACCOUNT, "BTC/USDT", "o-1").status == "open"
    assert [kind for kind, seconds in watcher.waits if seconds > 0.5] == ["query"]


def test_what_the_venue_says_of_its_limit_counts(binance: ScriptedVenue, watcher: Watcher) -> None:
    """Others may ask from the same address: we slow down before the venue says no."""
    exchange = binance.open(watcher)
    exchange.market(ACCOUNT, "BTC/USDT")
    binance.says(ORDER, Said(binance_order(), headers={"X-MBX-USED-WEIGHT-1M": "5950"}))

    exchange.report(ACCOUNT, "BTC/USDT", "o-1")
    exchange.report(ACCOUNT, "BTC/USDT", "o-1")

    assert any(seconds > 0.1 for kind, seconds in watcher.waits if kind == "query")


def test_a_refusal_is_the_venues_answer_and_no_failure(binance: ScriptedVenue, watcher: Watcher) -> None:
    exchange = binance.open(watcher)
    binance.says("POST /api/v3/order", Said({"code": -2010, "msg": "insufficient balance"}, 400))
    for n in range(10):
        with pytest.raises(VenueRefused):
            exchange.submit(request(limit_buy(), f"o-{n}"))

    assert watcher.breaker == []
    assert watcher.requests.count(("create", "refused")) == 10


def test_a_create_is_never_asked_again(binance: ScriptedVenue, watcher: Watcher) -> None:
    """Safety §3 #6."""
    exchange = binance.open(watcher)
    for answer in (FAILS, Said(NEVER_ANSWERED)):
        binance.says("POST /api/v3/order", answer)
        before = len(binance.asked("POST /api/v3/order"))
        with pytest.raises(VenueOutcomeUnknown):
            exchange.submit(request(limit_buy(), f"o-{before}"))
        assert len(binance.asked("POST /api/v3/order")) == before + 1


def test_the_clock_is_measured_once_the_venue_is_connected(binance: ScriptedVenue, watcher: Watcher) -> None:
    binance.open(watcher).market(ACCOUNT, "BTC/USDT")

    assert len(watcher.offsets) == 1
    assert abs(watcher.offsets[0]) < 1_000


def test_old_markets_are_loaded_again_beside_what_is_asked(
    binance: ScriptedVenue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A venue that lists no markets any more keeps nobody from canceling."""
    connection = binance.connection(profile=replace(BINANCE, budget_per_s=1e6))
    exchange = CcxtExchange(connection)
    exchange.market(ACCOUNT, "BTC/USDT")
    monkeypatch.setattr("adapters.exchanges.ccxt.connection.MARKETS_KEPT_S", -1.0)
    connection._refresh_at_s = 0.0
    binance.says("GET /api/v3/exchangeInfo", Said(NEVER_ANSWERED))
    binance.says(ORDER, Said(binance_order(status="CANCELED")))
    binance.says("DELETE /api/v3/order", Said(binance_order(status="CANCELED")))

    assert exchange.cancel(ACCOUNT, "BTC/USDT", "o-1").status == "canceled"
    connection.run(_refreshed(connection))
    assert exchange.market(ACCOUNT, "BTC/USDT").tick_size > 0

    binance.says("GET /api/v3/exchangeInfo", Said({"symbols": [binance_symbol("NEW", "USDT")]}))
    connection._refresh_at_s = 0.0
    exchange.market(ACCOUNT, "BTC/USDT")
    connection.run(_refreshed(connection))
    assert exchange.market(ACCOUNT, "NEW/USDT").symbol == "NEW/USDT"


async def _refreshed(connection: VenueConnection) -> None:
    assert connection._refreshing is not None
    await connection._refreshing


def test_no_request_leaves_for_another_host(binance: ScriptedVenue) -> None:
    """Every address of the client is the simulator's, and its session asks no other."""
    connection = binance.connection()
    exchange = binance.open()
    exchange.market(ACCOUNT, "BTC/USDT")
    client = connection.run(connection.public())

    assert client.guarded._hosts == frozenset({"127.0.0.1"})
    client.urls["api"]["public"] = "https://api.binance.com/api/v3"
    with pytest.raises(VenueOutcomeUnknown, match=r"api\.binance\.com is none of this venue's"):
        connection.run(_translated(connection.read(client.fetch_time)))


async def test_a_socket_that_is_redirected_elsewhere_is_not_opened(binance: ScriptedVenue) -> None:
    """A handshake is a request, too, and its redirect would be followed."""
    elsewhere = binance.url.replace("127.0.0.1", "localhost")
    binance.says("GET /ws", Said("", 302, {"Location": f"{elsewhere}/elsewhere"}))
    own = frozenset({"127.0.0.1"})

    async with aiohttp.ClientSession(connector=OwnHosts(own)) as session:
        with pytest.raises(ForeignHost, match="localhost"):
            await GuardedSession(session, own).ws_connect(f"{binance.url}/ws")

    assert binance.asked("GET /elsewhere") == []
