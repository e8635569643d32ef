"""What goes over the wire: to the client's own hosts only, within bounds, and noted for whoever asks why."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import ccxt  # type: ignore[import-untyped]  # ships no py.typed

MOST_BYTES = 32 * 1024 * 1024
"""Of one answer; the longest honest one, all of Binance's markets, has about half of it."""


class UnusableAnswer(ccxt.BadResponse):  # type: ignore[misc]  # ccxt is untyped
    """An answer that says nothing: a page of HTML, a redirect, more bytes than anybody needs."""


class ForeignHost(Exception):
    """A request was about to leave for a host that is not the venue's."""


@dataclass(slots=True)
class Exchanged:
    """What one use of a client sent and heard. A coroutine's own: see EXCHANGED."""

    requests: int = 0  # that may have left; what was refused before that proves that nothing happened
    status: int | None = None  # of the last answer; None: there was none
    headers: Mapping[str, str] = field(default_factory=dict)
    answer: object = None  # the last one's JSON, numbers as written; None: it was none


EXCHANGED: ContextVar[Exchanged] = ContextVar("exchanged")
"""Set by whoever calls a client, filled by the client's session."""


def exchanged() -> Exchanged:
    """The current one; one that nobody looks at, where none was set."""
    found = EXCHANGED.get(None)
    return Exchanged() if found is None else found


def strict_json(body: str) -> object:
    """The JSON with every fraction as it was written; None where it is none, or has NaN in it."""
    try:
        return json.loads(body, parse_float=str, parse_constant=_no_number)
    except (ValueError, RecursionError):
        return None


def _no_number(name: str) -> object:
    raise ValueError(f"{name} is no number")


class OwnHosts(aiohttp.TCPConnector):
    """Connects to these hosts only, whoever asks: a socket's handshake may have been redirected."""

    def __init__(self, hosts: frozenset[str]) -> None:
        super().__init__()
        self._own = hosts

    async def connect(self, req: Any, *rest: Any, **named: Any) -> Any:
        require_own(str(req.url), self._own)
        return await super().connect(req, *rest, **named)


def require_own(url: str, hosts: frozenset[str]) -> None:
    """Raises ForeignHost for any other's address."""
    host = urlsplit(url).hostname
    if host not in hosts:
        raise ForeignHost(f"a request to {host} is none of this venue's")


class GuardedSession:
    """What a ccxt client takes for an aiohttp session. No redirect is followed."""

    def __init__(self, session: aiohttp.ClientSession, hosts: frozenset[str]) -> None:
        self._session, self._hosts = session, hosts

    def get(self, url: object, **options: Any) -> Any:
        return self._request("GET", url, options)

    def post(self, url: object, **options: Any) -> Any:
        return self._request("POST", url, options)

    def put(self, url: object, **options: Any) -> Any:
        return self._request("PUT", url, options)

    def patch(self, url: object, **options: Any) -> Any:
        return self._request("PATCH", url, options)

    def delete(self, url: object, **options: Any) -> Any:
        return self._request("DELETE", url, options)

    def ws_connect(self, url: str, **options: Any) -> Any:
        require_own(url, self._hosts)
        return self._session.ws_connect(url, **options)

    @property
    def headers(self) -> Any:
        return self._session.headers

    @property
    def cookie_jar(self) -> Any:
        return self._session.cookie_jar

    async def close(self) -> None:
        await self._session.close()

    @asynccontextmanager
    async def _request(self, method: str, url: object, options: dict[str, Any]) -> AsyncIterator[_Answer]:
        require_own(str(url), self._hosts)
        noted = exchanged()
        noted.requests += 1
        noted.status, noted.headers, noted.answer = None, {}, None
        async with self._session.request(method, url, allow_redirects=False, **options) as response:  # type: ignore[arg-type]
            noted.status, noted.headers = response.status, dict(response.headers)
            if 300 <= response.status < 400:
                raise UnusableAnswer("the answer is a redirect, which is not followed")
            body = await _bounded(response)
            noted.answer = strict_json(body)
            yield _Answer(response, body)


class _Answer:
    """As much of an aiohttp response as ccxt looks at."""

    def __init__(self, response: aiohttp.ClientResponse, body: str) -> None:
        self.status, self.reason, self.headers = response.status, response.reason or "", response.headers
        self.content = body
        self._body = body

    async def text(self, errors: str = "replace") -> str:  # noqa: ARG002  # aiohttp's signature
        return self._body


async def _bounded(response: aiohttp.ClientResponse) -> str:
    parts, size = [], 0
    async for part in response.content.iter_chunked(65_536):
        size += len(part)
        if size > MOST_BYTES:
            raise UnusableAnswer(f"the answer is longer than {MOST_BYTES} bytes")
        parts.append(part)
    return b"".join(parts).decode("utf-8", errors="replace")
