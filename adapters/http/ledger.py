"""The ledger as a whole, for operators: batches of adjusting entries, and what all books come to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.params import JSONBody
from pydantic import AfterValidator, Field

from adapters.http.access import roles
from adapters.http.desk import AnyRequest, Desk
from adapters.http.edge import At, DryRun, Edge, IdempotencyKey, Metadata, Reason, checked
from adapters.http.posted import PostedView, note_correction, posted_views
from application.ledger.batch_requests import parse_batch_id, parse_entries, parse_signed_amount
from application.ledger.post_batch import MOST_ENTRIES, MOST_LEGS, PostBatch
from application.ports.commands import derived_id
from application.queries.entries import parse_account, parse_id
from application.queries.moments import parse_time
from application.queries.totals import Totals, totals_of
from domain.accounts.account import ADMIN, AUDITOR, OPERATOR
from domain.ledger.adjustments import ADJUSTMENT


class BatchLeg(Edge):
    """Debit is positive, credit negative; an entry's legs sum to zero in each asset."""

    account: Annotated[str, checked(parse_account), Field(max_length=250, examples=["equity:adjustment"])]
    asset: Annotated[str, Field(max_length=24, examples=["USDT.PAPER"])]
    amount: Annotated[
        str, checked(lambda raw: parse_signed_amount(raw, "amount")), Field(max_length=41, examples=["-5"])
    ]


class BatchEntry(Edge):
    """One adjusting entry of one book."""

    book_id: Annotated[str, checked(lambda raw: parse_id(raw, "book_id")), Field(max_length=200)]
    reason: Reason
    postings: Annotated[list[BatchLeg], Field(min_length=1, max_length=MOST_LEGS)]
    reference: Annotated[str, Field(max_length=200)] = ""
    effective_at: Annotated[
        str | None,
        checked(lambda raw: parse_time(raw, "effective_at")),
        Field(description="When it happened in the world, RFC 3339; left out: now", max_length=40),
    ] = None
    metadata: Metadata = {}  # noqa: RUF012 - never changed


class NewBatch(Edge):
    """Entries that are posted together, or not at all."""

    entries: Annotated[list[BatchEntry], Field(min_length=1, max_length=MOST_ENTRIES)]
    batch_id: Annotated[
        Annotated[str, AfterValidator(parse_batch_id)] | None,
        Field(description="Taken for ever: the same batch is posted once, whichever key it is sent with"),
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchAnswer:
    """What was posted, in the order of the request."""

    batch_id: str
    purse: str
    entries: Sequence[PostedView]
    dry_run: bool  # nothing was posted


class BatchesController(Controller):
    """Adjusting entries."""

    path = "/v1/ledger/batches"
    tags = ("Ledger",)

    @post(
        guards=[roles(OPERATOR, ADMIN)],
        summary="Post adjusting entries of one book or many: all of them, or none",
        refuses=["unknown_book", "insufficient_funds", "fact_already_recorded"],
    )
    async def batch(
        self,
        request: AnyRequest,
        data: JSONBody[NewBatch],
        desk: NamedDependency[Desk],
        idempotency_key: IdempotencyKey = None,
        dry_run: DryRun = False,
    ) -> Response[BatchAnswer]:
        caller = desk.caller(request, data, idempotency_key, dry_run=dry_run)
        command = PostBatch(
            batch_id=data.batch_id or derived_id("batch", caller.scope, caller.command_id),
            entries=parse_entries(data.model_dump(mode="json")["entries"]),
            asked_by=caller.actor,
        )
        done = await desk.carry_out(command, caller, body=_batch, headers=_where, dry_run=dry_run)
        if not dry_run:
            note_correction(caller.actor, "batch", done, batch_id=command.batch_id)
        return done


class TotalsController(Controller):
    """What the platform owes and has."""

    path = "/v1/admin/totals"
    tags = ("Ledger",)

    @get(
        guards=[roles(OPERATOR, AUDITOR, ADMIN)],
        summary="Per purse and asset what is owed, due, in custody and earned, now or at a past moment",
        refuses=["totals_moved"],
    )
    async def totals(self, desk: NamedDependency[Desk], at: At = None) -> Totals:
        moment = await desk.moment(at, None)
        return await desk.read(totals_of, desk.services.log, desk.services.views, moment)


def _batch(result: Mapping[str, Any]) -> BatchAnswer:
    return BatchAnswer(
        batch_id=result["batch_id"],
        purse=result["purse"],
        entries=posted_views(result),
        dry_run=result["dry_run"],
    )


def _where(result: Mapping[str, Any]) -> dict[str, str]:
    return {"Location": f"/v1/books/{result['entries'][0]['book_id']}/entries?kind={ADJUSTMENT}"}
