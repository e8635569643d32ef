"""A venue that lies (safety §2 API10): nothing crashes, nothing wrong is reported, nothing secret is told."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from itertools import count

import pytest

from adapters.exchanges.ccxt.breaker import CircuitBreaker
from adapters.exchanges.ccxt.exact import NonsenseAnswer
from adapters.exchanges.ccxt.exchange import CcxtExchange
from adapters.exchanges.ccxt.orders import report_of
from adapters.exchanges.ccxt.profiles import BINANCE
from application.ports.exchange import VenueOrderNotFound, VenueOutcomeUnknown, VenueRefused
from tests.adapters.exchanges.ccxt.scripted import (
    ACCOUNT,
    KEY,
    NEVER_ANSWERED,
    SECRET,
    Said,
    ScriptedVenue,
    binance_order,
    binance_trade,
    limit_buy,
    request,
)

HUGE = b'{"orderId": 7, "padding": "' + b"x" * 50_000_000 + b'"}'
DEEP = "[" * 100_000
EVIL_FIGURES = ["-1", "NaN", "Infinity", "1e400", "-0.5", "abc", "", "0x10", "1_0", "\uff11", "9" * 5_000]
EVIL_VALUES: list[object] = [None, True, [], {}, {"a": "1"}, ["1"], -1, 10**400, "null"]


NUMBERS = count()
UNBOUNDED = replace(BINANCE, budget_per_s=1e6)

Ask = Callable[[CcxtExchange], object]
ASKS: dict[str, tuple[str, Ask]] = {
    "submit": ("POST /api/v3/order", lambda it: it.submit(request(limit_buy(), f"o-{next(NUMBERS)}"))),
    "report": ("GET /api/v3/order", lambda it: it.report(ACCOUNT, "BTC/USDT", "o-1")),
    "cancel": ("GET /api/v3/order", lambda it: it.cancel(ACCOUNT, "BTC/USDT", "o-1")),
    "open orders": ("GET /api/v3/openOrders", lambda it: it.open_orders(ACCOUNT)),
    "balances": ("GET /api/v3/account", lambda it: it.balances(ACCOUNT)),
    "market": ("GET /api/v3/exchangeInfo", lambda it: it.market(ACCOUNT, "BTC/USDT")),
    "fee": ("GET /sapi/v1/asset/tradeFee", lambda it: it.taker_fee_rate(ACCOUNT, "BTC/USDT")),
}
ANSWERS = {
    "50 MB": Said(HUGE),
    "nested": Said(DEEP),
    "HTML": Said("<html>busy</html>", kind="text/html"),
    "redirect": Said("", 302, {"Location": "http://127.0.0.1:1/elsewhere"}),
    "redirect to itself": Said("", 307, {"Location": "/api/v3/order"}),
    "text": Said('"fine"'),
    "number": Said("17"),
    "null": Said("null"),
    "NaN": Said('{"orderId": NaN}'),
    "list of nothing": Said([None, None]),
    "list of lists": Said([[], [[]]]),
    "binary": Said(b"\xff\xfe\x00\x01" * 100),
    "nothing": Said(NEVER_ANSWERED),
}


def unbroken() -> CircuitBreaker:
    """So that every answer is heard."""
    return CircuitBreaker(lambda state: None, failures=10**9)


@pytest.fixture
def exchange(binance: ScriptedVenue) -> CcxtExchange:
    binance.says("POST /api/v3/order", Said(binance_order()))
    return binance.open(attempts=1, breaker=unbroken(), profile=UNBOUNDED)


@pytest.mark.parametrize("ask", ASKS)
def test_no_answer_of_any_shape_gets_past(binance: ScriptedVenue, ask: str) -> None:
    what, call = ASKS[ask]
    exchange = binance.open(attempts=1, breaker=unbroken(), profile=UNBOUNDED)
    for answer, said in ANSWERS.items():
        binance.says("POST /api/v3/order", Said(binance_order()))
        binance.says(what, said)
        with pytest.raises((VenueOutcomeUnknown, VenueRefused)) as caught:
            call(exchange)
        # a market may be missing from a list that makes no sense: then it is refused
        assert caught.type is VenueOutcomeUnknown or ask == "market", answer
        assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    "field", ["origQty", "executedQty", "price", "cummulativeQuoteQty", "status", "orderId"]
)
def test_an_order_with_an_impossible_figure_is_never_more_than_open(
    binance: ScriptedVenue, exchange: CcxtExchange, field: str
) -> None:
    """Nothing follows from it: no fill, no end."""
    binance.says("GET /api/v3/myTrades", Said([]))
    for evil in [*EVIL_FIGURES, *EVIL_VALUES]:
        binance.says("GET /api/v3/order", Said(binance_order() | {field: evil}))
        try:
            report = exchange.report(ACCOUNT, "BTC/USDT", "o-1")
        except VenueOutcomeUnknown:
            continue
        assert (report.status, len(report.fills), report.filled_base) == ("open", 0, Decimal(0)), evil


@pytest.mark.parametrize(
    "field", ["qty", "price", "quoteQty", "commission", "commissionAsset", "time", "orderId"]
)
def test_a_trade_with_an_impossible_figure_is_no_fill(
    binance: ScriptedVenue, exchange: CcxtExchange, field: str
) -> None:
    """Safety §3 #18. A fee may be negative; a quote amount that is not told is price times quantity."""
    binance.says("GET /api/v3/order", Said(binance_order(executedQty="0.4", status="PARTIALLY_FILLED")))
    for evil in [*EVIL_FIGURES, *EVIL_VALUES]:
        binance.says("GET /api/v3/myTrades", Said([binance_trade() | {field: evil}]))
        try:
            report = exchange.report(ACCOUNT, "BTC/USDT", "o-1")
        except VenueOutcomeUnknown:
            continue
        for fill in report.fills:
            assert field in ("quoteQty", "commission", "commissionAsset"), evil
            assert fill.base_quantity == Decimal("0.4")
            assert fill.quote_amount == 20
            assert abs(fill.fee.amount) <= 1, evil


