"""What real venues answered, read by the real ccxt parsers and ours: to the last digit, or refused."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from adapters.exchanges.ccxt.binance_words import order_report
from adapters.exchanges.ccxt.clients import VenueAddress, close_client, open_async_client
from adapters.exchanges.ccxt.exact import NonsenseAnswer
from adapters.exchanges.ccxt.markets import market_of
from adapters.exchanges.ccxt.orders import balances_of, open_order_of, report_of, trades_of
from adapters.exchanges.ccxt.profiles import BINANCE, profile_of
from adapters.exchanges.ccxt.venue_clock import VenueClock
from adapters.exchanges.ccxt.wire import strict_json
from application.ports.exchange import VenueRefused
from domain.market import Market
from tests.shared_data import shared


def recorded(path: str) -> Any:
    """The file's JSON, read as an answer is: figures as they were written."""
    file = shared(path)
    raw = gzip.decompress(file.read_bytes()).decode() if file.suffix == ".gz" else file.read_text()
    return strict_json(raw)


class Reader:
    """An offline client with recorded markets; what it would ask is not there to be asked."""

    def __init__(self, exchange: str, markets: list[dict[str, Any]]) -> None:
        self.loop = asyncio.new_event_loop()
        self.client = self.loop.run_until_complete(self._open(exchange))
        self.client.set_markets(markets)
        self.client.number = str

    async def _open(self, exchange: str) -> Any:
        async def never(cost: float) -> None:
            raise AssertionError("nothing is asked here")

        address = VenueAddress(name=exchange, exchange=exchange)
        return open_async_client(address, profile_of(exchange), take=never, clock=VenueClock())

    def close(self) -> None:
        self.loop.run_until_complete(close_client(self.client))
        self.loop.close()

    def market(self, symbol: str) -> Any:
        return self.client.market(symbol)


@pytest.fixture
def reader(request: pytest.FixtureRequest) -> Iterator[Reader]:
    exchange, markets = request.param
    reader = Reader(exchange, [spot(*each) for each in markets])
    yield reader
    reader.close()


def spot(symbol: str, market_id: str, tick: float = 0.01, lot: float = 1e-8) -> dict[str, Any]:
    base, _, quote = symbol.partition("/")
    return {
        "id": market_id, "symbol": symbol, "base": base, "quote": quote, "baseId": base, "quoteId": quote,
        "spot": True, "type": "spot", "active": True, "contract": False, "swap": False, "future": False,
        "option": False, "margin": False, "precision": {"price": tick, "amount": lot},
        "inverse": None, "linear": None, "limits": {"amount": {}, "price": {}, "cost": {}}, "info": {},
    }  # fmt: skip


BINANCE_MARKETS = [
    ("BTC/USDT", "BTCUSDT"),
    ("LTC/BTC", "LTCBTC"),
    ("BNB/BTC", "BNBBTC"),
    ("ETH/USDT", "ETHUSDT"),
    ("ETH/BTC", "ETHBTC"),
]
on_binance = pytest.mark.parametrize("reader", [("binance", BINANCE_MARKETS)], indirect=True)
on_coinbase = pytest.mark.parametrize(
    "reader", [("coinbase", [("BTC/USD", "BTC-USD"), ("ADA/USDT", "ADA-USDT", 0.0001)])], indirect=True
)
on_gemini = pytest.mark.parametrize(
    "reader",
    [("gemini", [("BTC/USD", "btcusd"), ("ETH/USD", "ethusd"), ("LTC/BTC", "ltcbtc")])],
    indirect=True,
)
on_kraken = pytest.mark.parametrize("reader", [("kraken", [("BTC/USD", "XXBTZUSD", 0.1)])], indirect=True)


@on_binance
def test_own_trades_of_binance_keep_the_quote_amount_and_the_fee_as_booked(reader: Reader) -> None:
    raw = recorded("http/nautilus_binance.json.gz")["test_data/spot/http_json/account_trades_response.json"]

    trades = trades_of(reader.client.parse_trades(raw, reader.market("BNB/BTC")), "BNB/BTC")

    first = trades[0]
    assert (first.fill.venue_trade_id, first.venue_order_id, first.side) == ("28457", "100234", "buy")
    assert str(first.fill.price_quote_per_base) == "4.00000100"
    assert str(first.fill.quote_amount) == "48.000012"
    assert (str(first.fill.fee.amount), first.fill.fee.asset) == ("10.10000000", "BNB")


