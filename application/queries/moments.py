"""`at`: a past moment as a recorded time or a log position (design §4 rule 6), and states as of then."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from application.ports.event_log import EventLog, Position, RecordedEvent
from application.streams import empty_state
from domain.errors import InvalidValue

_POSITION = re.compile(r"(\d{1,4}-)?\d{1,18}", re.ASCII)
_SPACE_FOR_PLUS = re.compile(r" (?=\d\d:\d\d$)")  # what a forgotten %2B makes of "+02:00"


@dataclass(frozen=True, slots=True)
class Moment:
    """A place in the log, and the time that was asked for, if it was a time."""

    position: Position
    time: datetime | None = None


def parse_moment(raw: str | None, log: EventLog, field: str = "at") -> Moment | None:
    """None is now. Raises InvalidValue for what is neither an RFC 3339 time nor a position."""
    if raw is None:
        return None
    if _POSITION.fullmatch(raw):
        return Moment(Position.parse(raw, field))
    try:
        moment = datetime.fromisoformat(_SPACE_FOR_PLUS.sub("+", raw))
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise InvalidValue(
            field,
            f"{raw!r} is neither a time with its offset such as '2026-03-01T12:00:00Z' nor a log position "
            "such as '0-1234'",
        )
    moment = moment.astimezone(UTC)
    return Moment(log.position_at(moment), moment)


def events_until(log: EventLog, stream: str, moment: Moment | None) -> Iterator[RecordedEvent]:
    """A stream's events up to a moment, oldest first."""
    for recorded in log.stream(stream):
        if moment is not None and recorded.position > moment.position:
            return
        yield recorded


def state_at(log: EventLog, stream: str, moment: Moment | None) -> Any:
    """An aggregate as it stood; the newest state, from its snapshot, when no moment is given."""
    if moment is None:
        return log.load(stream).state
    state = empty_state(stream)
    for recorded in events_until(log, stream, moment):
        state = state.evolve(recorded.event)
    return state
