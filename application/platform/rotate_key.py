"""Let another key sign for the log."""

from __future__ import annotations

from dataclasses import dataclass

from application.ports.commands import Result
from application.streams import PLATFORM
from application.work import Work


@dataclass(frozen=True, slots=True)
class RotateSigningKey:
    """Record the note in which the old key and the new one name each other."""

    note: str
    by: str

    def decide(self, work: Work) -> Result:
        work.record(PLATFORM, work.platform().rotate_signing_key(note=self.note, by=self.by, at=work.now))
        return {}
