"""The Merkle tree over the log and the checkpoints signed over it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from application.ports.event_log import Position
from domain.sealing.notes import Checkpoint, VerifierKey


class Seals(Protocol):
    """What of the log is sealed: a beginning of it, leaf after leaf in log order, without holes.

    Several processes may extend it at once; an event is sealed once. Errors: StoreUnavailable.
    """

    def extend(self, limit: int) -> int:
        """Seal at most so many of the events that are not sealed yet; how many were."""
        ...

    def size(self) -> int:
        """How many events are sealed."""
        ...

    def root(self, size: int) -> bytes:
        """The root over the first `size` events; raises ProofFailed where there are not so many."""
        ...

    def recomputed_root(self, size: int) -> bytes:
        """The same, from the stored bytes themselves: as long as the log is, and nothing kept is believed."""
        ...

    def inclusion(self, index: int, size: int) -> Sequence[bytes]:
        """The proof that leaf `index` is in the tree of that size; raises ProofFailed."""
        ...

    def consistency(self, old: int, new: int) -> Sequence[bytes]:
        """The proof that the tree of `old` leaves begins the one of `new`; raises ProofFailed."""
        ...

    def leaf(self, index: int) -> bytes:
        """A leaf's hash; raises ProofFailed."""
        ...

    def stored(self, index: int) -> bytes:
        """The exact bytes of a leaf's event; raises ProofFailed."""
        ...

    def index_of(self, position: Position) -> int | None:
        """The leaf of the event at that position; None while it is not sealed, or where there is none."""
        ...

    def position_of(self, index: int) -> Position:
        """Where a leaf's event stands in the log; raises ProofFailed."""
        ...

    def keep(self, checkpoint: Checkpoint, note: str) -> bool:
        """Store a signed checkpoint; False, and nothing stored, when there is one of that size."""
        ...

    def notes(self, after_size: int = 0) -> Sequence[str]:
        """The signed checkpoints of larger sizes, smallest first."""
        ...

    def newest(self) -> str | None:
        """The signed checkpoint of the largest size."""
        ...


class Signer(Protocol):
    """Signs in the log's name. The key stays where it is."""

    @property
    def key(self) -> VerifierKey: ...

    def sign(self, message: bytes) -> bytes: ...


class SinkUnavailable(Exception):
    """A checkpoint could not be put where it should go, or not be read there."""


class CheckpointSink(Protocol):
    """A place outside the database where checkpoints go: no owner and no backup of it takes them back.

    Nothing here waits for a place that is far away: sealing goes on without it. Errors: SinkUnavailable.
    """

    @property
    def name(self) -> str: ...

    def publish(self, note: str) -> None:
        """Add it; the same note again is harmless.

        Returns when it is durable there, or on its way: one that has not arrived raises when it is published
        again, or at the close, and `newest` does not say that it is there. Of those on their way the newest
        is enough.
        """
        ...

    def newest(self) -> str | None:
        """The note that arrived last; None for none, or where the sink cannot tell."""
        ...

    def close(self, timeout_s: float) -> None:
        """Wait at most so long for what is on its way; raises where it has not arrived. Publish no more."""
        ...
