"""Requests over HTTP as Binance answers them: who may ask, how often, and with which errors."""

from __future__ import annotations

import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.adapters.simulator.clients import Plain
from tests.simulators import BOB, ControlRefused, Simulator, simulator

QUOTES = {"symbol": "BTCUSDT", "price": "1"}


def refused(answer: httpx.Response, status: int, code: int) -> bool:
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    return True


def test_who_asks_is_checked_in_the_order_key_signature_time(sim: Simulator, plain: Plain) -> None:
    now = time.time_ns() // 1_000_000
    assert refused(Plain(sim, key="").signed("GET", "/api/v3/account"), 401, -2014)
    assert refused(Plain(sim, key="nobody").signed("GET", "/api/v3/account"), 401, -2015)
    assert refused(plain.raw("GET", "/api/v3/account", f"timestamp={now}"), 400, -1102)
    assert refused(Plain(sim, secret="wrong").signed("GET", "/api/v3/account"), 400, -1022)
    assert refused(plain.signed("GET", "/api/v3/account", timestamp=None), 400, -1102)
    assert refused(plain.signed("GET", "/api/v3/account", timestamp="soon"), 400, -1100)
    assert refused(plain.signed("GET", "/api/v3/account", timestamp=now - 6_000), 400, -1021)
    assert refused(plain.signed("GET", "/api/v3/account", timestamp=now + 60_000), 400, -1021)
    assert refused(plain.signed("GET", "/api/v3/account", recvWindow=60_001), 400, -1131)
    assert plain.signed("GET", "/api/v3/account", timestamp=now - 6_000, recvWindow=60_000).status_code == 200


def test_a_key_does_what_it_may_and_says_what_that_is(sim: Simulator, plain: Plain) -> None:
    """Safety: a key that can withdraw is seen to be one before it is taken."""
    sim.post("keys", account="ann", key="looks", secret="s", can_trade=False)
    sim.post("keys", account="ann", key="all", secret="s", can_withdraw=True)
    looks = Plain(sim, key="looks", secret="s")
    assert looks.signed("GET", "/api/v3/account").status_code == 200
    assert refused(looks.place(), 401, -2015)
    assert refused(looks.signed("DELETE", "/api/v3/openOrders", symbol="BTCUSDT"), 401, -2015)

    def rights(client: Plain) -> tuple[bool, bool]:
        shown = client.signed("GET", "/sapi/v1/account/apiRestrictions").json()
        return shown["enableSpotAndMarginTrading"], shown["enableWithdrawals"]

    assert rights(plain) == (True, False)
    assert rights(looks) == (False, False)
    assert rights(Plain(sim, key="all", secret="s")) == (True, True)
    sim.delete("keys/looks")
    assert refused(looks.signed("GET", "/api/v3/account"), 401, -2015)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"quantity": "-0.1"}, -1100),
        ({"quantity": "1e5"}, -1100),
        ({"quantity": "NaN"}, -1100),
        ({"quantity": "0,1"}, -1100),
        ({"price": "1" * 21}, -1100),
        ({"price": "9" * 20}, -1013),
        ({"quantity": ""}, -1105),
        ({"symbol": None}, -1102),
        ({"symbol": "NOPE"}, -1121),
        ({"newClientOrderId": "x" * 37}, -1100),
        ({"newOrderRespType": "LOTS"}, -1102),
        ({"quantity": "0.1234567890123"}, -1111),
    ],
)
def test_values_that_are_none_are_refused_by_name_and_place_nothing(
    sim: Simulator, plain: Plain, change: dict[str, Any], code: int
) -> None:
    assert refused(plain.place(**change), 400, code)
    assert sim.account()["orders"] == []


def test_an_order_can_be_tried_without_being_placed(sim: Simulator, plain: Plain) -> None:
    order = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.1"}
    assert plain.signed("POST", "/api/v3/order/test", **order).json() == {}
    assert refused(plain.signed("POST", "/api/v3/order/test", **{**order, "quantity": "100"}), 400, -2010)
    assert sim.account()["orders"] == []


