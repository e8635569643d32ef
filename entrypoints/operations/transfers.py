"""Paper money from one owner to another."""

from __future__ import annotations

from typing import Any

from application.ports.commands import derived_id
from application.queries.asset_codes import shown_paper
from application.transfers.send import SendTransfer, described
from entrypoints.operations.desk import Arguments, Operation, OperatorDesk, money


def transfer(desk: OperatorDesk, arguments: Arguments) -> dict[str, Any]:
    """Sent, and carried to its end; where that is not possible now, a worker's outbox relay does it later."""
    owner_id = desk.user(arguments)
    to = {"user": arguments["to_user"], "paper_account": arguments["to_paper_account"]}
    receiver_id = desk.user(to)
    command = SendTransfer(
        transfer_id=derived_id("transfer", desk.operation_id),
        owner_id=owner_id,
        from_book_id=desk.paper_account(arguments, owner_id),
        receiver_id=receiver_id,
        to_book_id=desk.paper_account(to, receiver_id),
        amount=money(arguments["amount"], "amount"),
    )
    desk.run(command)
    answer = described(desk.services.transfers.carry(command.transfer_id))
    return {**answer, "amount": shown_paper(answer["amount"])}


OPERATIONS: dict[str, Operation] = {"ledger.transfer": transfer}
