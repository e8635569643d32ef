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
from adapters.secrets.vault import MasterKeyFile
from application.ports.seals import CheckpointSink, Seals, Signer, SinkUnavailable
from application.sealing.check_log import CheckLog
from domain.errors import DomainError
from domain.sealing.notes import VerifierKey
from entrypoints.private_files import data_folder
from entrypoints.settings import Settings

log = logging.getLogger("evenkeel.sealing")


def key_file(settings: Settings, shard: int = 0) -> Path:
    """Each shard is a log with a key and a name of its own: of keys/log.key, the second's is
    keys/log.shard-1.key."""
    named = settings.signing_key_file
    return _beside(settings, ".key", shard) if named is None else _of_shard(named, shard)


def origin(settings: Settings, shard: int = 0) -> str:
    """The name that a shard's key is made with."""
    return f"{settings.log_origin}/{shard}" if shard else settings.log_origin


def sinks_of(settings: Settings, shard: int = 0) -> list[CheckpointSink]:
    """Where checkpoints go: the files, and the addresses that they are pushed to."""
    return [*files_of(settings, shard), *map(CheckpointPush, settings.checkpoint_addresses)]


def files_of(settings: Settings, shard: int = 0) -> list[CheckpointFile]:
    """Those that the log can be held against: one beside the database unless others are named; of each shard
    its own."""
    given = [Path(one.strip()) for one in settings.checkpoint_files.split(",") if one.strip()]
    named = [_of_shard(path, shard) for path in given]
    return [CheckpointFile(path) for path in named or [_beside(settings, ".checkpoints", shard)]]


def salts_of(settings: Settings) -> FileSalts:
    """What hides owners from each other in proofs of liabilities."""
    return FileSalts(settings.liability_salts_file or _beside(settings, ".salts", 0))


def vault_key_of(settings: Settings) -> MasterKeyFile:
    """The master key of the vault that exchanges' keys are kept in."""
    return MasterKeyFile(vault_key_file(settings))


def vault_key_file(settings: Settings) -> Path:
    return settings.vault_key_file or _beside(settings, ".vault", 0)


def _beside(settings: Settings, suffix: str, shard: int) -> Path:
    """A file of this database's own: another database in the same folder is another log."""
    name = database_name(settings.database)
    return (
        data_folder(settings) / f"{name}.shard-{shard}{suffix}"
        if shard
        else data_folder(settings) / (name + suffix)
    )


def _of_shard(path: Path, shard: int) -> Path:
    return path.with_name(f"{path.stem}.shard-{shard}{path.suffix}") if shard else path


def public_key_of(settings: Settings, shard: int = 0) -> VerifierKey | None:
    """What checkpoints are checked with: the one that is set, else the key file's. None where there is none.

    Of several shards EVENKEEL_LOG_PUBLIC_KEY names each one's, separated by commas.
    Raises UnusableKey, MalformedNote.
    """
    given = settings.log_public_key.split(",")
    if shard < len(given) and given[shard].strip():
        return VerifierKey.parse(given[shard].strip())
    path = key_file(settings, shard)
    return FileSigner(path).key if path.exists() else public_key(path.with_suffix(".pub"))


def signer_of(settings: Settings, seals: Seals, shard: int = 0) -> Signer:
    """The log's key; a new one where the log was never signed and no key file was named. Raises UnusableKey.

    A log that was signed before is not signed on with a new key: its readers would take it for another log.
    """
    path = key_file(settings, shard)
    if not path.exists() and settings.signing_key_file is None:
        if seals.newest() is not None or any(sink.newest() for sink in files_of(settings, shard)):
            raise UnusableKey(path=str(path), problem="the key that signed this log is missing; put it back")
        create_key(path, origin(settings, shard))
        log.info("a new key signs this log", extra={"key_file": str(path)})
    return FileSigner(path)


def contradiction(settings: Settings, database: Database, *, deep: bool) -> str:
    """Why this log must not be written: what left it says otherwise. "" where nothing does.

    A database whose checkpoints cannot be read, or not checked for want of a key, is not trusted either.
    """
    shard = database.shard.number
    seals, sinks = SqlSeals(database), files_of(settings, shard)
    try:
        key = public_key_of(settings, shard)
        if key is not None:
            CheckLog(seals, key, sinks, verify, deep=deep)()
        elif any(sink.newest() for sink in sinks):
            missing = f"the key to check its checkpoints with is missing: {key_file(settings, shard)}"
            return f"{missing}; put it back, or its public half into EVENKEEL_LOG_PUBLIC_KEY"
    except SinkUnavailable as problem:
        return f"{problem}; when that is mended, start again"
    except DomainError as problem:
        return str(problem)
    return ""
