"""`evenkeel doctor`: is everything here that Evenkeel needs?"""

from __future__ import annotations

import os
import shutil
import socket
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from adapters.persistence import migrations
from adapters.persistence.database import open_database, sqlite_note, sqlite_path
from application.ports.event_log import StoreUnavailable
from domain.errors import DomainError
from entrypoints.cli import options
from entrypoints.cli.app import app
from entrypoints.cli.output import Output
from entrypoints.cli.session import command_settings
from entrypoints.control import address_file
from entrypoints.private_files import read_private
from entrypoints.problems import CheckFailed
from entrypoints.settings import PREFIX, Settings, unknown_variables

OK, NOTE, FAILED = "ok", "note", "FAILED"
_LEAST_FREE_BYTES = 500 * 1024 * 1024
_OLDEST_SANE = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Finding:
    name: str
    status: str
    detail: str


@app.command()
def doctor(
    show_settings: Annotated[
        bool, typer.Option("--settings", help="List every setting with unit, default and meaning instead.")
    ] = False,
    database_url: options.DatabaseUrl = None,
    as_json: options.Json = False,
) -> None:
    """Check Python, SQLite, database, schema, ports, disk and clock; exit code 1 where something is wrong.

    Examples: `evenkeel doctor`, `evenkeel doctor --settings`
    """
    output = Output(as_json=as_json)
    if show_settings:
        rows = list(_settings())
        output.value(rows)
        output.table(rows, ("variable", "default", "meaning"), empty="")
        return
    settings = command_settings(database_url)
    findings = list(_findings(settings))
    rows = [asdict(finding) for finding in findings]
    healthy = all(finding.status != FAILED for finding in findings)
    output.value({"healthy": healthy, "findings": rows})
    output.table(rows, ("name", "status", "detail"), empty="")
    if not healthy:
        raise CheckFailed


def _findings(settings: Settings) -> Iterator[Finding]:
    version = ".".join(map(str, sys.version_info[:3]))
    yield Finding("python", OK if sys.version_info >= (3, 11) else FAILED, f"{version}; needs 3.11 or newer")
    note = sqlite_note()
    yield Finding("sqlite", NOTE if note else OK, note or "without the write-ahead-log bug")
    for name in unknown_variables(os.environ):
        yield Finding("setting", NOTE, f"{name} names no setting; `evenkeel doctor --settings` lists them")
    yield from _database(settings)
    serving = _served_by(settings)
    if serving:
        yield Finding("server", OK, f"running at {serving}")
    else:
        yield _port("http port", settings.http_host, settings.http_port)
        yield _port("metrics port", settings.metrics_host, settings.metrics_port)
    yield _disk(settings)
    yield _clock()


def _database(settings: Settings) -> Iterator[Finding]:
    path = sqlite_path(settings.database)
    if path is not None and not path.exists():
        yield Finding("database", NOTE, f"{path} does not exist yet; the first start creates it")
        return
    try:
        with open_database(settings.database, role="reader", check_schema=False) as database:
            described, found = database.describe(), database.schema_version()
    except (DomainError, StoreUnavailable) as problem:
        yield Finding("database", FAILED, str(problem))
        return
    yield Finding("database", OK, f"{described['engine']} {described['version']} answers")
    needed = migrations.head()
    if found == needed:
        yield Finding("schema", OK, found)
    else:
        yield Finding("schema", FAILED, f"at {found or 'none'}, needs {needed}: run `evenkeel db upgrade`")


def _served_by(settings: Settings) -> str:
    path = address_file(settings.database)
    recorded = read_private(path) if path else None
    return recorded["address"] if recorded else ""


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
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    status = OK if free >= _LEAST_FREE_BYTES and os.access(folder, os.W_OK) else FAILED
    writable = "" if os.access(folder, os.W_OK) else ", not writable"
    return Finding("disk", status, f"{free // 1024**2} MiB free in {Path(folder)}{writable}")


def _clock() -> Finding:
    now = datetime.now(UTC)
    drift = abs(time.time() - now.timestamp())
    sane = now > _OLDEST_SANE and drift < 1
    return Finding("clock", OK if sane else FAILED, f"{now:%Y-%m-%d %H:%M:%S} UTC")


def _settings() -> Iterator[dict[str, Any]]:
    for name, field in Settings.model_fields.items():
        default = field.get_default()
        shown = "" if name == "sentry_dsn" or default is None else str(default)
        yield {"variable": PREFIX + name.upper(), "default": shown, "meaning": field.description or ""}