def test_how_much_an_order_answers_is_asked_for(plain: Plain) -> None:
    ack = plain.place(newOrderRespType="ACK").json()
    result = plain.place(newOrderRespType="RESULT").json()
    full = plain.place(side="SELL", price="59000").json()
    assert set(ack) == {"symbol", "orderId", "orderListId", "clientOrderId", "transactTime"}
    assert set(ack) | {"fills"} < set(result) | {"fills"}
    assert "fills" not in result
    assert [fill["commissionAsset"] for fill in full["fills"]] == ["USDT"]


def test_trades_are_found_by_order_by_id_and_by_time(sim: Simulator, plain: Plain) -> None:
    first = plain.place(price="60000.01", quantity="0.2").json()
    second = plain.place(price="60000.01", quantity="0.3").json()

    def trades(**given: Any) -> list[int]:
        answer = plain.signed("GET", "/api/v3/myTrades", symbol="BTCUSDT", **given)
        return [trade["orderId"] for trade in answer.json()]

    one, two = first["orderId"], second["orderId"]
    newest = sim.account()["trades"][-1]
    assert trades() == [one, two]
    assert trades(orderId=two) == [two]
    assert trades(fromId=newest["id"]) == [two]
    assert trades(limit=1) == [two]
    assert trades(startTime=0, limit=1) == [one]
    assert trades(startTime=newest["time"] + 60_000) == []
    assert refused(
        plain.signed("GET", "/api/v3/myTrades", symbol="BTCUSDT", startTime=0, endTime=86_400_001), 400, -1127
    )


def test_a_replacement_says_what_became_of_both_orders(plain: Plain) -> None:
    def replacing(**given: Any) -> httpx.Response:
        order = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "price": "50000"}
        return plain.signed("POST", "/api/v3/order/cancelReplace", **{**order, "quantity": "0.1", **given})

    old = plain.place().json()["orderId"]
    done = replacing(cancelReplaceMode="STOP_ON_FAILURE", cancelOrderId=old)
    assert (done.json()["cancelResult"], done.json()["newOrderResult"]) == ("SUCCESS", "SUCCESS")
    gone = replacing(cancelReplaceMode="STOP_ON_FAILURE", cancelOrderId=old)
    assert refused(gone, 400, -2022)
    assert gone.json()["data"]["newOrderResult"] == "NOT_ATTEMPTED"
    newest = done.json()["newOrderResponse"]["orderId"]
    partly = replacing(cancelReplaceMode="STOP_ON_FAILURE", cancelOrderId=newest, quantity="100")
    assert refused(partly, 409, -2021)
    assert partly.json()["data"]["cancelResult"] == "SUCCESS"
    assert partly.json()["data"]["newOrderResponse"]["code"] == -2010


def test_one_cancels_the_other_in_both_spellings(sim: Simulator, plain: Plain) -> None:
    new = plain.signed(
        "POST", "/api/v3/orderList/oco", symbol="BTCUSDT", side="SELL", quantity="1", aboveType="LIMIT_MAKER",
        abovePrice="61000", belowType="STOP_LOSS_LIMIT", belowStopPrice="59000", belowPrice="58900",
        belowTimeInForce="GTC", listClientOrderId="pair",
    )  # fmt: skip
    assert new.json()["listOrderStatus"] == "EXECUTING", new.text
    assert sim.account()["balances"]["BTC"] == {"free": "9", "locked": "1"}
    assert len(plain.signed("GET", "/api/v3/openOrderList").json()) == 1
    canceled = plain.signed("DELETE", "/api/v3/orderList", symbol="BTCUSDT", listClientOrderId="pair")
    assert canceled.json()["listOrderStatus"] == "ALL_DONE"
    old = plain.signed(
        "POST", "/api/v3/order/oco", symbol="BTCUSDT", side="BUY", quantity="1", price="59000",
        stopPrice="61000",
    )  # fmt: skip
    assert [one["type"] for one in old.json()["orderReports"]] == ["STOP_LOSS", "LIMIT_MAKER"], old.text
    found = plain.signed("GET", "/api/v3/orderList", orderListId=old.json()["orderListId"])
    assert found.json()["listOrderStatus"] == "EXECUTING"
    assert refused(plain.signed("GET", "/api/v3/orderList", orderListId=99), 400, -2018)
    assert refused(plain.signed("DELETE", "/api/v3/orderList", symbol="BTCUSDT", orderListId=99), 400, -2011)


