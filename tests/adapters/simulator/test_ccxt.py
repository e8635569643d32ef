"""The real ccxt and ccxt.pro binance clients trade on the simulated exchange over loopback sockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import ccxt  # type: ignore[import-untyped]
import pytest

from tests.adapters.simulator.clients import ccxt_client, until
from tests.simulators import BOB, Simulator

BTC = "BTC/USDT"


@pytest.fixture
async def exchange(sim: Simulator) -> AsyncIterator[Any]:
    async with ccxt_client(sim) as client:
        yield client


async def heard(watched: Any) -> Any:
    """What a stream says next, once it is subscribed."""
    return await asyncio.wait_for(watched, 5)


async def test_markets_come_with_their_filters(exchange: Any) -> None:
    market = (await exchange.load_markets())[BTC]
    assert (market["active"], market["spot"], market["margin"]) == (True, True, False)
    assert (market["precision"]["price"], market["precision"]["amount"]) == (0.01, 0.00001)
    assert market["limits"]["cost"]["min"] == 5
    assert market["limits"]["amount"] == {"min": 0.00001, "max": 9000}


async def test_an_order_lives_through_every_call_that_an_adapter_makes(exchange: Any) -> None:
    order = await exchange.create_order(BTC, "limit", "buy", "0.25", "59000", {"clientOrderId": "mine-1"})
    assert (order["status"], order["clientOrderId"], order["timeInForce"]) == ("open", "mine-1", "GTC")
    found = await exchange.fetch_order(None, BTC, {"origClientOrderId": "mine-1"})
    assert (found["id"], found["info"]["price"]) == (order["id"], "59000.00000000")
    assert [one["id"] for one in await exchange.fetch_open_orders(BTC)] == [order["id"]]
    canceled = await exchange.cancel_order(None, BTC, {"origClientOrderId": "mine-1"})
    assert (canceled["status"], canceled["filled"]) == ("canceled", 0)
    assert [one["status"] for one in await exchange.fetch_orders(BTC)] == ["canceled"]


async def test_fills_fees_and_balances_are_told_everywhere_alike(sim: Simulator, exchange: Any) -> None:
    order = await exchange.create_order(BTC, "limit", "buy", "10.5", "60000.02")
    assert (order["status"], order["filled"], len(order["trades"])) == ("closed", 10.5, 2)
    (first, second) = await exchange.fetch_my_trades(BTC, params={"orderId": order["id"]})
    assert (first["takerOrMaker"], first["fee"]["currency"]) == ("taker", "BTC")
    assert first["amount"] + second["amount"] == 10.5
    balance = await exchange.fetch_balance()
    truth = sim.account()
    assert balance["info"]["balances"][0] == {"asset": "BNB", "free": "50.00000000", "locked": "0.00000000"}
    assert truth["balances"]["BTC"]["free"] == "20.4895"
    assert balance["BTC"]["free"] == 20.4895
    assert [trade["id"] for trade in truth["trades"]] == [int(first["id"]), int(second["id"])]


@pytest.mark.parametrize(
    ("type_", "amount", "price", "params", "status", "filled"),
    [
        ("market", "0.1", None, {}, "closed", 0.1),
        ("market", None, None, {"quoteOrderQty": "600"}, "closed", 0.00999),
        ("limit", "12", "60000.01", {"timeInForce": "IOC"}, "expired", 9.99999),
        ("limit", "12", "60000.01", {"timeInForce": "FOK"}, "expired", 0),
        ("limit", "0.1", "59999", {"postOnly": True}, "open", 0),
        ("market", "0.1", None, {"stopLossPrice": "61000"}, "open", 0),
        ("limit", "0.1", "59000", {"takeProfitPrice": "59500"}, "open", 0),
    ],
)
async def test_every_type_of_order(
    exchange: Any, type_: str, amount: str | None, price: str | None, params: dict[str, Any], status: str,
    filled: float,
) -> None:  # fmt: skip
    order = await exchange.create_order(BTC, type_, "buy", amount, price, params)
    found = await exchange.fetch_order(order["id"], BTC)
    assert (found["status"], found["filled"]) == (status, filled)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"amount": 0.00001, "price": 60000}, ccxt.BadRequest),  # NOTIONAL
        ({"amount": 15, "price": 70000}, ccxt.InsufficientFunds),
        ({"price": 70000, "params": {"postOnly": True}}, ccxt.OrderImmediatelyFillable),
        ({"params": {"clientOrderId": "open-1"}}, ccxt.InvalidOrder),
    ],
)
async def test_refusals_are_what_ccxt_takes_them_for(
    exchange: Any, changes: dict[str, Any], error: type[Exception]
) -> None:
    await exchange.create_order(BTC, "limit", "buy", 0.1, 50000, {"clientOrderId": "open-1"})
    order = {"amount": 0.1, "price": 50000, "params": {}, **changes}
    with pytest.raises(error):
        await exchange.create_order(BTC, "limit", "buy", order["amount"], order["price"], order["params"])


async def test_what_is_not_there_is_not_found(exchange: Any) -> None:
    with pytest.raises(ccxt.OrderNotFound):
        await exchange.fetch_order("999", BTC)
    with pytest.raises(ccxt.OrderNotFound):
        await exchange.cancel_order("999", BTC)


async def test_wrong_keys_and_wrong_times(sim: Simulator) -> None:
    async with ccxt_client(sim, apiKey="nobody") as stranger:
        with pytest.raises(ccxt.AuthenticationError):
            await stranger.fetch_balance()
    async with ccxt_client(sim, secret="wrong") as forger:
        with pytest.raises(ccxt.AuthenticationError):
            await forger.fetch_balance()
    sim.post("clock", skew_ms=30_000)
    async with ccxt_client(sim) as late:
        with pytest.raises(ccxt.InvalidNonce):
            await late.fetch_balance()
        await late.load_time_difference()
        late.options["adjustForTimeDifference"] = True
        assert (await late.fetch_balance())["USDT"]["free"] == 1_000_000


async def test_the_user_stream_tells_of_every_order_fill_and_balance(sim: Simulator, exchange: Any) -> None:
    await exchange.load_markets()
    orders, balances = (
        asyncio.ensure_future(exchange.watch_orders(BTC)),
        asyncio.ensure_future(exchange.watch_balance()),
    )
    trades = asyncio.ensure_future(exchange.watch_my_trades(BTC))
    await until(lambda: sim.asked().get("subscribe_user"))
    placed = await exchange.create_order(BTC, "limit", "sell", "0.5", "60500", {"clientOrderId": "rest"})
    assert (await heard(orders))[0]["status"] == "open"
    assert (await heard(balances))["BTC"]["used"] == 0.5
    changed = asyncio.ensure_future(exchange.watch_orders(BTC))
    await asyncio.sleep(0)
    sim.price("BTCUSDT", "60600")
    (trade,) = await heard(trades)
    assert (trade["order"], trade["takerOrMaker"], trade["fee"]["currency"]) == (
        placed["id"],
        "maker",
        "USDT",
    )
    filled = await heard(changed)
    assert (filled[-1]["status"], filled[-1]["clientOrderId"]) == ("closed", "rest")


async def test_a_cancellation_keeps_the_orders_own_client_id(sim: Simulator, exchange: Any) -> None:
    order = await exchange.create_order(BTC, "limit", "buy", "0.5", "50000", {"clientOrderId": "mine"})
    watched = asyncio.ensure_future(exchange.watch_orders(BTC))
    await until(lambda: sim.asked().get("subscribe_user"))
    await exchange.cancel_order(order["id"], BTC)
    (told,) = await heard(watched)
    assert (told["status"], told["clientOrderId"]) == ("canceled", "mine")


async def test_the_market_streams_tell_of_books_trades_candles_and_tickers(
    sim: Simulator, exchange: Any
) -> None:
    await exchange.load_markets()
    watching = [
        asyncio.ensure_future(one)
        for one in (
            exchange.watch_trades(BTC),
            exchange.watch_ohlcv(BTC, "1s"),
            exchange.watch_ticker(BTC),
            exchange.watch_bids_asks([BTC]),
        )
    ]
    book = await heard(exchange.watch_order_book(BTC))
    assert book["bids"][0][0] == 59999.99
    await until(lambda: sim.asked().get("stream_subscribe") == 5)
    sim.price("BTCUSDT", "60100")
    trades, candles, ticker, best = await heard(asyncio.gather(*watching))
    assert trades[-1]["price"] in (60099.99, 60100.01)  # sold to the best bid, then bought at the best ask
    assert candles[-1][4] in (60000.01, 60100.01)
    assert ticker["last"] in (60000.01, 60100.01)
    assert best[BTC]["bid"] == 60099.99
    await until(lambda: exchange.orderbooks[BTC]["bids"][0][0] == 60099.99)


async def test_orders_go_over_the_websocket_api_too(exchange: Any) -> None:
    order = await exchange.create_order_ws(BTC, "limit", "buy", 0.1, 50000, {"newClientOrderId": "ws-1"})
    assert (order["status"], order["clientOrderId"]) == ("open", "ws-1")
    assert (await exchange.fetch_order_ws(order["id"], BTC))["status"] == "open"
    assert (await exchange.cancel_order_ws(order["id"], BTC))["status"] == "canceled"
    held = (await exchange.fetch_balance_ws())["info"]["balances"]
    assert {"asset": "USDT", "free": "1000000.00000000", "locked": "0.00000000"} in held
    with pytest.raises(ccxt.InsufficientFunds):
        await exchange.create_order_ws(BTC, "limit", "buy", 100, 50000)


async def test_two_clients_on_two_accounts_trade_with_each_other(sim: Simulator, exchange: Any) -> None:
    async with ccxt_client(sim, apiKey=BOB.key, secret=BOB.secret) as other:
        resting = await exchange.create_order(BTC, "limit", "buy", "1", "60000")
        await other.create_order(BTC, "limit", "sell", "1", resting["price"])
        assert (await exchange.fetch_order(resting["id"], BTC))["status"] == "closed"
    truth = sim.get("journal")
    assert truth["totals"] == {"BTC": "20", "USDT": "2000000", "ETH": "200", "BNB": "100"}
    assert truth["fees"]["BTC"] == "0.001"
