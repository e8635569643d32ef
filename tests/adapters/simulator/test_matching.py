"""Price-time matching, balances and fees of the simulated exchange, case by case."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from adapters.simulator.core import commands as c
from adapters.simulator.core.errors import Rejected
from adapters.simulator.core.orders import NewOrder, Order
from adapters.simulator.core.outcomes import OrderList, OrderReport, Replaced
from tests.adapters.simulator.given import Given, d, executions, new_order


def test_the_best_price_trades_first_and_within_a_price_the_oldest_order() -> None:
    given = Given()
    later_but_better = given.place("bob", "SELL", "1", "60001")
    first = given.place("bob", "SELL", "1", "60000")
    second = given.place("bob", "SELL", "1", "60000")

    taker = given.place("ann", "BUY", "1.5", "60001")

    assert [(fill.price, fill.quantity) for fill in taker.fills] == [
        (d("60000"), d("1")),
        (d("60000"), d("0.5")),
    ]
    assert [given.now(one).status for one in (first, second, later_but_better)] == [
        "FILLED",
        "PARTIALLY_FILLED",
        "NEW",
    ]


def test_a_purchase_below_its_limit_gives_the_rest_of_its_hold_back() -> None:
    given = Given()
    given.place("bob", "SELL", "1", "59000")

    given.place("ann", "BUY", "2", "60000")

    assert given.balance("ann", "USDT") == (d("1000000") - d("59000") - d("60000"), d("60000"))


def test_what_rests_is_locked_and_a_cancellation_frees_it() -> None:
    given = Given()
    order = given.place("ann", "SELL", "2", "61000")
    assert given.balance("ann", "BTC") == (d("8"), d("2"))

    canceled = given.cancel(order)

    assert canceled.status == "CANCELED"
    assert given.balance("ann", "BTC") == (d("10"), d("0"))
    with pytest.raises(Rejected, match="-2011 Unknown order sent"):
        given.cancel(order)


def test_a_market_order_with_a_budget_buys_whole_lots_for_no_more_than_it() -> None:
    given = Given()
    given.place("bob", "SELL", "0.01", "60000")
    given.place("bob", "SELL", "1", "60100.01")

    order = given.place("ann", "BUY", None, quote_order_quantity="1000")

    assert order.status == "FILLED"
    assert order.executed == d("0.01665")
    assert order.executed_quote == d("600") + d("0.00665") * d("60100.01")
    assert given.balance("ann", "USDT")[1] == 0


def test_a_sale_for_a_sum_sells_no_more_than_brings_it() -> None:
    given = Given()
    given.place("bob", "BUY", "1", "60000")
    order = given.place("ann", "SELL", None, quote_order_quantity="1000")
    assert (order.executed, order.executed_quote) == (d("0.01666"), d("999.6"))


def test_a_market_order_that_finds_too_little_expires_with_what_it_got() -> None:
    given = Given()
    given.place("bob", "SELL", "0.5", "60000")
    outcome = given.placing("ann", "BUY", "1")
    assert executions(outcome, "ann") == [
        ("NEW", "NEW"),
        ("TRADE", "PARTIALLY_FILLED"),
        ("EXPIRED", "EXPIRED"),
    ]
    assert given.balance("ann", "USDT") == (d("970000"), d("0"))


def test_a_budget_that_finds_nobody_expires() -> None:
    given = Given()
    order = given.place("ann", "BUY", None, quote_order_quantity="1000")
    assert (order.status, order.quantity) == ("EXPIRED", d("0"))
    assert given.balance("ann", "USDT") == (d("1000000"), d("0"))


@pytest.mark.parametrize(
    ("time_in_force", "status", "executed", "resting"),
    [("GTC", "PARTIALLY_FILLED", "1", "1"), ("IOC", "EXPIRED", "1", "0"), ("FOK", "EXPIRED", "0", "0")],
)
def test_what_time_in_force_makes_of_an_order_larger_than_the_book(
    time_in_force: str, status: str, executed: str, resting: str
) -> None:
    given = Given()
    given.place("bob", "SELL", "1", "60000")
    order = given.place("ann", "BUY", "2", "60000", time_in_force=time_in_force)
    assert (order.status, order.executed) == (status, d(executed))
    assert given.exchange.books["BTCUSDT"].bids.resting(d("60000")) == d(resting)


def test_fill_or_kill_fills_where_the_book_has_enough() -> None:
    given = Given()
    given.place("bob", "SELL", "1", "60000")
    given.place("bob", "SELL", "1", "60001")
    assert given.place("ann", "BUY", "2", "60001", time_in_force="FOK").status == "FILLED"


def test_a_trade_with_oneself_is_a_trade() -> None:
    given = Given()
    resting = given.place("ann", "SELL", "1", "60000")
    taking = given.place("ann", "BUY", "1", "60000")
    (one,), (other,) = given.now(resting).fills, taking.fills
    assert (one.trade_id, one.is_maker, other.is_maker) == (other.trade_id, True, False)


@pytest.mark.parametrize(
    ("terms", "fee", "asset", "taken_from"),
    [
        ({}, "0.001", "BTC", "BTC"),
        ({"taker_fee_rate": d("0.002")}, "0.002", "BTC", "BTC"),
        ({"fee_asset": "quote"}, "60", "USDT", "USDT"),
        ({"fee_asset": "BNB"}, "0.075", "BNB", "BNB"),
        ({"taker_fee_rate": d("-0.0001")}, "-0.0001", "BTC", "BTC"),
    ],
    ids=["received", "tier", "quote", "BNB", "rebate"],
)
def test_a_fee_is_taken_where_the_account_has_it_taken(
    terms: dict[str, Any], fee: str, asset: str, taken_from: str
) -> None:
    """Safety #14 and #15: fees in base, quote or a third asset, and rebates."""
    given = Given("BTCUSDT", "BNBUSDT")
    given.deposit("ann", "BNB", "1")
    given.do(c.SetTerms(account="ann", **terms))
    given.place("bob", "SELL", "1", "60000")

    (fill,) = given.place("ann", "BUY", "1", "60000").fills

    assert (fill.fee, fill.fee_asset) == (d(fee), asset)
    before = {"BTC": d("11"), "USDT": d("940000"), "BNB": d("1")}
    assert sum(given.balance("ann", taken_from)) == before[taken_from] - d(fee)
    house = given.exchange.accounts["house"]
    assert house.free(asset) == d(fee) + (d("60") if asset == "USDT" else 0)


