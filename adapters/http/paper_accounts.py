"""Paper accounts: open, fund, reset. No route here calls a live port."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Annotated, Any

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from pydantic import AfterValidator, Field, model_validator

from adapters.http.access import principal_of, signed_in
from adapters.http.desk import AnyRequest, Desk, answer
from adapters.http.edge import Edge, IdempotencyKey, MinPosition, PageOf, PaperMoney
from adapters.http.preconditions import etag
from application.paper.accounts import FundPaperBook, OpenPaperBook, ResetPaperBook
from application.paper.terms import require_valid, terms_from_text
from application.ports.commands import Caller, Command, Outcome, derived_id
from application.ports.paper_accounts import CLOSE, FEE_IN_QUOTE, FEE_IN_RECEIVED, NEXT_OPEN, PaperTerms
from application.queries.asset_codes import PAPER_SUFFIX, parse_paper_money, shown_paper
from application.queries.books import PaperAccountView, paper_account, traded_assets
from application.views.rows import BookRow
from domain.errors import InvalidValue
from domain.ledger.book import PAPER
from domain.money import DEFAULT_SCALE, Money

_NUMBER = re.compile(r"-?[0-9]{1,19}(\.[0-9]{1,18})?", re.ASCII)
_WHOLE = re.compile(r"[0-9]{1,19}", re.ASCII)
_MOST_BALANCES = 50


def _number(raw: str) -> str:
    if not _NUMBER.fullmatch(raw):
        raise ValueError("must be a number written as a string of digits, such as '0.001'")
    return raw


def _whole(raw: str) -> str:
    if not _WHOLE.fullmatch(raw):
        raise ValueError("must be a whole number written as a string of digits, such as '8'")
    return raw


Number = Annotated[str, AfterValidator(_number), Field(examples=["0.001"])]
Whole = Annotated[str, AfterValidator(_whole), Field(examples=["8"])]


class Terms(Edge):
    """How the account fills and charges, each as a string; what is left out has its default."""

    fill_convention: Annotated[str, Field(examples=[NEXT_OPEN, CLOSE])] = NEXT_OPEN
    maker_fee_rate: Number = "0.001"
    taker_fee_rate: Number = "0.001"
    fee_asset: Annotated[str, Field(examples=[FEE_IN_QUOTE, FEE_IN_RECEIVED])] = FEE_IN_QUOTE
    tick_size: Number = "0"
    lot_size: Number = "0"
    min_notional: Number = "0"
    base_scale: Whole = str(DEFAULT_SCALE)
    quote_scale: Whole = str(DEFAULT_SCALE)
    volume_cap: Annotated[
        Number | None, Field(description="Share of a candle's volume that one order may take; null is no cap")
    ] = None
    slippage_bps: Number = "0"
    latency_ms: Whole = "0"
    fill_probability: Number = "1"
    seed: Whole = "0"

    @model_validator(mode="after")
    def within_range(self) -> Terms:
        try:
            require_valid(self.to_domain())
        except InvalidValue as e:
            raise ValueError(f"{e.field} {e.problem}") from None
        return self

    def to_domain(self) -> PaperTerms:
        named = self.model_dump()
        return terms_from_text({name: value for name, value in named.items() if value is not None})


class NewPaperAccount(Edge):
    balances: Annotated[tuple[PaperMoney, ...], Field(max_length=_MOST_BALANCES)] = ()
    terms: Terms = Terms()

    @model_validator(mode="after")
    def one_balance_an_asset(self) -> NewPaperAccount:
        _require_distinct(self.balances)
        return self


class Reset(Edge):
    """The new account's balances; its terms are those of the old one."""

    balances: Annotated[tuple[PaperMoney, ...], Field(max_length=_MOST_BALANCES)] = ()

    @model_validator(mode="after")
    def one_balance_an_asset(self) -> Reset:
        _require_distinct(self.balances)
        return self


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    paper_account_id: str
    balances: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Deposited:
    paper_account_id: str
    deposit_id: str
    amount: str
    available: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WasReset:
    paper_account_id: str
    previous_paper_account_id: str
    balances: Sequence[str]


