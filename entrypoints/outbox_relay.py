"""What commits left to be told, handed to the notifier: at least once, in order, one process at a time."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from datetime import timedelta
from typing import Protocol

from application.ports.leases import Leases
from application.ports.notifier import Notifier
from application.work import OutboxMessage

log = logging.getLogger("evenkeel.outbox")
LEASE_NAME, LEASE = "outbox", timedelta(seconds=15)
_POLL_S = 1.0


class Outbox(Protocol):
    """Messages that appends stored, oldest first."""

    def pending(self, limit: int = 100) -> Sequence[OutboxMessage]: ...

    def mark_delivered(self, message_ids: Sequence[str]) -> int: ...


class OutboxRelay:
    """Tells and marks, in a thread. A message that cannot be told holds nothing up: it is tried again."""

    def __init__(self, outbox: Outbox, notifier: Notifier, leases: Leases, *, holder: str) -> None:
        self._outbox, self._notifier, self._leases, self._holder = outbox, notifier, leases, holder
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="outbox relay", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join(timeout=10)

    def relay(self) -> int:
        """Tell what waits, once; how many were told. Nothing while another process is at it."""
        waiting = self._outbox.pending()
        if not waiting or self._leases.acquire(LEASE_NAME, holder=self._holder, lasts=LEASE) is None:
            return 0
        told = []
        for message in waiting:
            try:
                self._notifier.notify(message)
            except Exception:  # noqa: BLE001  # one message's trouble must not keep the others from being told
                log.warning("a message could not be told", extra={"message_id": message.message_id})
            else:
                told.append(message.message_id)
        return self._outbox.mark_delivered(told)

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                told = self.relay()
            except Exception:  # the thread must outlive whatever it was
                log.exception("the outbox relay failed and tries again")
                told = 0
            if not told:
                self._stopping.wait(_POLL_S)
