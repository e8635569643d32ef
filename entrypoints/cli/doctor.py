"""`evenkeel doctor`: is everything here that Evenkeel needs?"""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from entrypoints.cli import options
from entrypoints.cli.app import app
from entrypoints.cli.output import Output
from entrypoints.cli.session import command_settings
from entrypoints.problems import CheckFailed


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
    from entrypoints.checkup import FAILED, every_setting, findings

    output = Output(as_json=as_json)
    if show_settings:
        rows = list(every_setting())
        output.value(rows)
        output.table(rows, ("variable", "default", "meaning"), empty="")
        return
    found = list(findings(command_settings(database_url)))
    healthy = all(finding.status != FAILED for finding in found)
    rows = [asdict(finding) for finding in found]
    output.value({"healthy": healthy, "findings": rows})
    output.table(rows, ("name", "status", "detail"), empty="")
    if not healthy:
        raise CheckFailed
