"""One reader of the log's tail for all open event streams, dealing each event to whose it is."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from dataclasses import dataclass, field

from adapters.http.options import HttpOptions
from adapters.http.problems import Problem
from adapters.http.workers import Busy, Workers
from application.ports.event_log import EventLog, Position, RecordedEvent, StoreUnavailable
from application.queries.activity import EVERYONE, Owners, is_critical

_PAGE = 500
_MOST_EVENTS = 200  # kept for one stream between two frames; states are never left out, only event lines
_log = logging.getLogger("evenkeel.http.streams")

Dealt = tuple[str, RecordedEvent]  # an owner's account id or EVERYONE, and the event


@dataclass(slots=True, eq=False)
class Subscription:
    """What one open stream has not told yet. Bounded: a stream changed twice stands here once.

    Its positions are those of its owner's shard; what the platform adds from the first one has none here.
    """

    owner_id: str
    start: Position
    position: Position
    changed: dict[str, None] = field(default_factory=dict)
    events: deque[RecordedEvent] = field(default_factory=lambda: deque(maxlen=_MOST_EVENTS))
    alerts: deque[RecordedEvent] = field(default_factory=lambda: deque(maxlen=_MOST_EVENTS))
    ended: bool = False
    _wake: asyncio.Event = field(default_factory=asyncio.Event)

    def take(self, recorded: RecordedEvent) -> None:
        self.changed[recorded.stream] = None
        self.events.append(recorded)
        if is_critical(recorded):
            self.alerts.append(recorded)

    def wake(self) -> None:
        self._wake.set()

    async def wait(self, timeout_s: float) -> None:
        """Until something is there to tell, or the time is up."""
        try:
            await asyncio.wait_for(self._wake.wait(), timeout_s)
        except TimeoutError:
            return
        self._wake.clear()


class StreamHub:
    """Reads only while someone listens."""

    def __init__(self, log: EventLog, readers: Workers, options: HttpOptions) -> None:
        self._log, self._readers, self._options = log, readers, options
        self._parts = log.parts()
        self._owners = Owners(log)
        self._open: dict[str, set[Subscription]] = {}
        self._positions = [Position()] * len(self._parts)
        self._tail: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closed = False

    async def subscribe(self, owner_id: str) -> Subscription:
        """Everything of the owner's after `start` will be told. Raises Problem 429 or 503."""
        if self._closed:
            raise Problem("busy", "the server is stopping; connect again shortly")
        if len(self._open.get(owner_id, ())) >= self._options.streams_per_account:
            raise Problem("too_many_streams", "close one of your event streams first")
        if self._tail is None or self._tail.done():
            self._loop = asyncio.get_running_loop()
            self._positions = await self._readers.run(self._heads)
            if self._tail is None or self._tail.done():  # nobody else began meanwhile
                self._tail = asyncio.create_task(self._follow())
        position = self._positions[self._parts.index(self._log.of(owner_id))]
        subscription = Subscription(owner_id, position, position)
        self._open.setdefault(owner_id, set()).add(subscription)
        return subscription

    def unsubscribe(self, subscription: Subscription) -> None:
        mine = self._open.get(subscription.owner_id, set())
        mine.discard(subscription)
        if not mine:
            self._open.pop(subscription.owner_id, None)

    def close(self) -> None:
        """End every stream and begin no more. May be called from any thread, a signal handler included."""
        self._closed = True
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._end_all)

    async def aclose(self) -> None:
        self._closed = True
        self._end_all()
        if self._tail is not None:
            self._tail.cancel()
            await asyncio.gather(self._tail, return_exceptions=True)

    def deal(self, after: Position, until: Position | None = None, limit: int = _PAGE) -> list[Dealt]:
        """The events of its shard after a position with their owners, at most `limit`. Blocks."""
        dealt: list[Dealt] = []
        for recorded in self._parts[after.shard].read(after=after, until=until):
            dealt.append((self._owners.owner(recorded.stream), recorded))
            if len(dealt) == limit:
                break
        return dealt

    async def _follow(self) -> None:
        pause = asyncio.Event()
        try:
            while self._open and not self._closed:
                try:
                    for shard in range(len(self._parts)):
                        while self._deliver(
                            shard, await self._readers.run(self.deal, self._positions[shard])
                        ):
                            pass
                except (Busy, StoreUnavailable):
                    _log.warning("event streams wait: the log can't be read now")
                try:
                    await asyncio.wait_for(pause.wait(), self._options.stream_poll_s)
                except TimeoutError:
                    continue
        except Exception:  # noqa: BLE001  streams end and clients come back; the process survives
            _log.exception("event streams end: reading the log broke off")
            self._end_all()

    def _heads(self) -> list[Position]:
        return [part.head() for part in self._parts]

    def _deliver(self, shard: int, dealt: list[Dealt]) -> bool:
        """Hand a page out; whether there may be more."""
        told: set[Subscription] = set()
        for owner_id, recorded in dealt:
            for name in self._open if owner_id == EVERYONE else (owner_id,):
                for subscription in self._open.get(name, ()):
                    subscription.take(recorded)
                    told.add(subscription)
        if dealt:
            self._positions[shard] = dealt[-1][1].position
        for subscription in told:
            if subscription.start.shard == shard:
                subscription.position = self._positions[shard]
            subscription.wake()
        return len(dealt) == _PAGE

    def _end_all(self) -> None:
        for subscriptions in self._open.values():
            for subscription in subscriptions:
                subscription.ended = True
                subscription.wake()
