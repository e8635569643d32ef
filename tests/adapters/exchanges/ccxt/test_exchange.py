"""CcxtExchange on a venue that says what each test needs: what it sends, and what it makes of the answers."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from time import time
from typing import Any

import pytest

from adapters.exchanges.ccxt import connection as connections
from adapters.exchanges.ccxt.clients import VenueAddress
from adapters.exchanges.ccxt.connection import VenueConnection
from adapters.exchanges.ccxt.exchange import CcxtExchange
from adapters.exchanges.ccxt.profiles import BINANCE
from application.ports.exchange import VenueOrderNotFound, VenueOutcomeUnknown, VenueRefused
from application.ports.venue_credentials import Credentials, NoCredentials
from domain.money import Money
from domain.orders.events import OrderTerms
from tests.adapters.exchanges.ccxt.scripted import (
    ACCOUNT,
    NEVER_ANSWERED,
    Heard,
    Said,
    ScriptedVenue,
    binance_order,
    binance_trade,
    limit_buy,
    request,
)

ORDER, TRADES = "POST /api/v3/order", "GET /api/v3/myTrades"
REFUSED = Said({"code": -2010, "msg": "Account has insufficient balance for requested action."}, 400)
NOT_THERE = Said({"code": -2013, "msg": "Order does not exist."}, 400)
DUPLICATE = Said({"code": -2010, "msg": "Duplicate order sent."}, 400)


@pytest.fixture
def exchange(binance: ScriptedVenue) -> Iterator[CcxtExchange]:
    binance.says(ORDER, Said(binance_order()))
    exchange = binance.open()
    yield exchange
    exchange.close()


# -- what is sent ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("terms", "sent"),
    [
        (
            limit_buy("1.5", "50.25"),
            {"type": "LIMIT", "quantity": "1.5", "price": "50.25", "timeInForce": "GTC"},
        ),
        (limit_buy(time_in_force="IOC"), {"type": "LIMIT", "timeInForce": "IOC"}),
        (limit_buy(time_in_force="FOK"), {"type": "LIMIT", "timeInForce": "FOK"}),
        (limit_buy(time_in_force="PO"), {"type": "LIMIT_MAKER", "quantity": "1", "price": "50"}),
        (
            OrderTerms(
                symbol="BTC/USDT", side="buy", order_type="market", quote_budget=Decimal("33.123456789")
            ),
            {"type": "MARKET", "quoteOrderQty": "33.12"},
        ),
        (
            OrderTerms(symbol="BTC/USDT", side="sell", order_type="market", base_quantity=Decimal("0.00001")),
            {"type": "MARKET", "side": "SELL", "quantity": "0.00001"},
        ),
        (
            OrderTerms(
                symbol="BTC/USDT",
                side="sell",
                order_type="stop",
                base_quantity=Decimal(1),
                trigger_price=Decimal("40.1"),
            ),
            {"type": "STOP_LOSS", "stopPrice": "40.1", "quantity": "1"},
        ),
        (
            OrderTerms(
                symbol="BTC/USDT",
                side="sell",
                order_type="take_profit_limit",
                base_quantity=Decimal(1),
                trigger_price=Decimal(60),
                limit_price=Decimal("59.9"),
            ),
            {"type": "TAKE_PROFIT_LIMIT", "stopPrice": "60", "price": "59.9"},
        ),
    ],
)
def test_terms_reach_the_venue_to_the_last_digit(
    binance: ScriptedVenue, exchange: CcxtExchange, terms: OrderTerms, sent: dict[str, str]
) -> None:
    """Safety §3 #16: no figure passes through a float. A budget is cut to the tick, never rounded up."""
    exchange.submit(request(terms))

    (heard,) = binance.asked(ORDER)
    assert {name: heard.params.get(name) for name in sent} == sent
    assert heard.params["newClientOrderId"] == "o-1"


def test_a_request_says_until_when_it_may_be_taken(binance: ScriptedVenue, exchange: CcxtExchange) -> None:
    """Design §4 rule 7: on the venue's own clock, signed once."""
    exchange.submit(request(limit_buy(), expires_in_s=20))

    (heard,) = binance.asked(ORDER)
    expires_ms = int(heard.params["timestamp"]) + int(heard.params["recvWindow"])
    assert time() * 1_000 + 15_000 < expires_ms <= time() * 1_000 + 20_000


