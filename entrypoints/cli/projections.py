"""`evenkeel projections`: the read models."""

from __future__ import annotations

from typing import Annotated

import typer

from entrypoints.cli import options
from entrypoints.cli.app import group
from entrypoints.cli.output import Output
from entrypoints.cli.session import reading, writing
from entrypoints.problems import CheckFailed

projections = group("The read models, which are folded from the log and can be thrown away.")

Names = Annotated[
    list[str] | None,
    typer.Argument(metavar="NAME", help="Which, as `projections status` lists them. Default: all."),
]


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
def rebuild(
    names: Names = None, database_url: options.DatabaseUrl = None, as_json: options.Json = False
) -> None:
    """Fold projections afresh from the log's start, compare with what stood, and swap.

    Exit code 1 where a row stood otherwise before. May run while everything is served; killed at any point it
    has changed nothing.

    Examples: `evenkeel projections rebuild && evenkeel projections check`,
    `evenkeel projections rebuild ledger`
    """
    output = Output(as_json=as_json)
    arguments = {"names": names or []}
    report = writing("projections.rebuild", arguments, database_url, output, what="rebuilding")
    _tell(output, report, "rebuilt")


@projections.command()
def check(
    names: Names = None, database_url: options.DatabaseUrl = None, as_json: options.Json = False
) -> None:
    """As rebuild, but change nothing: does every row equal what the log gives?

    Examples: `evenkeel projections check --json`, `evenkeel projections check balances ledger`
    """
    output = Output(as_json=as_json)
    arguments = {"names": names or []}
    report = writing("projections.check", arguments, database_url, output, what="checking")
    _tell(output, report, "checked")


def _tell(output: Output, report: dict[str, object], done: str) -> None:
    output.value(report)
    if not report["identical"]:
        output.say(f"{done}, not identical: {report['difference']}")
        raise CheckFailed
    output.say(f"{report['events']} events {done}: identical")
