"""How a command reaches the platform: reading the database itself, writing itself or through the server."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import typer

from application.services import Services
from application.views.rows import AccountRow
from domain.errors import InvalidValue
from entrypoints.cli.output import Output
from entrypoints.plain import plain
from entrypoints.problems import NoDatabase, UnknownUser, UserNotNamed

if TYPE_CHECKING:
    from adapters.persistence.database import Database
    from application.ports.event_log import EventLog
    from application.ports.seals import Seals
    from entrypoints.maintenance import DatabaseMaintenance
    from entrypoints.settings import Settings


@dataclass(frozen=True, slots=True)
class Core:
    """What a reading command works with."""

    services: Services
    maintenance: DatabaseMaintenance


@contextmanager
def reading(database_url: str | None) -> Iterator[Core]:
    """The platform, read only, beside whoever writes it."""
    from adapters.persistence.database_url import sqlite_path
    from entrypoints.composition import Plan, opened

    settings = command_settings(database_url)
    path = sqlite_path(settings.database)
    if path is not None and not path.exists():
        raise NoDatabase(path=str(path))
    with opened(settings, Plan(role="reader", observed=False)) as container:
        yield Core(container.services(), container.maintenance())


@contextmanager
def looking(database_url: str | None, shard: int | None = None) -> Iterator[tuple[Database, Seals, EventLog]]:
    """The database itself, its seals and log, read only; of several shards the one that is named.

    Raises InvalidValue where it has to be named, or there is none of that number.
    """
    from adapters.persistence.database_url import sqlite_path
    from adapters.persistence.seals import SqlSeals
    from entrypoints.composition import Plan, cells, opened

    settings = command_settings(database_url)
    path = sqlite_path(settings.database)
    if path is not None and not path.exists():
        raise NoDatabase(path=str(path))
    number = named_shard(shard, settings)
    with opened(settings, Plan(role="reader", observed=False)) as container:
        cell = cells(container)[number]
        database = cell.database()
        yield database, SqlSeals(database), cell.log()


def named_shard(shard: int | None, settings: Settings) -> int:
    """--shard, or the only one; raises InvalidValue."""
    there_are = f"this database has {settings.shards}, numbered from 0 to {settings.shards - 1}"
    if shard is None and settings.shards > 1:
        raise InvalidValue("shard", f"name one; {there_are}")
    if shard is not None and shard >= settings.shards:
        raise InvalidValue("shard", f"there is no shard {shard}; {there_are}")
    return shard or 0


def writing(
    name: str, arguments: dict[str, Any], database_url: str | None, output: Output, *, what: str = "working"
) -> dict[str, Any]:
    """Run an operation: here where nobody holds the database, else in the server that does."""
    from adapters.persistence.database_errors import DatabaseInUse
    from entrypoints.composition import Plan, opened
    from entrypoints.control import ask_server, operator_desk
    from entrypoints.operations import OPERATIONS
    from entrypoints.schema import give_tables

    settings = command_settings(database_url)
    operation_id = f"cli-{uuid4().hex}"
    try:
        give_tables(settings)
        with (
            opened(settings, Plan(inline=True)) as container,
            output.progress(what) as progress,
        ):
            result = OPERATIONS[name](operator_desk(container, operation_id, progress), arguments)
            container.maintenance().catch_up()
    except DatabaseInUse:
        return ask_server(settings.database, name, operation_id, arguments)
    shown: dict[str, Any] = plain(result)
    return shown


def password_of(whom: str, *, stdin: bool) -> str:
    """Asked for without showing it, or the first line of standard input; never an argument."""
    if stdin or not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    password: str = typer.prompt(f"password of {whom}", hide_input=True, err=True)
    return password


def command_settings(database_url: str | None, **given: Any) -> Settings:
    """The settings of a command that ends: it logs warnings only, and in words, unless told otherwise.

    Errors: as named_settings, and FailpointRefused.
    """
    from adapters.observability.logs import configure_logging
    from entrypoints.failpoints import arm_failpoints

    settings = named_settings(database_url, **given)
    level = settings.log_level if "EVENKEEL_LOG_LEVEL" in os.environ else "warning"
    log_format = settings.log_format if "EVENKEEL_LOG_FORMAT" in os.environ else "console"
    configure_logging(level=level, log_format=log_format)
    arm_failpoints(settings)
    return settings


def named_settings(database_url: str | None, **given: Any) -> Settings:
    """The settings, with an address of a database that can be one. Errors: InvalidSettings, InvalidValue."""
    from adapters.persistence.database_url import sqlite_path
    from entrypoints.settings import load_settings

    if database_url is not None and not database_url.strip():
        raise InvalidValue("database-url", "is empty; name a database, or leave the option out")
    settings = load_settings(database_url=database_url, **given)
    path = sqlite_path(settings.database)
    if path is not None and path.is_dir():
        raise InvalidValue("database-url", f"{path} is a directory; name a file in it")
    return settings


def account_of(core: Core, user: str | None) -> str:
    """The account id of --user, or of the only user there is. Errors: UnknownUser, UserNotNamed."""
    if user:
        identity = core.services.identities.by_email(user.strip().lower())
        if identity is None:
            raise UnknownUser
        return identity.account_id
    accounts = core.services.views.where(AccountRow)
    if len(accounts) != 1:
        raise UserNotNamed(users=len(accounts))
    return accounts[0].account_id
