"""Which request or decision a log line belongs to: the same ids that the events' metadata carry."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

from structlog.contextvars import bound_contextvars, get_contextvars

Scope = MutableMapping[str, Any]
AsgiApp = Callable[[Scope, Callable[..., Awaitable[Any]], Callable[..., Awaitable[Any]]], Awaitable[None]]

HEADER = b"x-request-id"
_ACCEPTABLE = re.compile(rb"[A-Za-z0-9-]{8,64}")


@contextmanager
def logged_as(**ids: str) -> Iterator[None]:
    """Every line logged inside, by this thread or task and what it awaits, carries these ids."""
    with bound_contextvars(**{name: value for name, value in ids.items() if value}):
        yield


def current_ids() -> dict[str, str]:
    """The ids that a line logged now would carry."""
    return {name: str(value) for name, value in get_contextvars().items()}


class RequestIds:
    """Gives every HTTP request one id, before anything else sees the request.

    A client's own X-Request-ID is kept where it is harmless, else replaced; the application finds the result
    in that header, so the id in its events and answers is the id in the log.
    """

    def __init__(self, app: AsgiApp, new_id: Callable[[], str] = lambda: uuid4().hex) -> None:
        self._app, self._new_id = app, new_id

    async def __call__(
        self, scope: Scope, receive: Callable[..., Awaitable[Any]], send: Callable[..., Awaitable[Any]]
    ) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = list(scope["headers"])
        given = next((value for name, value in headers if name == HEADER), b"")
        request_id = given if _ACCEPTABLE.fullmatch(given) else self._new_id().encode()
        scope["headers"] = [pair for pair in headers if pair[0] != HEADER] + [(HEADER, request_id)]
        with bound_contextvars(request_id=request_id.decode()):
            await self._app(scope, receive, send)