def test_where_there_is_too_little_bnb_the_fee_is_taken_from_what_is_received() -> None:
    given = Given("BTCUSDT", "BNBUSDT")
    given.deposit("ann", "BNB", "0.01")
    given.do(c.SetTerms(account="ann", fee_asset="BNB"))
    given.place("bob", "SELL", "1", "60000")
    (fill,) = given.place("ann", "BUY", "1", "60000").fills
    assert (fill.fee, fill.fee_asset) == (d("0.001"), "BTC")


def test_a_fee_in_quote_is_reserved_with_the_order_and_what_is_not_needed_comes_back() -> None:
    given = Given()
    given.do(c.SetTerms(account="ann", fee_asset="quote", maker_fee_rate=d("0.0005")))
    given.place("ann", "BUY", "1", "60000")
    assert given.balance("ann", "USDT") == (d("939940"), d("60060"))
    given.place("bob", "SELL", "1", "60000")
    assert given.balance("ann", "USDT") == (d("939970"), d("0"))


# -- stops


def traded_at(given: Given, price: str) -> None:
    """The last price is this one now."""
    given.place("bob", "SELL", "0.001", price)
    given.place("bob", "BUY", "0.001", price)


@pytest.mark.parametrize(
    ("side", "type_", "stop", "not_yet", "then"),
    [
        ("SELL", "STOP_LOSS", "59000", "59000.01", "59000"),
        ("SELL", "TAKE_PROFIT", "61000", "60999.99", "61000"),
        ("BUY", "STOP_LOSS", "61000", "60999.99", "61000"),
        ("BUY", "TAKE_PROFIT", "59000", "59000.01", "59000"),
    ],
)
def test_a_stop_waits_for_its_price(side: str, type_: str, stop: str, not_yet: str, then: str) -> None:
    given = Given()
    order = given.place("ann", side, "0.1", type=type_, stop_price=stop)
    assert (order.status, order.is_working) == ("NEW", False)

    traded_at(given, not_yet)
    assert not given.now(order).is_working
    traded_at(given, then)

    assert given.now(order).is_working
    assert given.now(order).status == "EXPIRED"  # nobody was left to trade with
    assert given.balance("ann", "BTC") == (d("10"), d("0"))
    assert given.balance("ann", "USDT") == (d("1000000"), d("0"))


