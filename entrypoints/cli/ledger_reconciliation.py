"""`evenkeel ledger reconcile` and `ledger cases`: our books against what others report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from application.queries.moments import parse_time
from application.queries.reconciliations import CaseView, case_row, case_view, cases_page
from application.views.reconciliations import CLOSED, OPEN
from domain.errors import InvalidValue
from entrypoints.cli import options
from entrypoints.cli.app import group
from entrypoints.cli.output import Output
from entrypoints.cli.session import reading, writing
from entrypoints.plain import plain
from entrypoints.problems import CheckFailed

cases = group("Breaks between our books and what others report: listed, explained, posted to suspense.")

CaseId = Annotated[str, typer.Argument(metavar="CASE", help="Its id, from `evenkeel ledger cases list`.")]
Reason = Annotated[str, typer.Option(help="Why; owners and auditors will read it.")]


def reconcile(
    statement_file: Annotated[
        Path | None,
        typer.Option(
            "--statement",
            metavar="FILE",
            exists=True,
            dir_okay=False,
            readable=True,
            help="Reported balances and lines, CSV or JSON. Default: the paper venue is asked.",
        ),
    ] = None,
    from_time: Annotated[
        str | None, typer.Option("--from", metavar="TIME", help="The file's lines are complete from then.")
    ] = None,
    until_time: Annotated[
        str | None, typer.Option("--until", metavar="TIME", help="And before then; its balances are of then.")
    ] = None,
    database_url: options.DatabaseUrl = None,
    as_json: options.Json = False,
) -> None:
    """Hold custody against what a venue, or a file, reports: line by line, and in total.

    A fill of an order of ours that is missing here is booked if its venue proves it; every other break is a
    case. It ends with exit code 1 while a case is open, or an account was not answered for.

    Examples: `evenkeel ledger reconcile`,
    `evenkeel ledger reconcile --statement march.csv --from 2026-03-01T00:00:00Z --until 2026-04-01T00:00:00Z`
    """
    output = Output(as_json=as_json)
    if statement_file is None and (from_time or until_time):
        raise InvalidValue("from" if from_time else "until", "belongs to a file: name one with --statement")
    for name, raw in (("from", from_time), ("until", until_time)):
        if raw is not None:
            parse_time(raw, name)
    arguments = {
        "statement": str(statement_file.resolve()) if statement_file else None,
        "from": from_time,
        "until": until_time,
    }
    answer = writing("ledger.reconcile", arguments, database_url, output, what="reconciling")
    output.value(answer)
    facts = ("run_id", "source", "accounts", "not_compared", "unanswered", "lines_matched", "fills_booked")
    output.facts({name: answer[name] for name in (*facts, "cases_opened", "cases_closed")})
    output.say()
    columns = ("purse", "asset", "wallets", "holds", "due", "revenue", "expense", "clearing", "custody")
    output.table(
        answer["totals"], (*columns, "compared", "reported", "adds_up", "agrees"), empty="the books are empty"
    )
    for kind, number in answer["open_cases"].items():
        output.say(f"open cases, {kind.replace('_', ' ')}: {number}")
    if not answer["clean"]:
        output.say("NOT RECONCILED: see `evenkeel ledger cases list`")
        raise CheckFailed
    output.say("reconciled: nothing is open")


@cases.command("list")
def listing(
    status: Annotated[str, typer.Option(help="open, closed, or all.")] = OPEN,
    kind: Annotated[str | None, typer.Option(help="Only of this kind: missing_here, external, …")] = None,
    limit: options.Limit = 50,
    database_url: options.DatabaseUrl = None,
    as_json: options.Json = False,
) -> None:
    """Show cases, newest first, with their age and what custody lacks to agree.

    Examples: `evenkeel ledger cases list`, `evenkeel ledger cases list --status all --kind external`
    """
    output = Output(as_json=as_json)
    with reading(database_url) as core:
        services = core.services
        if status not in (OPEN, CLOSED, "all"):
            raise InvalidValue("status", f"{status!r} is neither {OPEN}, {CLOSED} nor all")
        asked = None if status == "all" else status
        page = cases_page(services.views, status=asked, kind=kind, limit=limit)
        found = [case_view(row, services.clock.now()) for row in page.rows]
    output.value(found)
    rows = [
        {**plain(case), "age": _age(case.age_seconds), "action": case.suggestion.action} for case in found
    ]
    columns = ("case_id", "kind", "subject", "difference", "age", "status", "action", "owner_id")
    output.table(rows, columns, empty="there are no such cases")


@cases.command()
def show(case: CaseId, database_url: options.DatabaseUrl = None, as_json: options.Json = False) -> None:
    """Show one case whole: both sides, the books it concerns, and the entry that is suggested.

    Example: `evenkeel ledger cases show case-0123456789abcdef01234567`
    """
    output = Output(as_json=as_json)
    with reading(database_url) as core:
        services = core.services
        found: CaseView = case_view(case_row(services.views, case), services.clock.now())
    output.value(found)
    output.tree({**plain(found), "age": _age(found.age_seconds)})


@cases.command()
def resolve(
    case: CaseId, reason: Reason, database_url: options.DatabaseUrl = None, as_json: options.Json = False
) -> None:
    """Close a case that may stand as it is. It opens again when the break is another one.

    Example: `evenkeel ledger cases resolve CASE --reason "the venue confirmed a display error"`
    """
    output = Output(as_json=as_json)
    answer = writing("ledger.cases.resolve", {"case_id": case, "reason": reason}, database_url, output)
    output.value(answer)
    output.say(f"{answer['case_id']} is closed: {answer['reason']}")


@cases.command()
def post(
    case: CaseId,
    reason: Reason,
    book: Annotated[
        str | None, typer.Option(metavar="ID", help="Which book, where several share the venue account.")
    ] = None,
    database_url: options.DatabaseUrl = None,
    as_json: options.Json = False,
) -> None:
    """Post what a case differs by to suspense: custody agrees, and suspense alarms until it is explained.

    No owner's account is touched. Explained, the entry is taken back (`evenkeel ledger reverse`) and what is
    right is posted.

    Example: `evenkeel ledger cases post CASE --reason "asked the venue, ticket 4711"`
    """
    output = Output(as_json=as_json)
    arguments = {"case_id": case, "reason": reason, "book_id": book}
    answer = writing("ledger.cases.post", arguments, database_url, output)
    output.value(answer)
    for entry in answer["entries"]:
        output.say(f"{entry['kind']}  {entry['entry_id']}")
        output.table(entry["postings"], ("account", "asset", "amount"), empty="no legs")
    output.say(f"{answer['case_id']} is closed; suspense is not at zero until this is explained")


def _age(seconds: int) -> str:
    """In the largest unit that it is at least one of: 3 d, 5 h, 12 min, 40 s."""
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"
