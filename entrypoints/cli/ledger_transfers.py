"""`evenkeel ledger transfer` and `transfers`: paper money from one owner to another."""

from __future__ import annotations

from typing import Annotated

import typer

from application.queries.asset_codes import shown_asset
from application.transfers.in_transit import transfers_of
from application.transfers.send import described
from domain.money import text
from domain.transfers.transfer import RETURNED
from entrypoints.cli import options
from entrypoints.cli.ledger import ledger
from entrypoints.cli.output import Output
from entrypoints.cli.session import reading, writing
from entrypoints.problems import CheckFailed


@ledger.command()
def transfer(
    amount: Annotated[str, typer.Argument(metavar="AMOUNT ASSET", help="Such as '100 USDT'.")],
    to_user: Annotated[str, typer.Option(metavar="EMAIL", help="Who gets it.")],
    user: options.User = None,
    paper_account: options.PaperAccount = None,
    to_paper_account: Annotated[
        str | None,
        typer.Option(metavar="ID", help="Which paper account of theirs; default: the newest open one."),
    ] = None,
    database_url: options.DatabaseUrl = None,
    as_json: options.Json = False,
) -> None:
    """Send paper money from one owner to another, on whichever shards they are.

    It leaves the sender's free balance, is in transit, and arrives, or comes back where the receiver may not
    have it: then with exit code 1. `evenkeel ledger transfers` lists what is in transit.

    Example: `evenkeel ledger transfer "100 USDT" --user ann@example.org --to-user bob@example.org`
    """
    output = Output(as_json=as_json)
    arguments = {
        "amount": amount,
        "user": user,
        "paper_account": paper_account,
        "to_user": to_user,
        "to_paper_account": to_paper_account,
    }
    answer = writing("ledger.transfer", arguments, database_url, output)
    output.value(answer)
    output.facts(answer)
    if answer["status"] == RETURNED:
        raise CheckFailed


@ledger.command()
def transfers(
    every: Annotated[bool, typer.Option("--all", help="Also those that have ended.")] = False,
    database_url: options.DatabaseUrl = None,
    as_json: options.Json = False,
) -> None:
    """Show the transfers that are in transit, of all shards.

    One is for a moment; one that stays waits for its worker, or for the receiver's shard.

    Example: `evenkeel ledger transfers --all`
    """
    output = Output(as_json=as_json)
    with reading(database_url) as core:
        found = [
            {
                **described(one),
                "amount": f"{text(one.amount.amount)} {shown_asset(one.amount.asset, one.purse)}",
            }
            for one in transfers_of(core.services.log)
            if every or one.is_in_transit
        ]
    output.value(found)
    columns = ("transfer_id", "from_book_id", "to_book_id", "amount", "status", "code")
    output.table(found, columns, empty="nothing is in transit")
