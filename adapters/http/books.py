"""Wallets and books: every cent, at any moment."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath, JSONBody, QueryParameter
from pydantic import Field

from adapters.http.access import principal_of, roles, signed_in
from adapters.http.desk import AnyRequest, Desk
from adapters.http.edge import (
    Account,
    At,
    Cursor,
    DryRun,
    Edge,
    EffectiveAt,
    IdempotencyKey,
    Limit,
    MinPosition,
    PageOf,
    Reason,
    parse_cursor,
)
from adapters.http.posted import PostedView, entry_filter, note_correction, posted_views
from application.ledger.reverse_entry import ReverseEntry, posted_entry
from application.queries.books import BookBalances, WalletView, balances_of, owned_book, wallets_of
from application.queries.entries import EntryFilter, entries_page, parse_account
from application.queries.entry_views import EntryView, entry_views
from application.queries.moments import parse_time
from application.queries.statements import RECORDED, Period, StatedEntry, StatementLine, statement_of
from domain.accounts.account import ADMIN, OPERATOR
from domain.errors import InvalidValue
from domain.ledger.book import REVERSAL

StatementCursor = Annotated[
    str | None,
    QueryParameter(
        description="`next_cursor` of the page before: what came since is not in it", required=False
    ),
]
_CURSOR = re.compile(r"([0-9]{1,18})-([0-9]{1,9})", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementPage:
    """From <= time < to. The lines and fees are the whole period's on each page; the entries oldest first."""

    book_id: str
    purse: str
    account: str | None
    by: str
    from_time: datetime
    to_time: datetime
    lines: Sequence[StatementLine]
    venue_fees: Mapping[str, str]
    adds_up: bool
    items: Sequence[StatedEntry]
    next_cursor: str | None


class NewReversal(Edge):
    """Which entry, by its id or by its log position, and why."""

    entry: Annotated[str, Field(min_length=1, max_length=250, examples=["0-1234"])]
    reason: Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Reversed:
    """The reversal; after it, of a fill whose order has ended, the release of what went back on hold."""

    book_id: str
    reverses: str
    reason: str
    entries: Sequence[PostedView]
    dry_run: bool  # nothing was posted


class WalletsController(Controller):
    """What one has, per paper account and asset."""

    path = "/v1/wallets"
    tags = ("Wallets",)

    @get(guards=[signed_in], summary="My wallets, now or at a past moment")
    async def mine(
        self,
        request: AnyRequest,
        desk: NamedDependency[Desk],
        at: At = None,
        min_position: MinPosition = None,
    ) -> PageOf[WalletView]:
        await desk.fresh(min_position)
        owner_id, services = principal_of(request).account_id, desk.services
        moment = await desk.moment(at, owner_id)
        return PageOf(await desk.read(wallets_of, services.log, services.views, owner_id, moment))