@on_binance
@pytest.mark.parametrize(
    "path",
    [
        "test_data/spot/http_json/all_orders_response.json",
        "test_data/spot/http_json/open_orders_response.json",
        "test_data/spot/http_json/order_response.json",
        "test_data/spot/http_json/cancel_order_response.json",
        "test_data/spot/http_json/cancel_open_orders_response.json",
        "test_data/spot/http_json/new_order_full_response.json",
    ],
)
def test_orders_of_binance_are_told_as_they_stand(reader: Reader, path: str) -> None:
    raw = recorded("http/nautilus_binance.json.gz")[path]
    orders = [one for one in (raw if isinstance(raw, list) else [raw]) if "status" in one]
    assert orders

    for one in orders:
        parsed = reader.client.parse_order(one)
        report = report_of(parsed, (), parsed["clientOrderId"])

        assert report.venue_order_id == str(one["orderId"])
        assert report.filled_base == Decimal(one["executedQty"])
        expected = {"NEW": "open", "CANCELED": "canceled", "FILLED": "filled"}
        assert report.status == expected[one["status"]]
        assert open_order_of(parsed, ()).base_quantity == Decimal(one["origQty"])


@on_binance
def test_balances_of_binance(reader: Reader) -> None:
    raw = recorded("http/nautilus_binance.json.gz")["test_data/spot/http_json/account_response.json"]

    balances = balances_of(reader.client.parse_balance_custom(raw, "spot"), BINANCE.balances_key)

    told = {one["asset"]: (one["free"], one["locked"]) for one in raw["balances"]}
    assert {asset: (each.free, each.locked) for asset, each in balances.items()} == {
        asset: (Decimal(free), Decimal(locked))
        for asset, (free, locked) in told.items()
        if Decimal(free) or Decimal(locked)
    }


def messages() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every executionReport of the spot venue that was recorded, however it was wrapped."""
    for path, raw in recorded("http/nautilus_binance.json.gz").items():
        if not isinstance(raw, dict) or "futures" in path:
            continue
        event = raw.get("event") or raw.get("data") or raw
        if isinstance(event, dict) and event.get("e") == "executionReport":
            yield path.rpartition("/")[2], event


def test_every_recorded_execution_report_is_read() -> None:
    """Safety §3 #9, #14: each fill with its own id, fee and asset; a cancel under the order's own id."""
    statuses, fills = set(), 0
    for path, event in messages():
        if event["x"] == "TRADE" and Decimal(event["l"]) and not Decimal(event["L"]):
            with pytest.raises(NonsenseAnswer, match="price is zero"):  # one was recorded
                order_report(event, "USDT")
            continue
        report = order_report(event, "USDT")
        statuses.add(report.status)
        assert report.venue_order_id == str(event["i"]), path
        assert report.filled_base == Decimal(event["z"])
        if event["x"] == "TRADE" and Decimal(event["l"]):
            (fill,) = report.fills
            fills += 1
            assert (fill.venue_trade_id, fill.base_quantity) == (str(event["t"]), Decimal(event["l"]))
            assert (fill.fee.amount, fill.fee.asset) == (Decimal(event["n"]), event["N"])
            assert fill.quote_amount == Decimal(event["l"]) * Decimal(event["L"])
        else:
            assert report.fills == ()
    assert statuses == {"open", "filled", "canceled", "rejected"}
    assert fills >= 2


def test_a_canceled_order_is_told_under_its_own_id_and_not_the_cancels() -> None:
    event = dict(next(event for path, event in messages() if "canceled" in path and event["x"] == "CANCELED"))

    event |= {"c": "of-the-cancel", "C": "of-the-order"}

    assert order_report(event, "USDT").client_order_id == "of-the-order"


