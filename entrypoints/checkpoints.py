"""The key that signs for the log, where its checkpoints go, and what they say about it at start."""

from __future__ import annotations

import logging
from pathlib import Path

from adapters.checkpoints.file_sink import CheckpointFile
from adapters.checkpoints.push_sink import CheckpointPush
from adapters.persistence.database import Database
from adapters.persistence.database_url import database_name
from adapters.persistence.seals import SqlSeals
from adapters.secrets.salts import FileSalts
from adapters.secrets.signing_key import FileSigner, UnusableKey, create_key, public_key, verify
from application.ports.seals import CheckpointSink, Seals, Signer, SinkUnavailable
from application.sealing.check_log import CheckLog
from domain.errors import DomainError
from domain.sealing.notes import VerifierKey
from entrypoints.private_files import data_folder
from entrypoints.settings import Settings

log = logging.getLogger("evenkeel.sealing")


def key_file(settings: Settings) -> Path:
    return settings.signing_key_file or _beside(settings, ".key")


def sinks_of(settings: Settings) -> list[CheckpointSink]:
    """Where checkpoints go: the files, and the addresses that they are pushed to."""
    return [*files_of(settings), *map(CheckpointPush, settings.checkpoint_addresses)]


def files_of(settings: Settings) -> list[CheckpointFile]:
    """Those that the log can be held against: one beside the database unless others are named."""
    named = [Path(one.strip()) for one in settings.checkpoint_files.split(",") if one.strip()]
    return [CheckpointFile(path) for path in named or [_beside(settings, ".checkpoints")]]


def salts_of(settings: Settings) -> FileSalts:
    """What hides owners from each other in proofs of liabilities."""
    return FileSalts(settings.liability_salts_file or _beside(settings, ".salts"))


def _beside(settings: Settings, suffix: str) -> Path:
    """A file of this database's own: another database in the same folder is another log."""
    return data_folder(settings) / f"{database_name(settings.database)}{suffix}"


def public_key_of(settings: Settings) -> VerifierKey | None:
    """What checkpoints are checked with: the one that is set, else the key file's. None where there is none.

    Raises UnusableKey, MalformedNote.
    """
    if settings.log_public_key:
        return VerifierKey.parse(settings.log_public_key)
    path = key_file(settings)
    return FileSigner(path).key if path.exists() else public_key(path.with_suffix(".pub"))


def signer_of(settings: Settings, seals: Seals) -> Signer:
    """The log's key; a new one where the log was never signed and no key file was named. Raises UnusableKey.

    A log that was signed before is not signed on with a new key: its readers would take it for another log.
    """
    path = key_file(settings)
    if not path.exists() and settings.signing_key_file is None:
        if seals.newest() is not None or any(sink.newest() for sink in files_of(settings)):
            raise UnusableKey(path=str(path), problem="the key that signed this log is missing; put it back")
        create_key(path, settings.log_origin)
        log.info("a new key signs this log", extra={"key_file": str(path)})
    return FileSigner(path)


def contradiction(settings: Settings, database: Database, *, deep: bool) -> str:
    """Why this log must not be written: what left it says otherwise. "" where nothing does.

    A database whose checkpoints cannot be read, or not checked for want of a key, is not trusted either.
    """
    seals, sinks = SqlSeals(database), files_of(settings)
    try:
        key = public_key_of(settings)
        if key is not None:
            CheckLog(seals, key, sinks, verify, deep=deep)()
        elif any(sink.newest() for sink in sinks):
            missing = f"the key to check its checkpoints with is missing: {key_file(settings)}"
            return f"{missing}; put it back, or its public half into EVENKEEL_LOG_PUBLIC_KEY"
    except SinkUnavailable as problem:
        return f"{problem}; when that is mended, start again"
    except DomainError as problem:
        return str(problem)
    return ""