def test_a_request_whose_time_has_passed_is_not_sent(binance: ScriptedVenue, exchange: CcxtExchange) -> None:
    """And nothing is proven by that: a process before this one may have sent it."""
    with pytest.raises(VenueOutcomeUnknown, match="not sent"):
        exchange.submit(request(limit_buy(), expires_in_s=-0.001))

    assert binance.asked(ORDER) == []


def test_a_longer_expiry_than_the_venue_knows_is_cut(binance: ScriptedVenue, exchange: CcxtExchange) -> None:
    exchange.submit(request(limit_buy(), expires_in_s=600))

    assert binance.asked(ORDER)[0].params["recvWindow"] == "60000"


def test_the_expiry_is_told_on_the_venues_clock(binance: ScriptedVenue) -> None:
    """Safety §3 #29: an hour of skew is measured away."""
    binance.says("GET /api/v3/time", lambda heard: Said({"serverTime": int(time() * 1_000) + 3_600_000}))
    binance.says(ORDER, Said(binance_order()))

    binance.open().submit(request(limit_buy(), expires_in_s=20))

    (heard,) = binance.asked(ORDER)
    assert abs(int(heard.params["timestamp"]) - time() * 1_000 - 3_600_000) < 5_000


@pytest.mark.parametrize(
    ("terms", "words"),
    [
        (limit_buy("0.000001"), "no multiple of the lot, 0.00001"),
        (limit_buy(price="50.001"), "no multiple of the tick, 0.01"),
        (limit_buy("0.01", "50"), "notional of 0.5 is below the least, 5"),
        (limit_buy("9001"), "above the most, 9000"),
        (
            OrderTerms(symbol="BTC/USDT", side="sell", order_type="market", base_quantity=Decimal(121)),
            "above the most at once, 120.5",
        ),
        (limit_buy(time_in_force="GTD"), "GTD"),
        (replace(limit_buy(), order_type="iceberg"), "iceberg"),
        (limit_buy(symbol="NEW/USDT"), "not listed"),
    ],
)
def test_what_the_venue_would_refuse_for_sure_is_not_sent(
    binance: ScriptedVenue, exchange: CcxtExchange, terms: OrderTerms, words: str
) -> None:
    with pytest.raises(VenueRefused, match=words):
        exchange.submit(request(terms))

    assert binance.asked(ORDER) == []


# -- what follows from the answer ------------------------------------------------------------------------


def test_an_open_order_is_one_request(binance: ScriptedVenue, exchange: CcxtExchange) -> None:
    report = exchange.submit(request(limit_buy()))

    assert (report.status, report.venue_order_id, report.fills) == ("open", "7", ())
    assert len(binance.asked(ORDER)) == 1
    assert binance.asked(TRADES) == []


def test_fills_are_the_venues_own_list_with_fee_asset_and_quote_amount_as_booked(
    binance: ScriptedVenue, exchange: CcxtExchange
) -> None:
    """Safety §3 #14, #15: a third asset, a rebate."""
    binance.says(ORDER, Said(binance_order(status="FILLED", executedQty="1.00000000", fills=[])))
    binance.says(
        TRADES,
        Said(
            [
                binance_trade(
                    2, qty="0.6", quoteQty="30.00000001", commission="-0.01", commissionAsset="USDT"
                ),
                binance_trade(1, commission="0.000012345678", commissionAsset="BNB", time=1732500000500),
            ]
        ),
    )

    report = exchange.submit(request(limit_buy()))

    assert report.status == "filled"
    assert [fill.venue_trade_id for fill in report.fills] == ["1", "2"]
    assert [fill.fee for fill in report.fills] == [
        Money(Decimal("0.000012345678"), "BNB"),
        Money(Decimal("-0.01"), "USDT"),
    ]
    assert [str(fill.quote_amount) for fill in report.fills] == ["20.00000000", "30.00000001"]


FULL: dict[str, Any] = {
    "status": "FILLED",
    "executedQty": "1.00000000",
    "cummulativeQuoteQty": "50.01000000",
    "fills": [
        {"price": "50.00", "qty": "0.9", "commission": "0.0009", "commissionAsset": "BTC", "tradeId": 1},
        {"price": "50.10", "qty": "0.1", "commission": "0.0001", "commissionAsset": "BTC", "tradeId": 2},
    ],
}


