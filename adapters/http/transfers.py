"""Transfers: paper money from one owner to another. Both books keep their own entries of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from pydantic import Field

from adapters.http.access import principal_of, signed_in
from adapters.http.desk import AnyRequest, Desk, answer
from adapters.http.edge import Edge, IdempotencyKey, PaperAsset, PositiveAmount
from application.ports.commands import derived_id
from application.ports.event_log import EventLog
from application.queries.asset_codes import parse_paper_money, shown_paper
from application.transfers.send import SendTransfer, described, sent_by

Id = Annotated[str, Field(min_length=1, max_length=200)]


class NewTransfer(Edge):
    """From a paper account of one's own to somebody else's, or to another of one's own."""

    paper_account_id: Id
    to_account_id: Annotated[Id, Field(description="The receiver's account")]
    to_paper_account_id: Annotated[Id, Field(description="The receiver's paper account")]
    amount: PositiveAmount
    asset: PaperAsset


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferView:
    """`status`: sent (in transit), completed, or returned, and then why."""

    transfer_id: str
    paper_account_id: str
    to_account_id: str
    to_paper_account_id: str
    amount: str
    status: str
    code: str
    reason: str


class TransfersController(Controller):
    """Sent at once, there a moment later: the receiver's book answers for itself."""

    path = "/v1/transfers"
    tags = ("Transfers",)

    @post(
        guards=[signed_in],
        summary="Send paper money to another owner",
        description=(
            "202: the money has left the free balance and is in transit; where it got to, GET says. "
            "A receiver that is unknown, frozen or of another purse sends it back."
        ),
        status_code=202,
        refuses=[
            "unknown_book",
            "book_not_open",
            "insufficient_funds",
            "invalid_value",
            "transfer_id_reused",
        ],
    )
    async def send(
        self,
        request: AnyRequest,
        data: JSONBody[NewTransfer],
        desk: NamedDependency[Desk],
        idempotency_key: IdempotencyKey = None,
    ) -> Response[TransferView]:
        caller = desk.caller(request, data, idempotency_key)
        command = SendTransfer(
            transfer_id=derived_id("transfer", caller.scope, caller.command_id),
            owner_id=caller.actor,
            from_book_id=data.paper_account_id,
            receiver_id=data.to_account_id,
            to_book_id=data.to_paper_account_id,
            amount=parse_paper_money(data.amount, data.asset),
        )
        outcome = await desk.submit(command, caller)
        if outcome.refusal is None:
            await desk.carried(command.transfer_id)
        return answer(outcome, caller, status=202, body=_view, headers=_location)

    @get(
        "/{transfer_id:str}",
        guards=[signed_in],
        summary="Where a transfer got to",
        refuses=["unknown_transfer"],
    )
    async def one(
        self, request: AnyRequest, transfer_id: FromPath[str], desk: NamedDependency[Desk]
    ) -> TransferView:
        owner_id = principal_of(request).account_id
        return await desk.read(_sent, desk.services.log, transfer_id, owner_id)


def _sent(log: EventLog, transfer_id: str, owner_id: str) -> TransferView:
    return _view(described(sent_by(log, transfer_id, owner_id)))


def _view(result: Mapping[str, Any]) -> TransferView:
    return TransferView(
        transfer_id=result["transfer_id"],
        paper_account_id=result["from_book_id"],
        to_account_id=result["receiver_id"],
        to_paper_account_id=result["to_book_id"],
        amount=shown_paper(result["amount"]),
        status=result["status"],
        code=result["code"],
        reason=result["reason"],
    )


def _location(result: Mapping[str, Any]) -> dict[str, str]:
    return {"Location": f"/v1/transfers/{result['transfer_id']}"}
