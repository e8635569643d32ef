"""For operators: our books held against what the venue reports, and the cases that come of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter
from pydantic import Field

from adapters.http.access import roles, security_log
from adapters.http.accounts import Because
from adapters.http.bots import Nothing
from adapters.http.desk import AnyRequest, Desk, answer
from adapters.http.edge import Cursor, Edge, IdempotencyKey, Limit, MinPosition, PageOf, Reason, parse_cursor
from application.ports.commands import derived_id
from application.queries.asset_codes import shown_entries
from application.queries.entry_views import PostingView
from application.queries.reconciliations import (
    CaseView,
    RunLine,
    RunView,
    case_row,
    case_view,
    cases_page,
    run_line,
    run_of,
    run_view,
    runs_page,
)
from application.reconciliation.cases import AcceptCase, PostToSuspense
from domain.accounts.account import ADMIN, OPERATOR

OPERATORS = [roles(OPERATOR, ADMIN)]
Status = Annotated[str | None, QueryParameter(description="open or closed", required=False)]
Kind = Annotated[
    str | None,
    QueryParameter(
        description="missing_here, external, missing_there, differing, balance, not_cleared, local_only, "
        "venue_only or quantity_differs",
        required=False,
    ),
]


class NewSuspensePosting(Edge):
    """Why, and in which book: where several share the venue account it must be named."""

    reason: Reason
    book_id: Annotated[str, Field(max_length=200)] = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    case_id: str
    outcome: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PostedToSuspense:
    """The entry: custody as the other side says, the rest on suspense until it is explained."""

    case_id: str
    outcome: str
    reason: str
    book_id: str
    entry_id: str
    postings: Sequence[PostingView]


class ReconciliationsController(Controller):
    """Custody against what the paper venue reports, and the breaks, a case each."""

    path = "/v1/admin"
    tags = ("Reconciliation",)

    @post("/reconciliations", guards=OPERATORS, summary="Compare now; a run longer than 10 s goes on")
    async def run(
        self,
        request: AnyRequest,
        data: JSONBody[Nothing],
        desk: NamedDependency[Desk],
        idempotency_key: IdempotencyKey = None,
    ) -> Response[RunView]:
        caller = desk.caller(request, data, idempotency_key)
        run_id = derived_id("reconciliation", caller.scope, caller.command_id)
        outcome = await desk.reconcile(run_id, caller)
        return answer(outcome, caller, status=201, body=run_view, headers=_location_of_run)

    @get("/reconciliations", guards=OPERATORS, summary="What reconciliations came to, newest first")
    async def runs(
        self,
        desk: NamedDependency[Desk],
        cursor: Cursor = None,
        limit: Limit = 50,
        min_position: MinPosition = None,
    ) -> PageOf[RunLine]:
        before = parse_cursor(cursor)
        await desk.fresh(min_position)
        page = await desk.read(runs_page, desk.services.views, before=before, limit=limit)
        return PageOf(
            [run_line(row) for row in page.rows], str(page.next_cursor) if page.next_cursor else None
        )

    @get("/reconciliations/{run_id:str}", guards=OPERATORS, summary="One, with its totals")
    async def one(self, run_id: FromPath[str], desk: NamedDependency[Desk]) -> RunView:
        return await desk.read(run_of, desk.services.log, run_id)

    @get("/reconciliation-cases", guards=OPERATORS, summary="Cases, newest first")
    async def cases(
        self,
        desk: NamedDependency[Desk],
        status: Status = None,
        kind: Kind = None,
        cursor: Cursor = None,
        limit: Limit = 50,
        min_position: MinPosition = None,
    ) -> PageOf[CaseView]:
        before = parse_cursor(cursor)
        await desk.fresh(min_position)
        services = desk.services

        def look() -> PageOf[CaseView]:
            page = cases_page(services.views, status=status, kind=kind, before=before, limit=limit)
            now = services.clock.now()
            next_cursor = str(page.next_cursor) if page.next_cursor else None
            return PageOf([case_view(row, now) for row in page.rows], next_cursor)

        return await desk.read(look)

    @get("/reconciliation-cases/{case_id:str}", guards=OPERATORS, summary="One case, and what is suggested")
    async def case(
        self, case_id: FromPath[str], desk: NamedDependency[Desk], min_position: MinPosition = None
    ) -> CaseView:
        await desk.fresh(min_position)
        services = desk.services
        return case_view(await desk.read(case_row, services.views, case_id), services.clock.now())

    @post(
        "/reconciliation-cases/{case_id:str}/resolutions",
        guards=OPERATORS,
        status_code=200,
        summary="Close a case that may stand as it is",
        refuses=["case_not_open"],
    )
    async def resolve(
        self,
        request: AnyRequest,
        case_id: FromPath[str],
        data: JSONBody[Because],
        desk: NamedDependency[Desk],
        idempotency_key: IdempotencyKey = None,
    ) -> Response[Resolved]:
        caller = desk.caller(request, data, idempotency_key)
        row = await desk.read(case_row, desk.services.views, case_id)
        command = AcceptCase(row.venue_account, case_id, data.reason, by=caller.actor, asked_by=caller.actor)
        outcome = await desk.submit(command, caller)
        security_log.warning(
            "case resolved" if outcome.refusal is None else "case not resolved",
            extra={"account_id": caller.actor, "case_id": case_id},
        )
        return answer(outcome, caller, body=lambda result: Resolved(**result))

    @post(
        "/reconciliation-cases/{case_id:str}/suspense-postings",
        guards=OPERATORS,
        summary="Post what a case differs by to suspense",
        refuses=["case_not_open", "nothing_to_post", "book_not_named", "unknown_book", "invalid_value"],
    )
    async def post_to_suspense(
        self,
        request: AnyRequest,
        case_id: FromPath[str],
        data: JSONBody[NewSuspensePosting],
        desk: NamedDependency[Desk],
        idempotency_key: IdempotencyKey = None,
    ) -> Response[PostedToSuspense]:
        caller = desk.caller(request, data, idempotency_key)
        row = await desk.read(case_row, desk.services.views, case_id)
        command = PostToSuspense(
            row.venue_account,
            case_id,
            data.reason,
            by=caller.actor,
            book_id=data.book_id,
            asked_by=caller.actor,
        )
        outcome = await desk.submit(command, caller)
        security_log.warning(
            "posted to suspense" if outcome.refusal is None else "not posted to suspense",
            extra={"account_id": caller.actor, "case_id": case_id},
        )
        return answer(outcome, caller, status=201, body=_posted, headers=_entries_of_book)


def _location_of_run(result: Mapping[str, Any]) -> dict[str, str]:
    return {"Location": f"/v1/admin/reconciliations/{result['run_id']}"}


def _posted(result: Mapping[str, Any]) -> PostedToSuspense:
    shown = shown_entries(result)
    (entry,) = shown["entries"]
    return PostedToSuspense(
        case_id=shown["case_id"],
        outcome=shown["outcome"],
        reason=shown["reason"],
        book_id=shown["book_id"],
        entry_id=entry["entry_id"],
        postings=[PostingView(**leg) for leg in entry["postings"]],
    )


def _entries_of_book(result: Mapping[str, Any]) -> dict[str, str]:
    return {"Location": f"/v1/books/{result['book_id']}/entries?kind=suspense"}
