"""At start: is this the log that was signed, as far as it was signed?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from application.ports.seals import CheckpointSink, Seals
from application.sealing.errors import LogContradictsCheckpoint
from application.sealing.seal_log import PAGE
from domain.sealing.notes import Checkpoint, SignedNote, VerifierKey, Verify


@dataclass(frozen=True, slots=True)
class CheckLog:
    """Hold the log against the newest checkpoint that left it, and the newest it keeps (safety §6.4, §4 rows
    18 and 19).

    `deep` computes the tree from the stored bytes, which takes as long as the log is long; otherwise the tree
    that is kept beside them is believed.
    """

    seals: Seals
    key: VerifierKey
    sinks: Sequence[CheckpointSink]
    verify: Verify
    deep: bool = False

    def __call__(self) -> None:
        """Seals what is there, since it may have been cut down before it was sealed, but signs nothing.

        Raises LogContradictsCheckpoint; UnsignedNote or MalformedNote for an outside checkpoint that is not
        of our key; SinkUnavailable where one cannot be read: better not open than open unchecked.
        """
        notes = [(sink.name, sink.newest()) for sink in self.sinks]
        notes.append(("the database", self.seals.newest()))  # all before the size: others seal meanwhile
        while self.seals.extend(PAGE) == PAGE:
            pass
        size = self.seals.size()
        for name, newest in notes:
            if newest is None:
                continue
            note = SignedNote.parse(newest.encode())
            note.require_signature(self.key, self.verify)
            self._hold_against(name, Checkpoint.parse(note.text), newest, size)

    def _hold_against(self, sink: str, outside: Checkpoint, note: str, size: int) -> None:
        if outside.size > size:
            problem = f"it covers {outside.size} events, there are {size}: the end of the log is missing"
            raise LogContradictsCheckpoint(sink=sink, problem=problem, note=note)
        root = (self.seals.recomputed_root if self.deep else self.seals.root)(outside.size)
        if root != outside.root:
            problem = (
                f"its root over the first {outside.size} events is {outside.root.hex()}, theirs is "
                f"{root.hex()}: an event among them was changed, or it is another log"
            )
            raise LogContradictsCheckpoint(sink=sink, problem=problem, note=note)
