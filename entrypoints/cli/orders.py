"""`evenkeel orders`: those that need a person's eye."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from application.queries.trading import order_from_row
from application.views.rows import OrderRow
from entrypoints.cli import options
from entrypoints.cli.app import group
from entrypoints.cli.output import Output
from entrypoints.cli.session import reading, writing
from entrypoints.plain import plain

orders = group("Orders that something is odd about: an overfill, a late or impossible fill, no proof.")

OrderId = Annotated[
    str, typer.Argument(metavar="ORDER", help="Its id; `evenkeel orders in-review` shows them.")
]


@orders.command("in-review")
def in_review(
    limit: options.Limit = 50, database_url: options.DatabaseUrl = None, as_json: options.Json = False
) -> None:
    """Show orders that wait for a person's eye, newest first.

    Example: `evenkeel orders in-review`
    """
    output = Output(as_json=as_json)
    with reading(database_url) as core:
        page = core.services.views.page(OrderRow, equal={"needs_review": 1}, limit=limit)
    rows: list[dict[str, Any]] = [plain(order_from_row(row)) for row in page.rows]
    output.value(rows)
    columns = ("client_order_id", "bot_id", "symbol", "side", "status", "flagged_for", "updated_at")
    output.table(rows, columns, empty="no order needs review")


@orders.command()
def review(
    order: OrderId,
    reason: Annotated[str, typer.Option(help="What came of it; auditors will read it.")],
    never_opened: Annotated[
        bool,
        typer.Option("--never-opened", help="The venue never had it: it ends, and its funds are free again."),
    ] = False,
    database_url: options.DatabaseUrl = None,
    as_json: options.Json = False,
) -> None:
    """Say what came of an order that was flagged. It is flagged again when something else is odd.

    One that is flagged for no_proof ends with `--never-opened`: look at the venue first, at its lists of
    orders and of trades.

    Example: `evenkeel orders review ek0-1a2b --reason "the venue confirmed the overfill, ticket 4711"`
    """
    output = Output(as_json=as_json)
    asked = {"client_order_id": order, "reason": reason, "never_opened": never_opened}
    answer = writing("orders.review", asked, database_url, output)
    output.value(answer)
    output.say(f"{answer['client_order_id']} is reviewed: {reason}")
