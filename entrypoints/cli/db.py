"""`evenkeel db`: the schema of the database."""

from __future__ import annotations

from adapters.persistence import migrations
from entrypoints.cli import options
from entrypoints.cli.app import group
from entrypoints.cli.output import Output
from entrypoints.problems import CheckFailed
from entrypoints.settings import load_settings

db = group("The database's schema.")


@db.command()
def upgrade(database_url: options.DatabaseUrl = None, as_json: options.Json = False) -> None:
    """Bring the database to the newest schema; a SQLite file that is not there is created.

    One transaction: killed midway it has changed nothing. Run it before the other roles start.

    Example: `evenkeel db upgrade --database-url postgresql://evenkeel@localhost/evenkeel`
    """
    output = Output(as_json=as_json)
    version = migrations.upgrade(load_settings(database_url=database_url).database)
    output.value({"schema": version})
    output.say(f"the database is at schema {version}")


@db.command()
def current(database_url: options.DatabaseUrl = None, as_json: options.Json = False) -> None:
    """Show the database's schema and the one this program needs; exit code 1 where they differ.

    Example: `evenkeel db current --json`
    """
    output = Output(as_json=as_json)
    found, needed = migrations.current(load_settings(database_url=database_url).database), migrations.head()
    output.value({"schema": found, "needed": needed, "up_to_date": found == needed})
    output.facts({"schema": found or "none", "this program needs": needed})
    if found != needed:
        output.say("run `evenkeel db upgrade`")
        raise CheckFailed
