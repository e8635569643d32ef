"""Kraken, Coinbase and Gemini: what each is sent, and how an order is found there.

Each venue stands on loopback, the real client in front of it; the answers are theirs in shape.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from adapters.exchanges.ccxt.exchange import CcxtExchange
from adapters.exchanges.ccxt.kraken_ids import from_kraken
from adapters.exchanges.ccxt.profiles import COINBASE, GEMINI, KRAKEN
from application.ports.exchange import OrderReport, VenueOrderNotFound, VenueOutcomeUnknown, VenueRefused
from domain.kill_switch.closing import closing_order_id
from domain.orders.order import client_order_id
from tests.adapters.exchanges.ccxt.scripted import (
    ACCOUNT,
    Heard,
    Said,
    ScriptedVenue,
    limit_buy,
    request,
)

SYMBOL = "BTC/USD"
BUY = limit_buy("1", "50", symbol=SYMBOL)

# -- Kraken ----------------------------------------------------------------------------------------------

KRAKEN_PAIR = {
    "altname": "XBTUSD", "wsname": "XBT/USD", "aclass_base": "currency", "base": "XXBT",
    "aclass_quote": "currency", "quote": "ZUSD", "lot": "unit", "cost_decimals": 5, "pair_decimals": 1,
    "lot_decimals": 8, "lot_multiplier": 1, "leverage_buy": [], "leverage_sell": [],
    "fees": [[0, 0.4]], "fees_maker": [[0, 0.25]], "fee_volume_currency": "ZUSD", "margin_call": 80,
    "margin_stop": 40, "ordermin": "0.0001", "costmin": "0.5", "tick_size": "0.1", "status": "online",
}  # fmt: skip
KRAKEN_GREETINGS = {
    "GET /0/public/AssetPairs": Said({"error": [], "result": {"XXBTZUSD": KRAKEN_PAIR}}),
    "GET /0/public/Time": Said({"error": [], "result": {"unixtime": 1_790_000_000}}),
}


def kraken_order(**more: Any) -> dict[str, Any]:
    return {
        "cl_ord_id": "o-1", "status": "open", "opentm": 1688666559.8974, "vol": "1.00000000",
        "vol_exec": "0.00000000", "cost": "0.00000", "fee": "0.00000", "price": "0.00000", "oflags": "fciq",
        "descr": {"pair": "XBTUSD", "type": "buy", "ordertype": "limit", "price": "50.0", "price2": "0",
                  "leverage": "none", "order": "", "close": ""},
        **more,
    }  # fmt: skip


@contextmanager
def opened(
    exchange: str, greetings: dict[str, Said], profile: Any
) -> Iterator[tuple[ScriptedVenue, CcxtExchange]]:
    with ScriptedVenue(exchange) as venue:
        for what, said in greetings.items():
            venue.says(what, said)
        yield venue, venue.open(profile=replace(profile, budget_per_s=1e6))


@pytest.fixture
def kraken() -> Iterator[tuple[ScriptedVenue, CcxtExchange]]:
    with opened("kraken", KRAKEN_GREETINGS, KRAKEN) as both:
        yield both


Both = tuple[ScriptedVenue, CcxtExchange]
ADD = "POST /0/private/AddOrder"
OPEN, CLOSED = "POST /0/private/OpenOrders", "POST /0/private/ClosedOrders"


def found(**orders: Any) -> Said:
    return Said({"error": [], "result": {"open": orders, "closed": orders, "count": len(orders)}})


def test_kraken_is_sent_our_id_and_a_deadline_on_its_own_clock(kraken: Both) -> None:
    venue, exchange = kraken
    venue.says(
        ADD,
        Said(
            {
                "error": [],
                "result": {"txid": ["OQCLML"], "descr": {"order": "buy 1.00000000 XBTUSD @ limit 50.0"}},
            }
        ),
    )
    venue.says("POST /0/private/QueryOrders", Said({"error": [], "result": {"OQCLML": kraken_order()}}))

    report = exchange.submit(request(BUY, expires_in_s=5))

    (sent,) = venue.asked(ADD)
    assert (sent.params["cl_ord_id"], sent.params["volume"], sent.params["price"]) == ("o-1", "1", "50")
    deadline = datetime.fromisoformat(sent.params["deadline"])
    assert -1 < (deadline - datetime.fromtimestamp(1_790_000_000, UTC)).total_seconds() <= 6
    assert (report.status, report.venue_order_id) == ("open", "OQCLML")


def test_kraken_is_not_asked_for_less_time_than_it_grants(kraken: Both) -> None:
    venue, exchange = kraken

    with pytest.raises(VenueOutcomeUnknown, match="not sent"):
        exchange.submit(request(BUY, expires_in_s=1.5))

    assert venue.asked(ADD) == []


def test_kraken_finds_an_order_by_our_id_among_open_and_ended_ones(kraken: Both) -> None:
    venue, exchange = kraken
    venue.says(OPEN, found())
    venue.says(CLOSED, found(OQ1=kraken_order(status="canceled")))

    report = exchange.report(ACCOUNT, SYMBOL, "o-1")

    assert (report.status, report.venue_order_id) == ("canceled", "OQ1")
    assert {asked.params["cl_ord_id"] for asked in venue.asked(OPEN) + venue.asked(CLOSED)} == {"o-1"}


@pytest.mark.parametrize("epoch", [0, 9, 10, 4_095])
def test_kraken_is_told_our_own_ids_as_it_takes_them_and_tells_them_back(kraken: Both, epoch: int) -> None:
    """Of more than 18 characters it takes 32 hexadecimal digits alone, and may tell them with dashes."""
    venue, exchange = kraken
    for ours in (
        client_order_id("bot-1", 7, 0, epoch=epoch),
        closing_order_id("switch-1", "bot-1", 0, epoch=epoch),
    ):
        venue.says(OPEN, found())
        venue.says(CLOSED, found())
        with pytest.raises(VenueOrderNotFound):
            exchange.report(ACCOUNT, SYMBOL, ours)
        theirs = venue.asked(OPEN)[-1].params["cl_ord_id"]
        assert re.fullmatch("[0-9a-f]{32}", theirs)

        for told in (theirs, str(UUID(theirs))):
            venue.says(CLOSED, found(OQ1=kraken_order(status="canceled", cl_ord_id=told)))
            assert exchange.report(ACCOUNT, SYMBOL, ours).client_order_id == ours
            venue.says(OPEN, found(OQ1=kraken_order(cl_ord_id=told)))
            assert [one.report.client_order_id for one in exchange.open_orders(ACCOUNT)] == [ours]
            venue.says(OPEN, found())


@pytest.mark.parametrize("told", ["o-1", "6d1b345e-2821-40e2-ad83-4ecb18a06876", "e3f" + "1" * 29])
def test_ids_that_others_gave_their_orders_are_told_as_they_are(told: str) -> None:
    assert from_kraken(told) == told


def test_an_order_in_neither_list_of_kraken_is_not_there(kraken: Both) -> None:
    venue, exchange = kraken
    venue.says(OPEN, found())
    venue.says(CLOSED, found())

    with pytest.raises(VenueOrderNotFound):
        exchange.report(ACCOUNT, SYMBOL, "o-1")

    venue.says(CLOSED, Said({"error": ["EService:Unavailable"]}))
    with pytest.raises(VenueOutcomeUnknown):
        exchange.report(ACCOUNT, SYMBOL, "o-1")


def test_nonces_for_kraken_only_grow(kraken: Both) -> None:
    """Safety §3 #30."""
    venue, exchange = kraken
    venue.says(OPEN, found(OQ1=kraken_order()))
    for _ in range(20):
        exchange.report(ACCOUNT, SYMBOL, "o-1")

    nonces = [int(asked.params["nonce"]) for asked in venue.asked(OPEN)]
    assert nonces == sorted(set(nonces))


