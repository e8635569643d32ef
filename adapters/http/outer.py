"""Wrapped around the whole application, so that 404s, 405s and our own mistakes are covered too."""

from __future__ import annotations

import json
import logging
import re
import time
import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from litestar.exceptions import HTTPException
from litestar.types import ASGIApp, HTTPReceiveMessage, Message, Receive, Scope, Send

from adapters.http.problems import MEDIA_TYPE, problem_body
from application.ports.http_observer import HttpObserver

RequestContext = Callable[[str], AbstractContextManager[Any]]
"""Binds a request id to whatever is logged inside, for the observability adapter."""

_REQUEST_ID = re.compile(r"[A-Za-z0-9-]{8,64}", re.ASCII)
SLOW_S = 1.0
CLIENT_GONE = 499  # counted where nobody is there to be answered
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_QUIET = frozenset({"/healthz", "/readyz"})
_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
)
_STRICT_CSP = b"default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
SCHEMA_CSP = (
    b"default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; "
    b"img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; object-src 'none'; form-action 'none'"
)
_OURS = frozenset(
    [name for name, _ in _HEADERS]
    + [b"strict-transport-security", b"content-security-policy", b"x-request-id"]
)
access_log = logging.getLogger("evenkeel.http")
error_log = logging.getLogger("evenkeel.http.errors")


class _TooLarge(Exception):
    """More body came than is allowed."""


def no_request_context(_: str) -> AbstractContextManager[None]:
    return nullcontext()


