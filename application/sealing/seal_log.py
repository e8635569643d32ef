"""Seal what was appended, and sign what the log holds now.

A checkpoint is signed only when the tree continues the one that was signed before: two that contradict each
other are proof against the log, so they are never made. It is stored, then it leaves the database.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field

from application.ports.seals import CheckpointSink, Seals, Signer, SinkUnavailable
from application.sealing.errors import LogContradictsCheckpoint
from domain.sealing.merkle import ProofFailed, verify_consistency
from domain.sealing.notes import Checkpoint, SignedNote, signed

_log = logging.getLogger(__name__)

PAGE = 5_000
"""Events sealed in one transaction."""


@dataclass(slots=True)
class SealLog:
    """Call it at least every second while there is news, and at shutdown. One thread at a time."""

    seals: Seals
    signer: Signer
    sinks: Sequence[CheckpointSink]
    origin: str
    also: Sequence[Signer] = ()  # sign too, while one key follows another
    behind: dict[str, str] = field(default_factory=dict)
    """What went wrong, by the name of each sink that has not got the newest checkpoint."""

    def __call__(self) -> Checkpoint | None:
        """The newest checkpoint, None for a log without events.

        Raises LogContradictsCheckpoint, and then nothing is signed; StoreUnavailable.
        """
        while self.seals.extend(PAGE) == PAGE:
            pass
        newest = self.seals.newest()
        last = parsed(newest) if newest else None
        size = self.seals.size()
        if last is not None and last.size == size:
            if self.behind and newest:
                self.publish(newest)
            return last
        if size == 0:
            return None
        checkpoint = Checkpoint(self.origin, size, self.seals.root(size))
        if last is not None:
            self._require_continued(last, checkpoint)
        signers = [(one.key, one.sign) for one in (self.signer, *self.also)]
        note = str(signed(checkpoint.text, *signers))
        if self.seals.keep(checkpoint, note):
            self.publish(note)
        return checkpoint

    def _require_continued(self, last: Checkpoint, now: Checkpoint) -> None:
        try:
            proof = self.seals.consistency(last.size, now.size)
            verify_consistency(last.size, now.size, proof, last.root, now.root)
        except ProofFailed as e:
            raise LogContradictsCheckpoint(sink="the database", problem=str(e)) from e

    def publish(self, note: str) -> None:
        """Put a note into every sink; those that cannot take it now are `behind`."""
        for sink in self.sinks:
            try:
                sink.publish(note)
            except SinkUnavailable as e:
                if sink.name not in self.behind:
                    _log.warning("a checkpoint could not be published to %s: %s", sink.name, e)
                self.behind[sink.name] = str(e)
            else:
                self.behind.pop(sink.name, None)


def parsed(note: str) -> Checkpoint:
    """The checkpoint of a signed note; its signature is somebody else's to check. Raises MalformedNote."""
    return Checkpoint.parse(SignedNote.parse(note.encode()).text)