def test_fills_that_come_with_the_answer_are_not_asked_for(
    binance: ScriptedVenue, exchange: CcxtExchange
) -> None:
    binance.says(ORDER, Said(binance_order(**FULL)))

    report = exchange.submit(request(limit_buy()))

    assert (report.status, report.filled_base) == ("filled", Decimal(1))
    assert [(fill.venue_trade_id, fill.quote_amount, fill.fee) for fill in report.fills] == [
        ("1", Decimal("45.0"), Money(Decimal("0.0009"), "BTC")),
        ("2", Decimal("5.01"), Money(Decimal("0.0001"), "BTC")),
    ]
    assert {fill.traded_at_utc for fill in report.fills} == {datetime.fromtimestamp(1732500000, UTC)}
    assert binance.asked(TRADES) == []


@pytest.mark.parametrize(
    "untold",
    [
        {"fills": FULL["fills"][:1]},
        {"fills": []},
        {"fills": None},
        {"cummulativeQuoteQty": "50.00999999"},  # the venue booked a product of nine places as it does
    ],
)
def test_fills_that_the_answer_does_not_tell_to_the_last_unit_are_asked_for(
    binance: ScriptedVenue, exchange: CcxtExchange, untold: dict[str, Any]
) -> None:
    """Safety §3 #11, #14."""
    binance.says(ORDER, Said(binance_order(**FULL | untold)))
    binance.says(TRADES, Said([binance_trade(3, qty="1", quoteQty="50.01")]))

    assert [fill.venue_trade_id for fill in exchange.submit(request(limit_buy())).fills] == ["3"]


@pytest.mark.parametrize(
    "nonsense",
    [
        {"fills": ["all of it"]},
        {"fills": [{**FULL["fills"][0], "price": "-50"}]},
        {"fills": [{**FULL["fills"][0], "commission": "NaN"}]},
        {"fills": [{**FULL["fills"][0], "tradeId": "one"}]},
        {"fills": [{**FULL["fills"][0], "qty": f"0.9{'0' * 40}1"}, FULL["fills"][1]]},
        {"executedQty": "NaN"},
    ],
)
def test_an_answer_with_fills_that_cannot_be_leaves_the_order_unknown(
    binance: ScriptedVenue, exchange: CcxtExchange, nonsense: dict[str, Any]
) -> None:
    """Safety API10."""
    binance.says(ORDER, Said(binance_order(**FULL | nonsense)))

    with pytest.raises(VenueOutcomeUnknown):
        exchange.submit(request(limit_buy()))


def test_fills_that_the_venue_does_not_list_yet_are_seen_to_be_missing(
    binance: ScriptedVenue, exchange: CcxtExchange
) -> None:
    """Safety §3 #11."""
    binance.says(ORDER, Said(binance_order(status="PARTIALLY_FILLED", executedQty="0.40000000")))
    binance.says(TRADES, Said([]))

    report = exchange.submit(request(limit_buy()))

    assert (report.status, report.filled_base, report.fills) == ("open", Decimal("0.4"), ())


def test_a_match_with_the_accounts_own_other_order_is_a_fill_all_the_same(
    binance: ScriptedVenue, exchange: CcxtExchange
) -> None:
    """One trade id, told once for each of the two orders: ours, and one that its owner placed by hand."""
    binance.says(ORDER, Said(binance_order(status="FILLED", executedQty="1.00000000", fills=[])))
    by_hand = binance_trade(1, order_id=99, isBuyer=False)
    binance.says(TRADES, Said([binance_trade(1), by_hand]))

    assert [fill.venue_trade_id for fill in exchange.submit(request(limit_buy())).fills] == ["1"]

    since = datetime.fromtimestamp(1732500000, UTC)
    told = exchange.trades_since(ACCOUNT, "BTC/USDT", since)
    assert sorted((trade.venue_order_id, trade.side) for trade in told) == [("7", "buy"), ("99", "sell")]


