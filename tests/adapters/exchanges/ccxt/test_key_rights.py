"""What venues say of keys, and of the connection to them: through the real client."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from adapters.exchanges.ccxt.clients import VenueAddress
from adapters.exchanges.ccxt.connection import VenueConnection
from adapters.exchanges.ccxt.gauges import CcxtGauges
from adapters.exchanges.ccxt.key_rights import _RIGHTS, CcxtKeyInspector
from application.ports.key_inspector import VenueKeyRejected, VenueNotReachable
from application.ports.vault import Credentials
from domain.venue_accounts.rights import KeyRights
from tests.simulators import ANN, BOB, Simulator, simulator

KEY = Credentials(ANN.key, ANN.secret)
RICH = replace(BOB, name="rich", key="rich-key", secret="rich-secret", can_withdraw=True)


@pytest.fixture(scope="module")
def venue(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    folder: Path = tmp_path_factory.mktemp("venue")
    with simulator(folder / "journal", customers=(ANN, RICH)) as running:
        yield running


@pytest.fixture
def connection(venue: Simulator) -> Iterator[VenueConnection]:
    address = VenueAddress(name="simulator", exchange="binance", url=venue.url)
    connected = VenueConnection(address, timeout_ms=3_000, attempts=1)
    yield connected
    connected.close()


def test_a_keys_rights_and_the_accounts_balances_are_told(connection: VenueConnection) -> None:
    report = CcxtKeyInspector(connection).inspect("simulator", KEY)
    assert report.rights == KeyRights(
        may_read=True, may_trade=True, may_take_out=False, is_ip_restricted=False
    )
    assert report.balances == ANN.balances


def test_each_account_of_the_simulator_has_an_id_of_its_own(connection: VenueConnection) -> None:
    inspect = CcxtKeyInspector(connection).inspect
    ann, again = (inspect("simulator", KEY).venue_uid for _ in range(2))
    rich = inspect("simulator", Credentials(RICH.key, RICH.secret)).venue_uid
    assert ann == again
    assert "" not in (ann, rich)
    assert ann != rich


def test_a_key_that_may_withdraw_says_so(connection: VenueConnection) -> None:
    """Safety §1, users' exchange keys."""
    rights = CcxtKeyInspector(connection).inspect("simulator", Credentials(RICH.key, RICH.secret)).rights
    assert rights.may_take_out is True


@pytest.mark.parametrize("key", [Credentials("nobody's", "x"), Credentials(ANN.key, "not its secret")])
def test_a_wrong_key_is_rejected_and_not_quoted(connection: VenueConnection, key: Credentials) -> None:
    """Safety §2.58: also not in what the error came from."""
    with pytest.raises(VenueKeyRejected) as refused:
        CcxtKeyInspector(connection).inspect("simulator", key)
    assert (refused.value.__cause__, refused.value.__context__) == (None, None)
    assert key.api_key not in str(refused.value)


def test_a_venue_that_is_not_there_is_not_reachable() -> None:
    address = VenueAddress(name="gone", exchange="binance", url="http://127.0.0.1:9")
    connection = VenueConnection(address, timeout_ms=500, attempts=1)
    try:
        with pytest.raises(VenueNotReachable):
            CcxtKeyInspector(connection).inspect("gone", KEY)
        gauges = CcxtGauges(connection)
        assert (gauges.clock_offset_ms(), gauges.rate_budget_left()) == (None, None)
        assert gauges.usd_price("BTC") is None
    finally:
        connection.close()


def test_the_connection_tells_its_clock_its_budget_and_prices(connection: VenueConnection) -> None:
    gauges = CcxtGauges(connection)
    offset, left = gauges.clock_offset_ms(), gauges.rate_budget_left()
    assert offset is not None
    assert abs(offset) < 5_000
    assert left is not None
    assert 0 < left <= 1
    assert gauges.usd_price("USDT") == Decimal(1)
    assert (gauges.usd_price("BTC") or Decimal(0)) > 50_000
    assert gauges.usd_price("NOPE") is None


class _Told:
    """A connection that reads whatever it is handed."""

    address = VenueAddress(name="told", exchange="binance")

    async def read(self, request: Any) -> Any:
        return await request()