def test_a_stop_that_is_set_off_trades_at_market() -> None:
    given = Given()
    stop = given.place("ann", "SELL", "0.1", type="STOP_LOSS", stop_price="59000")
    given.place("bob", "BUY", "1", "58990")
    traded_at(given, "59000")
    assert (given.now(stop).status, given.now(stop).fills[0].price) == ("FILLED", d("58990"))


def test_a_stop_limit_that_is_set_off_rests_at_its_limit() -> None:
    given = Given()
    stop = given.place("ann", "SELL", "0.1", "58950", type="STOP_LOSS_LIMIT", stop_price="59000")
    traded_at(given, "58999")
    assert given.exchange.books["BTCUSDT"].asks.resting(d("58950")) == d("0.1")
    assert given.now(stop).is_working


def test_a_stop_that_would_be_set_off_at_once_is_refused() -> None:
    given = Given()
    with pytest.raises(Rejected, match="Stop price would trigger immediately"):
        given.place("ann", "SELL", "0.1", type="STOP_LOSS", stop_price="60000.01")


def test_a_stop_sets_off_another() -> None:
    given = Given()
    given.place("ann", "SELL", "1", type="STOP_LOSS", stop_price="59000")
    second = given.place("ann", "SELL", "1", type="STOP_LOSS", stop_price="58000")
    given.place("bob", "BUY", "1", "58000")
    given.place("bob", "BUY", "1", "57000")
    traded_at(given, "59000")
    assert given.now(second).fills[0].price == d("57000")


# -- one cancels the other


def oco(side: str = "SELL", quantity: str = "1") -> c.PlaceOco:
    above = new_order(side, quantity, "61000", type="LIMIT_MAKER", client_order_id="above")
    below = new_order(side, quantity, type="STOP_LOSS", stop_price="59000", client_order_id="below")
    return c.PlaceOco(account="ann", above=above, below=below)


def listed(given: Given) -> OrderList:
    answer = given.do(oco()).answer
    assert isinstance(answer, OrderList)
    return answer


def test_an_oco_holds_its_quantity_once() -> None:
    given = Given()
    listed(given)
    assert given.balance("ann", "BTC") == (d("9"), d("1"))


def test_a_part_of_the_limit_leg_ends_the_stop_and_keeps_the_hold() -> None:
    given = Given()
    above, below = listed(given).orders
    given.place("bob", "BUY", "0.4", "61000")
    assert (given.now(above).status, given.now(below).status) == ("PARTIALLY_FILLED", "EXPIRED")
    assert given.balance("ann", "BTC") == (d("9"), d("0.6"))


def test_the_stop_leg_set_off_ends_the_limit_leg_and_sells() -> None:
    given = Given()
    above, below = listed(given).orders
    given.place("bob", "BUY", "5", "58500")
    traded_at(given, "59000")
    assert (given.now(above).status, given.now(below).status) == ("EXPIRED", "FILLED")
    assert given.balance("ann", "BTC") == (d("9"), d("0"))
    assert given.exchange.lists[1].is_done


@pytest.mark.parametrize("leg", [0, 1])
def test_canceling_one_leg_cancels_both(leg: int) -> None:
    given = Given()
    orders = listed(given).orders
    given.cancel(orders[leg])
    assert [given.now(one).status for one in orders] == ["CANCELED", "CANCELED"]
    assert given.balance("ann", "BTC") == (d("10"), d("0"))


def test_an_oco_purchase_holds_what_the_dearer_leg_needs() -> None:
    given = Given()
    above = new_order("BUY", "1", "61500", type="STOP_LOSS_LIMIT", stop_price="61000")
    below = new_order("BUY", "1", "59000", type="LIMIT_MAKER")
    given.do(c.PlaceOco(account="ann", above=above, below=below))
    assert given.balance("ann", "USDT") == (d("938500"), d("61500"))
    given.place("bob", "SELL", "0.5", "59000")
    assert given.balance("ann", "USDT") == (d("1000000") - d("59000"), d("29500"))


@pytest.mark.parametrize(
    "change",
    [
        lambda one: c.PlaceOco(account="ann", above=one.below, below=one.above),
        lambda one: c.PlaceOco(account="ann", above=new_order("SELL", "1", "61000"), below=one.below),
        lambda one: c.PlaceOco(account="ann", above=one.above, below=one.above),
        lambda _: oco(quantity="11"),
    ],
    ids=["upside down", "plain limit", "no stop", "too much"],
)
def test_an_oco_that_is_none_is_refused_and_changes_nothing(
    change: Callable[[c.PlaceOco], c.PlaceOco],
) -> None:
    given = Given()
    before = given.exchange.ids()
    with pytest.raises(Rejected):
        given.do(change(oco()))
    assert given.exchange.ids() == before
    assert given.balance("ann", "BTC") == (d("10"), d("0"))


