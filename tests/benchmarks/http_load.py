"""HTTP/1.1 clients that cost next to nothing: keep-alive, one request at a time, prepared bytes."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

Supply = Callable[[int], bytes]
"""The next request of the nth client, as it goes over the wire."""


class UnexpectedAnswer(AssertionError):
    """The server refused, or broke off."""


def request(method: str, path: str, *, token: str = "", key: str = "", body: Any = None) -> bytes:
    """A request as bytes."""
    payload = b"" if body is None else json.dumps(body).encode()
    lines = [f"{method} {path} HTTP/1.1", "host: 127.0.0.1"]
    if token:
        lines.append(f"authorization: Bearer {token}")
    if key:
        lines.append(f"idempotency-key: {key}")
    if body is not None:
        lines += ["content-type: application/json", f"content-length: {len(payload)}"]
    return "\r\n".join([*lines, "", ""]).encode() + payload


@dataclass(slots=True)
class Answered:
    """How long answers took, in order of arrival, and the whole time."""

    seconds: float
    latencies_s: list[float] = field(repr=False)

    @property
    def rate(self) -> float:
        return len(self.latencies_s) / self.seconds

    def quantile_ms(self, share: float) -> float:
        ordered = sorted(self.latencies_s)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] * 1_000


async def load(host: str, port: int, supply: Supply, *, clients: int, seconds: float) -> Answered:
    """So many clients, each asking again when it has its answer. Raises UnexpectedAnswer."""
    loop = asyncio.get_running_loop()
    latencies: list[float] = []
    until = time.perf_counter() + seconds
    makers = [lambda n=n: _Client(n, supply, until, latencies) for n in range(clients)]
    made = [await loop.create_connection(maker, host, port) for maker in makers]
    began = time.perf_counter()
    for _, client in made:
        client.ask()
    try:
        await asyncio.wait_for(asyncio.gather(*(client.done for _, client in made)), seconds + 60)
    finally:
        for transport, _ in made:
            transport.close()
    return Answered(time.perf_counter() - began, latencies)


async def ask(host: str, port: int, sent: bytes) -> tuple[int, Any]:
    """One request on a connection of its own: the status, and the answer's JSON."""
    reader, writer = await asyncio.open_connection(host, port)
    try:
        writer.write(sent)
        head = await reader.readuntil(b"\r\n\r\n")
        body = await reader.readexactly(_content_length(head))
        return int(head[9:12]), json.loads(body) if body else None
    finally:
        writer.close()


class _Client(asyncio.Protocol):
    def __init__(self, number: int, supply: Supply, until: float, latencies: list[float]) -> None:
        self._number, self._supply, self._until, self._latencies = number, supply, until, latencies
        self._got = b""
        self._asked_at = 0.0
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def ask(self) -> None:
        self._asked_at = time.perf_counter()
        self._transport.write(self._supply(self._number))  # type: ignore[attr-defined]  # a socket's is a Transport

    def data_received(self, data: bytes) -> None:
        self._got += data
        end = self._got.find(b"\r\n\r\n")
        if end < 0 or len(self._got) < end + 4 + _content_length(self._got[: end + 4]):
            return
        now = time.perf_counter()
        self._latencies.append(now - self._asked_at)
        got, self._got = self._got, b""
        if got[9:10] != b"2":
            self._fail(UnexpectedAnswer(got.decode(errors="replace")))
        elif now < self._until:
            self.ask()
        elif not self.done.done():
            self.done.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail(UnexpectedAnswer(f"the server closed the connection: {exc}"))

    def _fail(self, problem: Exception) -> None:
        if not self.done.done():
            self.done.set_exception(problem)


def _content_length(head: bytes) -> int:
    at = head.find(b"content-length: ")
    return int(head[at + 16 : head.find(b"\r", at)]) if at >= 0 else 0
