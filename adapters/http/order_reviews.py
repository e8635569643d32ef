"""For operators: orders that something is odd about, and what a person found out."""

from __future__ import annotations

from typing import Annotated

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from pydantic import BeforeValidator, Field

from adapters.http.access import roles, security_log
from adapters.http.accounts import Because
from adapters.http.desk import AnyRequest, Desk, answer
from adapters.http.edge import Cursor, IdempotencyKey, Limit, MinPosition, PageOf, page_of, parse_cursor
from application.orders.review_order import ReviewOrder
from application.queries.trading import OrderView, ReviewedOrder, order_from_row
from application.views.rows import OrderRow
from domain.accounts.account import ADMIN, OPERATOR

OPERATORS = [roles(OPERATOR, ADMIN)]


def _plainly(raw: object) -> object:
    """Money is freed by it: "yes" and 1, which pydantic takes for true, are not."""
    if not isinstance(raw, bool):
        raise ValueError("is not true or false")
    return raw


class Reviewed(Because):
    """What came of an order; `reason` stands in the log for ever."""

    never_opened: Annotated[
        bool,
        BeforeValidator(_plainly),
        Field(
            description="Of an order flagged for no_proof: somebody looked, and the venue never had it. It "
            "ends, and its funds are free again",
        ),
    ] = False


class OrderReviewsController(Controller):
    """An order is flagged by what is booked of it, or cannot be: it waits here until somebody has looked."""

    path = "/v1/admin/orders"
    tags = ("Orders",)

    @get(guards=OPERATORS, summary="Orders that need a person's eye, newest first")
    async def in_review(
        self,
        desk: NamedDependency[Desk],
        cursor: Cursor = None,
        limit: Limit = 50,
        min_position: MinPosition = None,
    ) -> PageOf[OrderView]:
        before = parse_cursor(cursor)
        await desk.fresh(min_position)
        page = await desk.read(
            desk.services.views.page, OrderRow, equal={"needs_review": 1}, before=before, limit=limit
        )
        return page_of(page, order_from_row)

    @post(
        "/{client_order_id:str}/reviews",
        guards=OPERATORS,
        status_code=200,
        summary="Say what came of it",
        refuses=["unknown_order", "invalid_value"],
    )
    async def review(
        self,
        request: AnyRequest,
        client_order_id: FromPath[str],
        data: JSONBody[Reviewed],
        desk: NamedDependency[Desk],
        idempotency_key: IdempotencyKey = None,
    ) -> Response[ReviewedOrder]:
        caller = desk.caller(request, data, idempotency_key)
        command = ReviewOrder(client_order_id, data.reason, by=caller.actor, never_opened=data.never_opened)
        outcome = await desk.submit(command, caller)
        security_log.warning(
            "order reviewed" if outcome.refusal is None else "order not reviewed",
            extra={"account_id": caller.actor, "client_order_id": client_order_id},
        )
        return answer(outcome, caller, body=lambda result: ReviewedOrder(**result))
