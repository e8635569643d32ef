"""The books: corrected, adjusted, money in them held, and all of it held against what others report."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from adapters.account_reports.report_file import read_statements
from application.ledger.batch_requests import parse_batch_id, parse_entries, parse_reason
from application.ledger.holds import PlaceHold, ReleaseHold, SettleHold
from application.ledger.post_batch import PostBatch
from application.ledger.reverse_entry import ReverseEntry, posted_entry
from application.ports.commands import Command, derived_id
from application.queries.asset_codes import shown_entries, shown_money
from application.queries.moments import parse_time
from application.queries.reconciliations import case_row
from application.reconciliation.cases import AcceptCase, PostToSuspense
from application.rehearsal import rehearse
from application.services import Services
from domain.errors import InvalidValue
from domain.ledger.metadata import parse_metadata, parse_pair
from entrypoints.operations.desk import ACTOR, Arguments, Operation, OperatorDesk, answered, money

Make = Callable[[Services, Arguments, str], Command]
"""The command that an operation's arguments come to; the last is the operation's id."""


def _reversal(services: Services, arguments: Arguments, _id: str) -> Command:
    book_id, reason = str(arguments["book_id"]), parse_reason(str(arguments["reason"]))
    entry = posted_entry(services.log, book_id, str(arguments["entry"]))
    return ReverseEntry(book_id, entry, reason)


def _batch(_services: Services, arguments: Arguments, _id: str) -> Command:
    batch_id = parse_batch_id(arguments["batch_id"], "batch-id")
    return PostBatch(batch_id=batch_id, entries=parse_entries(arguments["entries"]))


def _hold(_services: Services, arguments: Arguments, operation_id: str) -> Command:
    expires_at = arguments.get("expires_at")
    return PlaceHold(
        hold_id=derived_id("hold", operation_id),
        book_id=str(arguments["book_id"]),
        amount=money(str(arguments["amount"]), "amount"),
        reason=parse_reason(str(arguments["reason"])),
        expires_at=parse_time(expires_at, "expires-at") if expires_at else None,
        metadata=_metadata(arguments),
    )


def _settlement(_services: Services, arguments: Arguments, _id: str) -> Command:
    amount = arguments.get("amount")
    return SettleHold(
        hold_id=str(arguments["hold_id"]),
        book_id=str(arguments["book_id"]),
        to=str(arguments["to"]),
        reason=parse_reason(str(arguments["reason"])),
        amount=money(amount, "amount") if amount else None,
        metadata=_metadata(arguments),
    )


def _release(_services: Services, arguments: Arguments, _id: str) -> Command:
    return ReleaseHold(
        hold_id=str(arguments["hold_id"]),
        book_id=str(arguments["book_id"]),
        reason=parse_reason(str(arguments["reason"])),
    )


def _accepted(services: Services, arguments: Arguments, _id: str) -> Command:
    reason = parse_reason(str(arguments["reason"]))
    case = case_row(services.views, str(arguments["case_id"]))
    return AcceptCase(case.venue_account, case.case_id, reason, by=ACTOR)


def _suspense(services: Services, arguments: Arguments, _id: str) -> Command:
    reason = parse_reason(str(arguments["reason"]))
    case = case_row(services.views, str(arguments["case_id"]))
    return PostToSuspense(
        case.venue_account,
        case.case_id,
        reason,
        by=ACTOR,
        book_id=str(arguments.get("book_id") or ""),
    )


def _metadata(arguments: Arguments) -> Mapping[str, str]:
    """Of KEY=VALUE words."""
    words: Sequence[str] = arguments.get("metadata") or ()
    pairs = dict(parse_pair(word, "metadata") for word in words)
    if len(pairs) < len(words):
        raise InvalidValue("metadata", "names a key twice")
    return parse_metadata(pairs)


COMMANDS: Mapping[str, Make] = {
    "ledger.reverse": _reversal,
    "ledger.post": _batch,
    "ledger.hold.place": _hold,
    "ledger.hold.settle": _settlement,
    "ledger.hold.release": _release,
    "ledger.cases.resolve": _accepted,
    "ledger.cases.post": _suspense,
}


def rehearsed(name: str, services: Services, arguments: Arguments) -> dict[str, Any]:
    """What the operation would answer now; nothing is appended."""
    return _shown(rehearse(services.log, services.clock, COMMANDS[name](services, arguments, "dry-run")))


def reconcile(desk: OperatorDesk, arguments: Arguments) -> dict[str, Any]:
    services, source = desk.services, desk.services.venue_statements
    if path := arguments.get("statement"):
        times = {name: arguments.get(name) for name in ("from", "until")}
        since, until = (parse_time(raw, name) if raw else None for name, raw in times.items())
        source = read_statements(path, since=since, until=until, progress=desk.progress)
    run_id = derived_id("reconciliation", desk.operation_id)
    return answered(services.reconcile(source, run_id=run_id, caller=desk.caller(), progress=desk.progress))


def _operation(make: Make) -> Operation:
    def operation(desk: OperatorDesk, arguments: Arguments) -> dict[str, Any]:
        return _shown(desk.run(make(desk.services, arguments, desk.operation_id)))

    return operation


def _shown(answer: Mapping[str, Any]) -> dict[str, Any]:
    """As people see it in the purse that it is about."""
    shown = shown_entries(answer) if "entries" in answer else dict(answer)
    if "left" in shown:
        shown["left"] = shown_money(shown["left"], shown["purse"])
    return shown


OPERATIONS: dict[str, Operation] = {
    "ledger.reconcile": reconcile,
    **{name: _operation(make) for name, make in COMMANDS.items()},
}