class PaperAccountsController(Controller):
    """Accounts at the paper venue, with a book each."""

    path = "/v1/paper-accounts"
    tags = ("Paper accounts",)

    @post(guards=[signed_in], summary="Open a paper account")
    async def open(
        self,
        request: AnyRequest,
        data: JSONBody[NewPaperAccount],
        desk: NamedDependency[Desk],
        idempotency_key: IdempotencyKey = None,
    ) -> Response[Opened]:
        caller = desk.caller(request, data, idempotency_key)
        book_id = derived_id("book", caller.scope, caller.command_id)
        command = OpenPaperBook(book_id, caller.actor, _money(data.balances), data.terms.to_domain())
        outcome = await run_on_paper(desk, command, caller, book_id)
        return answer(
            outcome,
            caller,
            status=201,
            body=lambda result: Opened(
                paper_account_id=book_id, balances=[shown_paper(amount) for amount in result["balances"]]
            ),
            headers=_location,
        )

    @get(guards=[signed_in], summary="My paper accounts")
    async def mine(
        self, request: AnyRequest, desk: NamedDependency[Desk], min_position: MinPosition = None
    ) -> PageOf[PaperAccountView]:
        await desk.fresh(min_position)
        return PageOf(await desk.read(_of_owner, desk, principal_of(request).account_id))

    @get("/{paper_account_id:str}", guards=[signed_in], summary="One paper account")
    async def one(
        self, request: AnyRequest, paper_account_id: FromPath[str], desk: NamedDependency[Desk]
    ) -> Response[PaperAccountView]:
        owner_id = principal_of(request).account_id
        view = await desk.read(_one, desk, paper_account_id, owner_id)
        return Response(view, headers={"ETag": etag(view.version)})

    @post("/{paper_account_id:str}/deposits", guards=[signed_in], summary="Add paper money")
    async def deposit(
        self,
        request: AnyRequest,
        paper_account_id: FromPath[str],
        data: JSONBody[PaperMoney],
        desk: NamedDependency[Desk],
        idempotency_key: IdempotencyKey = None,
    ) -> Response[Deposited]:
        caller = desk.caller(request, data, idempotency_key)
        deposit_id = derived_id("deposit", caller.scope, caller.command_id)
        amount = parse_paper_money(data.amount, data.asset)
        command = FundPaperBook(paper_account_id, caller.actor, amount, deposit_id)
        outcome = await run_on_paper(desk, command, caller, paper_account_id)
        return answer(
            outcome,
            caller,
            status=201,
            body=lambda result: Deposited(
                paper_account_id=paper_account_id,
                deposit_id=deposit_id,
                amount=shown_paper(result["amount"]),
                available=shown_paper(result["available"]),
            ),
            headers=_location,
        )

    @post("/{paper_account_id:str}/resets", guards=[signed_in], summary="Start over with chosen balances")
    async def reset(
        self,
        request: AnyRequest,
        paper_account_id: FromPath[str],
        data: JSONBody[Reset],
        desk: NamedDependency[Desk],
        idempotency_key: IdempotencyKey = None,
    ) -> Response[WasReset]:
        caller = desk.caller(request, data, idempotency_key)
        new_id = derived_id("book", caller.scope, paper_account_id, caller.command_id)
        command = ResetPaperBook(paper_account_id, new_id, caller.actor, _money(data.balances))
        outcome = await run_on_paper(desk, command, caller, new_id)
        return answer(
            outcome,
            caller,
            status=201,
            body=lambda result: WasReset(
                paper_account_id=new_id,
                previous_paper_account_id=paper_account_id,
                balances=[shown_paper(amount) for amount in result["balances"]],
            ),
            headers=_location,
        )


async def run_on_paper(desk: Desk, command: Command, caller: Caller, book_id: str) -> Outcome:
    """As PaperAccountService: the log first, then the venue follows; both are idempotent."""
    outcome = await desk.submit(command, caller)
    if outcome.refusal is None:
        await desk.venue_follows(book_id)
    return outcome


def _of_owner(desk: Desk, owner_id: str) -> list[PaperAccountView]:
    rows = desk.services.views.where(BookRow, owner_id=owner_id, purse=PAPER)
    newest_first = sorted(rows, key=lambda row: row.position, reverse=True)
    traded = traded_assets(desk.services.views, owner_id)
    return [_account(desk, row.book_id, owner_id, traded) for row in newest_first]


def _one(desk: Desk, book_id: str, owner_id: str) -> PaperAccountView:
    return _account(desk, book_id, owner_id, traded_assets(desk.services.views, owner_id))


def _account(
    desk: Desk, book_id: str, owner_id: str, traded: Mapping[str, AbstractSet[str]]
) -> PaperAccountView:
    """As /v1/wallets has it: with the wallets at zero that a bot trades in."""
    return paper_account(desk.services.log, book_id, owner_id, also=traded.get(book_id, frozenset()))


def _money(balances: Sequence[PaperMoney]) -> tuple[Money, ...]:
    return tuple(parse_paper_money(item.amount, item.asset) for item in balances)


def _require_distinct(balances: Sequence[PaperMoney]) -> None:
    assets = [item.asset.removesuffix(PAPER_SUFFIX) for item in balances]
    if len(set(assets)) != len(assets):
        raise ValueError("name each asset once")


def _location(result: Mapping[str, Any]) -> dict[str, str]:
    return {"Location": f"/v1/paper-accounts/{result['paper_account_id']}"}