@pytest.mark.parametrize(
    "answer",
    [
        Said(NEVER_ANSWERED),
        Said({"code": -1001, "msg": "Internal error; unable to process your request."}, 503),
        Said({"code": -1006, "msg": "An unexpected response was received; execution status unknown."}, 400),
        Said({"code": -1007, "msg": "Timeout waiting for response from backend server."}, 400),
        Said({"code": -9999, "msg": "Something that nobody has heard of."}, 400),
        Said("<html><body>Access denied</body></html>", 200, kind="text/html"),
        Said("<html><body>Access denied</body></html>", 403, kind="text/html"),
        Said("<html><body>Too many requests</body></html>", 429, kind="text/html"),
        Said("<html><body>Unauthorized</body></html>", 401, kind="text/html"),
        Said({}, 200),
        Said([], 200),
        Said({"orderId": 7, "clientOrderId": "somebody-else", "status": "NEW", "symbol": "BTCUSDT"}),
        Said({"code": -2013, "msg": "Order does not exist."}, 400),
        Said("", 200),
    ],
)
def test_what_proves_nothing_leaves_a_new_order_unknown_and_is_not_sent_again(
    binance: ScriptedVenue, exchange: CcxtExchange, answer: Said
) -> None:
    """Safety §3 #6: a timeout, a 5xx, HTML and an answer without sense are never a refusal."""
    binance.says(ORDER, answer)

    with pytest.raises(VenueOutcomeUnknown):
        exchange.submit(request(limit_buy()))

    assert len(binance.asked(ORDER)) == 1


@pytest.mark.parametrize(
    "answer",
    [
        REFUSED,
        Said({"code": -1013, "msg": "Filter failure: NOTIONAL"}, 400),
        Said({"code": -2015, "msg": "Invalid API-key, IP, or permissions for action."}, 401),
        Said({"code": -1003, "msg": "Too much request weight used."}, 429, {"Retry-After": "1"}),
        Said(
            {"code": -1003, "msg": "Way too much request weight used; IP banned."}, 418, {"Retry-After": "7"}
        ),
    ],
)
def test_a_refusal_of_the_venue_is_proof(
    binance: ScriptedVenue, exchange: CcxtExchange, answer: Said
) -> None:
    binance.says(ORDER, answer)

    with pytest.raises(VenueRefused):
        exchange.submit(request(limit_buy()))


def test_an_unknown_create_is_looked_for_and_never_sent_again(
    binance: ScriptedVenue, exchange: CcxtExchange
) -> None:
    """Safety §3 #6, #7: "not found" is no proof as long as the request may be on its way."""
    binance.says(ORDER, Said(NEVER_ANSWERED))
    binance.says("GET /api/v3/order", NOT_THERE, Said(binance_order()))
    with pytest.raises(VenueOutcomeUnknown):
        exchange.submit(request(limit_buy()))

    with pytest.raises(VenueOutcomeUnknown):
        exchange.submit(request(limit_buy()))
    found = exchange.submit(request(limit_buy()))

    assert found.venue_order_id == "7"
    assert len(binance.asked(ORDER)) == 1


def test_one_order_submitted_by_many_at_once_is_sent_once(
    binance: ScriptedVenue, exchange: CcxtExchange
) -> None:
    """Safety §3 #1, at the venue."""
    binance.says("GET /api/v3/order", Said(binance_order()))

    with ThreadPoolExecutor(20) as many:
        reports = list(many.map(lambda _: exchange.submit(request(limit_buy())), range(20)))

    assert {report.venue_order_id for report in reports} == {"7"}
    assert len(binance.asked(ORDER)) == 1


def test_a_market_order_by_many_at_once_where_the_fee_is_asked_for_first() -> None:
    """Between the look and the request nobody comes: the fee is asked for before the look."""
    with ScriptedVenue("binance") as venue:
        venue.says(ORDER, Said(binance_order()))
        venue.says("GET /api/v3/order", Said(binance_order()))
        venue.says("GET /api/v3/myTrades", Said([]))
        exchange = venue.open(profile=replace(BINANCE, buys_pay_fee_in_base=False, budget_per_s=1e6))
        terms = OrderTerms(symbol="BTC/USDT", side="buy", order_type="market", quote_budget=Decimal(100))

        with ThreadPoolExecutor(20) as many:
            list(many.map(lambda _: exchange.submit(request(terms)), range(20)))

        assert len(venue.asked(ORDER)) == 1


