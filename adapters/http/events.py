"""GET /v1/events: the signed-in owner's own events as they happen (server-sent events)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Any

from litestar import Controller, get
from litestar.di import NamedDependency
from litestar.params import HeaderParameter
from litestar.response import Stream
from litestar.serialization import encode_json

from adapters.http.access import Principal, principal_of, signed_in, still_valid
from adapters.http.desk import AnyRequest, Desk
from adapters.http.stream_hub import Subscription
from adapters.http.workers import Busy
from application.ports.event_log import SHARD, Position, RecordedEvent, StoreUnavailable
from application.queries.activity import EVERYONE, shown
from application.queries.live import live_change, live_state
from domain.errors import InvalidValue

_LONGEST_REPLAY = 10_000  # log ids between the last event a client saw and now; beyond, the full state again


class EventsController(Controller):
    """Events of one's own bots, orders and books."""

    path = "/v1/events"
    tags = ("Events",)

    @get(
        guards=[signed_in],
        summary="Watch my bots, balances and orders",
        description=(
            "Server-sent events. First `state` (everything, its id the log position it is as of), or, with a "
            "recent Last-Event-ID, what was missed. Then `change` frames, at most one a second, with what "
            "changed as it stands now. What can't wait (an order refused, a guardrail tripped, an unknown "
            "outcome, a bot paused or stopped, the kill switch) comes at once, first as an `alert` without "
            "an id, which may repeat after a reconnect. `session_ended` is a revoked session's last frame."
        ),
        media_type="text/event-stream",
        refuses=["too_many_streams"],
    )
    async def watch(
        self,
        request: AnyRequest,
        desk: NamedDependency[Desk],
        last_event_id: Annotated[
            str | None,
            HeaderParameter(name="Last-Event-ID", description="The id of the last frame that was seen"),
        ] = None,
    ) -> Stream:
        subscription = await desk.streams.subscribe(principal_of(request).account_id)
        frames = Watch(desk, principal_of(request), subscription).frames(_seen(last_event_id))
        return Stream(frames, media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})


class Watch:
    """One open stream."""

    def __init__(self, desk: Desk, principal: Principal, subscription: Subscription) -> None:
        self._desk, self._principal, self._subscription = desk, principal, subscription
        self._now = asyncio.get_running_loop().time

    async def frames(self, last_seen: Position | None) -> AsyncIterator[bytes]:
        try:
            yield b"retry: 2000\n\n"
            async for frame in self._first(last_seen):
                yield frame
            async for frame in self._onward():
                yield frame
        except (Busy, StoreUnavailable):
            return  # the client connects again and resumes from its last id
        finally:
            self._desk.streams.unsubscribe(self._subscription)

    async def _first(self, last_seen: Position | None) -> AsyncIterator[bytes]:
        start, services = self._subscription.start, self._desk.services
        if last_seen is not None and self._can_replay(last_seen):
            missed = await self._desk.read(self._missed, last_seen)
            for recorded in missed:
                self._subscription.take(recorded)
            for frame in await self._changes():
                yield frame
            return
        state = await self._desk.read(live_state, services.log, services.views, self._principal.account_id)
        yield frame_of("state", state, start)

    def _can_replay(self, last_seen: Position) -> bool:
        """Only where the platform's events are too: of other shards they would be missing."""
        start = self._subscription.start
        here = last_seen.shard == start.shard == SHARD
        return here and 0 <= start.id - last_seen.id <= _LONGEST_REPLAY

    async def _onward(self) -> AsyncIterator[bytes]:
        options, mine = self._desk.options, self._subscription
        told = heard = checked = self._now()
        while not mine.ended:
            due = min(heard + options.stream_heartbeat_s, checked + options.stream_recheck_s)
            if mine.changed:
                due = min(due, told + options.stream_coalesce_s)
            if not mine.alerts and self._now() < due:
                await mine.wait(due - self._now())
                continue
            now = self._now()
            if now >= checked + options.stream_recheck_s:
                checked = now
                if not await self._still_signed_in():
                    yield frame_of("session_ended", {}, None)
                    return
            if mine.alerts or (mine.changed and now >= told + options.stream_coalesce_s):
                for frame in await self._changes():
                    yield frame
                told = heard = now
            elif now >= heard + options.stream_heartbeat_s:
                heard = now
                yield b": still here\n\n"

    async def _changes(self) -> list[bytes]:
        """Alerts, then one change with everything pending; its id is what a client resumes from."""
        mine = self._subscription
        alerts, events, streams = list(mine.alerts), list(mine.events), list(mine.changed)
        position = mine.position
        mine.alerts.clear()
        mine.events.clear()
        mine.changed.clear()
        if not streams:
            return []
        change = await self._desk.read(
            live_change,
            self._desk.services.log,
            self._principal.account_id,
            streams,
            [shown(recorded) for recorded in events],
        )
        frames = [frame_of("alert", shown(recorded), None) for recorded in alerts]
        return [*frames, frame_of("change", change, position)]

    def _missed(self, last_seen: Position) -> list[RecordedEvent]:
        dealt = self._desk.streams.deal(last_seen, self._subscription.start, _LONGEST_REPLAY)
        return [event for owner, event in dealt if owner in (self._principal.account_id, EVERYONE)]

    async def _still_signed_in(self) -> bool:
        services = self._desk.services
        return await self._desk.read(still_valid, services.sessions, services.clock, self._principal.session)


def frame_of(event: str, data: Any, position: Position | None) -> bytes:
    """One frame as it goes over the wire; JSON has no line breaks of its own."""
    id_line = b"" if position is None else f"id: {position}\n".encode()
    return id_line + f"event: {event}\n".encode() + b"data: " + encode_json(data) + b"\n\n"


def _seen(last_event_id: str | None) -> Position | None:
    """An id that is not ours is as good as none: the full state follows."""
    try:
        return Position.parse(last_event_id) if last_event_id else None
    except InvalidValue:
        return None