@on_binance
def test_a_stream_that_the_venue_ends_is_a_line_that_broke(reader: Reader) -> None:
    """ccxt would keep the socket, and whoever waits for orders would wait for ever."""

    class Line:
        url = "wss://ws-api.binance.com/ws-api/v3"
        error: Exception | None = None

        def __init__(self) -> None:
            self.subscriptions, self.futures = {"spot": True}, dict[str, object]()

        def on_error(self, error: Exception) -> None:
            self.error = error

    line = Line()
    reader.client.handle_message(line, {"event": {"e": "eventStreamTerminated", "E": 1757896885229}})

    assert "ended the stream" in str(line.error)


@pytest.mark.parametrize("field", ["X", "c", "i", "z", "l", "L", "t", "n", "Y", "T"])
def test_an_execution_report_without_its_figures_is_no_report(field: str) -> None:
    event = next(event for path, event in messages() if event["x"] == "TRADE" and Decimal(event["l"]))

    evils: list[object] = ["NaN", [], {}, "1e400", True, None, -1, ""]
    fine = {"Y": (None,), "c": ("", "NaN", "1e400"), "n": (-1,), "X": ()}.get(field, ())
    for evil in (evil for evil in evils if evil not in fine):
        with pytest.raises(NonsenseAnswer):
            order_report({**event, field: evil, "C": ""}, "USDT")


@on_coinbase
def test_own_trades_and_orders_of_coinbase(reader: Reader) -> None:
    methods = recorded("ccxt_static/response_coinbase.json")["methods"]
    raw = methods["fetchMyTrades"][0]["httpResponse"]["fills"]
    closed = methods["fetchClosedOrders"][0]["httpResponse"]["orders"]

    (trade,) = trades_of(reader.client.parse_trades(raw, reader.market("ADA/USDT")), "ADA/USDT")
    report = report_of(reader.client.parse_order(closed[0]), [trade], closed[0]["client_order_id"])

    assert trade.fill.venue_trade_id == raw[0]["trade_id"]
    assert trade.fill.price_quote_per_base == Decimal(raw[0]["price"])
    assert trade.fill.fee.amount == Decimal(raw[0]["commission"])
    assert trade.fill.fee.asset == "USDT"
    assert report.status == "filled"
    assert report.filled_base == Decimal(closed[0]["filled_size"]) == trade.fill.base_quantity


@on_coinbase
def test_orders_of_coinbase_advanced(reader: Reader) -> None:
    answers = recorded("http/nautilus_coinbase_advanced.json")
    orders = [answers["test_data/http_order.json"]["order"]]
    orders += answers["test_data/http_orders_list.json"]["orders"]
    expected = {"OPEN": "open", "FILLED": "filled", "CANCELLED": "canceled", "PENDING": "open"}

    for one in orders:
        report = report_of(reader.client.parse_order(one), (), one["client_order_id"])

        assert report.status == expected[one["status"]]
        assert report.filled_base == Decimal(one["filled_size"])


@on_coinbase
def test_balances_of_coinbase(reader: Reader) -> None:
    raw = recorded("http/nautilus_coinbase_advanced.json")["test_data/http_accounts.json"]
    for account in raw["accounts"]:  # the venue's documentation and its answers differ in this word
        account["type"] = f"ACCOUNT_TYPE_{account['type']}"
    parsed = reader.client.parse_custom_balance(raw)

    balances = balances_of(parsed, profile_of("coinbase").balances_key)

    assert str(balances["BTC"].free) == "1.23456789"


@on_gemini
def test_own_trades_of_gemini(reader: Reader) -> None:
    calls = recorded("http/gocryptotrader_gemini.json.gz")
    raw = next(c["response"] for c in calls if c["path"] == "/v1/mytrades" and c["response"])

    trades = trades_of(reader.client.parse_trades(raw, reader.market("BTC/USD")), "BTC/USD")

    by_id = {str(one["tid"]): one for one in raw}
    assert len(trades) == len(by_id)
    for trade in trades:
        one = by_id[trade.fill.venue_trade_id]
        assert str(trade.fill.price_quote_per_base) == one["price"]
        assert trade.fill.fee.amount == Decimal(one["fee_amount"])
        assert trade.fill.fee.asset == one["fee_currency"]
        assert trade.venue_order_id == one["order_id"]


