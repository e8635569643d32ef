"""Orders that need a person's eye."""

from __future__ import annotations

from typing import Any

from application.ledger.batch_requests import parse_reason
from application.orders.review_order import ReviewOrder
from entrypoints.operations.desk import ACTOR, Arguments, Operation, OperatorDesk


def review(desk: OperatorDesk, arguments: Arguments) -> dict[str, Any]:
    return desk.run(
        ReviewOrder(
            str(arguments["client_order_id"]),
            parse_reason(str(arguments["reason"])),
            by=ACTOR,
            never_opened=arguments.get("never_opened") is True,
        )
    )


OPERATIONS: dict[str, Operation] = {"orders.review": review}
