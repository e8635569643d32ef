"""One batch: commands decided in turn against cached states, and the one append they come to."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NamedTuple

import msgspec
from eventsourcing.persistence import StoredEvent

from adapters.persistence.envelope import Envelopes, event_hash
from adapters.persistence.recorders.base import FACTS, Append, Head, Key, KeyRow, OutboxRow, StoredKey
from adapters.persistence.snapshots import SNAPSHOT_EVERY, Loaded, snapshot_of
from adapters.persistence.states import Overlay, States
from application.ports.clock import Clock
from application.ports.commands import Caller, Command, CommandIdReused, FactClaimed, Outcome, Refused
from application.ports.event_log import Metadata, StoreUnavailable
from application.work import Work
from domain.errors import DomainError
from domain.ledger.book import Book

MAX_BYTES = 1_000_000
"""Events of about this size go into one append; what does not fit goes into the next."""

NEVER = datetime.min.replace(tzinfo=UTC)
"""Before all that was ever recorded."""

_to_json = msgspec.json.Encoder().encode
_from_json = msgspec.json.decode


@dataclass(slots=True, eq=False)
class Asked:
    """One command, who asks, and in the end its outcome or the error it failed with."""

    command: Command
    caller: Caller
    future: Future[Outcome] | None = None
    queued_at: float = 0.0
    outcome: Outcome | None = None
    error: Exception | None = None
    claims: list[str] = field(default_factory=list)  # of its last decision
    key: Key = field(init=False)

    def __post_init__(self) -> None:
        self.key = (self.caller.scope, self.caller.command_id)

    @property
    def is_answered(self) -> bool:
        return self.outcome is not None or self.error is not None

    def answer_from(self, stored: StoredKey, first: int = 0) -> None:
        """Answer as the first time; another content under the same id is an error of its own."""
        if stored.fingerprint != self.caller.fingerprint:
            self.error = CommandIdReused(command_id=self.caller.command_id)
            return
        told = _from_json(stored.outcome)
        refusal = Refused(**told["refusal"]) if "refusal" in told else None
        position = stored.position and first + stored.position
        self.outcome = Outcome(told.get("result"), refusal, position, replayed=True)


@dataclass(slots=True)
class _Decided:
    asked: Asked
    result: Any
    refusal: Refused | None
    nth: int  # its last event among the batch's; 0 when it has none


class _Staged(NamedTuple):
    """A command's events in one stream as stored bytes, their hashes, and where that leaves the stream."""

    loaded: Loaded
    stored: list[StoredEvent]
    leaves: list[bytes]


