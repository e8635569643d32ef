"""`evenkeel projections`: the read models."""

from __future__ import annotations

from entrypoints.cli import options
from entrypoints.cli.app import group
from entrypoints.cli.output import Output
from entrypoints.cli.session import reading, writing
from entrypoints.problems import CheckFailed

projections = group("The read models, which are folded from the log and can be thrown away.")


@projections.command()
def status(database_url: options.DatabaseUrl = None, as_json: options.Json = False) -> None:
    """Show how far each projection has folded the log; exit code 1 where one has stopped.

    Example: `evenkeel projections status`
    """
    output = Output(as_json=as_json)
    with reading(database_url) as core:
        rows = core.maintenance.status()
    output.value(rows)
    output.table(rows, ("name", "position", "lag", "state", "problem"), empty="there are no projections")
    if any(row["state"] == "stopped" for row in rows):
        raise CheckFailed


@projections.command()
def rebuild(database_url: options.DatabaseUrl = None, as_json: options.Json = False) -> None:
    """Fold every projection afresh from the log's start, compare with what stood, and swap.

    Exit code 1 where a row stood otherwise before. May run while everything is served; killed at any point it
    has changed nothing.

    Example: `evenkeel projections rebuild && evenkeel projections check`
    """
    output = Output(as_json=as_json)
    report = writing("projections.rebuild", {}, database_url, output, what="rebuilding")
    _tell(output, report, "rebuilt")


@projections.command()
def check(database_url: options.DatabaseUrl = None, as_json: options.Json = False) -> None:
    """As rebuild, but change nothing: does every row equal what the log gives?

    Example: `evenkeel projections check --json`
    """
    output = Output(as_json=as_json)
    report = writing("projections.check", {}, database_url, output, what="checking")
    _tell(output, report, "checked")


def _tell(output: Output, report: dict[str, object], done: str) -> None:
    output.value(report)
    if not report["identical"]:
        output.say(f"{done}, not identical: {report['difference']}")
        raise CheckFailed
    output.say(f"{report['events']} events {done}: identical")
