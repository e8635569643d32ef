"""The log as files that need no Evenkeel to be checked: exact bytes, checkpoints, public key, the verifier.

The format is in docs/audit.md. An export that broke off is continued, an earlier one is brought up to date.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from adapters.persistence.database import Database
from adapters.persistence.exported_log import count_events, stored_events
from application.ports.event_log import Position
from application.ports.seals import Seals
from domain.errors import DomainError
from domain.sealing.notes import VerifierKey
from entrypoints.private_files import private

FORMAT = 1
EVENTS, POSITIONS, CHECKPOINTS, MANIFEST = (
    "events.ndjson", "positions.ndjson", "checkpoints.ndjson", "manifest.json",
)  # fmt: skip
VERIFIER = Path(__file__).parent / "auditor" / "verify.py"
_TOLD_EVERY = 1_000


class OtherExport(DomainError, code="other_export"):
    """The directory holds something else than an earlier export of this log; name a new one."""

    def __init__(self, *, output: str, problem: str) -> None:
        super().__init__(f"output: {output} {problem}; name an empty directory")
        self.output = output


@dataclass(frozen=True, slots=True)
class Exported:
    """What an export holds now, and how much of it was there before."""

    events: int
    events_before: int
    checkpoints: int
    sealed: int


def export_log(
    db: Database,
    seals: Seals,
    key: VerifierKey | None,
    folder: Path,
    progress: Callable[[int, int], None],
) -> Exported:
    """Raises OtherExport; what is written is whole up to its last line, whenever this ends.

    Everybody's trades are in it: what is made here is readable by its owner alone, as the database is.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if any(folder.iterdir()) and not (folder / EVENTS).exists():
        raise OtherExport(output=str(folder), problem="is not empty and holds no export")
    before, after = _continued(db, folder)
    total, events = count_events(db), before
    with private(folder / EVENTS, "ab") as bodies, private(folder / POSITIONS, "ab") as positions:
        for id, stored in stored_events(db, after):
            bodies.write(stored + b"\n")
            positions.write(f'{{"index":{events},"position":"{Position(db.shard.number, id)}"}}\n'.encode())
            events += 1
            if events % _TOLD_EVERY == 0:
                progress(events, max(total, events))
        for file in (bodies, positions):
            file.flush()
            os.fsync(file.fileno())
    progress(events, events)
    notes = [note for note in seals.notes() if int(note.split("\n", 2)[1]) <= events]
    (folder / CHECKPOINTS).write_text("".join(json.dumps(note, ensure_ascii=False) + "\n" for note in notes))
    if key is not None:
        (folder / "log.pub").write_text(f"{key}\n")
    if VERIFIER.exists():
        shutil.copyfile(VERIFIER, folder / VERIFIER.name)
    origin = key.name if key else ""
    manifest = {"format": FORMAT, "origin": origin, "events": events, "checkpoints": len(notes)}
    (folder / MANIFEST).write_text(json.dumps(manifest) + "\n")
    sealed = int(notes[-1].split("\n", 2)[1]) if notes else 0
    return Exported(events, before, len(notes), sealed)


def _continued(db: Database, folder: Path) -> tuple[int, int]:
    """How many events an earlier run left whole, and the id of the last; what it left half is cut off."""
    if not (folder / EVENTS).exists() or not (folder / POSITIONS).exists():
        for name in (EVENTS, POSITIONS):
            private(folder / name, "wb").close()
        return 0, 0
    lines = min(_whole_lines(folder / EVENTS), _whole_lines(folder / POSITIONS))
    last_body, last_position = (_keep_lines(folder / name, lines) for name in (EVENTS, POSITIONS))
    if not lines:
        return 0, 0
    try:
        at = Position.parse(str(json.loads(last_position)["position"]))
    except (ValueError, KeyError, TypeError, DomainError):
        raise OtherExport(output=str(folder), problem=f"has a {POSITIONS} that is none") from None
    here = next(islice(stored_events(db, at.id - 1), 1), None)
    if here != (at.id, last_body):
        raise OtherExport(output=str(folder), problem="holds another log, or one that was changed since")
    return lines, at.id


def _whole_lines(path: Path) -> int:
    with path.open("rb") as file:
        return sum(line.endswith(b"\n") for line in file)


def _keep_lines(path: Path, lines: int) -> bytes:
    """Cut a file down to its first lines; the last of them."""
    size, last = 0, b""
    with path.open("rb") as file:
        for line in islice(file, lines):
            size, last = size + len(line), line
    os.truncate(path, size)
    return last.removesuffix(b"\n")
