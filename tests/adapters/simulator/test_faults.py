"""Each fault dial does what it says, as the real client meets it, and what was done is done all the same."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import ccxt  # type: ignore[import-untyped]
import pytest

from adapters.simulator.server.faults import HOSTILE, Fault, Faults, parse_fault_text
from adapters.simulator.server.signing import signed
from domain.errors import InvalidValue
from tests.adapters.simulator.clients import Plain, ccxt_client, until
from tests.simulators import Simulator

BTC = "BTC/USDT"


@pytest.fixture
async def exchange(sim: Simulator) -> AsyncIterator[Any]:
    async with ccxt_client(sim) as client:
        await client.load_markets()
        yield client


@pytest.mark.parametrize(
    ("fault", "error", "placed"),
    [
        ({"do": "drop_before"}, ccxt.NetworkError, 0),
        ({"do": "drop_after"}, ccxt.NetworkError, 1),
        ({"do": "error_before", "code": -1001}, ccxt.OperationFailed, 0),
        ({"do": "error_after", "code": -1000}, ccxt.OperationFailed, 1),
        ({"do": "error_after", "code": -1006, "status": 500}, ccxt.OperationFailed, 1),
        ({"do": "error_after", "code": -1007, "status": 504}, ccxt.OperationFailed, 1),
        ({"do": "rate_limited"}, ccxt.DDoSProtection, 0),
        ({"do": "rate_limited", "status": 418}, ccxt.DDoSProtection, 0),
    ],
    ids=lambda value: "-".join(map(str, value.values())) if isinstance(value, dict) else None,
)
async def test_an_order_meets_a_fault_once(
    sim: Simulator, exchange: Any, fault: dict[str, Any], error: type[Exception], placed: int
) -> None:
    """Safety #6: an answer that is lost says nothing about what was done; asking by client id does."""
    sim.fault(**fault, on="place", count=1)
    with pytest.raises(error):
        await exchange.create_order(BTC, "limit", "buy", 0.1, 50000, {"clientOrderId": "mine"})
    assert len(sim.account()["orders"]) == placed
    if placed:
        assert (await exchange.fetch_order(None, BTC, {"origClientOrderId": "mine"}))["status"] == "open"
        with pytest.raises(ccxt.InvalidOrder, match="Duplicate"):
            await exchange.create_order(BTC, "limit", "buy", 0.1, 50000, {"clientOrderId": "mine"})
    else:
        await exchange.create_order(BTC, "limit", "buy", 0.1, 50000, {"clientOrderId": "mine"})
    assert sim.get("faults") == []


@pytest.mark.parametrize(("do", "placed"), [("html", 0), ("html_after", 1)])
async def test_a_web_page_is_no_answer_though_ccxt_makes_an_order_of_it(
    sim: Simulator, exchange: Any, do: str, placed: int
) -> None:
    """Whoever uses ccxt has to look whether the answer holds an order at all."""
    sim.fault(do, on="place", count=1)
    order = await exchange.create_order(BTC, "limit", "buy", 0.1, 50000, {"clientOrderId": "mine"})
    assert (order["id"], order["status"]) == (None, None)
    assert len(sim.account()["orders"]) == placed


def test_a_limit_says_when_to_come_back(sim: Simulator, plain: Plain) -> None:
    sim.fault("rate_limited", on="depth", retry_after_s=7)
    answer = plain.open("/api/v3/depth", symbol="BTCUSDT")
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "7")
    assert plain.open("/api/v3/ping").status_code == 200
    sim.heal()
    assert plain.open("/api/v3/depth", symbol="BTCUSDT").status_code == 200


async def test_a_slow_answer_outlives_the_clients_patience_and_the_order_stands(
    sim: Simulator, exchange: Any
) -> None:
    sim.fault("slow", on="place", ms=600, count=1)
    exchange.timeout = 200
    with pytest.raises(ccxt.RequestTimeout):
        await exchange.create_order(BTC, "limit", "buy", 0.1, 50000)
    await until(lambda: sim.account()["orders"])


def test_a_request_that_is_held_up_has_expired_when_its_turn_comes(sim: Simulator, plain: Plain) -> None:
    """What a client gave up on may still arrive: that is what a request's expiry is for."""
    sim.fault("slow_before", on="place", ms=300, count=1)
    assert plain.place(recvWindow=200).json()["code"] == -1021
    assert sim.account()["orders"] == []
    sim.fault("slow_before", on="place", ms=300, count=1)
    assert plain.place(recvWindow=60_000).status_code == 200


