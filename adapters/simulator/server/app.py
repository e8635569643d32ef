"""The server: opens the journal, listens, runs the market, stops in order."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from aiohttp import web

from adapters.simulator.server.control import Control
from adapters.simulator.server.rest import Rest
from adapters.simulator.server.sockets import Sockets
from adapters.simulator.server.streams import Hub
from adapters.simulator.server.venue import Venue

_LARGEST_BODY = 1024 * 1024


class Server:
    """Serves a venue on one address. `start`, then `stop`; the venue's journal stays the caller's to close."""

    def __init__(self, venue: Venue) -> None:
        self.venue = venue
        self.hub = Hub(venue)
        self.port = 0
        self._runner: web.AppRunner | None = None
        self._beat: asyncio.Task[None] | None = None

    async def start(self, host: str, port: int) -> None:
        """Port 0 takes any that is free; see `port`. Raises OSError where it is taken."""
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
        self._beat = asyncio.create_task(self.hub.run())

    async def stop(self) -> None:
        if self._beat is not None:
            self._beat.cancel()
            with suppress(asyncio.CancelledError):
                await self._beat
        await self.hub.disconnect(users=True, markets=True)
        for connection in list(self.hub.connections):
            await connection.close()
        if self._runner is not None:
            await self._runner.cleanup()