def test_a_venue_whose_clock_is_not_known_is_sent_no_order_that_must_expire(binance: ScriptedVenue) -> None:
    """Design §4 rule 7: an expiry on a clock that we do not know would be none."""
    binance.says("GET /api/v3/time", Said({"code": -1001, "msg": "Internal error"}, 503))
    exchange = binance.open()

    with pytest.raises(VenueOutcomeUnknown, match="clock is not known"):
        exchange.submit(request(limit_buy(), expires_in_s=5))

    assert binance.asked(ORDER) == []


def test_a_refused_id_may_be_sent_again(binance: ScriptedVenue, exchange: CcxtExchange) -> None:
    binance.says(ORDER, REFUSED, Said(binance_order()))
    with pytest.raises(VenueRefused):
        exchange.submit(request(limit_buy()))

    assert exchange.submit(request(limit_buy())).status == "open"


def test_an_order_that_the_venue_has_already_is_answered_as_it_stands(
    binance: ScriptedVenue, exchange: CcxtExchange
) -> None:
    """After a restart we do not know that we sent it."""
    binance.says(ORDER, DUPLICATE)
    binance.says("GET /api/v3/order", Said(binance_order(orderId=9)))

    assert exchange.submit(request(limit_buy())).venue_order_id == "9"


def test_an_id_that_the_venue_has_under_other_terms_is_refused(
    binance: ScriptedVenue, exchange: CcxtExchange
) -> None:
    binance.says(ORDER, DUPLICATE)
    binance.says("GET /api/v3/order", Said(binance_order(origQty="2.00000000")))

    with pytest.raises(VenueRefused, match="in use"):
        exchange.submit(request(limit_buy()))


def test_a_clock_that_is_off_is_set_right_and_the_order_sent_once_more(
    binance: ScriptedVenue, exchange: CcxtExchange
) -> None:
    """Safety §3 #29: -1021 is proof that nothing was opened."""
    exchange.market(ACCOUNT, "BTC/USDT")
    ahead = 3_600_000

    def order(heard: Heard) -> Said:
        if abs(int(heard.params["timestamp"]) - time() * 1_000 - ahead) > 60_000:
            return Said(
                {"code": -1021, "msg": "Timestamp for this request is outside of the recvWindow."}, 400
            )
        return Said(binance_order())

    binance.says(ORDER, order)
    binance.says("GET /api/v3/time", lambda heard: Said({"serverTime": int(time() * 1_000) + ahead}))

    assert exchange.submit(request(limit_buy())).status == "open"
    assert len(binance.asked(ORDER)) == 2


def test_a_market_that_is_halted_is_not_offered_and_the_venue_itself_refuses_orders_there(
    binance: ScriptedVenue, exchange: CcxtExchange
) -> None:
    """An order that was sent before the halt may stand: our own look at the market proves nothing."""
    binance.says(ORDER, Said({"code": -1013, "msg": "Market is closed."}, 400))

    with pytest.raises(VenueRefused, match="not trading now"):
        exchange.market(ACCOUNT, "OLD/USDT")
    with pytest.raises(VenueRefused, match="Market is closed"):
        exchange.submit(request(limit_buy(symbol="OLD/USDT")))


# -- looking and ending ----------------------------------------------------------------------------------


def test_only_the_venues_own_word_says_that_there_is_no_order(
    binance: ScriptedVenue, exchange: CcxtExchange
) -> None:
    """Safety §3 #7: a dead line, a 404 page and a refusal of the key prove nothing."""
    binance.says("GET /api/v3/order", NOT_THERE)
    with pytest.raises(VenueOrderNotFound):
        exchange.report(ACCOUNT, "BTC/USDT", "o-1")

    for nothing in (
        Said(NEVER_ANSWERED),
        Said("<html>not found</html>", 404, kind="text/html"),
        Said({"code": -2015, "msg": "Invalid API-key, IP, or permissions for action."}, 401),
        Said({"code": -2013, "msg": "Order does not exist."}, 503),
    ):
        binance.says("GET /api/v3/order", nothing)
        with pytest.raises(VenueOutcomeUnknown):
            exchange.report(ACCOUNT, "BTC/USDT", "o-1")


