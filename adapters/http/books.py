"""Wallets and books: every cent, at any moment."""

from __future__ import annotations

from litestar import Controller, get
from litestar.di import NamedDependency
from litestar.params import FromPath

from adapters.http.access import principal_of, signed_in
from adapters.http.desk import AnyRequest, Desk
from adapters.http.edge import At, Cursor, EffectiveAt, Limit, MinPosition, PageOf, parse_cursor
from application.queries.books import (
    BookBalances,
    EntryView,
    WalletView,
    balances_of,
    entry_views,
    owned_book,
    wallets_of,
)
from application.queries.moments import parse_time
from application.views.rows import EntryRow


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
        moment = await desk.moment(at)
        owner_id, services = principal_of(request).account_id, desk.services
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

    @get("/{book_id:str}/entries", guards=[signed_in], summary="Journal entries, newest first")
    async def entries(
        self,
        request: AnyRequest,
        book_id: FromPath[str],
        desk: NamedDependency[Desk],
        cursor: Cursor = None,
        limit: Limit = 50,
        min_position: MinPosition = None,
    ) -> PageOf[EntryView]:
        owner_id, services = principal_of(request).account_id, desk.services
        before = parse_cursor(cursor)
        await desk.fresh(min_position)

        def look() -> PageOf[EntryView]:
            book = owned_book(services.log, book_id, owner_id)
            page = services.views.page(
                EntryRow, equal={"book_id": book_id, "owner_id": owner_id}, before=before, limit=limit
            )
            next_cursor = str(page.next_cursor) if page.next_cursor else None
            return PageOf(entry_views(services.views, page, book.purse), next_cursor)

        return await desk.read(look)


async def _balances(
    request: AnyRequest, desk: Desk, book_id: str, at: str | None, effective_at: str | None
) -> BookBalances:
    then = None if effective_at is None else parse_time(effective_at, "effective_at")
    moment = await desk.moment(at)
    owner_id = principal_of(request).account_id
    return await desk.read(balances_of, desk.services.log, book_id, owner_id, moment, then)
