"""The API as a process, and as a part of `serve`."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import uuid
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from adapters.http.app import close_streams, create_app
from adapters.http.options import HttpOptions
from adapters.http.problems import MEDIA_TYPE, problem_body
from adapters.observability.context import logged_as
from adapters.persistence.seals import SqlSeals
from application.sealing.lag import SealLag
from entrypoints.composition import Container, Plan, cells, opened, require_live_venues
from entrypoints.running import Stop, a_worker_is_alive, listening, metrics_served, observed, settle_memory
from entrypoints.settings import Settings

log = logging.getLogger("evenkeel.process")
Asgi = Callable[[Any, Callable[..., Awaitable[Any]], Callable[..., Awaitable[Any]]], Awaitable[None]]


class ApiServer(uvicorn.Server):
    """uvicorn without signal handlers of its own: the process decides when it stops."""

    def __init__(self, config: uvicorn.Config, *, started: Callable[[], None]) -> None:
        super().__init__(config)
        self._tell_started = started

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        if not self.should_exit:
            self._tell_started()


class ProblemProtocol(HttpToolsProtocol):
    """What can't be read as HTTP never reaches the application; it is refused with a problem all the same."""

    def send_400_response(self, msg: str) -> None:
        log.debug("not HTTP: %s", msg)
        request_id = str(uuid.uuid4())
        detail = "this is no HTTP/1.1 request that we can read, or its method is none that we know"
        body = json.dumps(
            problem_body("malformed_request", detail, f"urn:evenkeel:request:{request_id}", {})
        ).encode()
        head = (
            f"HTTP/1.1 400 Bad Request\r\nContent-Type: {MEDIA_TYPE}\r\nContent-Length: {len(body)}\r\n"
            f"X-Request-ID: {request_id}\r\nX-Content-Type-Options: nosniff\r\nCache-Control: no-store\r\n"
            "Connection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.close()


def serve_api(
    container: Container,
    settings: Settings,
    stop: Stop,
    *,
    listener: socket.socket,
    started: Callable[[], None],
    wrapped: Callable[[Asgi], Asgi] = lambda app: app,
) -> None:
    """Answer requests until the stop, then finish those under way."""
    app = create_app(
        container.services(),
        options=HttpOptions(
            insecure_cookies=settings.sends_cookies_over_http,
            max_body_bytes=settings.request_body_limit_bytes,
        ),
        observer=container.http_observer(),
        request_context=lambda request_id: logged_as(request_id=request_id),
    )
    config = uvicorn.Config(
        wrapped(app),
        http=ProblemProtocol,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(settings.forwarded_allow_ips),
        forwarded_allow_ips=settings.forwarded_allow_ips or None,
        timeout_graceful_shutdown=max(1, int(settings.shutdown_s)),
        lifespan="on",
    )
    server = ApiServer(config, started=started)

    def leave() -> None:
        server.should_exit = True
        close_streams(app)

    stop.on_stop(leave)
    if stop.event.is_set():
        leave()
    settle_memory()
    with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
        runner.run(server.serve(sockets=[listener]))


def run(settings: Settings) -> None:
    """`evenkeel api`: the API alone, on a database that other processes share. Ends at SIGTERM or SIGINT."""
    require_live_venues(settings)
    stop = Stop()
    with (
        observed(settings, "api"),
        stop.on_signals(),
        listening(settings) as listener,
        opened(settings, Plan()) as container,
        metrics_served(container, settings) as metrics_port,
    ):
        port = listener.getsockname()[1]
        container.health().seal_lag = _seal_lag(container)
        container.health().worker_age_s = lambda: 0.0 if a_worker_is_alive(container) else None
        serve_api(
            container,
            settings,
            stop,
            listener=listener,
            started=lambda: log.info("serving", extra={"port": port, "metrics_port": metrics_port}),
        )


def _seal_lag(container: Container) -> Callable[[], tuple[int, float]]:
    """Of all shards: what is sealed, and the oldest event that is not."""
    lags = [SealLag(SqlSeals(cell.database()), cell.log(), cell.clock()) for cell in cells(container)]

    def lag() -> tuple[int, float]:
        found = [of_shard() for of_shard in lags]
        return sum(size for size, _ in found), max(age for _, age in found)

    return lag
