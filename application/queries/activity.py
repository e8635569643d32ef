"""Whose an event is, which of them can't wait, and how the log is shown to auditors."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from application.ports.event_log import EventLog, Position, RecordedEvent
from application.queries.moments import iso_utc
from application.streams import PLATFORM
from domain.accounts.events import AccountFrozen, AccountUnfrozen
from domain.bots.events import BotPaused, BotStopped, GuardrailTripped
from domain.kill_switch.events import KillSwitchEngaged, KillSwitchReleased
from domain.money import text
from domain.orders.events import OrderRefused, OutcomeUnknown

EVERYONE = "*"
CRITICAL = (
    OrderRefused,
    OutcomeUnknown,
    GuardrailTripped,
    BotPaused,
    BotStopped,
    KillSwitchEngaged,
    KillSwitchReleased,
    AccountFrozen,
    AccountUnfrozen,
)
"""Events a person must hear of at once; all others may be told together, once a second."""

PERSONAL = frozenset({"identity_commitment", "name"})
"""Fields that the log page leaves out: what points at a person, and what a person has written freely."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLine:
    """One event as the log page shows it."""

    position: str
    stream: str
    version: int
    name: str
    recorded_at: datetime
    actor: str
    correlation_id: str
    data: Mapping[str, Any]


@dataclass(slots=True)
class Owners:
    """Whose a stream is, remembered: a stream never changes hands. EVERYONE for the platform's."""

    log: EventLog
    limit: int = 50_000
    _known: OrderedDict[str, str] = field(default_factory=OrderedDict)

    def owner(self, stream: str) -> str:
        """An account id, EVERYONE, or "" where nobody can be told."""
        kind, _, name = stream.partition(":")
        if stream == PLATFORM:
            return EVERYONE
        if kind == "account":
            return name
        known = self._known.get(stream)
        if known is None:
            known = str(getattr(self.log.load(stream).state, "owner_id", ""))
            self._known[stream] = known
            if len(self._known) > self.limit:
                self._known.popitem(last=False)
        return known


def is_critical(recorded: RecordedEvent) -> bool:
    return isinstance(recorded.event, CRITICAL)


def shown(recorded: RecordedEvent) -> LogLine:
    """An event without personal data; amounts as text."""
    return LogLine(
        position=f"{recorded.position.shard}-{recorded.position.id}",
        stream=recorded.stream,
        version=recorded.version,
        name=recorded.name,
        recorded_at=recorded.metadata.recorded_at_utc,
        actor=recorded.metadata.actor,
        correlation_id=recorded.metadata.correlation_id,
        data=plain(recorded.event),
    )


def log_page(log: EventLog, *, before: Position | None, limit: int) -> tuple[list[LogLine], Position | None]:
    """The newest events before a position, newest first, and the cursor that goes on after them.

    Of several shards one after the other, the last first: in the order of positions.
    """
    parts = log.parts()
    shard = len(parts) - 1 if before is None else min(before.shard, len(parts) - 1)
    lines, more = _log_page(parts[shard], before=before, limit=limit)
    while more is None and shard and len(lines) < limit:
        shard -= 1
        older, more = _log_page(parts[shard], before=None, limit=limit - len(lines))
        lines += older
    if more is None and shard and lines:
        more = Position(shard, 0)
    return lines, more


def _log_page(log: EventLog, *, before: Position | None, limit: int) -> tuple[list[LogLine], Position | None]:
    end = log.head() if before is None else Position(before.shard, before.id - 1)
    found: list[RecordedEvent] = []
    width = limit
    while len(found) < limit and end.id > 0:  # ids have holes: go back until the page is full
        start = Position(end.shard, max(end.id - width, 0))
        found = [*log.read(after=start, until=end), *found]
        end, width = start, width * 2
    page = found[-limit:][::-1]
    more = bool(page) and page[-1].position.id > 1 and (len(found) > limit or end.id > 0)
    return [shown(recorded) for recorded in page], page[-1].position if more else None


def plain(value: Any) -> Any:
    """A domain event as JSON values, without personal fields."""
    if is_dataclass(value):
        return {
            item.name: plain(getattr(value, item.name)) for item in fields(value) if item.name not in PERSONAL
        }
    if isinstance(value, Decimal):
        return text(value)
    if isinstance(value, datetime):
        return iso_utc(value)
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value
