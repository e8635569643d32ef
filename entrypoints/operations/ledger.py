"""The books: corrected, and held against what others report."""

from __future__ import annotations

from typing import Any

from adapters.statements.statement_file import read_statements
from application.ledger.reverse_entry import ReverseEntry, posted_entry
from application.ports.commands import derived_id
from application.queries.asset_codes import shown_entries
from application.queries.moments import parse_time
from application.queries.reconciliations import case_row
from application.reconciliation.cases import AcceptCase, PostToSuspense
from entrypoints.operations.desk import ACTOR, Arguments, Operation, OperatorDesk, answered


def reverse(desk: OperatorDesk, arguments: Arguments) -> dict[str, Any]:
    book_id = str(arguments["book_id"])
    entry = posted_entry(desk.services.log, book_id, str(arguments["entry"]))
    return shown_entries(desk.run(ReverseEntry(book_id, entry, str(arguments["reason"]))))


def reconcile(desk: OperatorDesk, arguments: Arguments) -> dict[str, Any]:
    services, source = desk.services, desk.services.venue_statements
    if path := arguments.get("statement"):
        times = {name: arguments.get(name) for name in ("from", "until")}
        since, until = (parse_time(raw, name) if raw else None for name, raw in times.items())
        source = read_statements(path, since=since, until=until, progress=desk.progress)
    run_id = derived_id("reconciliation", desk.operation_id)
    return answered(services.reconcile(source, run_id=run_id, caller=desk.caller(), progress=desk.progress))


def resolve(desk: OperatorDesk, arguments: Arguments) -> dict[str, Any]:
    case = case_row(desk.services.views, str(arguments["case_id"]))
    return desk.run(AcceptCase(case.venue_account, case.case_id, str(arguments["reason"]), by=ACTOR))


def post(desk: OperatorDesk, arguments: Arguments) -> dict[str, Any]:
    case = case_row(desk.services.views, str(arguments["case_id"]))
    command = PostToSuspense(
        case.venue_account,
        case.case_id,
        str(arguments["reason"]),
        by=ACTOR,
        book_id=str(arguments.get("book_id") or ""),
    )
    return shown_entries(desk.run(command))


OPERATIONS: dict[str, Operation] = {
    "ledger.reverse": reverse,
    "ledger.reconcile": reconcile,
    "ledger.cases.resolve": resolve,
    "ledger.cases.post": post,
}
