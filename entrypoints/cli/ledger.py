"""`evenkeel ledger`: the books."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Annotated

import typer

from application.ports.event_log import EventLog, OneShardOnly
from application.queries.asset_codes import shown_asset
from application.queries.books import UnknownBook, book_at
from application.queries.entries import EntryFilter, entries_page, parse_account
from application.queries.entry_views import entry_views
from application.queries.moments import Moment, moments, parse_moment, parse_time
from application.queries.statements import EFFECTIVE, RECORDED, Period, statement_of
from application.queries.totals import AMOUNTS, totals_of
from application.streams import book_stream
from application.views.balances import BOOK_STREAM
from application.views.rows import BookRow
from domain.ledger.book import Book
from domain.ledger.postings import IN_TRANSIT_PREFIX
from domain.money import ZERO, add, text
from entrypoints.cli import options
from entrypoints.cli.app import group
from entrypoints.cli.entry_options import asking_for_entries
from entrypoints.cli.ledger_reconciliation import cases, reconcile
from entrypoints.cli.output import Output
from entrypoints.cli.session import account_of, reading
from entrypoints.ledger_export import Format, export_books
from entrypoints.plain import plain
from entrypoints.problems import CheckFailed

ledger = group("The books: balances now and at any past moment, trial balance, journal entries.")
ledger.add_typer(cases, name="cases")
ledger.command()(reconcile)

Account = Annotated[
    str | None, typer.Option(metavar="NAME", help="Only with a leg on this account, such as owner:available.")
]


@ledger.command()
def balances(
    user: options.User = None,
    at: options.At = None,
    effective_at: options.EffectiveAt = None,
    database_url: options.DatabaseUrl = None,
    as_json: options.Json = False,
) -> None:
    """Show every account's balance, as the books keep it: debit positive, credit negative.

    What is owed to an owner (owner:…) is a credit. Every user's books, or those of --user.

    Examples: `evenkeel ledger balances`, `evenkeel ledger balances --at 0-1234`,
    `evenkeel ledger balances --at 2026-03-01T12:00:00Z --json`,
    `evenkeel ledger balances --effective-at 2026-02-28T23:59:59Z`
    """
    output = Output(as_json=as_json)
    then = _effective(effective_at)
    with reading(database_url) as core:
        asked = moments(at, core.services.log, clock=core.services.clock)
        books = _books(asked, account_of(core, user) if user else None, then)
    rows = [
        {
            "book": book.book_id,
            "account": account,
            "asset": shown_asset(asset, book.purse),
            "amount": text(amount),
        }
        for book in books
        for (account, asset), amount in sorted(book.balances.items())
    ]
    positions = ", ".join(str(moment.position) for _, moment in asked if moment)
    as_of = {"at": positions or None, "effective_at": then}
    output.value({**as_of, "balances": rows})
    for book_id, lines in groupby(rows, key=itemgetter("book")):
        output.say(book_id)
        output.table(list(lines), ("account", "asset", "amount"), empty="")
        output.say()
    if not rows:
        output.say("the books are empty")


@ledger.command()
def totals(
    at: options.At = None,
    database_url: options.DatabaseUrl = None,
    as_json: options.Json = False,
) -> None:
    """Show per purse and asset what is owed, due, in custody, earned, in transit and unexplained.

    What owners have and what was earned is positive where it is owed; custody + due + expense + in transit +
    suspense + rounding = owed + revenue + equity, else exit code 1.

    Example: `evenkeel ledger totals --at 2026-03-01T00:00:00Z`
    """
    output = Output(as_json=as_json)
    with reading(database_url) as core:
        services = core.services
        moment = parse_moment(at, services.log, clock=services.clock)
        made = totals_of(services.log, services.views, moment)
    output.value(made)
    output.say(f"as of {made.position}")
    for line in made.totals:
        amounts = {name: getattr(line, name) for name in AMOUNTS}
        output.say(f"{line.purse}  {line.asset}")
        output.facts({name: amount for name, amount in amounts.items() if amount != "0"})
    if not made.totals:
        output.say("the books are empty")
    if not made.balanced:
        output.say("OUT OF BALANCE")
        raise CheckFailed


@ledger.command("trial-balance")
def trial_balance(
    at: options.At = None,
    effective_at: options.EffectiveAt = None,
    database_url: options.DatabaseUrl = None,
    as_json: options.Json = False,
) -> None:
    """Sum all accounts of all books per asset: each sum is zero, else exit code 1.

    Folded from the log itself, not read from any table.

    Example: `evenkeel ledger trial-balance --at 0-1234`
    """
    output = Output(as_json=as_json)
    then = _effective(effective_at)
    with reading(database_url) as core:
        books = _books(moments(at, core.services.log, clock=core.services.clock), None, then)
    sums: dict[str, Decimal] = {}
    in_transit: dict[tuple[str, str], Decimal] = {}
    for book in books:
        for (account, asset), amount in book.balances.items():
            code = shown_asset(asset, book.purse)
            sums[code] = add(sums.get(code, ZERO), amount)
            if account.startswith(IN_TRANSIT_PREFIX):
                in_transit[account, code] = add(in_transit.get((account, code), ZERO), amount)
    shown = {asset: text(amount) for asset, amount in sorted(sums.items())}
    moving = [
        {"account": account, "asset": asset, "amount": text(amount)}
        for (account, asset), amount in sorted(in_transit.items())
        if amount
    ]
    balanced = not any(sums.values())
    output.value({"books": len(books), "balanced": balanced, "trial_balance": shown, "in_transit": moving})
    rows = [{"asset": asset, "sum": amount} for asset, amount in shown.items()]
    output.table(rows, ("asset", "sum"), empty="the books are empty")
    for one in moving:
        output.say(
            f"in transit: {one['account'].removeprefix(IN_TRANSIT_PREFIX)}  {one['amount']} {one['asset']}"
        )
    output.say(f"books: {len(books)}, " + ("in balance" if balanced else "OUT OF BALANCE"))
    if not balanced:
        raise CheckFailed


@ledger.command()
@asking_for_entries
def entries(
    wanted: EntryFilter,
    book: Annotated[str | None, typer.Option(metavar="ID", help="Only this book.")] = None,
    user: options.User = None,
    limit: options.Limit = 20,
    database_url: options.DatabaseUrl = None,
    as_json: options.Json = False,
) -> None:
    """Show journal entries with all their legs, newest first; with several filters, those that pass all.

    Examples: `evenkeel ledger entries -n 5`, `evenkeel ledger entries --kind fill --asset BTC`,
    `evenkeel ledger entries --account owner:available --recorded-from 2026-03-01T00:00:00Z`,
    `evenkeel ledger entries --metadata ticket=OPS-7`
    """
    output = Output(as_json=as_json)
    with reading(database_url) as core:
        views = core.services.views
        if book and views.get(BookRow, book) is None:
            raise UnknownBook(book_id=book)
        owner_id = account_of(core, user) if user else None
        page = entries_page(views, wanted, book_id=book, owner_id=owner_id, limit=limit)
        found = entry_views(core.services.log, views, page.rows)
    output.value(found)
    for entry in found:
        taken_back = f"  (taken back by {entry.reversed_by})" if entry.reversed_by else ""
        when = f"{entry.recorded_at:%Y-%m-%d %H:%M:%S}"
        output.say(f"{entry.position}  {when}  {entry.kind}  {entry.reference}{taken_back}")
        output.table(plain(entry.postings), ("account", "asset", "amount"), empty="no legs")
        if said := [entry.reason, *(f"{key}={value}" for key, value in entry.metadata.items())]:
            output.say("  ".join(word for word in said if word))
    if not found:
        output.say("there are no entries")


@ledger.command()
def export(
    file_format: Annotated[
        Format,
        typer.Option("--format", help="A journal for hledger or beancount, or a table with a row a leg."),
    ],
    to: Annotated[
        Path, typer.Option("--output", metavar="FILE", dir_okay=False, help="Replaced once it is whole.")
    ],
    at: options.At = None,
    book: Annotated[str | None, typer.Option(metavar="ID", help="Only this book.")] = None,
    database_url: options.DatabaseUrl = None,
    as_json: options.Json = False,
) -> None:
    """Write all journal entries to one file for an accountant's own program. Names: docs/ledger.md.

    Example: `evenkeel ledger export --format hledger --output books.journal`, then
    `hledger -f books.journal check --strict`
    """
    output = Output(as_json=as_json)
    with reading(database_url) as core, output.progress("exporting") as progress:
        log = core.services.log
        if book:
            found = log.load(book_stream(book)).state
            if not found.exists:
                raise UnknownBook(book_id=book)
            log = log.of(found.owner_id)
        if at and len(log.parts()) > 1:
            raise OneShardOnly(what="an export as of a past moment; name a --book")
        moment = parse_moment(at, log, clock=core.services.clock)
        done = export_books(
            log,
            file_format=file_format,
            output=to,
            until=moment.position if moment else log.head(),
            book_id=book,
            progress=progress,
        )
    output.value(
        {
            "format": file_format,
            "entries": done.entries,
            "postings": done.postings,
            "position": str(done.position),
            "output": str(to),
        }
    )
    output.say(f"{done.entries} entries with {done.postings} postings up to {done.position} in {to}")


@ledger.command()
def statement(
    book: Annotated[str, typer.Option(metavar="ID", help="Whose: a paper account's id is its book's.")],
    from_time: Annotated[str, typer.Option("--from", metavar="TIME", help="Its first moment.")],
    to_time: Annotated[str, typer.Option("--to", metavar="TIME", help="The moment after its last.")],
    account: Account = None,
    by: Annotated[str, typer.Option(help="Which time counts: recorded or effective.")] = RECORDED,
    database_url: options.DatabaseUrl = None,
    as_json: options.Json = False,
) -> None:
    """Show what stood on a book's accounts, every entry of a period with running balances, and what stands.

    It ends with exit code 1 where opening balance and movements do not come to the closing balance.

    Example: `evenkeel ledger statement --book ID --from 2026-03-01T00:00:00Z --to 2026-04-01T00:00:00Z`
    """
    output = Output(as_json=as_json)
    period = Period(parse_time(from_time, "from"), parse_time(to_time, "to"), by)
    of_account = None if account is None else parse_account(account)
    with reading(database_url) as core:
        made = statement_of(core.services.log, book, period, account=of_account)
        facts = {"book_id": made.book_id, "purse": made.purse, "account": account, "by": by}
        totals = {"lines": made.lines, "venue_fees": made.venue_fees, "adds_up": made.adds_up}
        output.values(
            {**facts, "from_time": period.start, "to_time": period.end, **totals}, "entries", made.entries()
        )
        if not as_json:
            for entry in made.entries():
                when = entry.effective_at if by == EFFECTIVE else entry.recorded_at
                output.say(f"{entry.position}  {when:%Y-%m-%d %H:%M:%S}  {entry.kind}  {entry.reference}")
                output.table(plain(entry.legs), ("account", "asset", "amount", "balance"), empty="no legs")
            output.say()
    columns = ("account", "asset", "opening", "movement", "closing")
    output.table(plain(made.lines), columns, empty="nothing stood there and nothing moved")
    for asset, fee in made.venue_fees.items():
        output.say(f"venue fees: {fee} {asset}")
    if not made.adds_up:
        output.say("opening and movements DO NOT come to the closing balance")
        raise CheckFailed


def _effective(raw: str | None) -> datetime | None:
    return None if raw is None else parse_time(raw, "effective-at")


def _books(
    asked: Sequence[tuple[EventLog, Moment | None]], owner_id: str | None, effective_at: datetime | None
) -> list[Book]:
    """Every book there was, as it stood; shard by shard."""
    books = []
    for log, moment in asked:
        until = moment.position if moment else None
        opened = [recorded.stream for recorded in log.read(until=until, names=("ledger.book_opened",))]
        books += [book_at(log, stream.removeprefix(BOOK_STREAM), moment, effective_at) for stream in opened]
    return [book for book in books if owner_id is None or book.owner_id == owner_id]