async def test_maintenance_refuses_everything_and_says_so_where_one_asks(
    sim: Simulator, exchange: Any
) -> None:
    sim.fault("maintenance")
    with pytest.raises(ccxt.BadRequest, match="-1016"):
        await exchange.fetch_balance()
    status = Plain(sim).open("/sapi/v1/system/status").json()
    assert status["status"] == 1
    sim.heal()
    assert (await exchange.fetch_balance())["BTC"]["free"] == 10


async def test_an_accepted_order_is_not_found_for_a_while(sim: Simulator, exchange: Any) -> None:
    """Safety #7: not found is no proof before the venue's visibility delay."""
    sim.fault("invisible", ms=60_000)
    order = await exchange.create_order(BTC, "limit", "buy", 0.1, 50000)
    with pytest.raises(ccxt.OrderNotFound):
        await exchange.fetch_order(order["id"], BTC)
    with pytest.raises(ccxt.OrderNotFound):
        await exchange.cancel_order(order["id"], BTC)
    assert await exchange.fetch_open_orders(BTC) == []
    sim.advance(60_000)
    exchange.options["adjustForTimeDifference"] = True
    await exchange.load_time_difference()
    assert len(await exchange.fetch_open_orders(BTC)) == 1


async def test_a_trade_is_shown_late(sim: Simulator, exchange: Any) -> None:
    sim.fault("late_fills", ms=60_000)
    order = await exchange.create_order(BTC, "market", "buy", 0.1)
    assert order["status"] == "closed"
    assert await exchange.fetch_my_trades(BTC) == []
    sim.heal()
    assert len(await exchange.fetch_my_trades(BTC)) == 1


def test_a_stale_snapshot_is_the_book_of_when_it_was_set(sim: Simulator, plain: Plain) -> None:
    sim.fault("stale_depth")
    sim.price("BTCUSDT", "61000")
    stale = plain.open("/api/v3/depth", symbol="BTCUSDT", limit=1).json()
    sim.heal()
    fresh = plain.open("/api/v3/depth", symbol="BTCUSDT", limit=1).json()
    assert (stale["bids"][0][0], fresh["bids"][0][0]) == ("59999.99000000", "60999.99000000")
    assert stale["lastUpdateId"] < fresh["lastUpdateId"]


@pytest.mark.parametrize(
    ("what", "expected"),
    [("price", "-1"), ("quantity", "1e400"), ("nan", "NaN"), ("types", "not"), ("client_id", "nobody")],
)
def test_hostile_answers_carry_what_nobody_should_believe(
    sim: Simulator, plain: Plain, what: str, expected: str
) -> None:
    sim.fault("hostile", on="query", what=what)
    plain.place(newClientOrderId="mine")
    answer = plain.signed("GET", "/api/v3/order", symbol="BTCUSDT", origClientOrderId="mine")
    assert expected in answer.text
    assert sim.account()["orders"][0]["clientOrderId"] == "mine"


def test_a_body_of_fifty_megabytes(sim: Simulator, plain: Plain) -> None:
    sim.fault("hostile", on="time", what="huge", count=1)
    assert len(plain.open("/api/v3/time").content) > 50_000_000
    assert set(HOSTILE) == {"price", "quantity", "nan", "types", "client_id", "huge"}


# -- streams


class Listener:
    """A user stream or market stream as its raw messages."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket

    async def next(self) -> Any:
        message = json.loads((await self.socket.receive(timeout=5)).data)
        return message.get("event", message)

    async def of(self, count: int) -> list[tuple[str, Any]]:
        """The next executions or other events, in brief."""
        found = [await self.next() for _ in range(count)]
        return [(one["e"], one.get("x") or one.get("u")) for one in found]


@pytest.fixture
async def user(sim: Simulator) -> AsyncIterator[Listener]:
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(sim.url.replace("http", "ws") + "/ws-api/v3") as socket,
    ):
        params: dict[str, Any] = {"apiKey": sim.key, "timestamp": time.time_ns() // 1_000_000}
        payload = "&".join(f"{name}={params[name]}" for name in sorted(params))
        params["signature"] = signed(sim.secret, payload)
        method = "userDataStream.subscribe.signature"
        await socket.send_json({"id": "1", "method": method, "params": params})
        assert (await socket.receive_json())["result"] == {"subscriptionId": 0}
        yield Listener(socket)


def buy(sim: Simulator) -> None:
    """Takes 0.1: an order, a fill, balances."""
    sim.order("ann", symbol="BTCUSDT", side="BUY", type="MARKET", quantity="0.1")


async def kinds(user: Listener, count: int) -> list[str]:
    return [x if e == "executionReport" else e for e, x in await user.of(count)]


async def test_an_undisturbed_stream_tells_all_in_order(sim: Simulator, user: Listener) -> None:
    buy(sim)
    assert await kinds(user, 3) == ["NEW", "TRADE", "outboundAccountPosition"]


async def test_a_message_comes_twice(sim: Simulator, user: Listener) -> None:
    """Safety #9."""
    sim.fault("duplicate", on="executionReport")
    buy(sim)
    assert await kinds(user, 5) == ["NEW", "NEW", "TRADE", "TRADE", "outboundAccountPosition"]