class BooksController(Controller):
    """A paper account's id is its book's."""

    path = "/v1/books"
    tags = ("Books",)

    @get("/{book_id:str}/balances", guards=[signed_in], summary="Every ledger balance of a book")
    async def balances(
        self,
        request: AnyRequest,
        book_id: FromPath[str],
        desk: NamedDependency[Desk],
        at: At = None,
        effective_at: EffectiveAt = None,
    ) -> BookBalances:
        return await _balances(request, desk, book_id, at, effective_at)

    @get("/{book_id:str}/trial-balance", guards=[signed_in], summary="The same, and that it sums to zero")
    async def trial_balance(
        self,
        request: AnyRequest,
        book_id: FromPath[str],
        desk: NamedDependency[Desk],
        at: At = None,
        effective_at: EffectiveAt = None,
    ) -> BookBalances:
        return await _balances(request, desk, book_id, at, effective_at)

    @get(
        "/{book_id:str}/entries",
        guards=[signed_in],
        dependencies={"wanted": Provide(entry_filter, sync_to_thread=False)},
        summary="Journal entries, newest first",
    )
    async def entries(
        self,
        request: AnyRequest,
        book_id: FromPath[str],
        desk: NamedDependency[Desk],
        wanted: NamedDependency[EntryFilter],
        cursor: Cursor = None,
        limit: Limit = 50,
        min_position: MinPosition = None,
    ) -> PageOf[EntryView]:
        owner_id, services = principal_of(request).account_id, desk.services
        before = parse_cursor(cursor)
        await desk.fresh(min_position)

        def look() -> PageOf[EntryView]:
            owned_book(services.log, book_id, owner_id)
            page = entries_page(
                services.views, wanted, book_id=book_id, owner_id=owner_id, before=before, limit=limit
            )
            next_cursor = str(page.next_cursor) if page.next_cursor else None
            return PageOf(entry_views(services.log, services.views, page.rows), next_cursor)

        return await desk.read(look)

    @post(
        "/{book_id:str}/reversals",
        guards=[roles(OPERATOR, ADMIN)],
        summary="Take a journal entry back, once, by a new one",
        refuses=["unknown_entry", "entry_not_reversible", "insufficient_funds", "fact_already_recorded"],
    )
    async def reverse(
        self,
        request: AnyRequest,
        book_id: FromPath[str],
        data: JSONBody[NewReversal],
        desk: NamedDependency[Desk],
        idempotency_key: IdempotencyKey = None,
        dry_run: DryRun = False,
    ) -> Response[Reversed]:
        caller = desk.caller(request, data, idempotency_key, dry_run=dry_run)
        entry = await desk.read(posted_entry, desk.services.log, book_id, data.entry)
        command = ReverseEntry(book_id, entry, data.reason, caller.actor)
        done = await desk.carry_out(command, caller, body=_reversed, headers=_reversals_of, dry_run=dry_run)
        if not dry_run:
            note_correction(caller.actor, "reversal", done, book_id=book_id, entry_id=entry.entry_id)
        return done

    @get("/{book_id:str}/statement", guards=[signed_in], summary="A period: balances, entries, fees")
    async def statement(
        self,
        request: AnyRequest,
        book_id: FromPath[str],
        desk: NamedDependency[Desk],
        from_time: Annotated[str, QueryParameter(name="from", description="Its first moment, RFC 3339")],
        to_time: Annotated[str, QueryParameter(name="to", description="The moment after its last")],
        by: Annotated[str, QueryParameter(description="recorded or effective")] = RECORDED,
        account: Account = None,
        cursor: StatementCursor = None,
        limit: Limit = 50,
    ) -> StatementPage:
        period = Period(parse_time(from_time, "from"), parse_time(to_time, "to"), by)
        of_account = None if account is None else parse_account(account)
        version, offset = _statement_cursor(cursor)
        owner_id = principal_of(request).account_id

        def look() -> StatementPage:
            statement = statement_of(
                desk.services.log, book_id, period, owner_id=owner_id, account=of_account, version=version
            )
            items = list(statement.entries(offset, limit + 1))
            more = f"{statement.version}-{offset + limit}" if len(items) > limit else None
            return StatementPage(
                book_id=book_id,
                purse=statement.purse,
                account=account,
                by=by,
                from_time=period.start,
                to_time=period.end,
                lines=statement.lines,
                venue_fees=statement.venue_fees,
                adds_up=statement.adds_up,
                items=items[:limit],
                next_cursor=more,
            )

        return await desk.read(look)


def _reversed(result: Mapping[str, Any]) -> Reversed:
    return Reversed(
        book_id=result["book_id"],
        reverses=result["reverses"],
        reason=result["reason"],
        entries=posted_views(result),
        dry_run=result.get("dry_run", False),  # answers from before there were dry runs have none
    )


def _reversals_of(result: Mapping[str, Any]) -> dict[str, str]:
    return {"Location": f"/v1/books/{result['book_id']}/entries?kind={REVERSAL}"}


async def _balances(
    request: AnyRequest, desk: Desk, book_id: str, at: str | None, effective_at: str | None
) -> BookBalances:
    then = None if effective_at is None else parse_time(effective_at, "effective_at")
    owner_id = principal_of(request).account_id
    moment = await desk.moment(at, owner_id)
    return await desk.read(balances_of, desk.services.log, book_id, owner_id, moment, then)


def _statement_cursor(raw: str | None) -> tuple[int | None, int]:
    """The version of the book that the first page was of, and how many entries were shown."""
    if raw is None:
        return None, 0
    found = _CURSOR.fullmatch(raw)
    if found is None:
        raise InvalidValue("cursor", f"{raw!r} is no `next_cursor` of a statement")
    return int(found[1]), int(found[2])
