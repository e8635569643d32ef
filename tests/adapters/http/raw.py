"""Requests spoken straight to the ASGI application: bodies in pieces, and answers that do not end."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from litestar import Litestar


@dataclass
class Exchange:
    """One request under way."""

    task: asyncio.Task[None]
    gone: asyncio.Event
    messages: asyncio.Queue[dict[str, Any]]
    text: str = ""
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)

    async def frame(self, event: str, timeout_s: float = 5) -> tuple[str | None, dict[str, Any]]:
        """The id and data of the next frame of that kind; others before it are passed over."""
        while True:
            while "\n\n" not in self.text:
                await self.more(timeout_s)
            raw, _, self.text = self.text.partition("\n\n")
            lines = dict(line.split(": ", 1) for line in raw.splitlines() if not line.startswith(":"))
            if lines.get("event") == event:
                return lines.get("id"), json.loads(lines["data"])

    async def more(self, timeout_s: float = 5) -> bool:
        """Take in the next message; False when it was the answer's last."""
        message = await asyncio.wait_for(self.messages.get(), timeout_s)
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {name.decode().lower(): value.decode() for name, value in message["headers"]}
            return True
        self.text += message.get("body", b"").decode()
        return bool(message.get("more_body"))

    async def to_the_end(self) -> None:
        while await self.more():
            pass


@asynccontextmanager
async def exchange(
    app: Litestar,
    method: str,
    path: str,
    *,
    headers: Mapping[str, str],
    body: Sequence[bytes] = (b"",),
    complete: bool = True,
) -> AsyncIterator[Exchange]:
    """A request that its client gives up when the block is left; if not `complete`, within its body."""
    gone, messages, pieces = asyncio.Event(), asyncio.Queue[dict[str, Any]](), list(body)

    async def receive() -> dict[str, Any]:
        if pieces:
            piece = pieces.pop(0)
            return {"type": "http.request", "body": piece, "more_body": bool(pieces) or not complete}
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        messages.put_nowait(message)
        if message["type"] == "http.response.body" and not message.get("more_body"):
            gone.set()  # as servers say once an answer is complete

    raw_path, _, query = path.partition("?")
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": method,
        "scheme": "https",
        "path": raw_path,
        "raw_path": raw_path.encode(),
        "root_path": "",
        "query_string": query.encode(),
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
        "client": ("127.0.0.1", 1),
        "server": ("evenkeel.test", 443),
        "state": {},
    }
    task: asyncio.Task[None] = asyncio.create_task(app(scope, receive, send))  # type: ignore[arg-type]
    try:
        yield Exchange(task, gone, messages)
    finally:
        gone.set()
        with suppress(asyncio.CancelledError):
            await asyncio.wait_for(task, 5)
