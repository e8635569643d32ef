"""Holds of their own: placed, settled and released by operators, seen by their owners."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter
from pydantic import Field

from adapters.http.access import principal_of, roles, signed_in
from adapters.http.desk import AnyRequest, Desk
from adapters.http.edge import (
    Cursor,
    DryRun,
    Edge,
    IdempotencyKey,
    Limit,
    Metadata,
    MinPosition,
    PageOf,
    PaperAsset,
    PositiveAmount,
    Reason,
    checked,
    parse_cursor,
)
from adapters.http.posted import PostedView, note_correction, posted_views
from application.ledger.holds import PlaceHold, ReleaseHold, SettleHold
from application.ports.commands import derived_id
from application.queries.asset_codes import parse_paper_asset, shown_money
from application.queries.books import UnknownBook
from application.queries.entries import parse_account
from application.queries.holds import HoldView, holds_page
from application.queries.moments import parse_time
from application.services import Services
from application.streams import account_stream, book_stream, hold_stream
from domain.accounts.account import ADMIN, AUDITOR, OPERATOR, Account
from domain.holds.errors import UnknownHold
from domain.holds.hold import Hold
from domain.ledger.book import Book
from domain.money import Money, parse_positive_amount

_SEE_ALL = frozenset({OPERATOR, ADMIN, AUDITOR})
Status = Annotated[
    str | None, QueryParameter(description="open, settled, released or expired", required=False)
]
_REFUSES = ["unknown_hold", "hold_not_open", "hold_expired", "insufficient_funds"]


class NewHold(Edge):
    """Of the owner's free balance. Without a time it stays until somebody settles or releases it."""

    amount: PositiveAmount
    asset: PaperAsset
    reason: Reason
    expires_at: Annotated[
        str | None,
        checked(lambda raw: parse_time(raw, "expires_at")),
        Field(description="An RFC 3339 time to come; from then on nothing is settled", max_length=40),
    ] = None
    metadata: Metadata = {}  # noqa: RUF012 - never changed


class NewSettlement(Edge):
    """Where it goes: the book's custody, suspense, revenue:… or expense:…; without an amount all of it."""

    to: Annotated[str, checked(parse_account), Field(max_length=250, examples=["revenue:custody_fee"])]
    reason: Reason
    amount: PositiveAmount | None = None
    metadata: Metadata = {}  # noqa: RUF012 - never changed


class NewRelease(Edge):
    reason: Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldAnswer:
    """The hold as it stands after the command, and what was posted."""

    hold_id: str
    book_id: str
    status: str
    left: str  # an amount with its asset
    expires_at: str | None
    entries: Sequence[PostedView]
    dry_run: bool  # nothing was done


