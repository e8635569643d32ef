"""Is everything here that Evenkeel needs? What `evenkeel doctor` looks at."""

from __future__ import annotations

import os
import shutil
import socket
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from adapters.persistence.database import SCHEMA_VERSION, open_database, sqlite_note, sqlite_path
from entrypoints.backup_age import backup_watch
from entrypoints.control import address_file
from entrypoints.private_files import read_private
from entrypoints.problems import problem_of
from entrypoints.settings import PREFIX, Settings, unknown_variables

OK, NOTE, FAILED = "ok", "note", "FAILED"
_LEAST_FREE_BYTES = 500 * 1024 * 1024
_OLDEST_SANE = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Finding:
    name: str
    status: str
    detail: str


def findings(settings: Settings) -> Iterator[Finding]:
    """Everything that is looked at, one after the other; nothing is changed."""
    version = ".".join(map(str, sys.version_info[:3]))
    yield Finding("python", OK if sys.version_info >= (3, 11) else FAILED, f"{version}; needs 3.11 or newer")
    note = sqlite_note()
    yield Finding("sqlite", NOTE if note else OK, note or "without the write-ahead-log bug")
    for name in unknown_variables(os.environ):
        yield Finding("setting", NOTE, f"{name} names no setting; `evenkeel doctor --settings` lists them")
    yield from _database(settings)
    serving = _served_by(settings)
    if serving:
        yield serving
    else:
        yield _port("http port", settings.http_host, settings.http_port)
        yield _port("metrics port", settings.metrics_host, settings.metrics_port)
    yield _disk(settings)
    yield from _backups(settings)
    yield _clock()


def _database(settings: Settings) -> Iterator[Finding]:
    path = sqlite_path(settings.database)
    try:
        if path is not None and not path.exists():
            yield Finding("database", NOTE, f"{path} does not exist yet; the first start creates it")
            return
        with open_database(settings.database, role="reader", check_schema=False) as database:
            described, found = database.describe(), database.schema_version()
    except Exception as problem:  # noqa: BLE001  # whatever it is, it is told, and the rest is looked at too
        yield Finding("database", FAILED, problem_of(problem).message)
        return
    yield Finding("database", OK, f"{described['engine']} {described['version']} answers")
    if found == SCHEMA_VERSION:
        yield Finding("schema", OK, found)
    else:
        needed = f"needs {SCHEMA_VERSION}: run `evenkeel db upgrade`"
        yield Finding("schema", FAILED, f"at {found or 'none'}, {needed}")


def _served_by(settings: Settings) -> Finding | None:
    """Of the server that left its address; a killed one leaves it too."""
    path = address_file(settings.database)
    try:
        recorded = read_private(path, "address") if path else None
        if recorded is None:
            return None
        address = urlsplit(recorded["address"])
        socket.create_connection((address.hostname or "", address.port or 0), timeout=1).close()
    except (OSError, ValueError):
        return None
    return Finding("server", OK, f"running at {recorded['address']}")


def _port(name: str, host: str, port: int) -> Finding:
    try:
        socket.create_server((host, port)).close()
    except OSError as problem:
        variable = PREFIX + name.upper().replace(" ", "_")
        return Finding(name, FAILED, f"{host}:{port} cannot be used ({problem.strerror}); set {variable}")
    return Finding(name, OK, f"{host}:{port} is free")


def _disk(settings: Settings) -> Finding:
    path = sqlite_path(settings.database)
    folder = (path.parent if path else settings.data_dir).absolute()
    while not os.path.exists(folder):  # no error either where we may not look
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    status = OK if free >= _LEAST_FREE_BYTES and os.access(folder, os.W_OK) else FAILED
    writable = "" if os.access(folder, os.W_OK) else ", not writable"
    return Finding("disk", status, f"{free // 1024**2} MiB free in {Path(folder)}{writable}")


def _backups(settings: Settings) -> Iterator[Finding]:
    if (watch := backup_watch(settings)) is not None:
        new_enough, words = watch.look()
        yield Finding("backup", OK if new_enough else FAILED, words)


def _clock() -> Finding:
    now = datetime.now(UTC)
    drift = abs(time.time() - now.timestamp())
    sane = now > _OLDEST_SANE and drift < 1
    return Finding("clock", OK if sane else FAILED, f"{now:%Y-%m-%d %H:%M:%S} UTC")


def every_setting() -> Iterator[dict[str, Any]]:
    """Variable, default and meaning."""
    for name, field in Settings.model_fields.items():
        default = field.get_default()
        shown = "" if name == "sentry_dsn" or default is None else str(default)
        yield {"variable": PREFIX + name.upper(), "default": shown, "meaning": field.description or ""}
