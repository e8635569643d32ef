"""`evenkeel ledger reverse`, `post` and `hold`: what is done to the books by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from application.queries.holds import holds_page
from entrypoints.batch_files import read_batch
from entrypoints.cli import options
from entrypoints.cli.app import group
from entrypoints.cli.ledger import ledger
from entrypoints.cli.output import Output
from entrypoints.cli.session import reading, writing
from entrypoints.plain import plain

hold = group(
    "Money set aside by hand: placed, settled in parts, released. An order's holds follow the order."
)
ledger.add_typer(hold, name="hold")

Book = Annotated[str, typer.Option(metavar="ID", help="Whose: a paper account's id is its book's.")]
Reason = Annotated[str, typer.Option(help="Why; its owner and auditors will read it.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would be done, and do nothing.")]
HoldId = Annotated[str, typer.Argument(metavar="HOLD", help="Its id.")]
Metadata = Annotated[
    list[str] | None, typer.Option("--metadata", "-m", metavar="KEY=VALUE", help="Written on the entry.")
]


@ledger.command()
def reverse(
    entry: Annotated[str, typer.Argument(metavar="ENTRY", help="Its id, or its log position (0-1234).")],
    book: Book,
    reason: Reason,
    dry_run: DryRun = False,
    database_url: options.DatabaseUrl = None,
    as_json: options.Json = False,
) -> None:
    """Take a journal entry back, once: a new entry with its legs the other way round and a link to it.

    Refused where an account of its owner's would be overdrawn. Holds follow what they are for.

    Example: `evenkeel ledger reverse 0-1234 --book ID --reason "booked twice" --dry-run`
    """
    output = Output(as_json=as_json)
    arguments = {"book_id": book, "entry": entry, "reason": reason}
    answer = _done("ledger.reverse", arguments, database_url, output, dry_run=dry_run)
    _say(output, answer, f"{answer['reverses']} is taken back")


@ledger.command()
def post(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", exists=True, dir_okay=False, help="Entries as .json or .csv.")
    ],
    batch_id: Annotated[
        str | None,
        typer.Option(metavar="ID", help="Taken for ever. Default: of the file, so that it is posted once."),
    ] = None,
    dry_run: DryRun = False,
    database_url: options.DatabaseUrl = None,
    as_json: options.Json = False,
) -> None:
    """Post adjusting entries of one book or many: all of them, or none. The file's form: docs/ledger.md.

    The first entry that is refused is named by its index, from 0.

    Example: `evenkeel ledger post corrections.csv --dry-run`
    """
    output = Output(as_json=as_json)
    batch = read_batch(file)
    arguments = {"batch_id": batch_id or batch.batch_id, "entries": batch.entries}
    answer = _done("ledger.post", arguments, database_url, output, dry_run=dry_run)
    _say(output, answer, f"batch {answer['batch_id']} is posted: {len(answer['entries'])} entries")


@hold.command("place")
def place(
    amount: Annotated[str, typer.Argument(metavar="AMOUNT", help="Of the free balance: '100 USDT'.")],
    book: Book,
    reason: Reason,
    expires_at: Annotated[
        str | None, typer.Option(metavar="TIME", help="From then on nothing is settled; the rest goes back.")
    ] = None,
    metadata: Metadata = None,
    dry_run: DryRun = False,
    database_url: options.DatabaseUrl = None,
    as_json: options.Json = False,
) -> None:
    """Set some of an owner's free balance aside.

    Example: `evenkeel ledger hold place "100 USDT" --book ID --reason "a dispute" --expires-at TIME`
    """
    output = Output(as_json=as_json)
    arguments = {
        "book_id": book,
        "amount": amount,
        "reason": reason,
        "expires_at": expires_at,
        "metadata": metadata or [],
    }
    answer = _done("ledger.hold.place", arguments, database_url, output, dry_run=dry_run)
    _say(output, answer, f"hold {answer['hold_id']} stands at {answer['left']}")


@hold.command("settle")
def settle(
    hold_id: HoldId,
    book: Book,
    to: Annotated[
        str, typer.Option(metavar="ACCOUNT", help="The book's custody, suspense, revenue:… or expense:….")
    ],
    reason: Reason,
    amount: Annotated[
        str | None, typer.Option(metavar="AMOUNT", help="'40 USDT'. Default: all that is left.")
    ] = None,
    metadata: Metadata = None,
    dry_run: DryRun = False,
    database_url: options.DatabaseUrl = None,
    as_json: options.Json = False,
) -> None:
    """Take some of a hold, or all that is left, to where it was meant for. Refused once its time is over.

    Example: `evenkeel ledger hold settle HOLD --book ID --to revenue:dispute --amount "40 USDT"
    --reason "the dispute was lost"`
    """
    output = Output(as_json=as_json)
    arguments = {
        "hold_id": hold_id,
        "book_id": book,
        "to": to,
        "amount": amount,
        "reason": reason,
        "metadata": metadata or [],
    }
    answer = _done("ledger.hold.settle", arguments, database_url, output, dry_run=dry_run)
    _say(output, answer, f"hold {hold_id} is {answer['status']}, {answer['left']} left")


@hold.command("release")
def release(
    hold_id: HoldId,
    book: Book,
    reason: Reason,
    dry_run: DryRun = False,
    database_url: options.DatabaseUrl = None,
    as_json: options.Json = False,
) -> None:
    """Give back what is left of a hold.

    Example: `evenkeel ledger hold release HOLD --book ID --reason "settled out of court"`
    """
    output = Output(as_json=as_json)
    arguments = {"hold_id": hold_id, "book_id": book, "reason": reason}
    answer = _done("ledger.hold.release", arguments, database_url, output, dry_run=dry_run)
    _say(output, answer, f"hold {hold_id} is {answer['status']}")


@hold.command("list")
def show(
    book: Annotated[str | None, typer.Option(metavar="ID", help="Only this book's.")] = None,
    status: Annotated[str | None, typer.Option(help="open, settled, released or expired.")] = None,
    limit: options.Limit = 20,
    database_url: options.DatabaseUrl = None,
    as_json: options.Json = False,
) -> None:
    """Show holds with what is left of them, newest first. Orders' holds are in `bots orders`.

    Example: `evenkeel ledger hold list --status open`
    """
    output = Output(as_json=as_json)
    with reading(database_url) as core:
        page = holds_page(core.services.views, book_id=book, status=status, limit=limit)
    output.value(page.rows)
    columns = ("hold_id", "book_id", "asset", "amount", "left", "status", "expires_at", "reason")
    output.table(plain(page.rows), columns, empty="there are no holds")


def _done(
    name: str, arguments: dict[str, Any], database_url: str | None, output: Output, *, dry_run: bool
) -> dict[str, Any]:
    """The operation's answer: by whoever writes the database, or here, beside it, where it is a dry run."""
    if not dry_run:
        answer = writing(name, arguments, database_url, output)
    else:
        from entrypoints.operations.ledger import rehearsed

        with reading(database_url) as core:
            answer = rehearsed(name, core.services, arguments)
    output.value(answer)
    return answer


def _say(output: Output, answer: dict[str, Any], done: str) -> None:
    for made in answer["entries"]:
        output.say(f"{made['kind']}  {made['entry_id']}")
        output.table(made["postings"], ("account", "asset", "amount"), empty="no legs")
    output.say("nothing was posted: this was a dry run" if answer["dry_run"] else done)
