"""`evenkeel log`: the one append-only log."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from application.ports.event_log import EventLog, Position, RecordedEvent
from application.queries.activity import shown
from application.queries.moments import moments
from domain.errors import InvalidValue
from entrypoints.cli import options
from entrypoints.cli.app import group
from entrypoints.cli.output import Output
from entrypoints.cli.session import reading
from entrypoints.plain import plain
from entrypoints.problems import CheckFailed, UnknownStream

log = group("The event log: look at it, verify its hash chains.")


@log.command()
def tail(
    limit: options.Limit = 20,
    stream: Annotated[str | None, typer.Option(help="Only this stream, such as bot:bot-1.")] = None,
    at: options.At = None,
    database_url: options.DatabaseUrl = None,
    as_json: options.Json = False,
) -> None:
    """Show the newest events, oldest first.

    Example: `evenkeel log tail -n 50 --stream platform:main`
    """
    output = Output(as_json=as_json)
    with reading(database_url) as core:
        asked = moments(at, core.services.log, clock=core.services.clock)
        if stream and not core.services.log.stream(stream, limit=1):
            raise UnknownStream(stream=stream)
        found = []
        for part, moment in asked:
            found += _newest(part, moment.position if moment else part.head(), stream, limit)
    if len(asked) > 1:  # of several shards only the time says what came later
        found = sorted(found, key=lambda event: (event.metadata.recorded_at_utc, event.position))[-limit:]
    rows = [_row(event) for event in found]
    output.value(rows)
    output.table(
        rows,
        ("position", "recorded_at", "stream", "version", "name", "actor"),
        empty="there were no events yet" if at else "the log is empty",
    )


def _newest(log: EventLog, end: Position, stream: str | None, limit: int) -> list[RecordedEvent]:
    """The last events up to a position, of one shard."""
    if stream:
        return [event for event in log.stream(stream) if event.position <= end][-limit:]
    found: list[RecordedEvent] = []
    width = limit
    while len(found) < limit and end.id > 0:  # ids have holes: go back until there are enough
        start = Position(end.shard, max(end.id - width, 0))
        found = [*log.read(after=start, until=end), *found]
        end, width = start, width * 2
    return found[-limit:]


@log.command()
def show(
    position: Annotated[str, typer.Argument(help="Log position, such as 0-1234 or 1234.")],
    database_url: options.DatabaseUrl = None,
    as_json: options.Json = False,
) -> None:
    """Show one event whole: who caused it, by which command, and whether the hash chain holds there.

    Exit code 1 where it does not; `evenkeel log verify` looks at all events.

    Example: `evenkeel log show 0-42`
    """
    output = Output(as_json=as_json)
    wanted = Position.parse(position)
    with reading(database_url) as core:
        link = core.maintenance.link(wanted)
        if link is None:
            ends = ", ".join(str(part.head()) for part in core.services.log.parts())
            raise InvalidValue(
                "position",
                f"there is no event at {wanted}, the log ends at {ends}; "
                "`evenkeel log tail` shows the newest",
            )
        before = Position(wanted.shard, max(wanted.id - 1, 0))
        event = None if link.problem else next(core.services.log.read(after=before, until=wanted))
    row: dict[str, Any] = {"position": str(wanted), "stream": link.stream, "version": link.version}
    row |= {"name": link.name, **(_row(event) if event else {})}
    data = row.pop("data", None)
    row |= {"hash": link.hash, "previous_hash": link.previous_hash, "chain": link.problem or "holds"}
    output.value({**row, "data": data})
    output.facts(row)
    if data is not None:
        output.say()
        output.tree(data)
    if link.problem:
        raise CheckFailed


@log.command()
def verify(database_url: options.DatabaseUrl = None, as_json: options.Json = False) -> None:
    """Verify every stream's hash chain over the stored bytes, and its head; exit code 1 where one is broken.

    Finds a changed byte in any event, a cut tail and a missing stream, and names it; and a log that was
    rewritten whole, where it was sealed before: its newest checkpoint covers other events.

    Example: `evenkeel log verify && echo intact`
    """
    output = Output(as_json=as_json)
    with reading(database_url) as core, output.progress("verifying") as progress:
        verdict = core.maintenance.verify(progress)
    output.value({"events": verdict.events, "intact": verdict.is_intact, "problem": verdict.problem})
    if not verdict.is_intact:
        output.say(f"the log is damaged: {verdict.problem}")
        raise CheckFailed
    output.say(f"{verdict.events} events verified: every chain holds")


def _row(event: RecordedEvent) -> dict[str, Any]:
    row: dict[str, Any] = plain(shown(event))
    row["command_id"] = event.metadata.command_id
    row["causation_id"] = event.metadata.causation_id
    return row
