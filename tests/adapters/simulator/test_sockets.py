"""Streams and the ws-api as raw messages: what ccxt does not ask for, and what nobody should send."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import aiohttp
import pytest

from adapters.simulator.server.signing import signed
from tests.simulators import Simulator


@asynccontextmanager
async def connected(sim: Simulator, path: str) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(sim.url.replace("http", "ws", 1) + path) as socket,
    ):
        yield socket


async def awaited(socket: aiohttp.ClientWebSocketResponse, wanted: Callable[[Any], bool]) -> Any:
    """The first message that is it."""

    async def search() -> Any:
        while not wanted(message := json.loads((await socket.receive()).data)):
            pass
        return message

    return await asyncio.wait_for(search(), 10)


async def asked(socket: aiohttp.ClientWebSocketResponse, method: str, params: Any = None) -> Any:
    await socket.send_json({"id": "7", "method": method, "params": params})
    return await socket.receive_json()


def is_of(stream: str, message: Any) -> bool:
    return bool(message["stream"] == stream)


def signature(sim: Simulator, **params: Any) -> dict[str, Any]:
    whole = {"apiKey": sim.key, "timestamp": time.time_ns() // 1_000_000, **params}
    payload = "&".join(f"{name}={whole[name]}" for name in sorted(whole))
    return {**whole, "signature": signed(sim.secret, payload)}


async def test_combined_streams_carry_their_names(sim: Simulator) -> None:
    names = ["aggTrade", "bookTicker", "depth5@100ms", "depth", "miniTicker", "ticker", "trade"]
    async with connected(sim, "/stream?streams=" + "/".join(f"btcusdt@{name}" for name in names)) as socket:
        sim.price("BTCUSDT", "60100")
        for name in names:
            sim.price("BTCUSDT", "60100")
            told = await awaited(socket, partial(is_of, f"btcusdt@{name}"))
            assert told["data"]


async def test_a_candle_is_told_while_it_is_open_and_once_more_when_it_has_closed(sim: Simulator) -> None:
    async with connected(sim, "/ws/btcusdt@kline_1m") as socket:
        opened = await awaited(socket, lambda message: not message["k"]["x"])
        sim.price("BTCUSDT", "60100")
        changed = await awaited(socket, lambda message: message["k"]["h"] == "60100.01000000")
        sim.advance(60_000)
        closed = await awaited(socket, lambda message: message["k"]["x"])
    assert opened["k"]["t"] <= changed["k"]["t"] <= closed["k"]["t"]
    assert (closed["k"]["c"], closed["k"]["i"]) == ("60100.01000000", "1m")


async def test_the_websocket_api_answers_by_id(sim: Simulator) -> None:
    async with connected(sim, "/ws-api/v3") as socket:
        assert await asked(socket, "ping") == {
            "id": "7",
            "status": 200,
            "result": {},
            "rateLimits": [
                {
                    "rateLimitType": "REQUEST_WEIGHT",
                    "interval": "MINUTE",
                    "intervalNum": 1,
                    "limit": 6000,
                    "count": 1,
                }
            ],
        }
        assert "serverTime" in (await asked(socket, "time"))["result"]
        trades = await asked(socket, "myTrades", signature(sim, symbol="BTCUSDT"))
        assert (trades["status"], trades["result"]) == (200, [])


@pytest.mark.parametrize(
    ("method", "params", "status", "code"),
    [
        ("order.shout", {}, 400, -1102),
        ("time", ["a list"], 400, -1102),
        ("account.status", {}, 401, -2014),
        ("account.status", {"apiKey": "nobody"}, 401, -2015),
        ("account.status", {"apiKey": "ann-key", "signature": "wrong", "timestamp": 1}, 400, -1022),
        ("userDataStream.subscribe.signature", {"apiKey": "ann-key"}, 400, -1102),
        (7, {}, 400, -1135),
    ],
)
async def test_the_websocket_api_refuses_and_stays_open(
    sim: Simulator, method: Any, params: Any, status: int, code: int
) -> None:
    async with connected(sim, "/ws-api/v3") as socket:
        answer = await asked(socket, method, params)
        assert (answer["status"], answer["error"]["code"]) == (status, code)
        assert (await asked(socket, "ping"))["status"] == 200


async def test_a_dropped_answer_of_the_websocket_api_closes_it_and_the_order_stands(sim: Simulator) -> None:
    """Safety #6."""
    sim.fault("drop_after", on="place", count=1)
    order = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.1"}
    async with connected(sim, "/ws-api/v3") as socket:
        await socket.send_json({"id": "1", "method": "order.place", "params": signature(sim, **order)})
        assert (await socket.receive(timeout=5)).type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED)
    assert [one["status"] for one in sim.account()["orders"]] == ["FILLED"]


async def test_a_user_stream_can_be_ended(sim: Simulator) -> None:
    async with connected(sim, "/ws-api/v3") as socket:
        subscribed = await asked(socket, "userDataStream.subscribe.signature", signature(sim))
        assert subscribed["result"] == {"subscriptionId": 0}
        sim.post("transfers", account="ann", asset="USDT", amount="5")
        told = await awaited(socket, lambda message: "event" in message)
        assert (told["event"]["e"], told["event"]["d"]) == ("balanceUpdate", "5.00000000")
        await awaited(socket, lambda message: "event" in message)
        assert (await asked(socket, "userDataStream.unsubscribe"))["result"] == {}
        assert sim.get("state")["connections"]["user"] == 0