def kraken_trade(number: int, pair: str = "XXBTZUSD") -> dict[str, Any]:
    return {
        "ordertxid": "OQCLML", "pair": pair, "time": 1688667000 + number, "type": "buy",
        "ordertype": "limit", "price": "50.0", "cost": "5.0", "fee": "0.01", "vol": "0.1", "margin": "0",
        "misc": "", "trade_id": number, "maker": True,
    }  # fmt: skip


def test_krakens_trades_are_gone_through_to_their_end_whatever_pairs_they_are_of(kraken: Both) -> None:
    """Safety §3 #7: an "empty trade history" is proof only where it is whole."""
    venue, exchange = kraken
    everything = [kraken_trade(n, "XXBTZUSD" if n % 60 == 0 else "XETHZUSD") for n in range(120)]

    def page(heard: Heard) -> Said:
        offset = int(heard.params.get("ofs", 0))
        newest_first = everything[::-1][offset : offset + 50]
        trades = {f"T{trade['trade_id']}": trade for trade in newest_first}
        return Said({"error": [], "result": {"count": len(everything), "trades": trades}})

    venue.says("POST /0/private/TradesHistory", page)

    trades = exchange.trades_since(ACCOUNT, SYMBOL, datetime.fromtimestamp(1688660000, UTC))

    assert [trade.fill.venue_trade_id for trade in trades] == ["T0", "T60"]
    assert len(venue.asked("POST /0/private/TradesHistory")) == 3


