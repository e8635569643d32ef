"""What a bot did: signals, orders, fills, and how it performed. And all of one's orders and fills."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from litestar import Controller, get
from litestar.di import NamedDependency
from litestar.params import FromPath

from adapters.http.access import principal_of, signed_in
from adapters.http.desk import AnyRequest, Desk
from adapters.http.edge import At, Cursor, Limit, MinPosition, PageOf, page_of, parse_cursor
from application.queries.performance import BotPerformance, Performance
from application.queries.trading import (
    FillView,
    OrderView,
    SignalView,
    bot_from_stream,
    fill_from_row,
    order_from_row,
    order_from_stream,
    signal_from_row,
)
from application.views.rows import FillRow, OrderRow, SignalRow

R = TypeVar("R")
T = TypeVar("T")


class BotHistoryController(Controller):
    """Pages by log position: stable while new rows come."""

    path = "/v1/bots"
    tags = ("Bots",)

    @get("/{bot_id:str}/signals", guards=[signed_in], summary="What it wanted, newest first")
    async def signals(
        self,
        request: AnyRequest,
        bot_id: FromPath[str],
        desk: NamedDependency[Desk],
        cursor: Cursor = None,
        limit: Limit = 50,
        min_position: MinPosition = None,
    ) -> PageOf[SignalView]:
        return await _page(request, desk, SignalRow, signal_from_row, cursor, limit, min_position, bot_id)

    @get("/{bot_id:str}/orders", guards=[signed_in], summary="What it ordered, newest first")
    async def orders(
        self,
        request: AnyRequest,
        bot_id: FromPath[str],
        desk: NamedDependency[Desk],
        cursor: Cursor = None,
        limit: Limit = 50,
        min_position: MinPosition = None,
    ) -> PageOf[OrderView]:
        return await _page(request, desk, OrderRow, order_from_row, cursor, limit, min_position, bot_id)

    @get("/{bot_id:str}/fills", guards=[signed_in], summary="What it traded, newest first")
    async def fills(
        self,
        request: AnyRequest,
        bot_id: FromPath[str],
        desk: NamedDependency[Desk],
        cursor: Cursor = None,
        limit: Limit = 50,
        min_position: MinPosition = None,
    ) -> PageOf[FillView]:
        return await _page(request, desk, FillRow, fill_from_row, cursor, limit, min_position, bot_id)

    @get("/{bot_id:str}/performance", guards=[signed_in], summary="How it did, now or at a past moment")
    async def performance(
        self,
        request: AnyRequest,
        bot_id: FromPath[str],
        desk: NamedDependency[Desk],
        at: At = None,
        min_position: MinPosition = None,
    ) -> Performance:
        await desk.fresh(min_position)
        owner_id, services = principal_of(request).account_id, desk.services
        moment = await desk.moment(at, owner_id)
        query = BotPerformance(services.log, services.views, services.candles)
        return await desk.read(query, bot_id, owner_id, moment)


class OrdersController(Controller):
    """Orders of all one's bots."""

    path = "/v1/orders"
    tags = ("Orders",)

    @get(guards=[signed_in], summary="My orders, newest first")
    async def mine(
        self,
        request: AnyRequest,
        desk: NamedDependency[Desk],
        cursor: Cursor = None,
        limit: Limit = 50,
        min_position: MinPosition = None,
    ) -> PageOf[OrderView]:
        return await _page(request, desk, OrderRow, order_from_row, cursor, limit, min_position)

    @get("/{client_order_id:str}", guards=[signed_in], summary="One order, always fresh")
    async def one(
        self, request: AnyRequest, client_order_id: FromPath[str], desk: NamedDependency[Desk]
    ) -> OrderView:
        owner_id = principal_of(request).account_id
        return await desk.read(order_from_stream, desk.services.log, client_order_id, owner_id)


class FillsController(Controller):
    """Fills of all one's bots."""

    path = "/v1/fills"
    tags = ("Orders",)

    @get(guards=[signed_in], summary="My fills, newest first")
    async def mine(
        self,
        request: AnyRequest,
        desk: NamedDependency[Desk],
        cursor: Cursor = None,
        limit: Limit = 50,
        min_position: MinPosition = None,
    ) -> PageOf[FillView]:
        return await _page(request, desk, FillRow, fill_from_row, cursor, limit, min_position)


async def _page(
    request: AnyRequest,
    desk: Desk,
    kind: type[R],
    shown: Callable[[R], T],
    cursor: str | None,
    limit: int,
    min_position: str | None,
    bot_id: str | None = None,
) -> PageOf[T]:
    """A page of the owner's rows, of one bot when it is named (and theirs)."""
    owner_id = principal_of(request).account_id
    before = parse_cursor(cursor)
    equal: dict[str, Any] = {"owner_id": owner_id}
    if bot_id is not None:
        equal["bot_id"] = bot_id
        await desk.read(bot_from_stream, desk.services.log, bot_id, owner_id)
    await desk.fresh(min_position)
    page = await desk.read(desk.services.views.page, kind, equal=equal, before=before, limit=limit)
    return page_of(page, shown)
