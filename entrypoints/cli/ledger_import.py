"""`evenkeel ledger import`: a venue's statement becomes journal entries."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from application.ledger.import_report import entry_told
from application.ledger.import_statement import ImportStatement, PostStatement
from application.rehearsal import rehearse
from entrypoints.cli import options
from entrypoints.cli.ledger import ledger
from entrypoints.cli.output import Output
from entrypoints.cli.session import account_of, reading, writing
from entrypoints.problems import CheckFailed

_SHOWN = 20
_COUNTS = ("rows", "posted", "entries", "already_there", "nothing_to_post", "not_understood")


@ledger.command("import")
def import_file(
    file: Annotated[
        Path,
        typer.Argument(exists=True, dir_okay=False, help="A statement as its venue exports it, or .gz."),
    ],
    file_format: Annotated[
        str | None, typer.Option("--format", help="Found out by itself; docs/import.md has the names.")
    ] = None,
    opening: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="Balances from before: asset,amount,timestamp."),
    ] = None,
    venue_account: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Default: the venue. Each has its own book."),
    ] = None,
    book: Annotated[str | None, typer.Option(metavar="ID", help="An open book of a venue account.")] = None,
    user: options.User = None,
    zone: Annotated[
        str | None, typer.Option(help="Of times that have none: UTC, or an offset such as +02:00.")
    ] = None,
    fiat: Annotated[
        str | None, typer.Option(help="Purchases were paid from: wallet or outside (a card, a bank).")
    ] = None,
    partial: Annotated[
        bool, typer.Option("--partial", help="Post what was understood although some rows were not.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be posted, and post nothing.")
    ] = False,
    database_url: options.DatabaseUrl = None,
    as_json: options.Json = False,
) -> None:
    """Post a venue's statement as journal entries, each row once, in the book of the user's venue account.

    Where a row is not understood nothing is posted, unless --partial: exit code 1, and each such row with its
    way out. Rows that are there already are left alone, so overlapping files and repeats are harmless.

    Example: `evenkeel ledger import statement.csv --dry-run`, then without `--dry-run`
    """
    output = Output(as_json=as_json)
    arguments = {
        "path": str(file.absolute()),
        "opening": str(opening.absolute()) if opening else None,
        "format": file_format,
        "venue_account": venue_account,
        "book_id": book,
        "user": user,
        "zone": zone,
        "fiat": fiat,
        "partial": partial,
    }
    if dry_run:
        report = _planned(arguments, database_url, output)
    else:
        report = writing("ledger.import", arguments, database_url, output, what="importing")
        output.value(report)
    _say(report, output)
    if report["not_understood"]:
        raise CheckFailed


def _planned(arguments: Mapping[str, Any], database_url: str | None, output: Output) -> dict[str, Any]:
    from entrypoints.operations.statements import statements_of, target_for

    entries: list[dict[str, Any]] = []
    with (
        reading(database_url) as core,
        statements_of(core.services, arguments) as statements,
        output.progress("reading") as progress,
    ):
        services = core.services
        target = target_for(services, arguments, statements[-1], lambda: account_of(core, arguments["user"]))
        rehearse(services.log, services.clock, PostStatement(target, ()))
        importing = ImportStatement(services.log, services.bus, services.clock)
        told = entries.append if output.as_json else lambda entry: _say_entry(entry, output)
        report = importing.plan(
            statements, target, told=lambda entry: told(entry_told(entry)), progress=progress
        ).told()
    output.values(report, "would_post", entries)
    return report


def _say_entry(entry: Mapping[str, Any], output: Output) -> None:
    rows = ", ".join(map(str, entry["rows"]))
    fee = f"  fee {entry['venue_fee']} {entry['venue_fee_asset']}" if entry["venue_fee"] else ""
    output.say(f"{entry['effective_at']}  {entry['kind']}  {entry['reference']}{fee}  (row {rows})")
    output.table(entry["postings"], ("account", "asset", "amount"), empty="no legs")


def _say(report: Mapping[str, Any], output: Output) -> None:
    for one in report["problems"][:_SHOWN]:
        said = f"{one['field']} {one['value']!r}: {one['problem']}; {one['way_out']}"
        output.say(f"{one['file']}, row {one['row']}: {said}")
    if len(report["problems"]) > _SHOWN:
        output.say(f"… {report['not_understood'] - _SHOWN} more rows; --json lists a thousand")
    for asset, amount in report["opening_needed"].items():
        output.say(f"opening balance needed: {amount} {asset}")
    output.facts({name: report[name] for name in _COUNTS})
    output.table(
        report["totals"],
        ("asset", "before", "after", "difference", "explained", "unexplained"),
        empty="the book is empty",
    )
    if report["refused"]:
        output.say("nothing was posted: mend the rows above, or post the others with --partial")
    elif report["dry_run"]:
        output.say("nothing was posted: this was a dry run")
    else:
        output.say(f"book {report['book_id']}")