@pytest.mark.parametrize("status", ["canceled", "expired", "rejected", "closed"])
def test_an_end_is_none_where_the_venue_does_not_say_what_was_matched_before_it(status: str) -> None:
    """Safety §3 #11: the hold of an order that was filled in part would be given back whole."""
    order = {"id": "7", "clientOrderId": "o-1", "status": status, "type": "market", "amount": "1"}
    with pytest.raises(NonsenseAnswer):
        report_of({**order, "filled": None}, (), "o-1")

    assert report_of({**order, "status": "canceled", "filled": "0"}, (), "o-1").filled_base == 0


def test_a_fill_of_another_order_is_left_out(binance: ScriptedVenue, exchange: CcxtExchange) -> None:
    binance.says("GET /api/v3/order", Said(binance_order(executedQty="0.4", status="PARTIALLY_FILLED")))
    binance.says("GET /api/v3/myTrades", Said([binance_trade(order_id=8)]))

    assert exchange.report(ACCOUNT, "BTC/USDT", "o-1").fills == ()


def test_a_redirect_is_not_followed(binance: ScriptedVenue, exchange: CcxtExchange) -> None:
    binance.says("GET /api/v3/order", Said("", 302, {"Location": f"{binance.url}/stolen"}))

    with pytest.raises(VenueOutcomeUnknown):
        exchange.report(ACCOUNT, "BTC/USDT", "o-1")

    assert binance.asked("GET /stolen") == []


@pytest.mark.parametrize(
    "answer",
    [
        Said(
            {"code": -2010, "msg": f"your key {KEY}\nsignature=abc apiKey: {KEY} \x1b[31mred" + "x" * 5_000},
            400,
        ),
        Said({"code": -1001, "msg": "Internal error"}, 503),
        Said(NEVER_ANSWERED),
        Said("<html>busy</html>", kind="text/html"),
    ],
)
def test_no_secret_is_in_an_error_its_traceback_or_a_log(
    binance: ScriptedVenue, exchange: CcxtExchange, answer: Said, caplog: pytest.LogCaptureFixture
) -> None:
    """Safety §2 #58, #67: ccxt's own errors quote the signed address."""
    caplog.set_level(logging.DEBUG)
    binance.says("POST /api/v3/order", answer)
    binance.says("GET /api/v3/order", answer)

    with pytest.raises((VenueOutcomeUnknown, VenueRefused, VenueOrderNotFound)) as created:
        exchange.submit(request(limit_buy()))
    with pytest.raises((VenueOutcomeUnknown, VenueRefused, VenueOrderNotFound)) as reported:
        exchange.report(ACCOUNT, "BTC/USDT", "o-2")

    for caught in (created, reported):
        error: BaseException | None = caught.value
        while error is not None:
            told = "".join(traceback.format_exception(error)) + repr(error) + str(error)
            assert "signature=" not in told.replace("signature=...", "")
            assert SECRET not in told
            assert "\x1b" not in told
            error = error.__context__ or error.__cause__
    signature = binance.asked("POST /api/v3/order")[0].params["signature"]
    assert signature not in caplog.text
    assert SECRET not in caplog.text
    assert KEY not in caplog.text