def test_a_read_is_asked_again_until_it_is_answered(binance: ScriptedVenue, exchange: CcxtExchange) -> None:
    fails = Said({"code": -1001, "msg": "Internal error"}, 503)
    binance.says("GET /api/v3/order", fails, Said(NEVER_ANSWERED), Said(binance_order()))

    assert exchange.report(ACCOUNT, "BTC/USDT", "o-1").status == "open"


def test_a_cancel_is_asked_again_and_answers_as_the_order_stands(
    binance: ScriptedVenue, exchange: CcxtExchange
) -> None:
    ended = Said(binance_order(status="CANCELED"))
    binance.says("GET /api/v3/order", ended)
    binance.says("DELETE /api/v3/order", Said({"code": -1001, "msg": "Internal error"}, 503), ended)

    assert exchange.cancel(ACCOUNT, "BTC/USDT", "o-1").status == "canceled"
    assert len(binance.asked("DELETE /api/v3/order")) == 2


def test_an_order_that_ended_meanwhile_is_no_failed_cancel(
    binance: ScriptedVenue, exchange: CcxtExchange
) -> None:
    binance.says("GET /api/v3/order", Said(binance_order(status="FILLED", executedQty="1")))
    binance.says("DELETE /api/v3/order", Said({"code": -2011, "msg": "Unknown order sent."}, 400))
    binance.says(TRADES, Said([binance_trade(qty="1", quoteQty="50")]))

    assert exchange.cancel(ACCOUNT, "BTC/USDT", "o-1").status == "filled"


def test_a_cancel_that_nobody_answered_is_unknown(binance: ScriptedVenue, exchange: CcxtExchange) -> None:
    binance.says("GET /api/v3/order", Said(binance_order()))
    binance.says("DELETE /api/v3/order", Said(NEVER_ANSWERED))

    with pytest.raises(VenueOutcomeUnknown):
        exchange.cancel(ACCOUNT, "BTC/USDT", "o-1")


def test_open_orders_are_everybodys_with_their_fills(binance: ScriptedVenue, exchange: CcxtExchange) -> None:
    """Safety §3 #46: a foreign order is told as what it is."""
    binance.says(
        "GET /api/v3/openOrders",
        Said(
            [
                binance_order(12, "web_1", time=1732500000009),
                binance_order(7, status="PARTIALLY_FILLED", executedQty="0.4"),
            ]
        ),
    )
    binance.says(TRADES, Said([binance_trade(), binance_trade(2, order_id=99)]))

    first, second = exchange.open_orders(ACCOUNT)

    assert (first.report.client_order_id, first.report.filled_base) == ("o-1", Decimal("0.4"))
    assert [fill.venue_trade_id for fill in first.report.fills] == ["1"]
    assert (second.report.client_order_id, second.side, second.base_quantity) == ("web_1", "buy", Decimal(1))


