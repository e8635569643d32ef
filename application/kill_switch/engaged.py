"""Which kill switches are engaged, by the log."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass

from application.ports.event_log import EventLog, Position
from domain.kill_switch.switches import Switch, Switches

NAMES = (
    "platform.kill_switch_engaged",
    "platform.kill_switch_released",
    "platform.kill_switch_flat",
)


@dataclass(frozen=True, slots=True)
class Engaged:
    """An engaged kill switch and whose it is."""

    switch: Switch
    owner_id: str  # of the account or bot; empty for venues and the platform


class EngagedSwitches:
    """Follows the log by the names of its events: what it has read once, it does not read again.

    Any thread may call. Errors: StoreUnavailable.
    """

    def __init__(self, log: EventLog) -> None:
        self._log = log
        self._lock = threading.Lock()
        self._read_to = [Position(shard=part.head().shard) for part in log.parts()]
        self._switches = Switches()
        self._owners: dict[tuple[str, str], str] = {}

    def __call__(self) -> Sequence[Engaged]:
        """Those engaged by now, in the order of scope and target."""
        with self._lock:
            for number, part in enumerate(self._log.parts()):
                self._follow(number, part)
            return [
                Engaged(switch, self._owners.get((switch.scope, switch.target), ""))
                for _, switch in sorted(self._switches.engaged.items())
            ]

    def _follow(self, number: int, part: EventLog) -> None:
        head = part.head()
        for recorded in part.read(after=self._read_to[number], until=head, names=NAMES):
            event = recorded.event
            kind, _, owner_id = recorded.stream.partition(":")
            if kind == "risk":
                self._owners[event.scope, event.target] = owner_id
            self._switches = self._switches.evolve(event)
        self._read_to[number] = head
