"""`evenkeel risk`: what may be risked, and what would come of an order."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from application.risk.limits_text import limits_to_text
from application.risk_desk import account_limits, bot_limits, check_order
from application.streams import PLATFORM
from domain.errors import InvalidValue
from domain.money import parse_positive_amount
from domain.risk.limits import HARD_BOUNDS
from entrypoints.cli import options
from entrypoints.cli.app import group
from entrypoints.cli.output import Output
from entrypoints.cli.session import account_of, reading, writing
from entrypoints.plain import plain

risk = group("Limits of bots, accounts and the platform; any order asked about beforehand.")

Bot = Annotated[str | None, typer.Option("--bot", metavar="BOT", help="Of this bot.")]
Platform = Annotated[bool, typer.Option("--platform", help="Of the platform: what no account exceeds.")]


@risk.command()
def check(
    bot: Annotated[str, typer.Argument(metavar="BOT", help="A bot's id; `evenkeel bots list` shows them.")],
    side: Annotated[str, typer.Option(help="buy or sell")] = "buy",
    price: Annotated[
        str | None, typer.Option(help="Quote per base; default: the newest stored close.")
    ] = None,
    amount: Annotated[str | None, typer.Option(help="In quote; default: all that is allocated.")] = None,
    database_url: options.DatabaseUrl = None,
    as_json: options.Json = False,
) -> None:
    """Hold an order of the bot against every rule, now: figures and verdict. Nothing is placed.

    Example: `evenkeel risk check bot-1 --side buy --price 50000`
    """
    output = Output(as_json=as_json)
    with reading(database_url) as core:
        view = check_order(
            core.services,
            bot,
            side=side,
            price=None if price is None else parse_positive_amount(price, "price"),
            amount=None if amount is None else parse_positive_amount(amount, "amount"),
        )
    output.value(view)
    columns = ("rule", "layer", "figure", "limit", "verdict", "detail")
    output.table([plain(rule) for rule in view.rules], columns, empty="no rules")
    spent = f": it would spend {view.notional}" if view.notional else f": it would sell {view.base_quantity}"
    output.say(f"\n{view.verdict}{'' if view.verdict == 'refused' else spent}")


@risk.command()
def limits(
    bot: Bot = None,
    platform: Platform = False,
    user: options.User = None,
    database_url: options.DatabaseUrl = None,
    as_json: options.Json = False,
) -> None:
    """Show an account's limits, or with --bot a bot's, or with --platform the platform's.

    Example: `evenkeel risk limits --user ann@example.org`
    """
    output = Output(as_json=as_json)
    with reading(database_url) as core:
        log, shown = core.services.log, dict[str, Any]()
        if platform:
            shown = {"limits": limits_to_text(log.load(PLATFORM).state.limits)}
            shown["hard_bounds"] = limits_to_text(HARD_BOUNDS)
        elif bot:
            shown = plain(bot_limits(log, bot))
        else:
            shown = plain(account_limits(log, account_of(core, user)))
    output.value(shown)
    output.tree(shown)


@risk.command("set-limits")
def set_limits(
    reason: Annotated[str, typer.Option(help="Why; owners and auditors will read it.")],
    limit: Annotated[
        list[str] | None,
        typer.Option(
            "--limit",
            "-l",
            metavar="NAME=VALUE",
            help="Such as max_orders_per_day=10, strategy_budget:ema_crossover=500; none takes it away.",
        ),
    ] = None,
    bot: Bot = None,
    platform: Platform = False,
    hard_bounds_on_paper: Annotated[
        bool | None,
        typer.Option(
            "--hard-bounds-on-paper/--no-hard-bounds-on-paper",
            help="Whether the hard bounds bind the account's paper bots, too.",
        ),
    ] = None,
    user: options.User = None,
    database_url: options.DatabaseUrl = None,
    as_json: options.Json = False,
) -> None:
    """Change limits of an account, a bot or the platform; those that are not named stay as they are.

    They bind from the next order on. None goes beyond its hard bound: see docs/risk.md.

    Example: `evenkeel risk set-limits --bot bot-1 -l max_order_notional=250 --reason "first week"`
    """
    output = Output(as_json=as_json)
    named = {}
    for raw in limit or ():
        name, equals, value = raw.partition("=")
        if not equals:
            raise InvalidValue("limit", f"{raw!r} is no limit; write it as max_orders_per_day=10")
        named[name] = value
    arguments = {
        "bot_id": bot,
        "platform": platform,
        "user": user,
        "limits": named,
        "hard_bounds_on_paper": hard_bounds_on_paper,
        "reason": reason,
    }
    answer = writing("risk.set-limits", arguments, database_url, output)
    output.value(answer)
    output.tree({"limits": {name: value for name, value in answer["limits"].items() if value}})
