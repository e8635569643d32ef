"""Backups: a directory with the database in one file, and beside it `backup.json`: what that holds.

Checkpoint files and the signing key are no part of one: what left the database is what a restored one is held
against.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from adapters.persistence.backup import (
    Contents,
    NotEmpty,
    copy_in,
    copy_out,
    engine_of,
    require_empty,
    sync_folder,
)
from adapters.persistence.database_url import sqlite_path
from application.ports.seals import SinkUnavailable
from application.queries.moments import iso_utc
from domain.errors import DomainError, InvalidValue
from domain.sealing.notes import Checkpoint, SignedNote
from entrypoints.checkpoints import files_of
from entrypoints.problems import NoDatabase
from entrypoints.settings import Settings, require_one_shard

FORMAT = 1
MANIFEST = "backup.json"
_FILES = {"sqlite": "evenkeel.sqlite", "postgresql": "evenkeel.dump"}
_PARTIAL = ".partial"
Progress = Callable[[int, int], None]


class BackupUnusable(DomainError, code="backup_unusable"):
    """The directory holds no whole backup, or not the one that was made."""

    def __init__(self, *, backup: str, problem: str) -> None:
        super().__init__(f"{backup}: {problem}")
        self.backup, self.problem = backup, problem


@dataclass(frozen=True, slots=True)
class Backup:
    """What `backup.json` says."""

    format: int
    engine: str
    engine_version: str
    tool: str  # that wrote the file
    created_at: str
    file: str
    bytes: int
    sha256: str
    schema: str
    newest_position: str
    sealed: int
    root: str  # over the sealed events, in hex
    checkpoint: str | None  # the newest signed note in it

    @property
    def contents(self) -> Contents:
        return Contents(self.schema, self.newest_position, self.sealed, self.root, self.checkpoint)


def create_backup(settings: Settings, folder: Path, progress: Progress, *, pg_bin: Path | None) -> Backup:
    """Into a directory that is new or empty, while the platform is served. Whole once backup.json is there.

    Errors: NoDatabase, NotEmpty, those of copy_out.
    """
    require_one_shard(settings, "a backup; use the server's own (docs/operations.md)")
    engine = engine_of(settings.database)
    if (path := sqlite_path(settings.database)) is not None and not path.exists():
        raise NoDatabase(path=str(path))
    file = folder / _FILES[engine]
    with _claimed(folder):
        partial = file.with_name(file.name + _PARTIAL)
        try:
            created_at = datetime.now(UTC)
            copied = copy_out(settings.database, partial, progress, pg_bin=pg_bin)
            digest = _sha256(partial)
            _sync(partial)
            partial.replace(file)
        finally:
            partial.unlink(missing_ok=True)
        backup = Backup(
            format=FORMAT,
            engine=engine,
            engine_version=copied.engine_version,
            tool=copied.tool,
            created_at=iso_utc(created_at),
            file=file.name,
            bytes=file.stat().st_size,
            sha256=digest,
            **asdict(copied.contents),
        )
        draft = folder / (MANIFEST + _PARTIAL)
        draft.write_text(json.dumps(asdict(backup), indent=2, ensure_ascii=False) + "\n")
        _sync(draft)
        sync_folder(folder)  # never the manifest without the file
        draft.replace(folder / MANIFEST)
        sync_folder(folder)
    return backup


def read_backup(folder: Path) -> Backup:
    """What backup.json says, not whether it is true; raises BackupUnusable."""
    path = folder / MANIFEST
    try:
        told: Any = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise BackupUnusable(
            backup=str(folder), problem=f"has no {MANIFEST}: it is no whole backup"
        ) from None
    except ValueError:
        raise BackupUnusable(backup=str(path), problem="is not JSON") from None
    if not isinstance(told, dict) or told.get("format") != FORMAT:
        raise BackupUnusable(backup=str(path), problem=f"is not of format {FORMAT}")
    kinds: dict[str, Any] = {"format": int, "bytes": int, "sealed": int, "checkpoint": str | None}
    for field in fields(Backup):
        if field.name not in told or not isinstance(told[field.name], kinds.get(field.name, str)):
            raise BackupUnusable(backup=str(path), problem=f"{field.name} is missing or of another kind")
    backup = Backup(**{field.name: told[field.name] for field in fields(Backup)})
    if backup.engine not in _FILES or backup.file != _FILES[backup.engine]:
        raise BackupUnusable(backup=str(path), problem="names another engine or file than a backup has")
    return backup


def require_whole(folder: Path, backup: Backup, progress: Progress) -> None:
    """Raises BackupUnusable unless the file is, to the byte, the one that was written."""
    file = folder / backup.file
    try:
        size = file.stat().st_size
        if size != backup.bytes:
            problem = f"has {size} bytes, {MANIFEST} says {backup.bytes}: it was cut off or is another one"
            raise BackupUnusable(backup=str(file), problem=problem)
        digest = _sha256(file, progress)
    except FileNotFoundError:
        raise BackupUnusable(backup=str(file), problem="is missing") from None
    if digest != backup.sha256:
        problem = f"its SHA-256 is {digest}, {MANIFEST} says {backup.sha256}: it was changed"
        raise BackupUnusable(backup=str(file), problem=problem)


def restore_backup(
    folder: Path, backup: Backup, url: str, progress: Progress, *, pg_bin: Path | None, checked: bool = False
) -> Contents:
    """Into an empty place; what stands there afterwards is compared with backup.json.

    `checked`: require_whole has just said yes.

    Errors: NotEmpty, BackupUnusable, those of copy_in.
    """
    if engine_of(url) != backup.engine:
        raise InvalidValue("to", f"the backup is of {backup.engine}; name such a database")
    require_empty(url)
    if not checked:
        require_whole(folder, backup, progress)

    def accept(contents: Contents) -> None:
        if difference := _difference(contents, backup.contents):
            problem = f"what was restored has {difference}: do not use it"
            raise BackupUnusable(backup=str(folder / MANIFEST), problem=problem)

    file = folder / backup.file
    return copy_in(file, url, progress, tool=backup.tool, pg_bin=pg_bin, accept=accept)


def outside(settings: Settings, contents: Contents) -> list[dict[str, Any]]:
    """The checkpoint files the next start holds the log against, and what their newest one covers."""
    shown: list[dict[str, Any]] = []
    for sink in files_of(settings):
        try:
            note = sink.newest()
            covers = Checkpoint.parse(SignedNote.parse(note.encode()).text).size if note else None
        except (SinkUnavailable, DomainError) as problem:
            shown.append({"file": sink.name, "covers": None, "problem": str(problem)})
        else:
            missing = max(0, (covers or 0) - contents.sealed)
            shown.append({"file": sink.name, "covers": covers, "not_sealed_in_backup": missing})
    return shown


def _difference(found: Contents, said: Contents) -> str:
    for field in fields(Contents):
        mine, theirs = getattr(found, field.name), getattr(said, field.name)
        if mine != theirs:
            return f"{field.name} {mine!r}, {MANIFEST} says {theirs!r}"
    return ""


@contextmanager
def _claimed(folder: Path) -> Iterator[None]:
    """One backup at a time in a directory that holds none. What a killed one left there is written anew."""
    is_new = not folder.exists()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        ours = {*_FILES.values(), MANIFEST}
        left = {name + _PARTIAL for name in ours} | set(_FILES.values())
        present = {path.name for path in folder.iterdir()}
        if MANIFEST in present:
            raise NotEmpty(place=str(folder), problem="holds a backup already; name a new directory")
        if present - left:
            raise NotEmpty(place=str(folder), problem="is not empty; name a new directory")
        yield
    except BlockingIOError:
        raise NotEmpty(place=str(folder), problem="is being written by another backup") from None
    finally:
        os.close(handle)
        if is_new:
            with suppress(OSError):  # there is something in it: a backup
                folder.rmdir()


def _sha256(path: Path, progress: Progress | None = None) -> str:
    digest, total = hashlib.sha256(), path.stat().st_size
    with path.open("rb") as file:
        while part := file.read(1 << 22):
            digest.update(part)
            if progress:
                progress(file.tell(), total)
    return digest.hexdigest()


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