@on_gemini
def test_orders_of_gemini(reader: Reader) -> None:
    answers = recorded("http/xchange_gemini.json")
    folder = "resources/org/knowm/xchange/gemini/v1/order/"
    expected = {
        "limit-order-partially-filled.json": "open",
        "example-get-order-data.json": "open",
        "example-get-order-data-trades-included.json": "filled",
    }
    for name, status in expected.items():
        one = answers[folder + name]
        report = report_of(reader.client.parse_order(one), (), one.get("client_order_id", "o-1"))

        assert (report.status, report.filled_base) == (status, Decimal(one["executed_amount"]))


@on_gemini
def test_an_order_that_is_neither_live_nor_canceled_nor_filled_proves_nothing(reader: Reader) -> None:
    """Recorded as it is: ccxt calls it closed. Only proof ends an order."""
    answers = recorded("http/xchange_gemini.json")
    one = answers["resources/org/knowm/xchange/gemini/v1/order/limit-order-untouched.json"]

    with pytest.raises(NonsenseAnswer, match="neither open, nor filled, nor canceled"):
        report_of(reader.client.parse_order(one), (), "o-1")


@on_kraken
def test_an_order_and_a_trade_of_kraken(reader: Reader) -> None:
    """By hand, after the venue's documentation: nothing of Kraken's private side was recorded."""
    order = {
        "refid": None, "userref": 0, "cl_ord_id": "ek0-1", "status": "closed", "opentm": 1688666559.8974,
        "starttm": 0, "expiretm": 0,
        "descr": {"pair": "XBTUSD", "type": "buy", "ordertype": "limit", "price": "30010.0", "price2": "0",
                  "leverage": "none", "order": "buy 1.25000000 XBTUSD @ limit 30010.0", "close": ""},
        "vol": "1.25000000", "vol_exec": "1.25000000", "cost": "37526.2", "fee": "37.5", "price": "30021.0",
        "stopprice": "0.00000", "limitprice": "0.00000", "misc": "", "oflags": "fciq",
        "trades": ["TZX2WP-XSEOP-FP7WYR"],
    }  # fmt: skip
    trade = {
        "ordertxid": "OQCLML-BW3P3-BUCMWZ", "postxid": "TKH2SE-M7IF5-CFI7LT", "pair": "XXBTZUSD",
        "time": 1688667796.8802, "type": "buy", "ordertype": "limit", "price": "30010.00000",
        "cost": "600.20000", "fee": "0.12345", "vol": "0.02000000", "margin": "0.00000", "misc": "",
        "id": "TZX2WP-XSEOP-FP7WYR", "maker": True,
    }  # fmt: skip
    parsed = reader.client.parse_order(order | {"id": "OQCLML-BW3P3-BUCMWZ"}, reader.market("BTC/USD"))

    report = report_of(parsed, (), "ek0-1")
    (own,) = trades_of(reader.client.parse_trades([trade], reader.market("BTC/USD")), "BTC/USD")

    assert (report.status, str(report.filled_base)) == ("filled", "1.25000000")
    assert str(own.fill.quote_amount) == "600.20000"
    assert (str(own.fill.fee.amount), own.fill.fee.asset) == ("0.12345", "USD")
    assert own.fill.venue_trade_id == "TZX2WP-XSEOP-FP7WYR"


@pytest.mark.parametrize("exchange", ["binance", "gemini", "coinbaseexchange"])
def test_every_recorded_market_is_ours_or_refused_with_a_reason(exchange: str) -> None:
    """Any venue that ccxt speaks to: coinbaseexchange has no row of its own here."""
    raw = gzip.decompress(shared(f"ccxt_parsed/{exchange}.json.gz").read_bytes())
    parsed = json.loads(raw)["markets"]
    reader = Reader(exchange, list(parsed.values()))
    ours, refused = list[Market](), list[str]()
    try:
        for symbol in parsed:
            try:
                ours.append(market_of(reader.client, symbol))
            except VenueRefused as refusal:
                refused.append(str(refusal))
    finally:
        reader.close()

    assert len(ours) > len(parsed) * 0.7
    assert all("no spot market" in words for words in refused)
    for market in ours:
        precision = parsed[market.symbol]["precision"]
        assert market.tick_size == Decimal(str(precision["price"] or 0))
        assert market.lot_size == Decimal(str(precision["amount"] or 0))
        assert 0 <= market.quote_scale <= 18
