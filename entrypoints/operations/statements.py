"""Statements: the files that were named, and the book that they go to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from typing import Any

from application.ledger.import_report import Target
from application.ledger.import_statement import ImportStatement, target_of
from application.ports.venue_statements import Statement
from application.services import Services
from domain.errors import InvalidValue
from entrypoints.operations.desk import Arguments, Operation, OperatorDesk

_OPENING = "opening"


def import_statement(desk: OperatorDesk, arguments: Arguments) -> dict[str, Any]:
    services = desk.services
    with statements_of(services, arguments) as statements:
        target = target_for(services, arguments, statements[-1], lambda: desk.user(arguments))
        importing = ImportStatement(services.log, services.bus, services.clock)
        report = importing.post(
            statements, target, desk.caller, partial=bool(arguments["partial"]), progress=desk.progress
        )
    return report.told()


@contextmanager
def statements_of(services: Services, arguments: Arguments) -> Iterator[list[Statement]]:
    """The opening balances where there are any, and the file."""
    with ExitStack() as opened:
        statements: list[Statement] = []
        zone, fiat = arguments.get("zone"), arguments.get("fiat")
        if arguments.get("opening"):
            path = str(arguments["opening"])
            first = services.open_statement(path=path, file_format=_OPENING, zone=zone)
            statements.append(opened.enter_context(closing(first)))
        path, named = str(arguments["path"]), arguments.get("format")
        main = services.open_statement(path=path, file_format=named, zone=zone, fiat=fiat)
        statements.append(opened.enter_context(closing(main)))
        yield statements


def target_for(
    services: Services, arguments: Arguments, statement: Statement, owner: Callable[[], str]
) -> Target:
    """--book, or the owner's book of --venue-account, by default named after the statement's venue."""
    if arguments.get("book_id"):
        whose = owner() if arguments.get("user") else ""
        return target_of(services.log, whose, book_id=str(arguments["book_id"]))
    named = arguments.get("venue_account")
    if named is None and statement.format == _OPENING:
        raise InvalidValue("venue-account", "say whose opening balances these are, or name a --book")
    return target_of(services.log, owner(), venue_account=str(named or statement.venue))


OPERATIONS: dict[str, Operation] = {"ledger.import": import_statement}
