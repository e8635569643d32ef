"""What a process notices of its venues, written into the log in a thread of its own."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

from application.ports.commands import Caller, CommandBus
from application.ports.venue_observer import VenueObserver
from application.venues.record_breaker import RecordBreaker

log = logging.getLogger("evenkeel.venues")

_Change = tuple[str, str]
_MOST_WAITING = 1_000


class VenueLog(VenueObserver):
    """A VenueObserver that tells another one, and keeps the breaker's changes for `recording`.

    Where nobody records, as in a command that opens the platform for a moment, they are dropped.
    """

    def __init__(self, inner: VenueObserver) -> None:
        self._inner = inner
        self._changes: queue.Queue[_Change | None] | None = None

    def breaker_changed(self, venue: str, state: str) -> None:
        self._inner.breaker_changed(venue, state)
        if self._changes is not None:
            try:
                self._changes.put_nowait((venue, state))
            except queue.Full:
                log.warning("%s: the breaker's change to %s is not recorded", venue, state)

    def request_made(self, venue: str, kind: str, outcome: str, seconds: float) -> None:
        self._inner.request_made(venue, kind, outcome, seconds)

    def throttled(self, venue: str, kind: str, seconds: float) -> None:
        self._inner.throttled(venue, kind, seconds)

    def banned(self, venue: str, seconds: float) -> None:
        self._inner.banned(venue, seconds)

    def clock_measured(self, venue: str, offset_ms: float) -> None:
        self._inner.clock_measured(venue, offset_ms)

    def stream_changed(self, venue: str, stream: str, is_up: bool) -> None:
        self._inner.stream_changed(venue, stream, is_up)

    @contextmanager
    def recording(self, bus: CommandBus, process: str) -> Iterator[None]:
        """Until the block is left, changes are written as they come; one that cannot be is logged."""
        changes = self._changes = queue.Queue(_MOST_WAITING)
        thread = threading.Thread(
            target=_record_on, args=(changes, bus, process), name="venue log", daemon=True
        )
        thread.start()
        try:
            yield
        finally:
            self._changes = None
            changes.put(None)
            thread.join(timeout=10)


def _record_on(changes: queue.Queue[_Change | None], bus: CommandBus, process: str) -> None:
    while (change := changes.get()) is not None:
        venue, state = change
        command_id = f"breaker:{venue}:{uuid4().hex}"
        caller = Caller(actor=f"system:{process}", command_id=command_id, correlation_id=command_id)
        try:
            bus.execute(RecordBreaker(venue, process, state), caller)
        except Exception:  # the log may be away as well: metrics and connectors have it
            log.warning("%s: the breaker's change to %s is not recorded", venue, state, exc_info=True)