# -- canceling and replacing


def replacing(given: Given, order: Order, new: NewOrder, *, even_if_not_canceled: bool = False) -> Replaced:
    answer = given.do(
        c.ReplaceOrder(
            cancel=c.CancelOrder(account="ann", symbol="BTCUSDT", order_id=order.order_id),
            order=new,
            even_if_not_canceled=even_if_not_canceled,
        )
    ).answer
    assert isinstance(answer, Replaced)
    return answer


def test_a_replaced_order_may_use_what_the_old_one_held() -> None:
    given = Given()
    old = given.place("ann", "SELL", "10", "61000")
    replaced = replacing(given, old, new_order("SELL", "10", "62000"))
    assert isinstance(replaced.placed, Order)
    assert given.balance("ann", "BTC") == (d("0"), d("10"))


def test_where_the_new_order_is_refused_the_old_one_is_gone_and_that_is_said() -> None:
    given = Given()
    old = given.place("ann", "SELL", "10", "61000")
    replaced = replacing(given, old, new_order("SELL", "11", "62000"))
    assert isinstance(replaced.placed, Rejected)
    assert given.now(old).status == "CANCELED"
    assert given.balance("ann", "BTC") == (d("10"), d("0"))


def test_where_the_old_order_is_gone_the_new_one_is_placed_only_if_that_is_allowed() -> None:
    given = Given()
    old = given.place("ann", "SELL", "1", "61000")
    given.cancel(old)
    with pytest.raises(Rejected, match="-2022"):
        replacing(given, old, new_order("SELL", "1", "62000"))
    replaced = replacing(given, old, new_order("SELL", "1", "62000"), even_if_not_canceled=True)
    assert isinstance(replaced.canceled, Rejected)
    assert isinstance(replaced.placed, Order)


def test_a_cancellation_may_insist_on_an_untouched_order() -> None:
    given = Given()
    order = given.place("ann", "SELL", "1", "60000")
    given.place("bob", "BUY", "0.5", "60000")
    with pytest.raises(Rejected, match="cancel restrictions"):
        given.cancel(order, only_status="NEW")
    assert given.cancel(order, only_status="PARTIALLY_FILLED").status == "CANCELED"


def test_a_cancellation_is_reported_under_both_ids() -> None:
    given = Given()
    order = given.place("ann", "SELL", "1", "61000", client_order_id="mine")
    outcome = given.do(
        c.CancelOrder(account="ann", symbol="BTCUSDT", client_order_id="mine", cancel_id="stop-it")
    )
    report = outcome.reports[0]
    assert isinstance(report, OrderReport)
    assert (report.order.client_order_id, report.cancel_id) == ("mine", "stop-it")
    assert given.now(order).status == "CANCELED"


# -- refusals


def test_a_client_order_id_is_taken_while_its_order_is_open_and_no_longer() -> None:
    """Safety #6: a second create under the same id opens no second order."""
    given = Given()
    first = given.place("ann", "BUY", "1", "50000", client_order_id="mine")
    with pytest.raises(Rejected, match="-2010 Duplicate order sent"):
        given.place("ann", "BUY", "1", "50000", client_order_id="mine")
    given.place("bob", "BUY", "1", "50000", client_order_id="mine")  # another account's ids are its own
    given.cancel(first)
    second = given.place("ann", "BUY", "1", "50000", client_order_id="mine")
    assert given.exchange.order("ann", "BTCUSDT", None, "mine").order_id == second.order_id


