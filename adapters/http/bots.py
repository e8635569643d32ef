"""Bots: create them, lead them through their life, give them money and take it back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from pydantic import AfterValidator, Field

from adapters.http.access import principal_of, signed_in
from adapters.http.desk import AnyRequest, Desk, answer
from adapters.http.edge import (
    Amount,
    Cursor,
    Edge,
    IdempotencyKey,
    IfMatch,
    IfNoneMatch,
    Limit,
    MinPosition,
    PageOf,
    PaperAsset,
    PaperMoney,
    PositiveAmount,
    checked,
    page_of,
    parse_cursor,
)
from adapters.http.preconditions import OnlyAt, Warned, etag, matches
from adapters.http.sessions import session_id
from application.bots.manage_bots import (
    AllocateToBot,
    CreateBot,
    DeallocateFromBot,
    PauseBot,
    ResumeBot,
    StartBot,
    StopBot,
)
from application.live.venue_bots import CreateVenueBot
from application.ports.candle_store import Series
from application.ports.commands import Caller, Command, derived_id
from application.queries.asset_codes import parse_asset_of, purse_of
from application.queries.books import newest_open_paper_book
from application.queries.starting_points import BEGINNING, NOW, after_candle
from application.queries.trading import (
    BotAnswer,
    BotDetails,
    BotView,
    bot_from_answer,
    bot_from_row,
    bot_with_warnings,
)
from application.streams import bot_stream
from application.views.rows import BotRow
from domain.bots.bot import Bot
from domain.bots.events import BotTerms
from domain.errors import InvalidValue
from domain.ledger.book import LIVE, PAPER
from domain.market import interval_ms, parse_symbol
from domain.money import Money, parse_amount, parse_positive_amount


class NewBot(Edge):
    """A paper bot, unless it names a venue account. Without a `paper_account_id` it gets the newest open one,
    or an empty new one. On a `venue_account_id` it begins by observing.
    """

    name: Annotated[str, Field(min_length=1, max_length=80)]
    strategy: Annotated[str, Field(max_length=40, examples=["ema_crossover"])]
    parameters: dict[str, str] = {}  # noqa: RUF012 - the strategy says which, as strings
    symbol: Annotated[str, checked(parse_symbol), Field(examples=["BTC/USDT"])]
    interval: Annotated[str, checked(interval_ms), Field(examples=["1h"])]
    source: Annotated[
        str,
        Field(min_length=1, max_length=40, description="The candle series it follows", examples=["binance"]),
    ] = "synthetic"
    allocation: Annotated[Amount, Field(description="Of the quote asset; what is there is allocated now")] = (
        "0"
    )
    allocation_asset: Annotated[PaperAsset | None, Field(description="The symbol's quote asset")] = None
    max_order_notional: Annotated[
        PositiveAmount | None, Field(description="In the quote asset; null is no limit")
    ] = None
    stop_loss_bps: Annotated[
        int | None, Field(ge=1, le=9_999, description="Sells so far below its position's cost (100 = 1 %)")
    ] = None
    take_profit_bps: Annotated[int | None, Field(ge=1, le=1_000_000, description="So far above it")] = None
    trailing_stop_bps: Annotated[
        int | None, Field(ge=1, le=9_999, description="So far below the highest price since")
    ] = None
    paper_account_id: Annotated[str | None, Field(max_length=80)] = None
    venue_account_id: Annotated[
        str | None, Field(max_length=80, description="One's own, or a pooled one with a LIVE book on it")
    ] = None

    def terms(self) -> BotTerms:
        """Raises InvalidValue."""
        quote = parse_symbol(self.symbol).partition("/")[2]
        purse = PAPER if self.venue_account_id is None else LIVE
        if (
            self.allocation_asset is not None
            and parse_asset_of(purse, self.allocation_asset, "allocation_asset") != quote
        ):
            raise InvalidValue("allocation_asset", f"a bot on {self.symbol} is given {quote}; leave it out")
        most = self.max_order_notional
        return BotTerms(
            name=self.name,
            strategy=self.strategy,
            parameters=self.parameters,
            venue="paper",
            symbol=self.symbol,
            interval=self.interval,
            source=self.source,
            allocation=Money(parse_amount(self.allocation, "allocation"), quote),
            max_order_notional=None if most is None else parse_positive_amount(most, "max_order_notional"),
            stop_loss_bps=self.stop_loss_bps,
            take_profit_bps=self.take_profit_bps,
            trailing_stop_bps=self.trailing_stop_bps,
        )


def _known_start(raw: str) -> str:
    if raw not in (BEGINNING, NOW):
        raise ValueError(f"must be {BEGINNING} or {NOW}")
    return raw


class Start(Edge):
    """Which candles the run trades on."""

    start_from: Annotated[
        Annotated[str, AfterValidator(_known_start)] | None,
        Field(description="beginning or now; left out: now on a live series, else the beginning"),
    ] = None


class Why(Edge):
    reason: Annotated[str, Field(max_length=500)] = "asked for by its owner"


class Nothing(Edge):
    """No fields: send {}."""


class BotsController(Controller):
    """Every change answers with the bot; its ETag is the version of the bot's stream."""

    path = "/v1/bots"
    tags = ("Bots",)

    @post(
        guards=[signed_in],
        summary="Create a bot",
        refuses=[
            "unknown_paper_account",
            "unknown_strategy",
            "unknown_venue_account",
            "venue_account_closed",
        ],
    )
    async def create(
        self,
        request: AnyRequest,
        data: JSONBody[NewBot],
        desk: NamedDependency[Desk],
        idempotency_key: IdempotencyKey = None,
    ) -> Response[BotAnswer]:
        caller = desk.caller(request, data, idempotency_key)
        bot_id, follow = derived_id("bot", caller.scope, caller.command_id), ""
        command: Command
        if data.venue_account_id is not None:
            command = _on_venue_account(request, caller, bot_id, data)
        else:
            follow, is_new = await desk.read(_book_of, desk, caller.actor, data.paper_account_id)
            command = CreateBot(bot_id, caller.actor, follow, is_new, data.terms())
        warnings = await desk.read(desk.warnings, Series(data.source, data.symbol, data.interval))
        outcome = await desk.submit(Warned(command, tuple(warnings)) if warnings else command, caller)
        if outcome.refusal is None and follow:
            await desk.venue_follows(str((outcome.result or {}).get("paper_account_id", follow)))
        return answer(
            outcome,
            caller,
            status=201,
            body=bot_from_answer,
            headers=lambda result: {**_tag(result), "Location": f"/v1/bots/{result['bot_id']}"},
        )

    @get(guards=[signed_in], summary="My bots, newest first")
    async def mine(
        self,
        request: AnyRequest,
        desk: NamedDependency[Desk],
        cursor: Cursor = None,
        limit: Limit = 50,
        min_position: MinPosition = None,
    ) -> PageOf[BotView]:
        await desk.fresh(min_position)
        page = await desk.read(
            desk.services.views.page,
            BotRow,
            equal={"owner_id": principal_of(request).account_id},
            before=parse_cursor(cursor),
            limit=limit,
        )
        return page_of(page, bot_from_row)

    @get("/{bot_id:str}", guards=[signed_in], summary="One bot, always fresh")
    async def one(
        self,
        request: AnyRequest,
        bot_id: FromPath[str],
        desk: NamedDependency[Desk],
        if_none_match: IfNoneMatch = None,
    ) -> Response[BotDetails]:
        owner_id = principal_of(request).account_id
        view = await desk.read(bot_with_warnings, desk.services.log, desk.warnings, bot_id, owner_id)
        tag = etag(view.version)
        if matches(if_none_match, tag):
            unchanged: Response[Any] = Response(None, status_code=304, headers={"ETag": tag})
            return unchanged
        return Response(view, headers={"ETag": tag})

    @post("/{bot_id:str}/starts", guards=[signed_in], status_code=200, summary="Start a run")
    async def start(
        self,
        request: AnyRequest,
        bot_id: FromPath[str],
        data: JSONBody[Start],
        desk: NamedDependency[Desk],
        idempotency_key: IdempotencyKey = None,
        if_match: IfMatch = None,
    ) -> Response[BotAnswer]:
        caller = desk.caller(request, data, idempotency_key)
        after = await desk.read(after_candle, desk.services, bot_id, data.start_from, resuming=False)
        return await _led(desk, StartBot(bot_id, caller.actor, after), caller, bot_id, if_match)

    @post("/{bot_id:str}/pauses", guards=[signed_in], status_code=200, summary="Pause")
    async def pause(
        self,
        request: AnyRequest,
        bot_id: FromPath[str],
        data: JSONBody[Why],
        desk: NamedDependency[Desk],
        idempotency_key: IdempotencyKey = None,
        if_match: IfMatch = None,
    ) -> Response[BotAnswer]:
        caller = desk.caller(request, data, idempotency_key)
        return await _led(desk, PauseBot(bot_id, caller.actor, data.reason), caller, bot_id, if_match)

    @post("/{bot_id:str}/resumes", guards=[signed_in], status_code=200, summary="Resume")
    async def resume(
        self,
        request: AnyRequest,
        bot_id: FromPath[str],
        data: JSONBody[Nothing],
        desk: NamedDependency[Desk],
        idempotency_key: IdempotencyKey = None,
        if_match: IfMatch = None,
    ) -> Response[BotAnswer]:
        caller = desk.caller(request, data, idempotency_key)
        after = await desk.read(after_candle, desk.services, bot_id, None, resuming=True)
        return await _led(desk, ResumeBot(bot_id, caller.actor, after), caller, bot_id, if_match)

    @post("/{bot_id:str}/stops", guards=[signed_in], status_code=200, summary="End the run")
    async def stop(
        self,
        request: AnyRequest,
        bot_id: FromPath[str],
        data: JSONBody[Why],
        desk: NamedDependency[Desk],
        idempotency_key: IdempotencyKey = None,
        if_match: IfMatch = None,
    ) -> Response[BotAnswer]:
        caller = desk.caller(request, data, idempotency_key)
        return await _led(desk, StopBot(bot_id, caller.actor, data.reason), caller, bot_id, if_match)

    @post("/{bot_id:str}/allocations", guards=[signed_in], status_code=200, summary="Give it money")
    async def allocate(
        self,
        request: AnyRequest,
        bot_id: FromPath[str],
        data: JSONBody[PaperMoney],
        desk: NamedDependency[Desk],
        idempotency_key: IdempotencyKey = None,
        if_match: IfMatch = None,
    ) -> Response[BotAnswer]:
        caller = desk.caller(request, data, idempotency_key)
        amount = await desk.read(_money_of, desk, bot_id, caller.actor, data)
        entry_id = derived_id("allocation", caller.scope, caller.command_id)
        command = AllocateToBot(bot_id, caller.actor, amount, entry_id)
        return await _led(desk, command, caller, bot_id, if_match)

    @post("/{bot_id:str}/deallocations", guards=[signed_in], status_code=200, summary="Take money back")
    async def deallocate(
        self,
        request: AnyRequest,
        bot_id: FromPath[str],
        data: JSONBody[PaperMoney],
        desk: NamedDependency[Desk],
        idempotency_key: IdempotencyKey = None,
        if_match: IfMatch = None,
    ) -> Response[BotAnswer]:
        caller = desk.caller(request, data, idempotency_key)
        amount = await desk.read(_money_of, desk, bot_id, caller.actor, data)
        entry_id = derived_id("deallocation", caller.scope, caller.command_id)
        command = DeallocateFromBot(bot_id, caller.actor, amount, entry_id)
        return await _led(desk, command, caller, bot_id, if_match)


