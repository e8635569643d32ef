"""`at`: a past moment as a recorded time or a log position (design §4 rule 6), and states as of then."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from application.ports.clock import Clock
from application.ports.event_log import EventLog, Position, RecordedEvent
from application.streams import empty_state
from domain.errors import InvalidValue

_POSITION = re.compile(r"(\d{1,4}-)?\d{1,18}", re.ASCII)
_SPACE_FOR_PLUS = re.compile(r" (?=\d\d:\d\d$)")  # what a forgotten %2B makes of "+02:00"

_PAGE = 5_000
_CLOCKS_DIFFER = timedelta(minutes=1)  # "now" on another machine's clock is not the future


@dataclass(frozen=True, slots=True)
class Moment:
    """A place in the log, and the time that was asked for, if it was a time."""

    position: Position
    time: datetime | None = None


def parse_moment(raw: str | None, log: EventLog, field: str = "at", *, clock: Clock) -> Moment | None:
    """None is now. Raises InvalidValue for what is neither an RFC 3339 time nor a position, and for what has
    not happened: a position beyond the log's head, a time after now.
    """
    if raw is None:
        return None
    if _POSITION.fullmatch(raw):
        position, head = Position.parse(raw, field), log.head()
        if position > head:
            raise InvalidValue(
                field,
                f"nothing stands at {raw} yet, the log ends at {head}; name a position up to there, or leave "
                f"{field} out for now",
            )
        if position.shard != head.shard:
            raise InvalidValue(
                field,
                f"{raw} is on another shard than what is asked for, whose log ends at {head}; name a time",
            )
        return Moment(position)
    moment = _time_of(raw)
    if moment is None:
        raise InvalidValue(
            field,
            f"{raw!r} is neither a time with its offset such as '2026-03-01T12:00:00Z' nor a log position "
            "such as '0-1234'",
        )
    if moment > clock.now() + _CLOCKS_DIFFER:
        raise InvalidValue(
            field,
            f"{raw} is in the future, it is {clock.now():%Y-%m-%dT%H:%M:%SZ} now and the log ends at "
            f"{log.head()}; name a time up to now, or leave {field} out for now",
        )
    return Moment(log.position_at(moment), moment)


def moments(
    raw: str | None, log: EventLog, field: str = "at", *, clock: Clock
) -> Sequence[tuple[EventLog, Moment | None]]:
    """The log shard by shard, each with what `at` is there.

    Raises InvalidValue as parse_moment, and where there are several for a position, which is on one.
    """
    parts = log.parts()
    if len(parts) > 1 and raw is not None and _POSITION.fullmatch(raw):
        raise InvalidValue(
            field, f"{raw} is a place on one of {len(parts)} shards; name a time for all of them"
        )
    return [(part, parse_moment(raw, part, field, clock=clock)) for part in parts]


def parse_time(raw: str, field: str) -> datetime:
    """An RFC 3339 time in UTC, past or to come; raises InvalidValue for anything else."""
    moment = _time_of(raw)
    if moment is None:
        raise InvalidValue(field, f"{raw!r} is no time with its offset such as '2026-03-01T12:00:00Z'")
    return moment


def _time_of(raw: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(_SPACE_FOR_PLUS.sub("+", raw))
        if moment.tzinfo is not None:
            return moment.astimezone(UTC)
    except (ValueError, OverflowError):  # beyond the years that there are
        pass
    return None


def iso_utc(moment: datetime) -> str:
    """As it can be given for `at`: 2026-03-01T12:00:00Z."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def events_until(log: EventLog, stream: str, moment: Moment | None) -> Iterator[RecordedEvent]:
    """A stream's events up to a moment, oldest first. Streams: holds a page at a time."""
    for recorded in events_of(log, stream):
        if moment is not None and recorded.position > moment.position:
            return
        yield recorded


def events_of(log: EventLog, stream: str) -> Iterator[RecordedEvent]:
    """A stream's events, oldest first, read a page at a time: one may be as long as the log."""
    after = 0
    while page := log.stream(stream, after_version=after, limit=_PAGE):
        yield from page
        after = page[-1].version


def state_at(log: EventLog, stream: str, moment: Moment | None) -> Any:
    """An aggregate as it stood; the newest state, from its snapshot, when no moment is given."""
    if moment is None:
        return log.load(stream).state
    state = empty_state(stream)
    for recorded in events_until(log, stream, moment):
        state = state.evolve(recorded.event)
    return state
