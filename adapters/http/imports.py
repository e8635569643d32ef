"""Books of one's own venue accounts, and the venue's statements posted in them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from typing import Annotated, Any

from litestar import Controller, Response, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from pydantic import Field

from adapters.http.access import principal_of, signed_in
from adapters.http.desk import AnyRequest, Desk, answer
from adapters.http.edge import DryRun, Edge, IdempotencyKey
from adapters.http.problems import Problem
from application.ledger.connected_book import OpenConnectedBook
from application.ledger.import_report import Report, entry_told
from application.ledger.import_statement import ImportStatement, PostStatement, target_of
from application.ledger.stated_entries import StatedEntry
from application.rehearsal import rehearse
from application.services import Services

_ROWS_NAMED = 100
_OPTION = re.compile(r"--([a-z]+)(?: FILE)?")
_Words = Annotated[str | None, Field(max_length=40)]


class NewBook(Edge):
    """A book of one's own account at a venue; its ledger account is `custody:{venue_account}`."""

    venue_account: Annotated[str, Field(min_length=1, max_length=40, examples=["kraken"])]


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedBook:
    book_id: str
    venue_account: str


class NewImport(Edge):
    """A statement as the venue exports it, as text; larger ones the command line takes."""

    content: Annotated[str, Field(min_length=1, description="The file's text")]
    file_name: Annotated[str, Field(max_length=200, description="For the report")] = "statement"
    format: Annotated[_Words, Field(description="Found out by itself; docs/import.md has the names")] = None
    opening: Annotated[str | None, Field(description="Balances from before, CSV: asset,amount,timestamp")] = (
        None
    )
    zone: Annotated[_Words, Field(description="Of times that have none: UTC, or an offset")] = None
    fiat: Annotated[_Words, Field(description="Purchases were paid from: wallet or outside")] = None
    partial: Annotated[bool, Field(description="Post what was understood although some rows were not")] = (
        False
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class RowProblemView:
    file: str
    row: int
    field: str
    value: str
    problem: str
    way_out: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportTotal:
    """What the owner had and has of an asset; the difference by kind of entry, and the rest."""

    asset: str
    before: str
    after: str
    difference: str
    explained: Mapping[str, str]
    unexplained: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportLeg:
    account: str
    asset: str
    amount: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportEntry:
    """An entry that would be posted, and the file's rows that it is made of."""

    entry_id: str
    kind: str
    effective_at: str
    reference: str
    venue_fee: str
    venue_fee_asset: str
    rows: Sequence[int]
    postings: Sequence[ImportLeg]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportView:
    """rows = posted + already_there + nothing_to_post + not_understood; `would_post` only of a dry run."""

    book_id: str
    venue_account: str
    dry_run: bool
    rows: int
    posted: int
    entries: int
    already_there: int
    nothing_to_post: int
    not_understood: int
    problems: Sequence[RowProblemView]
    opening_needed: Mapping[str, str]
    totals: Sequence[ImportTotal]
    would_post: Sequence[ImportEntry]


class ImportsController(Controller):
    """Statements of a venue, posted row by row, once."""

    path = "/v1/books"
    tags = ("Books",)

    @post(
        guards=[signed_in],
        summary="A book of my own venue account",
        refuses=["invalid_value", "book_not_open"],
    )
    async def open_book(
        self,
        request: AnyRequest,
        data: JSONBody[NewBook],
        desk: NamedDependency[Desk],
        idempotency_key: IdempotencyKey = None,
    ) -> Response[OpenedBook]:
        caller = desk.caller(request, data, idempotency_key)
        outcome = await desk.submit(OpenConnectedBook(caller.actor, data.venue_account), caller)
        return answer(
            outcome,
            caller,
            status=201,
            body=lambda result: OpenedBook(**result),
            headers=lambda result: {"Location": f"/v1/books/{result['book_id']}/balances"},
        )

    @post(
        "/{book_id:str}/imports",
        guards=[signed_in],
        status_code=200,
        summary="Post a venue's statement, or see what would be posted",
        refuses=[
            "book_not_connected",
            "book_not_open",
            "statement_unreadable",
            "statement_not_understood",
            "fact_already_recorded",
            "insufficient_funds",
            "invalid_value",
        ],
    )
    async def take(
        self,
        request: AnyRequest,
        book_id: FromPath[str],
        data: JSONBody[NewImport],
        desk: NamedDependency[Desk],
        idempotency_key: IdempotencyKey = None,
        dry_run: DryRun = False,
    ) -> Response[ImportView]:
        caller = desk.caller(request, data, idempotency_key, dry_run=dry_run)
        owner_id = principal_of(request).account_id
        report, entries = await desk.read(_planned, desk.services, owner_id, book_id, data)
        if dry_run:
            command = PostStatement(report.target, tuple(entries))
            await desk.read(rehearse, desk.services.log, desk.services.clock, command)
            return Response(
                _view(_over_http(report.told()), [entry_told(entry) for entry in entries]), status_code=200
            )
        if report.not_understood and not data.partial:
            raise _not_understood(report)
        report.dry_run = False
        command = PostStatement(report.target, tuple(entries), _over_http(report.told()), report.changes)
        return answer(await desk.submit(command, caller), caller, body=_view)


def _planned(
    services: Services, owner_id: str, book_id: str, data: NewImport
) -> tuple[Report, list[StatedEntry]]:
    target = target_of(services.log, owner_id, book_id=book_id)
    entries: list[StatedEntry] = []
    with ExitStack() as opened:
        statements = []
        if data.opening:
            first = services.open_statement(
                text=data.opening, name="opening", file_format="opening", zone=data.zone
            )
            statements.append(opened.enter_context(closing(first)))
        main = services.open_statement(
            text=data.content, name=data.file_name, file_format=data.format, zone=data.zone, fiat=data.fiat
        )
        statements.append(opened.enter_context(closing(main)))
        importing = ImportStatement(services.log, services.bus, services.clock)
        return importing.plan(statements, target, told=entries.append), entries


def _over_http(told: Mapping[str, Any]) -> dict[str, Any]:
    """The ways out as this face has them: fields, not options."""
    ways = [{**one, "way_out": _OPTION.sub(r"`\1`", one["way_out"])} for one in told["problems"]]
    return {**told, "problems": ways}


def _not_understood(report: Report) -> Problem:
    told = _over_http(report.told())
    return Problem(
        "statement_not_understood",
        f"{report.not_understood} of {report.rows} rows were not understood, so nothing was posted; "
        "mend them, or send it again with a new key and `partial` for the others",
        data={
            "not_understood": report.not_understood,
            "problems": told["problems"][:_ROWS_NAMED],
            "opening_needed": told["opening_needed"],
        },
    )


def _view(told: Mapping[str, Any], would_post: Sequence[Mapping[str, Any]] = ()) -> ImportView:
    shown = {name: value for name, value in told.items() if name not in ("owner_id", "refused")}
    entries = [
        ImportEntry(**{**entry, "postings": [ImportLeg(**leg) for leg in entry["postings"]]})
        for entry in would_post
    ]
    rows = {
        "problems": [RowProblemView(**one) for one in told["problems"]],
        "totals": [ImportTotal(**one) for one in told["totals"]],
    }
    return ImportView(**{**shown, **rows, "would_post": entries})
