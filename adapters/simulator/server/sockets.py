"""WebSockets: market streams, and the ws-api with orders and user streams."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from aiohttp import WSMsgType, web

from adapters.simulator.core.accounts import Key
from adapters.simulator.core.errors import Rejected, missing
from adapters.simulator.server.limits import Limited
from adapters.simulator.server.operations import METHODS, rate_limits
from adapters.simulator.server.parameters import Parameters
from adapters.simulator.server.requests import Dropped, Request, WebPage, answered
from adapters.simulator.server.signing import check_signed
from adapters.simulator.server.streams import Connection, Hub, known
from adapters.simulator.server.venue import Venue

_UNSUBSCRIBE_ALL = "userDataStream.unsubscribe"
_SUBSCRIBE = "userDataStream.subscribe.signature"


class Sockets:
    def __init__(self, venue: Venue, hub: Hub) -> None:
        self._venue, self._hub = venue, hub

    async def market(self, request: web.Request) -> web.StreamResponse:
        """`/ws/…` and `/stream?streams=…`: SUBSCRIBE, UNSUBSCRIBE, LIST_SUBSCRIPTIONS."""
        connection = await self._opened(request)
        connection.is_combined = request.path == "/stream"
        named = request.query.get("streams") or request.match_info.get("streams", "")
        connection.streams.update(dict.fromkeys(name for name in named.split("/") if "@" in name))
        return await self._read(request, connection, self._market_message)

    async def api(self, request: web.Request) -> web.StreamResponse:
        """`/ws-api/v3`: requests with an id, and the user stream's events."""
        return await self._read(request, await self._opened(request), self._api_message)

    async def _opened(self, request: web.Request) -> Connection:
        socket = web.WebSocketResponse(heartbeat=60, timeout=1)
        await socket.prepare(request)
        connection = Connection(socket)
        self._hub.connections[connection] = None
        return connection

    async def _read(self, request: web.Request, connection: Connection, handle: Any) -> web.StreamResponse:
        try:
            async for message in connection.socket:
                if message.type != WSMsgType.TEXT:
                    break
                await handle(request, connection, message.data)
        except Dropped:
            if request.transport is not None:
                request.transport.abort()
        finally:
            self._hub.connections.pop(connection, None)
            await connection.close()
        return connection.socket

    async def _market_message(self, _: web.Request, connection: Connection, text: str) -> None:
        asked = _json_object(text)
        if asked is None:
            connection.push({"error": {"code": 3, "msg": "Invalid JSON"}, "id": None})
            return
        names = asked.get("params") or []
        method, asked_id = asked.get("method"), asked.get("id")
        if method == "LIST_SUBSCRIPTIONS":
            connection.push({"result": list(connection.streams), "id": asked_id})
            return
        if method not in ("SUBSCRIBE", "UNSUBSCRIBE"):
            connection.push({"error": {"code": 2, "msg": "Invalid request: unknown method"}, "id": asked_id})
            return
        if not isinstance(names, list) or not known(map(str, names), self._venue.exchange.symbols):
            connection.push({"error": {"code": 2, "msg": "Invalid request: invalid stream"}, "id": asked_id})
            return
        self._venue.counts[f"stream_{method.lower()}"] += 1
        for name in names:
            if method == "SUBSCRIBE":
                connection.streams[name] = None
            else:
                connection.streams.pop(name, None)
        connection.push({"result": None, "id": asked_id})

    async def _api_message(self, request: web.Request, connection: Connection, text: str) -> None:
        asked = _json_object(text)
        if asked is None or not isinstance(asked.get("method"), str):
            refusal = Rejected(-1135, "Invalid JSON Request")
            connection.push({"id": None, "status": 400, "error": refusal.as_json()})
            return
        shown: dict[str, Any] = {"id": asked.get("id")}
        try:
            shown |= {"status": 200, "result": await self._result(request, connection, asked)}
        except WebPage:
            await connection.socket.send_str("<html>")
            return
        except Rejected as refusal:
            shown |= {"status": refusal.status, "error": refusal.as_json()}
            if isinstance(refusal, Limited):
                retry_ms = self._venue.now_ms() + refusal.retry_after_s * 1_000
                shown["error"]["data"] = {"serverTime": self._venue.now_ms(), "retryAfter": retry_ms}
        used = self._venue.limits.used_weight(request.remote or "")
        weight, *_ = rate_limits(self._venue)
        connection.push({**shown, "rateLimits": [{**weight, "count": used}]})

    async def _result(self, request: web.Request, connection: Connection, asked: Mapping[str, Any]) -> Any:
        method = asked["method"]
        sent = _texts(asked.get("params"))
        given = Parameters(sent)

        def authenticate() -> Key:
            payload = "&".join(f"{name}={sent[name]}" for name in sorted(sent) if name != "signature")
            return check_signed(
                self._venue.exchange.keys, given.peek("apiKey"), payload, given, self._venue.now_ms()
            )

        if method == _SUBSCRIBE:
            self._venue.counts["subscribe_user"] += 1
            return {"subscriptionId": self._hub.subscribe_user(connection, authenticate().account)}
        if method == _UNSUBSCRIBE_ALL:
            connection.accounts.clear()
            return {}
        if method not in METHODS:
            raise missing("method")
        return await answered(
            self._venue,
            Request(
                kind=METHODS[method],
                given=given,
                address=request.remote or "",
                channel="ws-api",
                authenticate=authenticate,
            ),
        )


def _json_object(text: str) -> dict[str, Any] | None:
    try:
        asked = json.loads(text)
    except ValueError:
        return None
    return asked if isinstance(asked, dict) else None


def _texts(params: object) -> dict[str, str]:
    if params is not None and not isinstance(params, dict):
        raise missing("params")
    return {str(name): _as_text(value) for name, value in (params or {}).items()}


def _as_text(value: Any) -> str:
    """As the signature has it: booleans in lower case."""
    return str(value).lower() if isinstance(value, bool) else str(value)
