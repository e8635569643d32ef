"""Paper accounts: opened, funded, reset."""

from __future__ import annotations

from typing import Any

from application.paper.accounts import FundPaperBook, OpenPaperBook, ResetPaperBook
from application.paper.terms import terms_from_text
from application.ports.commands import Outcome, derived_id
from application.queries.asset_codes import shown_paper
from entrypoints.operations.desk import Arguments, Operation, OperatorDesk, answered, money


def open_account(desk: OperatorDesk, arguments: Arguments) -> dict[str, Any]:
    command = OpenPaperBook(
        book_id=derived_id("paper", desk.operation_id),
        owner_id=desk.user(arguments),
        balances=tuple(money(raw, "balance") for raw in arguments["balances"]),
        terms=terms_from_text(arguments["terms"]),
    )
    return _with_balances(desk.services.paper_accounts.open(command, desk.caller()))


def fund(desk: OperatorDesk, arguments: Arguments) -> dict[str, Any]:
    amount, owner_id = money(arguments["amount"], "amount"), desk.user(arguments)
    command = FundPaperBook(
        book_id=desk.paper_account(arguments, owner_id),
        owner_id=owner_id,
        amount=amount,
        deposit_id=derived_id("deposit", desk.operation_id),
    )
    answer = answered(desk.services.paper_accounts.fund(command, desk.caller()))
    amounts = {name: shown_paper(answer[name]) for name in ("amount", "available")}
    return {"deposit_id": command.deposit_id, **answer, **amounts}


def reset(desk: OperatorDesk, arguments: Arguments) -> dict[str, Any]:
    owner_id = desk.user(arguments)
    command = ResetPaperBook(
        book_id=desk.paper_account(arguments, owner_id),
        new_book_id=derived_id("paper", desk.operation_id),
        owner_id=owner_id,
        balances=tuple(money(raw, "balance") for raw in arguments["balances"]),
    )
    return _with_balances(desk.services.paper_accounts.reset(command, desk.caller()))


def _with_balances(outcome: Outcome) -> dict[str, Any]:
    answer = answered(outcome)
    return {**answer, "balances": [shown_paper(amount) for amount in answer["balances"]]}


OPERATIONS: dict[str, Operation] = {"paper.open": open_account, "paper.fund": fund, "paper.reset": reset}
