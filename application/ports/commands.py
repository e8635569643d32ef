"""Commands, and the one way they reach the log."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Protocol

from application.work import Work
from domain.errors import DomainError

Result = Mapping[str, Any]
"""A command's answer: JSON values only (text, whole numbers, booleans, lists, mappings), money as text."""


class Command(Protocol):
    """One use case's decision, free of I/O: read through `work`, refuse by raising, record events.

    It may run more than once (a version conflict decides again), so it keeps nothing between runs.
    """

    def decide(self, work: Work) -> Result: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who asks, under which command id, and what led to it.

    (scope, command_id) is the idempotency key and never expires. The same id with the same fingerprint
    answers as the first time, refusals included; with another fingerprint it raises CommandIdReused.
    """

    actor: str
    command_id: str
    correlation_id: str
    causation_id: str = ""
    scope: str = "system"  # user and route for requests; system for what the platform does by itself
    fingerprint: str = ""  # SHA-256 of the content; see fingerprint()
    fence: Fence | None = None  # the lease that must still be held when this commits


@dataclass(frozen=True, slots=True)
class Fence:
    """A lease by name and the token it was granted with; checked inside the append."""

    name: str
    token: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a command came to: a result or a refusal, and where the log stood after it."""

    result: Result | None
    refusal: Refused | None
    position: int  # number of the position of the last event it appended; 0 when it appended none
    replayed: bool = False  # answered from an earlier run of the same command id

    def unwrap(self) -> Result:
        """The result, or raises the refusal."""
        if self.refusal is not None:
            raise self.refusal
        return self.result or {}


class Refused(DomainError):
    """A refusal as it was stored with its command id: code, message and data of the original."""

    def __init__(self, code: str, message: str, data: Mapping[str, str]) -> None:
        super().__init__(message)
        self.code = code  # type: ignore[misc]  # an instance stands for the class it was made from
        self._data = dict(data)

    @property
    def data(self) -> dict[str, str]:
        return dict(self._data)

    @classmethod
    def of(cls, error: DomainError) -> Refused:
        return error if isinstance(error, Refused) else cls(error.code, str(error), error.data)


class CommandIdReused(DomainError, code="idempotency_key_reused"):
    """The idempotency key was used before with other content; send a new key for a new request."""

    def __init__(self, *, command_id: str) -> None:
        super().__init__(f"the idempotency key {command_id} was used before with other content")
        self.command_id = command_id


class StillRunning(DomainError, code="command_still_running"):
    """The command has no answer yet. It goes on: ask again in a second, under the same id, for its answer.

    Raised by a face that has waited for as long as it may. The bus itself never raises it: a second command
    of an id waits for the first one's outcome.
    """

    def __init__(self, *, command_id: str) -> None:
        super().__init__(f"the command {command_id} has no answer yet; ask again with the same key")
        self.command_id = command_id


class QueueFull(Exception):
    """The writer's queue is at its bound; nothing was done. Try again shortly."""


class FactClaimed(DomainError, code="fact_already_recorded"):
    """An external fact with this natural key was recorded before, by another decision."""

    def __init__(self, *, natural_key: str) -> None:
        super().__init__(f"{natural_key} was recorded before")
        self.natural_key = natural_key


class LeaseLost(DomainError, code="lease_lost"):
    """The caller's lease was taken over by another process; what it wanted to write is not written."""

    def __init__(self, *, name: str) -> None:
        super().__init__(f"the lease {name} is no longer ours")
        self.name = name


class CommandBus(Protocol):
    """Runs commands against the log, many in one commit.

    Atomicity: a command's events, its key with the outcome, outbox and balance rows commit together or not
    at all. Refusals of callers with a fingerprint are stored and replayed too.
    Errors (of the future, and raised by execute): QueueFull, StoreUnavailable, CommandIdReused, LeaseLost.
    A refusal (FactClaimed among them) is not an error of the future: it is in the Outcome.
    """

    def submit(self, command: Command, caller: Caller) -> Future[Outcome]:
        """Queue a command; the future is resolved after its commit."""
        ...

    def execute(self, command: Command, caller: Caller) -> Outcome:
        """Run a command and wait for its commit."""
        ...


def fingerprint(*parts: str) -> str:
    """A digest of a request's content; parts are length-prefixed, so no two lists collide."""
    digest = hashlib.sha256()
    for part in parts:
        raw = part.encode()
        digest.update(len(raw).to_bytes(8, "big") + raw)
    return digest.hexdigest()


def derived_id(prefix: str, *parts: str) -> str:
    """An id that the same request always gets again: synthetic ids are hashes, never random."""
    return f"{prefix}-{fingerprint(*parts)[:24]}"
