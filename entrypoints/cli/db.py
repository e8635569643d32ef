"""`evenkeel db`: the schema of the database."""

from __future__ import annotations

from entrypoints.cli import options
from entrypoints.cli.app import group
from entrypoints.cli.output import Output
from entrypoints.cli.session import command_settings
from entrypoints.problems import CheckFailed

db = group("The database's schema.")


@db.command()
def upgrade(database_url: options.DatabaseUrl = None, as_json: options.Json = False) -> None:
    """Bring the database to the newest schema; a SQLite file that is not there is created.

    One transaction: killed midway it has changed nothing. Read models that begin anew are folded afterwards;
    killed there, whoever writes next goes on. Run it before the other roles start.

    Example: `evenkeel db upgrade --database-url postgresql://evenkeel@localhost/evenkeel`
    """
    from entrypoints.composition import Plan, opened
    from entrypoints.schema import schema_of
    from entrypoints.schema import upgrade as upgraded

    output = Output(as_json=as_json)
    settings = command_settings(database_url)
    before = schema_of(settings)
    version = upgraded(settings)
    if before not in ("", version):
        with opened(settings, Plan(observed=False, inline=True)) as container, output.progress("folding"):
            container.maintenance().catch_up()
    output.value({"schema": version})
    output.say(f"the database is at schema {version}")


@db.command()
def current(database_url: options.DatabaseUrl = None, as_json: options.Json = False) -> None:
    """Show the database's schema and the one this program needs; exit code 1 where they differ.

    Example: `evenkeel db current --json`
    """
    from entrypoints.schema import SCHEMA_VERSION, schema_of

    output = Output(as_json=as_json)
    found, needed = schema_of(command_settings(database_url)), SCHEMA_VERSION
    output.value({"schema": found, "needed": needed, "up_to_date": found == needed})
    output.facts({"schema": found or "none", "this program needs": needed})
    if found != needed:
        output.say("run `evenkeel db upgrade`")
        raise CheckFailed