class Outer:
    """Request id, security headers, body limit, counting, and the last resort. Never raises to the server."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        observer: HttpObserver,
        request_context: RequestContext,
        max_body_bytes: int,
        hsts: bool,
    ) -> None:
        self._app, self._observer, self._context = app, observer, request_context
        self._max_body_bytes = max_body_bytes
        hsts_header = (
            ((b"strict-transport-security", b"max-age=31536000; includeSubDomains"),) if hsts else ()
        )
        self._headers = (*_HEADERS, *hsts_header, (b"content-security-policy", _STRICT_CSP))
        self._page_headers = (*_HEADERS, *hsts_header, (b"content-security-policy", SCHEMA_CSP))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if str(scope["type"]) != "http":
            await self._app(scope, receive, send)
            return
        request_id = _request_id(scope)
        with self._context(request_id):
            await _Exchange(self, scope, receive, send, request_id).run()

    # -- what an exchange needs ----------------------------------------------------------------------------

    @property
    def app(self) -> ASGIApp:
        return self._app

    @property
    def max_body_bytes(self) -> int:
        return self._max_body_bytes

    def headers(self, path: str, request_id: str, present: frozenset[bytes]) -> list[tuple[bytes, bytes]]:
        for_page = path == "/schema" or path.startswith("/schema/")
        ours = [*(self._page_headers if for_page else self._headers), (b"x-request-id", request_id.encode())]
        if present.isdisjoint(_OURS):
            return ours
        return [(name, value) for name, value in ours if name not in present]

    def report(self, error: BaseException, request_id: str) -> None:
        # the class alone: a message may hold what the client sent; the observer decides what it keeps
        error_log.error("unexpected %s", type(error).__name__, extra={"request_id": request_id})
        self._observer.unexpected_error(error, request_id)

    def finished(
        self, scope: Scope, status: int, seconds: float, request_id: str, *, is_stream: bool
    ) -> None:
        template = str(scope.get("path_template") or "unmatched")
        method = str(scope.get("method", ""))
        self._observer.request_finished(method, template, status, None if is_stream else seconds)
        level = _level(method, template, status, seconds)
        if access_log.isEnabledFor(level):
            duration_ms = round(seconds * 1000, 1)
            extra = {"request_id": request_id, "duration_ms": duration_ms}
            access_log.log(level, "%s %s %d", method, template, status, extra=extra)


class _Exchange:
    """One request and its answer."""

    def __init__(self, outer: Outer, scope: Scope, receive: Receive, send: Send, request_id: str) -> None:
        self._outer, self._scope, self._receive, self._send = outer, scope, receive, send
        self._request_id, self._path = request_id, str(scope.get("path", ""))
        self._received = 0
        self._status = 0
        self._too_large = self._body_ended = self._cut_off = self._is_stream = False

    async def run(self) -> None:
        began = time.perf_counter()
        scope: Any = self._scope
        scope["evenkeel_request_id"] = self._request_id
        scope["evenkeel_report"] = self._report
        try:
            if self._declared_length() > self._outer.max_body_bytes:
                await self._answer("body_too_large", self._limit_words())
            elif "\x00" in self._path or b"%00" in bytes(scope.get("query_string", b"")):
                await self._answer("malformed_request", "an address never holds a NUL character")
            else:
                await self._outer.app(self._scope, self._limited_receive, self._guarded_send)
        except _TooLarge:
            await self._answer("body_too_large", self._limit_words())
        except Exception as error:  # noqa: BLE001  the last resort (safety §2.70): the process survives
            self._report(error)
            await self._answer("unexpected_error", "something went wrong on our side")
        finally:
            seconds, status = time.perf_counter() - began, self._status or CLIENT_GONE
            self._outer.finished(self._scope, status, seconds, self._request_id, is_stream=self._is_stream)

    async def _limited_receive(self) -> HTTPReceiveMessage | Any:
        message: Any = await self._receive()
        if message["type"] == "http.request":
            self._received += len(message.get("body", b""))
            if self._received > self._outer.max_body_bytes:
                self._too_large = True
                raise _TooLarge
            self._body_ended = not message.get("more_body", False)
        elif not self._body_ended:
            self._cut_off = True
        return message

    def _report(self, error: BaseException) -> None:
        """What is not our mistake is none to be told of: a body that is too large, or a client that left."""
        if not self._too_large and not (self._cut_off and isinstance(error, HTTPException)):
            self._outer.report(error, self._request_id)

    async def _guarded_send(self, message: Message) -> None:
        if self._too_large and self._status == 0:
            raise _TooLarge  # whatever the application made of it, 413 is the answer
        if message["type"] == "http.response.start":
            self._status = CLIENT_GONE if self._cut_off else message["status"]
            headers = list(message.get("headers", []))
            self._is_stream = any(value.startswith(b"text/event-stream") for _, value in headers)
            present = frozenset(name.lower() for name, _ in headers)
            message["headers"] = [*headers, *self._outer.headers(self._path, self._request_id, present)]
        await self._send(message)

    async def _answer(self, code: str, detail: str) -> None:
        if self._status:
            return  # the answer has begun; the server closes the connection
        body = problem_body(code, detail, f"urn:evenkeel:request:{self._request_id}", {})
        raw = json.dumps(body).encode()
        self._status = int(body["status"])
        await self._send(
            {
                "type": "http.response.start",
                "status": self._status,
                "headers": [
                    (b"content-type", MEDIA_TYPE.encode()),
                    (b"content-length", str(len(raw)).encode()),
                    *self._outer.headers(self._path, self._request_id, frozenset()),
                ],
            }
        )
        await self._send({"type": "http.response.body", "body": raw, "more_body": False})

    def _declared_length(self) -> int:
        raw = dict(self._scope.get("headers", [])).get(b"content-length", b"0")
        return int(raw) if raw.isdigit() else 0

    def _limit_words(self) -> str:
        return f"a body has at most {self._outer.max_body_bytes} bytes"


def _level(method: str, template: str, status: int, seconds: float) -> int:
    """As with commands, what changed nothing and went well is a debug line: metrics count it all the same."""
    unremarkable = status < 400 and seconds < SLOW_S
    return logging.DEBUG if template in _QUIET or (method in _SAFE and unremarkable) else logging.INFO


def _request_id(scope: Scope) -> str:
    for name, value in scope.get("headers", []):
        if name == b"x-request-id":
            text = value.decode("latin-1")
            if _REQUEST_ID.fullmatch(text):
                return text
    return str(uuid.uuid4())
