"""The schema of the database a process is about to open."""

from __future__ import annotations

from adapters.persistence.database import SCHEMA_VERSION as SCHEMA_VERSION
from adapters.persistence.database import open_database
from adapters.persistence.shard_layout import Shard
from entrypoints.settings import Settings


def schema_of(settings: Settings) -> str:
    """The newest migration applied; "" for none. Errors: those of open_database, ShardsDiffer among them."""
    with open_database(
        settings.database, role="reader", check_schema=False, shard=Shard(0, settings.shards)
    ) as database:
        if version := database.schema_version():
            database.require_shards()
        return version


def give_tables(settings: Settings) -> None:
    """To a database that has none. An older schema is left alone: upgrading it is said, not done."""
    if not schema_of(settings):
        upgrade(settings)


def upgrade(settings: Settings) -> str:
    """Bring it to the newest schema, which is returned."""
    from adapters.persistence import migrations  # takes a while: only who changes a schema waits for it

    return migrations.upgrade(settings.database, settings.shards)
