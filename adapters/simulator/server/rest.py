"""Requests over HTTP."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import parse_qsl

from aiohttp import web

from adapters.simulator.core.accounts import Key
from adapters.simulator.core.errors import Rejected
from adapters.simulator.server.limits import Limited
from adapters.simulator.server.operations import OPERATIONS, ROUTES
from adapters.simulator.server.parameters import Parameters
from adapters.simulator.server.requests import Dropped, Request, WebPage, answered
from adapters.simulator.server.signing import check_signed
from adapters.simulator.server.venue import Venue

_SIGNATURE = re.compile(r"(^|&)signature=[^&]*")
_PAGE = "<!DOCTYPE html><html><head><title>Attention Required!</title></head><body>Please wait.</body></html>"


class Rest:
    """Every path that is not a WebSocket and not the control API."""

    def __init__(self, venue: Venue) -> None:
        self._venue = venue

    async def handle(self, request: web.Request) -> web.StreamResponse:
        kind = ROUTES.get((request.method, request.path))
        if kind is None:
            return self._answer(request, {"code": -1000, "msg": f"not simulated: {request.path}"}, 404)
        try:
            return await self._answered(request, kind)
        except Dropped:
            return hung_up(request)
        except WebPage:
            return web.Response(text=_PAGE, content_type="text/html")
        except Limited as refusal:
            answer = self._answer(request, refusal.as_json(), refusal.status)
            answer.headers["Retry-After"] = str(refusal.retry_after_s)
            return answer
        except Rejected as refusal:
            return self._answer(request, refusal.as_json(), refusal.status)

    async def _answered(self, request: web.Request, kind: str) -> web.Response:
        query, body = request.url.raw_query_string, await _body(request)
        given = _parsed(query, body)
        signed_by: list[Key] = []

        def authenticate() -> Key:
            payload = _SIGNATURE.sub("", query) + _SIGNATURE.sub("", body)
            key = check_signed(
                self._venue.exchange.keys,
                request.headers.get("X-MBX-APIKEY"),
                payload,
                given,
                self._venue.now_ms(),
            )
            signed_by.append(key)
            return key

        answer = await answered(
            self._venue,
            Request(
                kind=kind,
                given=given,
                address=request.remote or "",
                channel="rest",
                authenticate=authenticate,
            ),
        )
        response = self._answer(request, answer, 200)
        if OPERATIONS[kind].counts_as_order and signed_by:
            used = self._venue.limits.used_orders(signed_by[0].account)
            response.headers["X-MBX-ORDER-COUNT-10S"] = str(used)
        return response

    def _answer(self, request: web.Request, body: Any, status: int) -> web.Response:
        weight = str(self._venue.limits.used_weight(request.remote or ""))
        headers = {"X-MBX-USED-WEIGHT": weight, "X-MBX-USED-WEIGHT-1M": weight}
        return web.Response(
            text=json.dumps(body), status=status, content_type="application/json", headers=headers
        )


async def _body(request: web.Request) -> str:
    try:
        return await request.text()
    except UnicodeDecodeError:
        raise Rejected(-1100, "Illegal characters found in a parameter.") from None


def _parsed(query: str, body: str) -> Parameters:
    """From the query and the body; what stands in both counts as it stands in the query."""
    pairs = [*parse_qsl(query, keep_blank_values=True), *parse_qsl(body, keep_blank_values=True)]
    given: dict[str, str] = {}
    for name, value in pairs:
        given.setdefault(name, value)
    return Parameters(given)


def hung_up(request: web.Request) -> web.Response:
    """Closes the connection; what is returned is never sent."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()
