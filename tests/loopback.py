"""A server on loopback that takes what is posted to it, or does whatever a test wants it to do."""

from __future__ import annotations

import queue
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any

import pytest


@dataclass(frozen=True)
class Posted:
    target: str
    headers: Mapping[str, str]
    body: str


@dataclass
class Taker:
    """What was posted, in the order in which it came; `status` is what it answers."""

    port: int
    status: int = 204
    silent: Event = field(default_factory=Event)  # set: requests are taken, and not answered until it is over
    drips: Event = field(default_factory=Event)  # set: an answer's bytes come one by one, and it never ends
    came: queue.SimpleQueue[Posted] = field(default_factory=queue.SimpleQueue)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/checkpoints"

    def next(self) -> Posted:
        """Waits for it."""
        return self.came.get(timeout=10)


@contextmanager
def taking(*, port: int = 0) -> Iterator[Taker]:
    over = Event()
    server = ThreadingHTTPServer(("127.0.0.1", port), BaseHTTPRequestHandler)
    server.daemon_threads = True
    taker = Taker(server.server_port)
    server.RequestHandlerClass = _handler_of(taker, over)
    thread = Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield taker
    finally:
        over.set()
        server.shutdown()
        server.server_close()
        thread.join()


def _handler_of(taker: Taker, over: Event) -> Callable[..., BaseHTTPRequestHandler]:
    def drip(write: Callable[[bytes], object]) -> None:
        with suppress(OSError):  # the other side has hung up
            write(b"HTTP/1.0 204 No Content\r\nX-Long: ")
            while not over.wait(0.01):
                write(b"x")

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            if taker.silent.is_set():
                over.wait(10)
                return
            if taker.drips.is_set():
                drip(self.wfile.write)
                return
            status = taker.status
            self.send_response(status)
            if 300 <= status < 400:
                self.send_header("Location", taker.url)
            self.send_header("Content-Length", "0")
            self.end_headers()
            taker.came.put(Posted(self.path, dict(self.headers), body))

        def log_message(self, format: str, *args: object) -> None: ...

    return Handler


def keep_to_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on a connection to anywhere else fails, and so does asking for an address."""
    connect, look_up = socket.socket.connect, socket.getaddrinfo

    def guarded_look_up(host: Any, *rest: Any, **named: Any) -> Any:
        assert host in ("127.0.0.1", "localhost"), f"asked for {host}"
        return look_up(host, *rest, **named)

    def guarded(self: socket.socket, address: Any) -> None:
        assert self.family == socket.AF_UNIX or address[0] == "127.0.0.1", f"tried to reach {address}"
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)
    monkeypatch.setattr(socket, "getaddrinfo", guarded_look_up)


def free_port() -> int:
    """One that nobody listens on, for now."""
    with taking() as taker:
        return taker.port