class _Client:
    """A venue's answers by the name that ccxt gives their requests."""

    def __init__(self, **answers: Any) -> None:
        for name, told in answers.items():
            setattr(self, name, self._answering(told))

    def _answering(self, told: Any) -> Any:
        async def answer() -> Any:
            return told

        return answer


BINANCE = {
    "ipRestrict": True,
    "enableReading": True,
    "enableWithdrawals": False,
    "enableInternalTransfer": False,
    "permitsUniversalTransfer": False,
    "enableSpotAndMarginTrading": True,
}


def kraken(*permissions: str) -> dict[str, Any]:
    return {"error": [], "result": {"permissions": list(permissions), "ipAllowlist": []}}


@pytest.mark.parametrize(
    ("exchange", "answers", "expected"),
    [
        ("binance", {**BINANCE}, (True, True, False)),
        ("binance", {**BINANCE, "enableInternalTransfer": True}, (True, True, True)),
        ("binance", {**BINANCE, "permitsUniversalTransfer": True}, (True, True, True)),
        ("binance", {**BINANCE, "enableWithdrawals": "false"}, (True, True, None)),
        ("binance", {}, (None, None, None)),
        ("coinbase", {"can_view": True, "can_trade": True, "can_transfer": False}, (True, True, False)),
        ("coinbase", {"can_view": True, "can_trade": True, "can_transfer": True}, (True, True, True)),
        ("coinbase", {}, (None, None, None)),
        ("gemini", {"isAuditor": False, "isFundManager": False, "isTrader": True}, (True, True, False)),
        ("gemini", {"isAuditor": True, "isFundManager": False, "isTrader": False}, (True, False, False)),
        ("gemini", {"isAuditor": False, "isFundManager": True, "isTrader": False}, (False, False, True)),
        ("gemini", {}, (None, None, None)),
        ("kraken", kraken("query-funds", "query-open-trades", "modify-trades"), (True, True, False)),
        ("kraken", kraken("query-funds", "close-trades", "export-data"), (True, False, False)),
        ("kraken", kraken("query-funds", "modify-trades", "withdraw-funds"), (True, True, True)),
        ("kraken", kraken("query-funds", "modify-trades", "unheard-of"), (True, True, None)),
        ("kraken", {"result": {"permissions": "all"}}, (None, None, None)),
        ("kraken", {}, (None, None, None)),
        ("kraken", {"error": ["EGeneral:Unknown method"]}, (None, None, None)),
    ],
)
async def test_each_venues_words_are_understood_and_nothing_is_assumed(
    exchange: str, answers: dict[str, Any], expected: tuple[bool | None, ...]
) -> None:
    """What is not plainly true or false is not known."""
    client = _Client(
        sapiGetAccountApiRestrictions=answers,
        privateGetAccount={"canTrade": True, "canWithdraw": True},
        v3PrivateGetBrokerageKeyPermissions=answers,
        privatePostV1Roles=answers,
        privatePostGetApiKeyInfo=answers,
    )
    rights = (await _RIGHTS[exchange](_Told(), client)).rights  # type: ignore[arg-type]
    assert (rights.may_read, rights.may_trade, rights.may_take_out) == expected


@pytest.mark.parametrize(
    ("exchange", "told", "expected"),
    [
        ("binance", {"uid": 354937868}, "354937868"),
        ("binance", {"uid": "354937868"}, "354937868"),
        ("coinbase", {"portfolio_uuid": "7c3a-01"}, "7c3a-01"),
        *[("binance", {"uid": nonsense}, "") for nonsense in (True, None, 0, "", 1.5, "a b", "9" * 65, [7])],
        ("binance", {}, ""),
        ("coinbase", {}, ""),
        ("gemini", {"uid": "7"}, ""),
        ("kraken", {"result": {"permissions": []}, "uid": "7"}, ""),
    ],
)
async def test_whose_a_key_is_is_taken_from_where_the_venue_says_it(
    exchange: str, told: dict[str, Any], expected: str
) -> None:
    """What is no plain id is not known."""
    client = _Client(
        sapiGetAccountApiRestrictions={},
        privateGetAccount=told,
        v3PrivateGetBrokerageKeyPermissions=told,
        privatePostV1Roles=told,
        privatePostGetApiKeyInfo=told,
    )
    assert (await _RIGHTS[exchange](_Told(), client)).venue_uid == expected  # type: ignore[arg-type]