def test_a_history_of_kraken_that_breaks_off_is_a_doubt(kraken: Both) -> None:
    venue, exchange = kraken
    venue.says(
        "POST /0/private/TradesHistory",
        Said({"error": [], "result": {"count": 60, "trades": {"T1": kraken_trade(1)}}}),
        Said({"error": [], "result": {"count": 60, "trades": {}}}),
    )

    with pytest.raises(VenueOutcomeUnknown, match="fewer trades than it says"):
        exchange.trades_since(ACCOUNT, SYMBOL, datetime.fromtimestamp(1688660000, UTC))


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        ("EOrder:Insufficient funds", VenueRefused),
        ("EService:Deadline elapsed", VenueRefused),
        ("EService:Unavailable", VenueOutcomeUnknown),
        ("EGeneral:Internal error", VenueOutcomeUnknown),
        ("ENobody:Knows", VenueOutcomeUnknown),
    ],
)
def test_krakens_errors_come_with_status_200(kraken: Both, error: str, expected: type[Exception]) -> None:
    venue, exchange = kraken
    venue.says(ADD, Said({"error": [error]}))

    with pytest.raises(expected, match=error):
        exchange.submit(request(BUY))


# -- Coinbase --------------------------------------------------------------------------------------------

COINBASE_PRODUCT = {
    "product_id": "BTC-USD", "price": "100", "base_increment": "0.00000001", "quote_increment": "0.01",
    "quote_min_size": "1", "quote_max_size": "150000000", "base_min_size": "0.00000001",
    "base_max_size": "3400", "base_name": "Bitcoin", "quote_name": "US Dollar", "is_disabled": False,
    "new": False, "status": "online", "cancel_only": False, "limit_only": False, "post_only": False,
    "trading_disabled": False, "auction_mode": False, "product_type": "SPOT", "quote_currency_id": "USD",
    "base_currency_id": "BTC", "alias": "", "view_only": False, "price_increment": "0.01",
}  # fmt: skip
COINBASE_GREETINGS = {
    "GET /api/v3/brokerage/market/products": Said({"products": [COINBASE_PRODUCT], "num_products": "1"}),
    "GET /v2/time": Said({"data": {"iso": "2026-11-25T14:00:00Z", "epoch": 1_795_615_200}}),
}
CREATE = "POST /api/v3/brokerage/orders"
BATCH = "GET /api/v3/brokerage/orders/historical/batch"


def coinbase_order(**more: Any) -> dict[str, Any]:
    return {
        "order_id": "c-1", "product_id": "BTC-USD", "client_order_id": "o-1", "side": "BUY", "status": "OPEN",
        "order_configuration": {
            "limit_limit_gtc": {"base_size": "1", "limit_price": "50", "post_only": False}
        },
        "time_in_force": "GOOD_UNTIL_CANCELLED",
        "created_time": "2023-05-29T10:31:51.115999Z",
        "filled_size": "0", "average_filled_price": "0", "total_fees": "0", "order_type": "LIMIT",
        "product_type": "SPOT", "filled_value": "0", **more,
    }  # fmt: skip


@pytest.fixture
def coinbase() -> Iterator[Both]:
    with opened("coinbase", COINBASE_GREETINGS, COINBASE) as both:
        yield both


def test_coinbase_is_sent_our_id_and_not_ccxts(coinbase: Both) -> None:
    venue, exchange = coinbase
    venue.says(
        CREATE, Said({"success": True, "success_response": {"order_id": "c-1", "client_order_id": "o-1"}})
    )
    venue.says("GET /api/v3/brokerage/orders/historical/c-1", Said({"order": coinbase_order()}))

    report = exchange.submit(request(BUY))

    sent = json.loads(venue.asked(CREATE)[0].body)
    assert sent["client_order_id"] == "o-1"
    assert sent["order_configuration"] == {
        "limit_limit_gtc": {"base_size": "1", "limit_price": "50", "post_only": False}
    }
    assert (report.status, report.venue_order_id) == ("open", "c-1")


