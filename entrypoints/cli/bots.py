"""`evenkeel bots`: lead bots through their life."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from application.queries.bot_warnings import BotWarnings
from application.queries.trading import bot_from_row, bot_with_warnings
from application.views.rows import BotRow
from domain.bots.modes import GO, LIVE, ON_VENUES, TESTNET
from domain.errors import InvalidValue
from entrypoints.cli import options
from entrypoints.cli.app import group
from entrypoints.cli.bot_reports import add_reports, known_bot
from entrypoints.cli.output import Output
from entrypoints.cli.session import account_of, password_of, reading, writing
from entrypoints.plain import plain
from entrypoints.problems import CheckFailed

bots = group("Bots: create them, start and stop them, see what they did.")
add_reports(bots)

BotId = Annotated[str, typer.Argument(metavar="BOT", help="A bot's id; `evenkeel bots list` shows them.")]
Reason = Annotated[str, typer.Option(help="Why; it stands in the log.")]


@bots.command()
def create(
    symbol: Annotated[str, typer.Argument(help="Pair as BASE/QUOTE, such as BTC/USDT or BTC/GBP.")],
    interval: Annotated[str, typer.Option(help="Of the candles it follows: 1m, 5m, 1h, 1d, …")] = "1h",
    source: Annotated[
        str, typer.Option(help="Candle series: binance, …, or synthetic; see `data list`.")
    ] = "synthetic",
    allocation: Annotated[
        str | None, typer.Option(metavar="AMOUNT ASSET", help="What it may use, such as '1000 USDT'.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="How you call it.")] = None,
    strategy: Annotated[str, typer.Option(help="ema_crossover")] = "ema_crossover",
    parameter: Annotated[
        list[str] | None, typer.Option("--parameter", "-p", metavar="NAME=VALUE", help="Such as fast=12.")
    ] = None,
    max_order_notional: Annotated[
        str | None, typer.Option(help="Guardrail: no order above this, in quote.")
    ] = None,
    stop_loss_bps: Annotated[
        int | None, typer.Option(min=1, max=9_999, help="Sells so far below its cost; 100 is 1 %.")
    ] = None,
    take_profit_bps: Annotated[
        int | None, typer.Option(min=1, max=1_000_000, help="Sells so far above its cost.")
    ] = None,
    trailing_stop_bps: Annotated[
        int | None, typer.Option(min=1, max=9_999, help="Sells so far below the highest price since.")
    ] = None,
    paper_account: options.PaperAccount = None,
    venue_account: Annotated[
        str | None,
        typer.Option("--venue-account", metavar="ID", help="On a venue account: it begins by observing."),
    ] = None,
    user: options.User = None,
    database_url: options.DatabaseUrl = None,
    as_json: options.Json = False,
) -> None:
    """Create a bot on a paper account. It never fails for a missing wallet: that stands at zero.

    Where there is no paper account yet, an empty one is opened with it. With --venue-account it is on that
    account's book, in mode OBSERVE.

    Example: `evenkeel bots create BTC/USDT --interval 1h --allocation "1000 USDT" -p fast=12`
    """
    output = Output(as_json=as_json)
    arguments = {
        "user": user,
        "stop_loss_bps": stop_loss_bps,
        "take_profit_bps": take_profit_bps,
        "trailing_stop_bps": trailing_stop_bps,
        "paper_account": paper_account,
        "venue_account": venue_account,
        "name": name,
        "symbol": symbol,
        "interval": interval,
        "source": source,
        "strategy": strategy,
        "parameters": dict(_named(raw) for raw in parameter or []),
        "allocation": allocation,
        "max_order_notional": max_order_notional,
    }
    _tell(output, writing("bots.create", arguments, database_url, output))


@bots.command("list")
def list_bots(
    user: options.User = None, database_url: options.DatabaseUrl = None, as_json: options.Json = False
) -> None:
    """Show every bot, or those of --user.

    Example: `evenkeel bots list`
    """
    output = Output(as_json=as_json)
    with reading(database_url) as core:
        equal = {"owner_id": account_of(core, user)} if user else {}
        rows = [
            {**plain(bot_from_row(row)), "reason": row.status_reason}
            for row in core.services.views.where(BotRow, **equal)
        ]
    output.value(rows)
    rows = [_in_words(row) for row in rows]
    columns = ("bot_id", "name", "symbol", "interval", "source", "mode", "status", "reason", "allocation")
    output.table(rows, columns, empty="there are no bots; `evenkeel bots create` makes one")


@bots.command()
def show(bot: BotId, database_url: options.DatabaseUrl = None, as_json: options.Json = False) -> None:
    """Show one bot's terms and where it stands.

    Example: `evenkeel bots show bot-1a2b`
    """
    output = Output(as_json=as_json)
    with reading(database_url) as core:
        services = core.services
        warnings = BotWarnings(services.candles, services.live_sources)
        view = bot_with_warnings(services.log, warnings, bot, known_bot(core, bot).owner_id)
        row = services.views.get(BotRow, bot)
    _tell(output, {**plain(view), "reason": row.status_reason if row else ""})


@bots.command()
def start(
    bot: BotId,
    start_from: Annotated[
        str | None,
        typer.Option(help="beginning or now; left out: now on a live series, else the beginning."),
    ] = None,
    user: options.User = None,
    database_url: options.DatabaseUrl = None,
    as_json: options.Json = False,
) -> None:
    """Start a bot: a live series is traded from now on, an imported one from its beginning.

    It trades while a worker runs (`evenkeel serve` or `evenkeel worker`).

    Examples: `evenkeel bots start bot-1a2b`, `evenkeel bots start bot-1a2b --start-from beginning`
    """
    output = Output(as_json=as_json)
    arguments = {"bot_id": bot, "user": user, "start_from": start_from}
    _tell(output, writing("bots.start", arguments, database_url, output))


@bots.command()
def resume(
    bot: BotId,
    user: options.User = None,
    database_url: options.DatabaseUrl = None,
    as_json: options.Json = False,
) -> None:
    """Let a paused bot trade again: a live series from now on, an imported one from where its run stood.

    Example: `evenkeel bots resume bot-1a2b`
    """
    output = Output(as_json=as_json)
    _tell(output, writing("bots.resume", {"bot_id": bot, "user": user}, database_url, output))


@bots.command()
def pause(
    bot: BotId,
    reason: Reason = "paused by an operator",
    user: options.User = None,
    database_url: options.DatabaseUrl = None,
    as_json: options.Json = False,
) -> None:
    """No signals until it is resumed; open orders live on.

    Example: `evenkeel bots pause bot-1a2b --reason "news tonight"`
    """
    output = Output(as_json=as_json)
    arguments = {"bot_id": bot, "user": user, "reason": reason}
    _tell(output, writing("bots.pause", arguments, database_url, output))


@bots.command()
def stop(
    bot: BotId,
    reason: Reason = "stopped by an operator",
    user: options.User = None,
    database_url: options.DatabaseUrl = None,
    as_json: options.Json = False,
) -> None:
    """End a bot's run; what is allocated to it stays with it.

    The worker that runs it cancels its open order, and what was held for that goes back to the bot.

    Example: `evenkeel bots stop bot-1a2b`
    """
    output = Output(as_json=as_json)
    arguments = {"bot_id": bot, "user": user, "reason": reason}
    _tell(output, writing("bots.stop", arguments, database_url, output))


@bots.command()
def allocate(
    bot: BotId,
    amount: Annotated[str, typer.Argument(metavar="AMOUNT ASSET", help="Such as '500 USDT'.")],
    take_back: Annotated[bool, typer.Option("--take-back", help="From the bot to the free balance.")] = False,
    user: options.User = None,
    database_url: options.DatabaseUrl = None,
    as_json: options.Json = False,
) -> None:
    """Set more of the free balance apart for a bot, or take some back.

    Example: `evenkeel bots allocate bot-1a2b "500 USDT"`
    """
    output = Output(as_json=as_json)
    arguments = {"bot_id": bot, "user": user, "amount": amount, "take_back": take_back}
    _tell(output, writing("bots.allocate", arguments, database_url, output))


@bots.command()
def preflight(
    bot: BotId,
    mode: Annotated[str, typer.Option(help="LIVE or TESTNET.")] = LIVE,
    user: options.User = None,
    database_url: options.DatabaseUrl = None,
    as_json: options.Json = False,
) -> None:
    """Check everything before a bot may send orders. A NO-GO is exit code 1.

    Example: `evenkeel bots preflight bot-1a2b`
    """
    output = Output(as_json=as_json)
    if mode not in (LIVE, TESTNET):
        raise InvalidValue("mode", f"{mode!r} is neither {LIVE} nor {TESTNET}")
    arguments = {"bot_id": bot, "mode": mode, "user": user}
    report = writing("bots.preflight", arguments, database_url, output, what="checking")
    output.value(report)
    output.table(report["checks"], ("verdict", "name", "message"), empty="nothing was checked")
    output.say(f"{report['verdict']}: pre-flight {report['preflight_id']} for {report['for_mode']}")
    if report["verdict"] != GO:
        raise CheckFailed


@bots.command("mode")
def change_mode(
    bot: BotId,
    mode: Annotated[str, typer.Argument(help="OBSERVE, TESTNET or LIVE.")],
    reason: Annotated[str, typer.Option(help="Why; it stands in the log.")],
    preflight_id: Annotated[
        str | None, typer.Option("--preflight", metavar="ID", help="The pre-flight that it rests on.")
    ] = None,
    password_stdin: options.PasswordStdin = False,
    user: options.User = None,
    database_url: options.DatabaseUrl = None,
    as_json: options.Json = False,
) -> None:
    """Let a bot observe, or send orders. LIVE wants its owner's approval and password.

    Examples: `evenkeel bots mode bot-1a2b LIVE --preflight preflight-3c4d --reason "a month on paper"`,
    `evenkeel bots mode bot-1a2b OBSERVE --reason "news tonight"`
    """
    output = Output(as_json=as_json)
    if mode not in ON_VENUES:
        raise InvalidValue("mode", f"{mode!r} is not one of {', '.join(ON_VENUES)}")
    arguments = {
        "bot_id": bot,
        "mode": mode,
        "reason": reason,
        "preflight": preflight_id,
        "user": user,
        "password": password_of("its owner", stdin=password_stdin) if mode == LIVE else None,
    }
    _tell(output, writing("bots.mode", arguments, database_url, output))


def _named(raw: str) -> tuple[str, str]:
    name, equals, value = raw.partition("=")
    if not (name and equals and value):
        raise InvalidValue("parameter", f"{raw!r} is not NAME=VALUE, such as fast=12")
    return name.strip(), value.strip()


def _tell(output: Output, bot: dict[str, Any]) -> None:
    output.value(bot)
    output.facts(_in_words(bot))


def _in_words(bot: dict[str, Any]) -> dict[str, Any]:
    """Its amounts with their asset, and its warnings where there are any."""
    shown, asset = dict(bot), bot["allocation_asset"]
    del shown["allocation_asset"]
    for name in ("allocation", "allocated", "max_order_notional"):
        if shown.get(name) is not None:
            shown[name] = f"{shown[name]} {asset}"
    if not shown.get("warnings"):
        shown.pop("warnings", None)
    return shown
