"""The schema's history. Alembic owns every table, the event tables included; nothing is created elsewhere."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from adapters.persistence.database import Database, open_database

_UPGRADE_LOCK = 0x6576656E  # "even": any number that nobody else uses on the database


def upgrade(url: str) -> str:
    """Bring a database to the newest schema and return its version; creates a SQLite file that is not there.

    One transaction: killed midway nothing has changed, and the next run starts over (safety §4.25). Any
    number of processes may upgrade one PostgreSQL database at once; the first does it.
    """
    with open_database(url, check_schema=False, lock_timeout_ms=60_000, statement_timeout_ms=0) as database:
        if database.schema_version() > head():
            database.require_schema()
        with database.transaction() as connection:
            if not database.is_sqlite:
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _UPGRADE_LOCK})
            command.upgrade(_config(connection), "head")
        return database.schema_version()


def current(url: str) -> str:
    """The newest migration applied; "" for none."""
    with open_database(url, role="reader", check_schema=False) as database:
        return _version_of(database)


def head() -> str:
    """The newest migration this program has."""
    return ScriptDirectory(str(Path(__file__).parent)).get_current_head() or ""


def check(url: str) -> None:
    """Raises SchemaOutOfDate or SchemaTooNew unless the database is at this program's schema."""
    with open_database(url, role="reader", check_schema=False) as database:
        database.require_schema()


def _version_of(database: Database) -> str:
    return database.schema_version()


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config
