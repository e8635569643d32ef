"""What keys may do, by what venues tell: a way out that is not plainly closed is not closed (safety §1)."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from adapters.exchanges.ccxt.clients import VenueAddress
from adapters.exchanges.ccxt.connection import VenueConnection
from adapters.exchanges.ccxt.facts import CcxtKeyInspector, CcxtVenueFacts
from adapters.exchanges.ccxt.key_rights import NOTHING_TOLD, rights_of
from application.ports.key_inspector import VenueKeyRejected, VenueNotReachable
from application.ports.vault import Credentials
from application.ports.venue_facts import VenueAddress as AccountAddress
from domain.venue_accounts.errors import VenueKeyMayWithdraw, VenueKeyRightsUnknown
from domain.venue_accounts.rights import KeyRights
from tests.simulators import Simulator, simulator


class Told:
    """A client whose venue tells this of the key."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    def __getattr__(self, name: str) -> Any:
        async def ask() -> Any:
            return self.answer

        return ask


def rights(exchange: str, answer: Any) -> KeyRights:
    return asyncio.run(rights_of(Told(answer), exchange))


BINANCE = {
    "ipRestrict": True,
    "enableReading": True,
    "enableSpotAndMarginTrading": True,
    "enableWithdrawals": False,
    "enableInternalTransfer": False,
    "permitsUniversalTransfer": False,
}


def without(told: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in told.items() if key != name}


@pytest.mark.parametrize(
    ("exchange", "told", "expected"),
    [
        ("binance", BINANCE, (True, True, False, True)),
        ("binance", {**BINANCE, "enableWithdrawals": True}, (True, True, True, True)),
        ("binance", {**BINANCE, "enableInternalTransfer": True}, (True, True, True, True)),
        ("binance", {**BINANCE, "permitsUniversalTransfer": "true"}, (True, True, True, True)),
        ("binance", without(BINANCE, "enableWithdrawals"), (True, True, None, True)),
        ("binance", {**BINANCE, "enableWithdrawals": "perhaps"}, (True, True, None, True)),
        ("binance", without(BINANCE, "ipRestrict"), (True, True, False, None)),
        ("coinbase", {"can_view": True, "can_trade": True, "can_transfer": False}, (True, True, False, None)),
        ("coinbase", {"can_view": True, "can_trade": True, "can_transfer": True}, (True, True, True, None)),
        ("coinbase", {"can_view": True, "can_trade": True}, (True, True, None, None)),
        (
            "kraken",
            {"result": {"permissions": ["query-funds", "modify-trades"], "ip_allowlist": ["192.0.2.1"]}},
            (True, True, False, True),
        ),
        ("kraken", {"result": {"permissions": ["query-funds", "withdraw-funds"]}}, (True, False, True, None)),
        ("kraken", {"error": ["EGeneral:Unknown method"]}, (None, None, None, None)),
        ("gemini", {"isTrader": True, "isFundManager": False, "isAuditor": False}, (True, True, False, None)),
        ("gemini", {"isTrader": True, "isFundManager": True, "isAuditor": False}, (True, True, True, None)),
        ("bitstamp", {"anything": True}, (None, None, None, None)),
    ],
)
def test_rights_are_what_the_venue_tells_and_no_more(
    exchange: str, told: dict[str, Any], expected: tuple[bool | None, ...]
) -> None:
    found = rights(exchange, told)
    assert (found.may_read, found.may_trade, found.may_take_out, found.is_ip_restricted) == expected
    if expected[2] is None:
        with pytest.raises(VenueKeyRightsUnknown):
            found.require_acceptable()
    elif expected[2]:
        with pytest.raises(VenueKeyMayWithdraw):
            found.require_acceptable()


def test_a_venue_that_nobody_has_looked_at_tells_nothing() -> None:
    assert rights("somewhere", {}) == NOTHING_TOLD


@pytest.fixture
def venue(tmp_path: Path) -> Any:
    with simulator(tmp_path / "journal") as server:
        yield server


def connection(server: Simulator, *, secret: str = "") -> VenueConnection:
    key = Credentials(server.key, secret or server.secret)
    return VenueConnection(
        VenueAddress(name="simulator", exchange="binance", url=server.url), lambda _: key, attempts=1
    )


def test_a_key_is_asked_about_with_itself(venue: Simulator) -> None:
    opened = connection(venue)
    report = CcxtKeyInspector(lambda _: opened).inspect("simulator", Credentials(venue.key, venue.secret))
    opened.close()

    assert (report.rights.may_trade, report.rights.may_take_out) == (True, False)
    assert report.balances == {"BTC": 10, "USDT": 1_000_000, "ETH": 100, "BNB": 50}


def test_a_wrong_key_and_a_silent_venue_are_told_apart(venue: Simulator) -> None:
    opened = connection(venue)
    inspector = CcxtKeyInspector(lambda _: opened)
    with pytest.raises(VenueKeyRejected) as rejected:
        inspector.inspect("simulator", Credentials(venue.key, "not-the-secret"))
    venue.fault("drop_before", on="restrictions", count=9)
    with pytest.raises(VenueNotReachable):
        inspector.inspect("simulator", Credentials(venue.key, venue.secret))
    opened.close()

    assert "not-the-secret" not in repr(rejected.value) + str(rejected.value.__context__)


def test_the_facts_of_a_preflight_come_from_the_venue(venue: Simulator) -> None:
    opened = connection(venue)
    facts, at = CcxtVenueFacts(lambda _: opened), AccountAddress("simulator", "ann")
    try:
        assert facts.rights(at).may_take_out is False
        assert facts.balances(at)["BTC"] == 10
        assert facts.market(at, "BTC/USDT").min_notional > 0
        offset, left = facts.clock_offset_ms("simulator"), facts.rate_budget_left("simulator")
        assert offset is not None
        assert abs(offset) < 1_000
        assert left is not None
        assert 0 < left <= 1
        price = facts.usd_price("simulator", "BTC")
        assert price is not None
        assert 59_000 < price < 61_000
        assert facts.usd_price("simulator", "USDT") == 1
        assert facts.usd_price("simulator", "NOBODY") is None
    finally:
        opened.close()