async def test_a_message_does_not_come(sim: Simulator, user: Listener) -> None:
    """Safety #11."""
    sim.fault("lose", on="executionReport", count=2)
    buy(sim)
    assert await kinds(user, 1) == ["outboundAccountPosition"]


async def test_a_message_comes_after_the_next(sim: Simulator, user: Listener) -> None:
    """Safety #11."""
    sim.fault("reorder", on="executionReport", count=1)
    buy(sim)
    assert await kinds(user, 3) == ["TRADE", "NEW", "outboundAccountPosition"]


async def test_a_message_comes_late(sim: Simulator, user: Listener) -> None:
    sim.fault("delay", on="executionReport", ms=50)
    buy(sim)
    assert await kinds(user, 3) == ["outboundAccountPosition", "NEW", "TRADE"]


async def test_a_stream_is_cut_and_can_be_taken_up_again(sim: Simulator, user: Listener) -> None:
    assert sim.post("disconnect", streams="market") == {"closed": 0}
    assert sim.post("disconnect", streams="user") == {"closed": 1}
    assert (await user.socket.receive(timeout=5)).type == aiohttp.WSMsgType.CLOSE


async def test_a_lost_depth_message_leaves_a_gap_that_ccxt_notices(sim: Simulator, exchange: Any) -> None:
    await asyncio.wait_for(exchange.watch_order_book(BTC), 5)
    sim.fault("lose", on="depthUpdate", count=1)
    sim.price("BTCUSDT", "60100")
    await until(lambda: not sim.get("faults"))
    watched = asyncio.ensure_future(exchange.watch_order_book(BTC))
    await asyncio.sleep(0)
    sim.price("BTCUSDT", "60200")
    with pytest.raises(ccxt.ChecksumError):
        await asyncio.wait_for(watched, 5)


async def test_depth_messages_follow_one_another_without_gaps(sim: Simulator) -> None:
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(sim.url.replace("http", "ws") + "/ws/btcusdt@depth@100ms") as socket,
    ):
        listener = Listener(socket)
        sim.price("BTCUSDT", "60100")
        first = await listener.next()
        sim.price("BTCUSDT", "60200")
        second = await listener.next()
    assert second["U"] == first["u"] + 1


async def test_streams_that_are_none_are_refused(sim: Simulator) -> None:
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(sim.url.replace("http", "ws") + "/stream") as socket,
    ):
        for sent, code in (
            ("not json", 3),
            ('{"method": "SUBSCRIBE", "params": ["btcusdt@nothing"], "id": 1}', 2),
            ('{"method": "SUBSCRIBE", "params": ["nope@trade"], "id": 1}', 2),
            ('{"method": "SHOUT", "params": [], "id": 1}', 2),
        ):
            await socket.send_str(sent)
            assert (await socket.receive_json())["error"]["code"] == code
        await socket.send_json({"method": "SUBSCRIBE", "params": ["btcusdt@trade"], "id": 2})
        assert await socket.receive_json() == {"result": None, "id": 2}
        buy(sim)
        told = await socket.receive_json()
        assert (told["stream"], told["data"]["e"]) == ("btcusdt@trade", "trade")
        await socket.send_json({"method": "UNSUBSCRIBE", "params": ["btcusdt@trade"], "id": 3})
        assert await socket.receive_json() == {"result": None, "id": 3}


# -- the dials themselves


def test_a_probability_is_drawn_from_the_seed() -> None:
    def draws(seed: int) -> list[bool]:
        faults = Faults(seed)
        faults.set(Fault(do="slow", probability=0.5))
        return [faults.first("place", "slow") is not None for _ in range(64)]

    assert draws(1) == draws(1) != draws(2)
    assert 16 < sum(draws(1)) < 48


def test_the_command_line_spells_a_fault_as_the_control_api_has_it() -> None:
    spelled = parse_fault_text("drop_after:on=place,count=3,probability=0.5,ms=20")
    assert spelled == Fault(do="drop_after", on="place", count=3, probability=0.5, ms=20)
    for wrong in ("drop_after:on", "drop_after:count=many", "nothing:on=place", ""):
        with pytest.raises(InvalidValue):
            parse_fault_text(wrong)
