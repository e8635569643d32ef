"""A migration is a script an engine, run statement by statement in the upgrade's own transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

from alembic import context, op

from adapters.persistence.log_tables import of_shard
from adapters.persistence.shard_layout import Shard

_SQL = Path(__file__).parent / "sql"


def run_script(revision: str) -> None:
    connection = op.get_bind().execution_options(no_parameters=True)
    dialect = connection.dialect.name
    script = _in_shard((_SQL / f"{revision}_{dialect}.sql").read_text(), context.config.attributes["shard"])
    for statement in [script] if dialect == "postgresql" else _statements(script):
        connection.exec_driver_sql(statement)


def _in_shard(script: str, shard: Shard) -> str:
    """The frozen script, where it names the first shard's lock and schema, for another one."""
    if not shard.number:
        return script
    return of_shard(script, shard.number).replace(" IN SCHEMA public ", f" IN SCHEMA {shard.schema} ")


def _statements(script: str) -> Iterator[str]:
    """One at a time: SQLite's own executescript would commit first."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
