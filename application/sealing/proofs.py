"""Proofs in the text form of C2SP's tlog-proof: with the checkpoint they lead to, one file is enough."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from application.ports.event_log import EventLog, Position
from application.ports.seals import Seals
from application.sealing.seal_log import parsed
from domain.errors import DomainError
from domain.sealing.merkle import ProofFailed, leaf_hash
from domain.sealing.notes import Checkpoint

INCLUSION, CONSISTENCY = "c2sp.org/tlog-proof@v1", "evenkeel/consistency-proof@v1"


class NotSealedYet(DomainError, code="not_sealed"):
    """The event, or the size, is under no checkpoint; the log is sealed every second while it is served."""

    def __init__(self, *, what: str) -> None:
        super().__init__(f"{what} is under no checkpoint yet; ask again in a second")
        self.what = what


class UnknownEvent(DomainError, code="unknown_event"):
    """There is no event at that position, or it is somebody else's."""

    def __init__(self, *, position: Position) -> None:
        super().__init__(f"there is no event at {position}")
        self.position = position


@dataclass(frozen=True, slots=True)
class Proof:
    """The hashes from a leaf, or an earlier tree, to the root of the checkpoint in `note`."""

    kind: str
    start: int  # the leaf's index, or the earlier size
    hashes: tuple[bytes, ...]
    note: str

    @property
    def checkpoint(self) -> Checkpoint:
        return parsed(self.note)

    @property
    def text(self) -> str:
        word = "index" if self.kind == INCLUSION else "from"
        lines = [self.kind, f"{word} {self.start}", *(base64.b64encode(one).decode() for one in self.hashes)]
        return "\n".join(lines) + "\n\n" + self.note

    def as_json(self) -> dict[str, Any]:
        """Hashes in hexadecimal."""
        checkpoint = self.checkpoint
        return {
            "index" if self.kind == INCLUSION else "from": self.start,
            "size": checkpoint.size,
            "root": checkpoint.root.hex(),
            "hashes": [one.hex() for one in self.hashes],
            "note": self.note,
        }


def inclusion_proof(seals: Seals, log: EventLog, position: Position) -> Proof:
    """That the event there is under the newest checkpoint. Raises UnknownEvent, NotSealedYet, ProofFailed."""
    index = seals.index_of(position)
    if index is None and not _is_in(log, position):
        raise UnknownEvent(position=position)
    note, checkpoint = newest_checkpoint(seals)
    size = checkpoint.size
    if index is None or index >= size:
        raise NotSealedYet(what=f"position {position}")
    if leaf_hash(seals.stored(index)) != seals.leaf(index):
        raise ProofFailed(f"the event at {position} is not the one that was sealed: it was changed")
    return Proof(INCLUSION, index, tuple(seals.inclusion(index, size)), note)


def _is_in(log: EventLog, position: Position) -> bool:
    if not position.id:
        return False
    before = Position(position.shard, position.id - 1)
    return any(recorded.position == position for recorded in log.read(after=before, until=position))


def consistency_proof(seals: Seals, since: int) -> Proof:
    """That the log of an earlier size is the beginning of what the newest checkpoint covers."""
    note, checkpoint = newest_checkpoint(seals)
    size = checkpoint.size
    if since > size:
        raise NotSealedYet(what=f"a log of {since} events")
    hashes: Sequence[bytes] = seals.consistency(since, size)
    return Proof(CONSISTENCY, since, tuple(hashes), note)


def newest_checkpoint(seals: Seals) -> tuple[str, Checkpoint]:
    """The signed note, and what it says. Raises NotSealedYet where nothing was signed so far."""
    note = seals.newest()
    if note is None:
        raise NotSealedYet(what="the log")
    return note, parsed(note)