def test_an_order_that_is_not_among_coinbases_newest_proves_nothing(coinbase: Both) -> None:
    venue, exchange = coinbase
    venue.says(BATCH, Said({"orders": [coinbase_order(client_order_id="another")], "has_next": False}))

    with pytest.raises(VenueOutcomeUnknown, match="proves nothing"):
        exchange.report(ACCOUNT, SYMBOL, "o-1")

    venue.says(BATCH, Said({"orders": [coinbase_order()], "has_next": False}))
    assert exchange.report(ACCOUNT, SYMBOL, "o-1").venue_order_id == "c-1"


def test_coinbases_trades_are_gone_through_from_the_newest_back(coinbase: Both) -> None:
    venue, exchange = coinbase
    began = datetime(2026, 1, 1, tzinfo=UTC)

    def fill(number: int) -> dict[str, Any]:
        at = began + timedelta(seconds=number)
        return {
            "entry_id": f"e{number}", "trade_id": f"t{number}", "order_id": "c-1",
            "trade_time": at.isoformat().replace("+00:00", "Z"), "trade_type": "FILL", "price": "50",
            "size": "0.1", "commission": "0.01", "product_id": "BTC-USD", "liquidity_indicator": "MAKER",
            "size_in_quote": False, "side": "BUY",
        }  # fmt: skip

    everything = [fill(n) for n in range(600)]

    def page(heard: Heard) -> Said:
        until = heard.params.get("end_sequence_timestamp")
        listed = [
            one for one in everything[::-1] if until is None or moment(one["trade_time"]) <= moment(until)
        ]
        return Said({"fills": listed[: int(heard.params["limit"])], "cursor": ""})

    venue.says("GET /api/v3/brokerage/orders/historical/fills", page)

    trades = exchange.trades_since(ACCOUNT, SYMBOL, began)

    assert [trade.fill.venue_trade_id for trade in trades] == [f"t{n}" for n in range(600)]


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


@pytest.mark.parametrize(
    ("reason", "expected"),
    [("INSUFFICIENT_FUND", VenueRefused), ("UNKNOWN_FAILURE_REASON", VenueOutcomeUnknown)],
)
def test_coinbases_refusals_come_with_status_200(
    coinbase: Both, reason: str, expected: type[Exception]
) -> None:
    venue, exchange = coinbase
    error = {"error": reason, "message": "words", "error_details": ""}
    venue.says(CREATE, Said({"success": False, "failure_reason": reason, "error_response": error}))

    with pytest.raises(expected):
        exchange.submit(request(BUY))


def test_a_market_buy_leaves_room_for_the_fee_where_it_comes_on_top(coinbase: Both) -> None:
    """The budget covers both: a hold is never exceeded."""
    venue, exchange = coinbase
    tier = {"pricing_tier": "", "taker_fee_rate": "0.006", "maker_fee_rate": "0.004"}
    venue.says("GET /api/v3/brokerage/transaction_summary", Said({"fee_tier": tier}))
    venue.says(
        CREATE, Said({"success": True, "success_response": {"order_id": "c-1", "client_order_id": "o-1"}})
    )
    venue.says("GET /api/v3/brokerage/orders/historical/c-1", Said({"order": coinbase_order()}))
    market_buy = replace(
        BUY, order_type="market", base_quantity=None, limit_price=None, quote_budget=BUY.limit_price
    )

    exchange.submit(request(market_buy))

    sent = json.loads(venue.asked(CREATE)[0].body)
    assert sent["order_configuration"] == {"market_market_ioc": {"quote_size": "49.7"}}


# -- Gemini ----------------------------------------------------------------------------------------------

GEMINI_GREETINGS = {
    "GET /v1/symbols": Said(["btcusd"]),
    "GET /v1/symbols/details/btcusd": Said(
        {
            "symbol": "BTCUSD", "base_currency": "BTC", "quote_currency": "USD", "tick_size": 1e-8,
            "quote_increment": 0.01, "min_order_size": "0.00001", "status": "open", "product_type": "spot",
            "wrap_enabled": False, "contract_type": "vanilla", "contract_price_currency": "USD",
        }
    ),
}  # fmt: skip
NEW, STATUS = "POST /v1/order/new", "POST /v1/order/status"