def test_money_that_came_and_went_is_in_the_history(sim: Simulator, plain: Plain) -> None:
    sim.post("transfers", account="ann", asset="USDT", amount="25.5", transfer_id="0xabc", network="ETH")
    sim.post("transfers", account="ann", asset="USDT", amount="-10")
    deposits = plain.signed("GET", "/sapi/v1/capital/deposit/hisrec", coin="USDT").json()
    withdrawals = plain.signed("GET", "/sapi/v1/capital/withdraw/history").json()
    assert (deposits[0]["txId"], deposits[0]["amount"], deposits[0]["status"]) == ("0xabc", "25.5", 1)
    assert [(one["coin"], one["amount"]) for one in withdrawals] == [("USDT", "10")]
    assert sim.account()["balances"]["USDT"]["free"] == "1000015.5"


def test_commission_is_the_accounts_own_tier(sim: Simulator, plain: Plain) -> None:
    sim.post("terms", account="ann", maker_fee_rate="0.0002", taker_fee_rate="0.0004", fee_asset="BNB")
    commission = plain.signed("GET", "/api/v3/account/commission", symbol="BTCUSDT").json()
    assert commission["standardCommission"]["taker"] == "0.00040000"
    assert commission["discount"]["enabledForAccount"] is True
    (fee,) = plain.signed("GET", "/sapi/v1/asset/tradeFee", symbol="BTCUSDT").json()
    assert fee["makerCommission"] == "0.00020000"


def test_weight_is_counted_and_too_much_of_it_gets_429_then_418(tmp_path: Path) -> None:
    """Safety §4: 429 with Retry-After, and a ban for whoever goes on."""
    with simulator(tmp_path / "journal", weight_a_minute=50) as sim:
        sim.advance(60_000 - sim.get("state")["now_ms"] % 60_000)  # a new minute
        plain = Plain(sim)
        assert plain.open("/api/v3/depth", symbol="BTCUSDT").headers["X-MBX-USED-WEIGHT-1M"] == "5"
        answers = [plain.open("/api/v3/depth", symbol="BTCUSDT") for _ in range(40)]
        statuses = [answer.status_code for answer in answers]
        assert statuses[:9] == [200] * 9
        assert statuses[9] == 429
        assert statuses[-1] == 418
        assert 0 < int(answers[9].headers["Retry-After"]) <= 60
        assert 60 < int(answers[-1].headers["Retry-After"]) <= 120
        sim.advance(240_000)
        assert plain.open("/api/v3/ping").status_code == 200


def test_orders_of_an_account_are_limited_in_ten_seconds(tmp_path: Path) -> None:
    with simulator(tmp_path / "journal", orders_in_ten_seconds=2) as sim:
        sim.advance(10_000 - sim.get("state")["now_ms"] % 10_000)  # a new window
        now = sim.get("state")["now_ms"]
        answers = [Plain(sim).place(timestamp=now, recvWindow=60_000) for _ in range(3)]
        assert [answer.status_code for answer in answers] == [200, 200, 429]
        assert answers[1].headers["X-MBX-ORDER-COUNT-10S"] == "2"
        assert answers[2].json()["code"] == -1015
        assert Plain(sim, key=BOB.key, secret=BOB.secret).place(timestamp=now, recvWindow=60_000).is_success


def test_market_data_agree_with_one_another(sim: Simulator, plain: Plain) -> None:
    plain.place(side="BUY", price="60000.02", quantity="15")
    sim.price("BTCUSDT", "61000")
    trades = plain.open("/api/v3/trades", symbol="BTCUSDT").json()
    aggregates = plain.open("/api/v3/aggTrades", symbol="BTCUSDT").json()
    assert sum(one["l"] - one["f"] + 1 for one in aggregates) == len(trades)
    (candle,) = plain.open("/api/v3/klines", symbol="BTCUSDT", interval="1d").json()
    assert Decimal(candle[5]) == sum(Decimal(one["qty"]) for one in trades)
    assert (candle[2], candle[4]) == (
        max((one["price"] for one in trades), key=Decimal),
        trades[-1]["price"],
    )
    ticker = plain.open("/api/v3/ticker/24hr", symbol="BTCUSDT").json()
    assert ticker["lastPrice"] == trades[-1]["price"]
    depth = plain.open("/api/v3/depth", symbol="BTCUSDT", limit=5).json()
    best = plain.open("/api/v3/ticker/bookTicker", symbol="BTCUSDT").json()
    assert depth["bids"][0] == [best["bidPrice"], best["bidQty"]]
    assert len(plain.open("/api/v3/ticker/price").json()) == 3
    assert refused(plain.open("/api/v3/klines", symbol="BTCUSDT", interval="7m"), 400, -1120)


