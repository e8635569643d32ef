"""The server: opens the journal, listens, runs the market, stops in order."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress

from aiohttp import web

from adapters.simulator.core.errors import Rejected
from adapters.simulator.server.control import Control
from adapters.simulator.server.rest import Rest
from adapters.simulator.server.sockets import Sockets
from adapters.simulator.server.streams import Hub
from adapters.simulator.server.venue import Venue

_LARGEST_BODY = 1024 * 1024


class Server:
    """Serves a venue on one address. `start`, then `stop`; the venue's journal is the caller's to close."""

    def __init__(self, venue: Venue) -> None:
        self.venue = venue
        self.hub = Hub(venue)
        self.port = 0
        self._runner: web.AppRunner | None = None
        self._beats: list[asyncio.Task[None]] = []

    async def start(self, host: str, port: int, *beats: Callable[[], Coroutine[None, None, None]]) -> None:
        """Port 0 takes any that is free; see `port`. `beats` run until it stops.

        Raises OSError where the port is taken.
        """
        app = web.Application(client_max_size=_LARGEST_BODY)
        sockets = Sockets(self.venue, self.hub)
        app.add_routes(
            [
                *Control(self.venue, self.hub).routes(),
                web.get("/ws-api/v3", sockets.api),
                web.get("/ws", sockets.market),
                web.get("/ws/{streams:.*}", sockets.market),
                web.get("/stream", sockets.market),
                web.get("/stream/ws", sockets.market),
                web.get("/stream/ws/{streams:.*}", sockets.market),
                web.route("*", "/{path:.*}", Rest(self.venue).handle),
            ]
        )
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, host, port)
        await site.start()
        self.port = self._runner.addresses[0][1]
        self.venue.listeners.append(self.hub.listen)
        self._beats = [asyncio.create_task(beat()) for beat in (self.hub.run, *beats)]

    def check(self) -> None:
        """Raises what ended something that was to run for as long as the server."""
        for beat in self._beats:
            if beat.done():
                beat.result()

    async def stop(self) -> None:
        for beat in self._beats:
            beat.cancel()
            with suppress(asyncio.CancelledError, Rejected):
                await beat
        await self.hub.disconnect(users=True, markets=True)
        for connection in list(self.hub.connections):
            await connection.close()
        if self._runner is not None:
            await self._runner.cleanup()
