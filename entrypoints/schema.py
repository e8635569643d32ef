"""The schema of the database a process is about to open."""

from __future__ import annotations

from adapters.persistence.database import SCHEMA_VERSION as SCHEMA_VERSION
from adapters.persistence.database import open_database


def schema_of(database_url: str) -> str:
    """The newest migration applied; "" for none. Errors: those of open_database."""
    with open_database(database_url, role="reader", check_schema=False) as database:
        return database.schema_version()


def give_tables(database_url: str) -> None:
    """To a database that has none. An older schema is left alone: upgrading it is said, not done."""
    if not schema_of(database_url):
        upgrade(database_url)


def upgrade(database_url: str) -> str:
    """Bring it to the newest schema, which is returned."""
    from adapters.persistence import migrations  # takes a while: only who changes a schema waits for it

    return migrations.upgrade(database_url)