def test_candles_have_no_gaps(sim: Simulator, plain: Plain) -> None:
    sim.advance(3_000)
    sim.price("BTCUSDT", "61000")
    candles = plain.open("/api/v3/klines", symbol="BTCUSDT", interval="1s").json()
    opened = [candle[0] for candle in candles]
    assert opened == list(range(opened[0], opened[-1] + 1, 1_000))
    assert len(opened) >= 4


def test_a_halted_symbol_takes_no_orders(sim: Simulator, plain: Plain) -> None:
    sim.post("halt", symbol="BTCUSDT")
    assert refused(plain.place(), 400, -1013)
    (shown,) = plain.open("/api/v3/exchangeInfo", symbol="BTCUSDT").json()["symbols"]
    assert shown["status"] == "BREAK"
    sim.post("halt", symbol="BTCUSDT", halted=False)
    assert plain.place().status_code == 200


def test_what_is_not_simulated_says_so(plain: Plain) -> None:
    assert plain.open("/api/v3/nothing").status_code == 404


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("faults", {"do": "explode"}, "do"),
        ("faults", {"do": "slow", "ms": -1}, "ms"),
        ("faults", {"do": "slow", "ms": "5"}, "ms"),
        ("faults", {"do": "slow", "speed": 5}, "speed"),
        ("faults", {"do": "slow", "count": 0}, "count"),
        ("faults", {"do": "slow", "probability": 0}, "probability"),
        ("faults", {"do": "hostile", "what": "kindness"}, "what"),
        ("faults", {}, "do"),
        ("transfers", {"account": "ann", "asset": "btc", "amount": "1"}, "asset"),
        ("transfers", {"account": "ann", "asset": "BTC", "amount": 1.5}, "amount"),
        ("transfers", {"account": "ann", "asset": "BTC", "amount": "NaN"}, "amount"),
        ("transfers", {"account": "ann", "asset": "BTC", "amount": "0.000000001"}, "amount"),
        ("transfers", {"account": "house", "asset": "BTC", "amount": "1"}, "account"),
        ("transfers", {"account": "nobody", "asset": "BTC", "amount": "1"}, "account"),
        ("accounts", {"account": "ann"}, "account"),
        ("terms", {"account": "ann", "fee_asset": "shells"}, "fee_asset"),
        ("price", {"symbol": "BTCUSDT", "price": "high"}, "price"),
        ("market", {"symbol": "BTCUSDT", "price": "60000", "levels": -1}, "levels"),
        ("market", {"symbol": "BTCUSDT", "price": "-1"}, "price"),
        ("market", {**QUOTES, "half_spread": "-1"}, "price"),
        ("market", {**QUOTES, "quantity": "-1"}, "quantity"),
        ("market", {**QUOTES, "quantity": "0.000001"}, "quantity"),
        ("market", {**QUOTES, "takes": [{"side": "BUY", "quantity": "0"}]}, "quantity"),
        ("market", {**QUOTES, "takes": [{"side": "BUY"}]}, "takes"),
        ("market", {**QUOTES, "takes": [{"side": "UP", "quantity": "1"}]}, "takes"),
        ("advance", {"ms": -1}, "ms"),
        ("clock", {"skew_ms": "late"}, "skew_ms"),
        ("disconnect", {"streams": "some"}, "streams"),
        ("halt", {"symbol": "BTCUSDT", "halted": "yes"}, "halted"),
    ],
)  # fmt: skip
def test_the_control_api_names_what_is_wrong(
    sim: Simulator, path: str, body: dict[str, Any], field: str
) -> None:
    with pytest.raises(ControlRefused, match=f'"field": "{field}"'):
        sim.post(path, **body)
