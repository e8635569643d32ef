"""Empty copies of tables to fold into beside the live ones, and how the two change places.

On PostgreSQL they stand under their own names in a schema of their own; on SQLite under a prefix. What is
left of a rebuild that was killed is dropped by the next one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection

from adapters.persistence.database import Database
from adapters.persistence.row_store import RowTable, row_table, select

PREFIX = "shadow_"


class Shadow:
    """Shadow tables of some row classes."""

    def __init__(self, db: Database, kinds: Sequence[type]) -> None:
        self.db, self.kinds = db, kinds
        self.schema = db.shard.shadow_schema
        self.prefix = PREFIX if db.is_sqlite else self.schema + "."

    def live(self, kind: type) -> RowTable:
        return row_table(kind, self.db.dialect)

    def of(self, kind: type) -> RowTable:
        return row_table(kind, self.db.dialect, self.prefix)

    def create(self) -> None:
        """Without the indexes that only readers need: those come last (index)."""
        with self.db.transaction() as connection:
            self.drop(connection)
            if not self.db.is_sqlite:
                connection.exec_driver_sql(f"CREATE SCHEMA {self.schema}")
            for kind in self.kinds:
                name = self.live(kind).table
                if self.db.is_sqlite:
                    _create_sqlite(connection, name)
                else:
                    _create_postgres(connection, name, self.schema)

    def drop(self, connection: Connection) -> None:
        """Drop every shadow table there is, of whichever rebuild."""
        if not self.db.is_sqlite:
            connection.exec_driver_sql(f"DROP SCHEMA IF EXISTS {self.schema} CASCADE")
            return
        found = select(
            connection,
            "SELECT name FROM sqlite_master WHERE type = 'table' AND substr(name, 1, 7) = ?",
            (PREFIX,),
        )
        for (name,) in list(found):
            connection.exec_driver_sql(f"DROP TABLE {name}")

    def index(self, connection: Connection) -> None:
        """PostgreSQL: the readers' indexes, under their names. SQLite can't: there index names are global."""
        if not self.db.is_sqlite:
            for kind in self.kinds:
                name = self.live(kind).table
                for definition in _postgres_indexes(connection, name, self.schema):
                    connection.exec_driver_sql(definition)
                connection.exec_driver_sql(f"ANALYZE {self.schema}.{name}")

    def swap(self, connection: Connection) -> None:
        """The shadow tables become the live ones, which are dropped."""
        for kind in self.kinds:
            name = self.live(kind).table
            if self.db.is_sqlite:
                indexes = _sqlite_indexes(connection, name)
                connection.exec_driver_sql(f"DROP TABLE {name}")
                connection.exec_driver_sql(f"ALTER TABLE {PREFIX}{name} RENAME TO {name}")
                for definition in indexes:
                    connection.exec_driver_sql(definition)
            else:
                grants = _postgres_grants(connection, name)
                (home,) = next(select(connection, "SELECT current_schema()"))
                connection.exec_driver_sql(f"DROP TABLE {name}")
                connection.exec_driver_sql(f'ALTER TABLE {self.schema}.{name} SET SCHEMA "{home}"')
                for grant in grants:
                    connection.exec_driver_sql(grant)

    def difference(self, connection: Connection, kind: type) -> str:
        """The first row, by key, in which live table and shadow differ; "" when they are identical."""
        live, folded = self.live(kind), self.of(kind)
        key = ", ".join(live.key_columns)
        for one, other in ((live, folded), (folded, live)):
            statement = f"{one.select_all} EXCEPT {other.select_all} ORDER BY {key} LIMIT 1"
            found = next(select(connection, statement), None)
            if found is not None:
                row_key = live.key_of(live.decode(found))
                named = ", ".join(map(str, row_key))
                stands, should = live.get(connection, row_key), folded.get(connection, row_key)
                return f"{live.table} {named}: stands as {stands}, the log gives {should}"
        return ""

    def count(self, connection: Connection) -> int:
        """How many rows were folded."""
        rows = 0
        for kind in self.kinds:
            (counted,) = next(select(connection, f"SELECT count(*) FROM {self.of(kind).table}"))  # noqa: S608
            rows += counted
        return rows


def _create_sqlite(connection: Connection, name: str) -> None:
    (definition,) = next(select(connection, "SELECT sql FROM sqlite_master WHERE name = ?", (name,)))
    body = definition.partition("(")[2]
    connection.exec_driver_sql(f"CREATE TABLE {PREFIX}{name} ({body}")


def _create_postgres(connection: Connection, name: str, schema: str) -> None:
    connection.exec_driver_sql(
        f"CREATE TABLE {schema}.{name} (LIKE {name} INCLUDING ALL EXCLUDING INDEXES EXCLUDING STATISTICS)"
    )
    for options in _one_column(
        connection, "SELECT unnest(reloptions) FROM pg_class WHERE oid = %s::regclass", (name,)
    ):
        connection.exec_driver_sql(f"ALTER TABLE {schema}.{name} SET ({options})")
    keys = select(
        connection,
        "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint "
        "WHERE conrelid = %s::regclass AND contype = 'p'",
        (name,),
    )
    for constraint, definition in list(keys):
        connection.exec_driver_sql(f"ALTER TABLE {schema}.{name} ADD CONSTRAINT {constraint} {definition}")


def _sqlite_indexes(connection: Connection, name: str) -> list[str]:
    return _one_column(
        connection,
        "SELECT sql FROM sqlite_master WHERE type = 'index' AND tbl_name = ? AND sql IS NOT NULL",
        (name,),
    )


def _postgres_indexes(connection: Connection, name: str, shadow: str) -> list[str]:
    """The live table's indexes but the key's, as they are to stand on the shadow."""
    found = select(
        connection,
        "SELECT pg_get_indexdef(indexrelid), current_schema() FROM pg_index "
        "WHERE indrelid = %s::regclass AND NOT indisprimary",
        (name,),
    )
    return [
        definition.replace(f" ON {schema}.{name} ", f" ON {shadow}.{name} ") for definition, schema in found
    ]


def _postgres_grants(connection: Connection, name: str) -> list[str]:
    return _one_column(
        connection,
        "SELECT format('GRANT %%s ON %%I TO %%s', privilege_type, relname, "
        "CASE grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END) "
        "FROM pg_class, aclexplode(relacl) WHERE oid = %s::regclass AND grantee <> relowner",
        (name,),
    )


def _one_column(connection: Connection, statement: str, parameters: Sequence[Any]) -> list[str]:
    return [value for (value,) in select(connection, statement, parameters)]