def gemini_order(**more: Any) -> dict[str, Any]:
    return {
        "order_id": "g-1", "id": "g-1", "symbol": "btcusd", "exchange": "gemini",
        "avg_execution_price": "0.00", "side": "buy", "type": "exchange limit", "timestamp": "1650398122",
        "timestampms": 1650398122308, "is_live": True, "is_cancelled": False, "is_hidden": False,
        "was_forced": False, "executed_amount": "0", "client_order_id": "o-1", "options": [],
        "price": "50.00", "original_amount": "1", "remaining_amount": "1", **more,
    }  # fmt: skip


def payload(heard: Heard) -> dict[str, Any]:
    """What Gemini is asked stands in a header."""
    headers = {name.lower(): value for name, value in heard.headers.items()}
    told: dict[str, Any] = json.loads(base64.b64decode(headers["x-gemini-payload"]))
    return told


@pytest.fixture
def gemini() -> Iterator[Both]:
    with opened("gemini", GEMINI_GREETINGS, GEMINI) as both:
        yield both


def test_gemini_is_sent_our_id_and_asked_for_it(gemini: Both) -> None:
    venue, exchange = gemini
    venue.says(NEW, Said(gemini_order()))
    venue.says(STATUS, Said(gemini_order()))

    submitted: OrderReport = exchange.submit(request(BUY))
    reported = exchange.report(ACCOUNT, SYMBOL, "o-1")

    assert submitted == reported
    assert payload(venue.asked(NEW)[0])["client_order_id"] == "o-1"
    assert payload(venue.asked(STATUS)[0])["client_order_id"] == "o-1"
    assert int(payload(venue.asked(NEW)[0])["nonce"]) < int(payload(venue.asked(STATUS)[0])["nonce"])


def test_an_id_that_gemini_gave_to_several_orders_is_a_doubt(gemini: Both) -> None:
    """Its client ids are not unique: none of the orders is taken for ours."""
    venue, exchange = gemini
    venue.says(STATUS, Said([gemini_order(), gemini_order(order_id="g-2", id="g-2")]))

    with pytest.raises(VenueOutcomeUnknown, match="2 orders"):
        exchange.report(ACCOUNT, SYMBOL, "o-1")


def test_an_order_that_gemini_does_not_have(gemini: Both) -> None:
    venue, exchange = gemini
    error = {"result": "error", "reason": "OrderNotFound", "message": "Order o-1 not found"}
    venue.says(STATUS, Said(error, 404))

    with pytest.raises(VenueOrderNotFound):
        exchange.report(ACCOUNT, SYMBOL, "o-1")


@pytest.mark.parametrize(
    ("reason", "status", "expected"),
    [
        ("InsufficientFunds", 406, VenueRefused),
        ("InvalidSignature", 400, VenueRefused),
        ("System", 500, VenueOutcomeUnknown),
        ("SomethingNew", 400, VenueOutcomeUnknown),
    ],
)
def test_geminis_errors(gemini: Both, reason: str, status: int, expected: type[Exception]) -> None:
    venue, exchange = gemini
    venue.says(NEW, Said({"result": "error", "reason": reason, "message": "words"}, status))

    with pytest.raises(expected):
        exchange.submit(request(BUY))


def test_a_full_page_of_geminis_trades_is_a_doubt(gemini: Both) -> None:
    """It tells the newest only: there may be more."""
    venue, exchange = gemini

    def trade(number: int) -> dict[str, Any]:
        return {
            "price": "50.00", "amount": "0.1", "timestamp": 1650398122 + number,
            "timestampms": 1650398122308 + 1_000 * number, "type": "Buy", "aggressor": True,
            "fee_currency": "USD", "fee_amount": "0.01", "tid": number + 1, "order_id": "g-1",
            "exchange": "gemini", "is_auction_fill": False, "client_order_id": "o-1",
        }  # fmt: skip

    since = datetime.fromtimestamp(1650398000, UTC)
    venue.says("POST /v1/mytrades", Said([trade(n) for n in range(499)]))
    assert len(exchange.trades_since(ACCOUNT, SYMBOL, since)) == 499

    venue.says("POST /v1/mytrades", Said([trade(n) for n in range(500)]))
    with pytest.raises(VenueOutcomeUnknown, match="shows a part"):
        exchange.trades_since(ACCOUNT, SYMBOL, since)


def test_gemini_takes_no_market_orders(gemini: Both) -> None:
    venue, exchange = gemini
    market_buy = replace(
        BUY, order_type="market", base_quantity=None, limit_price=None, quote_budget=BUY.limit_price
    )

    with pytest.raises(VenueRefused, match="takes no market orders"):
        exchange.submit(request(market_buy))
    assert venue.asked(NEW) == []