@pytest.mark.parametrize(
    ("order", "refusal"),
    [
        (new_order("HOLD", "1", "60000"), "-1117 Invalid side"),
        (new_order("BUY", "1", "60000", type="ICEBERG"), "-1116 Invalid orderType"),
        (new_order("BUY", "1", "60000", client_order_id="no spaces"), "-1100 Illegal characters"),
        (new_order("BUY", None, "60000"), "-1102 Mandatory parameter 'quantity'"),
        (new_order("BUY", "1", None, type="LIMIT"), "-1102 Mandatory parameter 'price'"),
        (new_order("BUY", "1", "60000", time_in_force=None), "-1102 Mandatory parameter 'timeInForce'"),
        (new_order("BUY", None), "-1102 Mandatory parameter 'quantity'"),
        (new_order("BUY", "1", quote_order_quantity="10"), "-1128 Combination"),
        (new_order("BUY", "1", time_in_force="GTC"), "-1106 Parameter 'timeInForce' sent when not required"),
        (new_order("BUY", "1", "60000", stop_price="61000"), "-1106 Parameter 'stopPrice'"),
        (new_order("BUY", "1", "60000", time_in_force="DAY"), "-1115 Invalid timeInForce"),
        (new_order("BUY", "0.000000001", "60000"), "-1111 Parameter 'quantity' has too much precision"),
        (new_order("BUY", "1", "60000.001"), "PRICE_FILTER"),
        (new_order("BUY", "1", "0"), "PRICE_FILTER"),
        (new_order("BUY", "1", "2000000"), "PRICE_FILTER"),
        (new_order("BUY", "1", "11999.99"), "PERCENT_PRICE"),
        (new_order("SELL", "1", "300000.01"), "PERCENT_PRICE"),
        (new_order("BUY", "0.000001", "60000"), "LOT_SIZE"),
        (new_order("BUY", "0", "60000"), "LOT_SIZE"),
        (new_order("BUY", "9001", "60000"), "LOT_SIZE"),
        (new_order("BUY", "501"), "MARKET_LOT_SIZE"),
        (new_order("BUY", "0.00008", "60000"), "NOTIONAL"),
        (new_order("BUY", "151", "60000"), "NOTIONAL"),
        (new_order("BUY", None, quote_order_quantity="4.99"), "NOTIONAL"),
        (new_order("BUY", "17", "60000"), "-2010 Account has insufficient balance"),
        (new_order("SELL", "10.1", "60000"), "-2010 Account has insufficient balance"),
        (new_order("BUY", "1", "60000", symbol="DOGEUSDT"), "-1121 Invalid symbol"),
        (new_order("BUY", "1", "60010", type="LIMIT_MAKER"), "-2010 Order would immediately match"),
    ],
)  # fmt: skip
def test_an_order_that_is_refused_changes_nothing(order: NewOrder, refusal: str) -> None:
    given = Given()
    given.place("bob", "SELL", "1", "60010")
    before = given.exchange.ids()
    with pytest.raises(Rejected, match=refusal):
        given.do(c.PlaceOrder(account="ann", order=order))
    assert given.exchange.ids() == before
    assert given.balance("ann", "USDT") == (d("1000000"), d("0"))


def test_open_orders_are_limited_in_number() -> None:
    given = Given()
    for _ in range(200):
        given.place("ann", "BUY", "0.001", "50000")
    with pytest.raises(Rejected, match="MAX_NUM_ORDERS"):
        given.place("ann", "BUY", "0.001", "50000")


def test_waiting_stops_are_limited_in_number() -> None:
    given = Given()
    for _ in range(5):
        given.place("ann", "SELL", "0.1", type="STOP_LOSS", stop_price="50000")
    with pytest.raises(Rejected, match="MAX_NUM_ALGO_ORDERS"):
        given.place("ann", "SELL", "0.1", type="STOP_LOSS", stop_price="50000")


def test_an_account_that_may_not_trade_does_not() -> None:
    given = Given()
    given.do(c.SetTerms(account="ann", can_trade=False))
    with pytest.raises(Rejected, match="may not place or cancel orders"):
        given.place("ann", "BUY", "1", "60000")


def test_nobody_withdraws_what_an_order_holds() -> None:
    given = Given()
    given.place("ann", "SELL", "10", "61000")
    with pytest.raises(Rejected, match="insufficient balance"):
        given.deposit("ann", "BTC", "-0.00000001")


# -- the market's own quotes


def test_the_market_moves_through_resting_orders() -> None:
    given = Given()
    order = given.place("ann", "BUY", "1", "59500")
    move = c.MoveMarket(
        symbol="BTCUSDT",
        price=d("59000"),
        half_spread=d("0.01"),
        gap=d("0.01"),
        levels=3,
        quantity=d("0.25"),
        takes=(c.Take(side="SELL", quantity=d("0.1")),),
    )
    given.do(move)
    assert given.now(order).executed == d("0.85")
    assert {fill.price for fill in given.now(order).fills} == {d("59500")}
    given.do(move)
    assert given.now(order).status == "FILLED"
    book = given.exchange.books["BTCUSDT"]
    assert [price for price, _ in book.bids.levels(9)] == [d("58999.99"), d("58999.98"), d("58999.97")]
