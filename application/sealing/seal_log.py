"""Seal what was appended, and sign what the log holds now.

A checkpoint is signed only when the tree continues every one that was signed before, as far as anybody here
knows: two that contradict each other are proof against the log. It is stored, then it leaves the database.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from application.ports.seals import CheckpointSink, Seals, Signer, SinkUnavailable
from application.sealing.errors import LogContradictsCheckpoint
from domain.sealing.merkle import ProofFailed, verify_consistency
from domain.sealing.notes import Checkpoint, MalformedNote, SignedNote, signed

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
    _signed: Checkpoint | None = None  # the largest that was seen or signed here

    def __call__(self) -> Checkpoint | None:
        """The newest checkpoint, None for a log without events.

        Raises LogContradictsCheckpoint, and then nothing is signed; StoreUnavailable.
        """
        while self.seals.extend(PAGE) == PAGE:
            pass
        note, size = self.seals.newest(), self.seals.size()
        checkpoint = parsed(note) if note else None
        if size and (checkpoint is None or checkpoint.size != size):
            checkpoint = Checkpoint(self.origin, size, self.seals.root(size))
            self._require_continued(note, checkpoint)
            signers = [(one.key, one.sign) for one in (self.signer, *self.also)]
            mine = str(signed(checkpoint.text, *signers))
            if self.seals.keep(checkpoint, mine):
                note = mine
            self._signed = checkpoint
        if note is not None:
            self._bring(note)
        return checkpoint

    def publish(self, note: str) -> None:
        """Put a note into every sink, whatever they have; those that cannot take it now are `behind`."""
        for sink in self.sinks:
            self._try(sink, note)

    def close(self, timeout_s: float) -> None:
        """Wait at most so long, for each sink, for what is on its way there; then `behind` is final.

        All make their last attempt at the same time: waiting for one is waiting for the others.
        """
        for sink in self.sinks:
            with suppress(SinkUnavailable):
                sink.close(0)
        for sink in self.sinks:
            try:
                sink.close(timeout_s)
            except SinkUnavailable as e:
                self.behind[sink.name] = str(e)
            else:
                self.behind.pop(sink.name, None)

    def _bring(self, note: str) -> None:
        """To the sinks that have none of that size or a larger one."""
        size = parsed(note).size
        for sink in self.sinks:
            known = self._newest(sink)
            if known is None or known.size < size:
                self._try(sink, note)
            else:
                self.behind.pop(sink.name, None)

    def _try(self, sink: CheckpointSink, note: str) -> None:
        try:
            sink.publish(note)
        except SinkUnavailable as e:
            if sink.name not in self.behind:
                _log.warning("a checkpoint could not be published to %s: %s", sink.name, e)
            self.behind[sink.name] = str(e)
        else:
            self.behind.pop(sink.name, None)

    def _require_continued(self, note: str | None, now: Checkpoint) -> None:
        known = [("the database", parsed(note) if note else None), ("this process", self._signed)]
        known += [(sink.name, self._newest(sink)) for sink in self.sinks]
        followed = set()  # as a rule all know the same one
        for where, before in known:
            if before is None or (before.size, before.root) in followed:
                continue
            followed.add((before.size, before.root))
            try:
                proof = self.seals.consistency(before.size, now.size)
                verify_consistency(before.size, now.size, proof, before.root, now.root)
            except ProofFailed as e:
                raise LogContradictsCheckpoint(sink=where, problem=str(e)) from e

    def _newest(self, sink: CheckpointSink) -> Checkpoint | None:
        """What a sink has; None also where it cannot be asked, which publishing will tell."""
        try:
            note = sink.newest()
            return parsed(note) if note else None
        except (SinkUnavailable, MalformedNote):
            return None


def parsed(note: str) -> Checkpoint:
    """The checkpoint of a signed note; its signature is somebody else's to check. Raises MalformedNote."""
    return Checkpoint.parse(SignedNote.parse(note.encode()).text)