def test_trades_are_paged_to_their_end_and_told_once(binance: ScriptedVenue, exchange: CcxtExchange) -> None:
    started = 1732500000000
    everything = [binance_trade(n, time=started + n // 2) for n in range(1_200)]

    def page(heard: Heard) -> Said:
        since, limit = int(heard.params["startTime"]), int(heard.params["limit"])
        return Said([trade for trade in everything if trade["time"] >= since][:limit])

    binance.says(TRADES, page)

    trades = exchange.trades_since(ACCOUNT, "BTC/USDT", datetime.fromtimestamp(started / 1_000, UTC))

    assert [int(trade.fill.venue_trade_id) for trade in trades] == list(range(1_200))


def test_trades_before_the_asked_time_are_left_out(binance: ScriptedVenue, exchange: CcxtExchange) -> None:
    binance.says(TRADES, Said([binance_trade(1), binance_trade(2, time=1732500002000)]))
    since = datetime.fromtimestamp(1732500001, UTC) + timedelta(milliseconds=1)

    (trade,) = exchange.trades_since(ACCOUNT, "BTC/USDT", since)

    assert (trade.fill.venue_trade_id, trade.side, trade.venue_order_id) == ("2", "buy", "7")


def test_balances_are_free_and_locked_to_the_last_digit(
    binance: ScriptedVenue, exchange: CcxtExchange
) -> None:
    binance.says(
        "GET /api/v3/account",
        Said(
            {
                "balances": [
                    {"asset": "BTC", "free": "0.123456789012345678", "locked": "1"},
                    {"asset": "LTC", "free": "0.00000000", "locked": "0.00000000"},
                ]
            }
        ),
    )

    (found,) = exchange.balances(ACCOUNT).items()

    assert (found[0], str(found[1].free), str(found[1].locked)) == ("BTC", "0.123456789012345678", "1")
    assert exchange.statement(ACCOUNT).balances == {"BTC": Decimal("1.123456789012345678")}


def test_the_fee_rate_is_the_accounts_own_and_asked_for_once(
    binance: ScriptedVenue, exchange: CcxtExchange
) -> None:
    assert exchange.taker_fee_rate(ACCOUNT, "BTC/USDT") == Decimal("0.00085")
    assert exchange.taker_fee_rate(ACCOUNT, "BTC/USDT") == Decimal("0.00085")
    assert len(binance.asked("GET /sapi/v1/asset/tradeFee")) == 1


def test_an_account_without_a_key_is_told_so(binance: ScriptedVenue) -> None:
    def none_of(account: str) -> Credentials:
        raise NoCredentials("it was revoked")

    connection = binance.connection()
    connection._credentials = none_of

    with pytest.raises(VenueOutcomeUnknown, match="it was revoked"):
        CcxtExchange(connection).balances(ACCOUNT)


def test_what_was_sent_with_one_key_is_not_sent_again_with_the_next(binance: ScriptedVenue) -> None:
    binance.says(ORDER, Said(NEVER_ANSWERED))
    binance.says("GET /api/v3/order", Said(binance_order()))
    connection = binance.connection()
    exchange = CcxtExchange(connection)
    with pytest.raises(VenueOutcomeUnknown):
        exchange.submit(request(limit_buy()))

    connection.forget(ACCOUNT)
    assert exchange.submit(request(limit_buy())).status == "open"

    assert len(binance.asked(ORDER)) == 1


def test_a_changed_key_is_asked_for_again(binance: ScriptedVenue) -> None:
    keys = iter([Credentials(api_key="first", secret="s"), Credentials(api_key="second", secret="s")])
    binance.says("GET /api/v3/account", Said({"balances": []}))
    connection = binance.connection()
    connection._credentials = lambda account: next(keys)
    exchange = CcxtExchange(connection)

    exchange.balances(ACCOUNT)
    connection.forget(ACCOUNT)
    exchange.balances(ACCOUNT)

    used = [heard.headers["X-MBX-APIKEY"] for heard in binance.asked("GET /api/v3/account")]
    assert used == ["first", "second"]


def test_a_key_that_another_process_changed_or_withdrew_is_used_no_more(
    binance: ScriptedVenue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a kill switch that runs beside would go on with it, and could sell nothing."""
    monkeypatch.setattr(connections, "KEY_LOOKED_AT_S", 0.0)
    binance.says("GET /api/v3/account", Said({"balances": []}))
    keys: list[str | Exception] = ["first", "first", OSError("the database is away"), "second"]

    def key_of(account: str) -> Credentials:
        if not keys:
            raise NoCredentials("it was revoked")
        key = keys.pop(0)
        if isinstance(key, Exception):
            raise key
        return Credentials(api_key=key, secret="s", key_id=key)

    connection = binance.connection()
    connection._credentials = key_of
    exchange = CcxtExchange(connection)
    for _ in range(3):
        exchange.balances(ACCOUNT)
    keys.append("second")
    exchange.balances(ACCOUNT)
    with pytest.raises(VenueOutcomeUnknown, match="it was revoked"):
        exchange.balances(ACCOUNT)

    used = [heard.headers["X-MBX-APIKEY"] for heard in binance.asked("GET /api/v3/account")]
    assert used == ["first", "first", "first", "second"]


def test_callers_that_come_at_once_share_one_loop() -> None:
    connection = VenueConnection(VenueAddress(name="x", exchange="binance", url="http://127.0.0.1:1"))
    gate, found = threading.Barrier(8), []

    def ask() -> None:
        gate.wait()
        found.append(connection.loop)

    callers = [threading.Thread(target=ask) for _ in range(8)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    connection.close()

    assert len({id(loop) for loop in found}) == 1