class HoldsController(Controller):
    """Money set aside beside what orders hold."""

    path = "/v1/books/{book_id:str}/holds"
    tags = ("Holds",)

    @get(guards=[signed_in], summary="A book's holds, newest first; operators and auditors see any book's")
    async def of_book(
        self,
        request: AnyRequest,
        book_id: FromPath[str],
        desk: NamedDependency[Desk],
        status: Status = None,
        cursor: Cursor = None,
        limit: Limit = 50,
        min_position: MinPosition = None,
    ) -> PageOf[HoldView]:
        before, account_id = parse_cursor(cursor), principal_of(request).account_id
        await desk.fresh(min_position)

        def look() -> PageOf[HoldView]:
            _require_seen(desk.services, book_id, account_id)
            page = holds_page(desk.services.views, book_id=book_id, status=status, before=before, limit=limit)
            return PageOf(page.rows, str(page.next_cursor) if page.next_cursor else None)

        return await desk.read(look)

    @post(guards=[roles(OPERATOR, ADMIN)], summary="Set some of an owner's free balance aside")
    async def place(
        self,
        request: AnyRequest,
        book_id: FromPath[str],
        data: JSONBody[NewHold],
        desk: NamedDependency[Desk],
        idempotency_key: IdempotencyKey = None,
        dry_run: DryRun = False,
    ) -> Response[HoldAnswer]:
        caller = desk.caller(request, data, idempotency_key, dry_run=dry_run)
        command = PlaceHold(
            hold_id=derived_id("hold", caller.scope, caller.command_id),
            book_id=book_id,
            amount=Money(parse_positive_amount(data.amount), parse_paper_asset(data.asset)),
            reason=data.reason,
            expires_at=None if data.expires_at is None else parse_time(data.expires_at, "expires_at"),
            metadata=data.metadata,
            asked_by=caller.actor,
        )
        done = await desk.carry_out(command, caller, body=_hold, headers=_where, dry_run=dry_run)
        if not dry_run:
            note_correction(caller.actor, "hold", done, book_id=book_id, hold_id=command.hold_id)
        return done

    @post(
        "/{hold_id:str}/settlements",
        guards=[roles(OPERATOR, ADMIN)],
        summary="Take some of a hold, or all that is left, to where it was meant for",
        refuses=_REFUSES,
    )
    async def settle(
        self,
        request: AnyRequest,
        book_id: FromPath[str],
        hold_id: FromPath[str],
        data: JSONBody[NewSettlement],
        desk: NamedDependency[Desk],
        idempotency_key: IdempotencyKey = None,
        dry_run: DryRun = False,
    ) -> Response[HoldAnswer]:
        caller = desk.caller(request, data, idempotency_key, dry_run=dry_run)
        amount = None
        if data.amount is not None:
            asset = await desk.read(_asset_of, desk.services, hold_id)
            amount = Money(parse_positive_amount(data.amount), asset)
        command = SettleHold(
            hold_id=hold_id,
            book_id=book_id,
            to=data.to,
            reason=data.reason,
            amount=amount,
            metadata=data.metadata,
            asked_by=caller.actor,
        )
        done = await desk.carry_out(command, caller, body=_hold, headers=_where, dry_run=dry_run)
        if not dry_run:
            note_correction(caller.actor, "settlement", done, book_id=book_id, hold_id=hold_id)
        return done

    @post(
        "/{hold_id:str}/releases",
        guards=[roles(OPERATOR, ADMIN)],
        summary="Give back what is left of a hold",
        refuses=["unknown_hold", "hold_not_open"],
    )
    async def release(
        self,
        request: AnyRequest,
        book_id: FromPath[str],
        hold_id: FromPath[str],
        data: JSONBody[NewRelease],
        desk: NamedDependency[Desk],
        idempotency_key: IdempotencyKey = None,
        dry_run: DryRun = False,
    ) -> Response[HoldAnswer]:
        caller = desk.caller(request, data, idempotency_key, dry_run=dry_run)
        command = ReleaseHold(hold_id=hold_id, book_id=book_id, reason=data.reason, asked_by=caller.actor)
        done = await desk.carry_out(command, caller, body=_hold, headers=_where, dry_run=dry_run)
        if not dry_run:
            note_correction(caller.actor, "release", done, book_id=book_id, hold_id=hold_id)
        return done


def _require_seen(services: Services, book_id: str, account_id: str) -> None:
    """Raises UnknownBook for a book that is not there, or is somebody else's and the asker is no operator."""
    book: Book = services.log.load(book_stream(book_id)).state
    account: Account = services.log.load(account_stream(account_id)).state
    if not book.exists or (book.owner_id != account_id and _SEE_ALL.isdisjoint(account.roles)):
        raise UnknownBook(book_id=book_id)


def _asset_of(services: Services, hold_id: str) -> str:
    hold: Hold = services.log.load(hold_stream(hold_id)).state
    if not hold.exists:
        raise UnknownHold(hold_id=hold_id)
    return hold.asset


def _hold(result: Mapping[str, Any]) -> HoldAnswer:
    return HoldAnswer(
        hold_id=result["hold_id"],
        book_id=result["book_id"],
        status=result["status"],
        left=shown_money(result["left"], result["purse"]),
        expires_at=result["expires_at"],
        entries=posted_views(result),
        dry_run=result["dry_run"],
    )


def _where(result: Mapping[str, Any]) -> dict[str, str]:
    return {"Location": f"/v1/books/{result['book_id']}/holds"}
