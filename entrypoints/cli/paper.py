"""`evenkeel paper`: paper accounts."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from application.queries.books import paper_account, traded_assets
from application.views.rows import BookRow
from domain.ledger.book import PAPER
from entrypoints.cli import options, paper_terms
from entrypoints.cli.app import group
from entrypoints.cli.output import Output
from entrypoints.cli.session import account_of, reading, writing
from entrypoints.plain import plain

paper = group("Paper accounts: money to play with, at a venue that fills by stated rules.")
Balance = Annotated[
    list[str] | None,
    typer.Option("--balance", metavar="AMOUNT ASSET", help="Such as '10000 USDT'; may be given repeatedly."),
]


@paper.command("open")
@paper_terms.as_options
def open_account(
    *,
    balance: Balance = None,
    user: options.User = None,
    terms: paper_terms.Terms,
    database_url: options.DatabaseUrl = None,
    as_json: options.Json = False,
) -> None:
    """Open a paper account with chosen balances; its terms hold for its life.

    Example: `evenkeel paper open --balance "10000 USDT" --fee 0.001 --fill next_open`
    """
    output = Output(as_json=as_json)
    arguments = {"user": user, "balances": balance or [], "terms": terms}
    _tell(output, writing("paper.open", arguments, database_url, output))


@paper.command()
def fund(
    amount: Annotated[str, typer.Argument(metavar="AMOUNT ASSET", help="Such as '1000 USDT'.")],
    paper_account: options.PaperAccount = None,
    user: options.User = None,
    database_url: options.DatabaseUrl = None,
    as_json: options.Json = False,
) -> None:
    """Add paper money.

    Example: `evenkeel paper fund "1000 USDT"`
    """
    output = Output(as_json=as_json)
    arguments = {"user": user, "paper_account": paper_account, "amount": amount}
    _tell(output, writing("paper.fund", arguments, database_url, output))


@paper.command()
def reset(
    balance: Balance = None,
    paper_account: options.PaperAccount = None,
    user: options.User = None,
    database_url: options.DatabaseUrl = None,
    as_json: options.Json = False,
) -> None:
    """Start afresh: a new account on the same terms. The old one is closed and stays readable.

    Example: `evenkeel paper reset --balance "10000 USDT"`
    """
    output = Output(as_json=as_json)
    arguments = {"user": user, "paper_account": paper_account, "balances": balance or []}
    _tell(output, writing("paper.reset", arguments, database_url, output))


@paper.command()
def show(
    user: options.User = None, database_url: options.DatabaseUrl = None, as_json: options.Json = False
) -> None:
    """Show a user's paper accounts with their terms and wallets.

    Example: `evenkeel paper show --user ann@example.org`
    """
    output = Output(as_json=as_json)
    with reading(database_url) as core:
        owner_id = account_of(core, user)
        books = core.services.views.where(BookRow, owner_id=owner_id, purse=PAPER)
        traded = traded_assets(core.services.views, owner_id)
        accounts = [
            plain(
                paper_account(
                    core.services.log, book.book_id, owner_id, also=traded.get(book.book_id, frozenset())
                )
            )
            for book in sorted(books, key=lambda book: book.position)
        ]
    output.value(accounts)
    for account in accounts:
        output.say(f"{account['paper_account_id']} ({account['status']})")
        output.table(
            account["wallets"],
            ("asset", "available", "allocated", "held", "due", "total"),
            empty="nothing in it",
        )
        output.tree({"terms": account["terms"]})
        output.say()
    if not accounts:
        output.say("there is none; `evenkeel paper open` opens one")


def _tell(output: Output, answer: dict[str, Any]) -> None:
    output.value(answer)
    output.facts(answer)