class Batch:
    """Decides commands one after the other; each sees what those before it decided.

    A command that fails leaves no trace in the batch. Refused ones count as read: their refusal is final
    only if what they read still stands when the append commits.
    """

    def __init__(
        self,
        states: States,
        envelopes: Envelopes,
        clock: Clock,
        facts: Iterable[str],
        latest: datetime,
        below: Overlay | None = None,
    ) -> None:
        """`below`: what a batch that is under way makes of the states; this one is decided on top of it."""
        self.overlay = Overlay(states, below)
        self.append = Append()
        self.leaves: list[bytes] = []  # the hashes of the append's events
        self._states, self._envelopes, self._clock = states, envelopes, clock
        self.facts = frozenset(facts)  # claimed before: in the log, or by the batch that is under way
        self.claimed: set[str] = set()  # by commands of this one
        self._decided: list[_Decided] = []
        self.size = 0  # bytes of events
        self.latest = latest  # when the newest event was recorded: times in the log never go back

    def decide(self, asked: Asked) -> None:
        """Run one command. A refusal is an outcome; any other exception is the command's error.

        Raises StoreUnavailable when a state could not be loaded.
        """
        now = self._clock.now()
        self.latest = max(self.latest, now)
        work = Work(self.overlay.load, now)
        try:
            refusal, outcome, staged = self._outcome(asked, work)
        except StoreUnavailable:
            raise
        except Exception as e:  # noqa: BLE001 - whatever it is, it is this command's own fault
            asked.error = e
            return
        self._take(asked, work, staged, outcome, refusal)

    def _outcome(self, asked: Asked, work: Work) -> tuple[Refused | None, bytes, dict[str, _Staged]]:
        """The refusal, if it is one; what is stored with its key; and its events."""
        try:
            result = asked.command.decide(work)
            asked.claims = work.claims
            for fact in work.claims:
                if fact in self.facts or fact in self.claimed:
                    raise FactClaimed(natural_key=fact)
            return None, _to_json({"result": result}), self._stage(work, asked.caller)
        except DomainError as e:
            refusal = Refused.of(e)
            work.outbox, work.claims = [], []
            data = {"code": refusal.code, "message": str(refusal), "data": refusal.data}
            return refusal, _to_json({"refusal": data}), {}

    def _stage(self, work: Work, caller: Caller) -> dict[str, _Staged]:
        """The command's events as stored bytes, by stream, and where that leaves each stream."""
        staged = {}
        metadata = Metadata(
            recorded_at_utc=self.latest,
            actor=caller.actor,
            command_id=caller.command_id,
            correlation_id=caller.correlation_id,
            causation_id=caller.causation_id or caller.command_id,
        )
        for stream, events in work.events.items():
            loaded = self.overlay.get(stream)
            version, head = loaded.version, loaded.hash
            stored, leaves = [], []
            for event in events:
                version += 1
                name, state = self._envelopes.write(event, stream, version, head, metadata)
                head = event_hash(state)
                stored.append(StoredEvent(stream, version, name, state))
                leaves.append(head)
            after = Loaded(version, work.state(stream), head, loaded.snapshot_due)
            staged[stream] = _Staged(after, stored, leaves)
        return staged

    def _take(
        self,
        asked: Asked,
        work: Work,
        staged: dict[str, _Staged],
        outcome: bytes,
        refusal: Refused | None,
    ) -> None:
        append, caller = self.append, asked.caller
        for stream, (loaded, stored, leaves) in staged.items():
            self.overlay.changed[stream] = loaded
            append.events += stored
            self.leaves += leaves
            self.size += sum(len(event.state) for event in stored)
        nth = len(append.events) if staged else 0
        for message in work.outbox:
            append.outbox.append(
                OutboxRow(
                    message.message_id, message.topic, message.recipient, _to_json(message.body).decode(), nth
                )
            )
        for fact in work.claims:
            self.claimed.add(fact)
            append.keys.append(KeyRow(FACTS, fact, "", "{}", nth))
        if caller.fingerprint or staged or work.outbox or work.claims:
            append.keys.append(KeyRow(*asked.key, caller.fingerprint, outcome.decode(), nth))
            if caller.fence is not None:
                append.fences.add((caller.fence.name, caller.fence.token))
        append.recorded_at = self.latest
        result = None if refusal else _from_json(outcome)["result"]
        self._decided.append(_Decided(asked, result, refusal, nth))

    def seal(self) -> Append:
        """The append of all that was decided: versions read, new heads, balances, snapshots."""
        append, changed = self.append, self.overlay.changed
        append.expected = self._states.expected(self.overlay.base, changed)
        for stream in sorted(changed):
            before, after = self.overlay.base[stream], changed[stream]
            append.heads[stream] = Head(after.version, after.hash)
            if isinstance(after.state, Book):
                _note_balances(append, stream.partition(":")[2], before.state, after.state)
            if after.snapshot_due or after.version // SNAPSHOT_EVERY > before.version // SNAPSHOT_EVERY:
                append.snapshots.append(snapshot_of(stream, after))
                changed[stream] = after._replace(snapshot_due=False)
        return append

    def committed(self, ids: Any, first: int = 0) -> list[Refused]:
        """Answer every command of the batch, keep its states, and return the refusals among the answers.

        `first` is the number of the position before the shard's first.
        """
        for stream, loaded in self.overlay.changed.items():
            self._states.put(stream, loaded)
        refusals = []
        for one in self._decided:
            position = first + ids[one.nth - 1] if one.nth else 0
            one.asked.outcome = Outcome(one.result, one.refusal, position)
            if one.refusal is not None:
                refusals.append(one.refusal)
        return refusals


def _note_balances(append: Append, book_id: str, before: Book, after: Book) -> None:
    """The absolute amounts of the balances that changed; None for those at zero."""
    old, new = before.balances, after.balances
    changed: dict[tuple[str, str], Decimal | None] = {}
    for key, amount in new.items():
        was = old.get(key)
        if was is not amount and was != amount:
            changed[key] = amount
    for key in old:
        if key not in new:
            changed[key] = None
    for key in sorted(changed):
        append.balances[book_id, *key] = changed[key]
