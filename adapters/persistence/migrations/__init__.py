"""The schema's history. Alembic owns every table, the event tables included; nothing is created elsewhere."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from adapters.persistence.database import ONLY_SHARD, Database, open_database
from adapters.persistence.shard_layout import Shard

_LET_THE_APPLICATION_IN = """
DO $$ BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'evenkeel_app') THEN
        GRANT USAGE ON SCHEMA {} TO evenkeel_app;
    END IF;
END $$"""

_UPGRADE_LOCK = 0x6576656E  # "even": any number that nobody else uses on the database


def upgrade(url: str, shards: int = 1) -> str:
    """Bring a database to the newest schema and return its version; creates a SQLite file that is not there.

    A new database gets that many shards; one that is there keeps those it was created with, and another
    number is refused (ShardsDiffer). One transaction, over all shards: killed midway nothing has changed, and
    the next run starts over (safety §4.25). Any number of processes may upgrade one PostgreSQL database at
    once; the first does it.
    """
    with open_database(
        url, check_schema=False, lock_timeout_ms=60_000, statement_timeout_ms=0, shard=Shard(0, shards)
    ) as database:
        if database.schema_version() > head():
            database.require_schema()
        with database.transaction() as connection:
            if not database.is_sqlite:
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _UPGRADE_LOCK})
            if database.schema_version() or database.shards() > 1:
                database.require_shards()
            command.upgrade(_config(connection), "head")
            for number in range(1, shards):
                _upgrade_shard(connection, Shard(number, shards))
        return database.schema_version()


def _upgrade_shard(connection: Connection, shard: Shard) -> None:
    """The same tables once more, in the shard's own schema."""
    before = connection.exec_driver_sql("SELECT current_setting('search_path')").scalar()
    connection.exec_driver_sql(f"CREATE SCHEMA IF NOT EXISTS {shard.schema}")
    connection.exec_driver_sql(f"SET LOCAL search_path = {shard.schema}")
    command.upgrade(_config(connection, shard), "head")
    connection.exec_driver_sql(_LET_THE_APPLICATION_IN.format(shard.schema))
    connection.execute(text("SELECT set_config('search_path', :before, true)"), {"before": before})


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


def _config(connection: Connection, shard: Shard = ONLY_SHARD) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.attributes["connection"] = connection
    config.attributes["shard"] = shard
    return config
