"""What bots did: `evenkeel bots performance`, `orders`, `fills`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from application.queries.moments import parse_moment
from application.queries.performance import BotPerformance
from application.queries.trading import fill_from_row, order_from_row
from application.streams import bot_stream
from application.views.rows import FillRow, OrderRow
from domain.bots.bot import Bot
from domain.bots.errors import UnknownBot
from entrypoints.cli import options
from entrypoints.cli.output import Output
from entrypoints.cli.session import Core, reading
from entrypoints.plain import plain

BotId = Annotated[str, typer.Argument(metavar="BOT", help="A bot's id; `evenkeel bots list` shows them.")]


def performance(
    bot: BotId,
    at: options.At = None,
    database_url: options.DatabaseUrl = None,
    as_json: options.Json = False,
) -> None:
    """Show a bot's position, profit, equity and fees, now or at a past moment.

    Example: `evenkeel bots performance bot-1a2b --at 2026-03-01T12:00:00Z`
    """
    output = Output(as_json=as_json)
    with reading(database_url) as core:
        services = core.services
        read = BotPerformance(services.log, services.views, services.candles)
        owner_id = known_bot(core, bot).owner_id
        moment = parse_moment(at, services.log.of(owner_id), clock=services.clock)
        found = plain(read(bot, owner_id, moment))
    output.value(found)
    output.facts(found)


def orders(
    bot: BotId,
    limit: options.Limit = 20,
    database_url: options.DatabaseUrl = None,
    as_json: options.Json = False,
) -> None:
    """Show a bot's orders, newest first.

    Example: `evenkeel bots orders bot-1a2b -n 5`
    """
    output = Output(as_json=as_json)
    with reading(database_url) as core:
        known_bot(core, bot)
        page = core.services.views.page(OrderRow, equal={"bot_id": bot}, limit=limit)
    rows: list[dict[str, Any]] = [plain(order_from_row(row)) for row in page.rows]
    output.value(rows)
    columns = ("position", "client_order_id", "side", "status", "filled_base", "filled_quote", "intended_at")
    output.table(rows, columns, empty="no orders yet")


def fills(
    bot: BotId,
    limit: options.Limit = 20,
    database_url: options.DatabaseUrl = None,
    as_json: options.Json = False,
) -> None:
    """Show a bot's fills, newest first.

    Example: `evenkeel bots fills bot-1a2b --json`
    """
    output = Output(as_json=as_json)
    with reading(database_url) as core:
        known_bot(core, bot)
        page = core.services.views.page(FillRow, equal={"bot_id": bot}, limit=limit)
    rows: list[dict[str, Any]] = [plain(fill_from_row(row)) for row in page.rows]
    output.value(rows)
    columns = ("position", "side", "base_quantity", "price", "fee", "fee_asset", "slippage_bps", "traded_at")
    output.table(rows, columns, empty="no fills yet")


def add_reports(bots: typer.Typer) -> None:
    for report in (performance, orders, fills):
        bots.command()(report)


def known_bot(core: Core, bot_id: str) -> Bot:
    """Any owner's bot. Errors: UnknownBot."""
    bot: Bot = core.services.log.load(bot_stream(bot_id)).state
    if not bot.exists:
        raise UnknownBot(bot_id=bot_id)
    return bot