async def _led(
    desk: Desk, command: Command, caller: Caller, bot_id: str, if_match: str | None
) -> Response[Any]:
    if if_match is not None:
        command = OnlyAt(command, bot_id, caller.actor, if_match)
    return answer(await desk.submit(command, caller), caller, body=bot_from_answer, headers=_tag)


def _on_venue_account(request: AnyRequest, caller: Caller, bot_id: str, data: NewBot) -> CreateVenueBot:
    """Raises InvalidValue."""
    if data.paper_account_id is not None:
        raise InvalidValue("paper_account_id", "a bot has a paper account or a venue account; leave one out")
    return CreateVenueBot(
        bot_id=bot_id,
        owner_id=caller.actor,
        venue_account_id=data.venue_account_id or "",
        terms=data.terms(),
        asked_from=f"api {session_id(principal_of(request).session)}",
    )


def _money_of(desk: Desk, bot_id: str, owner_id: str, data: PaperMoney) -> Money:
    """In the codes of the bot's purse: paper money's own are refused where money is real.

    Somebody else's bot is as good as missing.
    """
    bot: Bot = desk.services.log.load(bot_stream(bot_id)).state
    purse = purse_of(bot.mode) if bot.owner_id == owner_id else PAPER
    asset = parse_asset_of(purse, data.asset)
    return Money(parse_positive_amount(data.amount), asset)


def _book_of(desk: Desk, owner_id: str, named: str | None) -> tuple[str, bool]:
    """The account that was named, else the newest open one, else one that is opened with the bot (True)."""
    if named is not None:
        return named, False
    services = desk.services
    services.views.wait_for(services.log.of(owner_id).head().number, timeout_s=desk.options.fresh_wait_s)
    found = newest_open_paper_book(services.views, owner_id)
    # one id an owner: two bots created at the same moment share the account that is opened for them
    return (found, False) if found else (derived_id("book", owner_id, "first"), True)


def _tag(result: Mapping[str, Any]) -> dict[str, str]:
    return {"ETag": etag(int(result["version"]))}
