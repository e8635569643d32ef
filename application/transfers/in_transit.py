"""Which transfers have been sent, and how far each is: read from the log itself."""

from __future__ import annotations

from collections.abc import Iterable

from application.ports.event_log import EventLog
from domain.transfers.transfer import Transfer

NAMES = ("transfers.transfer_sent", "transfers.transfer_completed", "transfers.transfer_returned")


def transfers_of(log: EventLog) -> Iterable[Transfer]:
    """Every transfer there was, oldest first on each shard. Reads the whole log."""
    found: dict[str, Transfer] = {}
    for part in log.parts():
        for recorded in part.read(names=NAMES):
            before = found.get(recorded.stream) or Transfer()
            found[recorded.stream] = before.evolve(recorded.event)
    return found.values()
