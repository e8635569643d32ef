"""`evenkeel kill-switch`: stop trading, close what is held, let it go on."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from application.kill_switch.engaged import EngagedSwitches
from application.queries.kill_switches import KillSwitchStatus, kill_switch_statuses
from application.streams import PLATFORM
from domain.kill_switch.switches import CLOSE_ALL, STOP
from entrypoints.cli import options
from entrypoints.cli.app import group
from entrypoints.cli.output import Output
from entrypoints.cli.session import reading, writing
from entrypoints.plain import plain

kill_switch = group("Stop trading of a bot, an account, a venue or all; close what is held; let it go on.")
Reason = Annotated[str, typer.Option(help="Why; auditors will read it.")]
Scope = Annotated[str, typer.Option(metavar="SCOPE", help="bot, account, venue or platform.")]
Target = Annotated[
    str,
    typer.Option(metavar="ID", help="The bot, account (or --user) or venue; none for the platform."),
]


@kill_switch.command()
def stop(
    reason: Reason,
    scope: Scope = "platform",
    target: Target = "",
    user: options.User = None,
    database_url: options.DatabaseUrl = None,
    as_json: options.Json = False,
) -> None:
    """From here on no bot of the scope places an order; what is open is cancelled, positions stay.

    Example: `evenkeel kill-switch stop --scope venue --target binance --reason "wrong prices"`
    """
    _turn(STOP, reason, scope, target, user, database_url, as_json=as_json)


@kill_switch.command("close-all")
def close_all(
    reason: Reason,
    scope: Scope,
    target: Target = "",
    user: options.User = None,
    database_url: options.DatabaseUrl = None,
    as_json: options.Json = False,
) -> None:
    """As stop, and what the scope's bots hold is sold at the market, until it is proven that nothing is left.

    A worker does it, and keeps trying; `evenkeel kill-switch status` shows what is still open.

    Example: `evenkeel kill-switch close-all --scope account --user ann@example.org --reason "asked to"`
    """
    _turn(CLOSE_ALL, reason, scope, target, user, database_url, as_json=as_json)


@kill_switch.command()
def resume(
    reason: Reason,
    scope: Scope = "platform",
    target: Target = "",
    user: options.User = None,
    database_url: options.DatabaseUrl = None,
    as_json: options.Json = False,
) -> None:
    """Bots of the scope may place orders again; those that were paused stay so until they are resumed.

    Example: `evenkeel kill-switch resume --scope venue --target binance --reason "prices are right again"`
    """
    _turn("resume", reason, scope, target, user, database_url, as_json=as_json)


@kill_switch.command()
def engage(reason: Reason, database_url: options.DatabaseUrl = None, as_json: options.Json = False) -> None:
    """As `stop` of the platform. Engaging it again changes nothing.

    Example: `evenkeel kill-switch engage --reason "venue reports wrong prices"`
    """
    _turn(STOP, reason, "platform", "", None, database_url, as_json=as_json)


@kill_switch.command()
def release(reason: Reason, database_url: options.DatabaseUrl = None, as_json: options.Json = False) -> None:
    """As `resume` of the platform.

    Example: `evenkeel kill-switch release --reason "prices are right again"`
    """
    _turn("resume", reason, "platform", "", None, database_url, as_json=as_json)


@kill_switch.command()
def status(database_url: options.DatabaseUrl = None, as_json: options.Json = False) -> None:
    """Show every engaged kill switch: why, and what of its scope is still open or held.

    Example: `evenkeel kill-switch status --json`
    """
    output = Output(as_json=as_json)
    with reading(database_url) as core:
        log = core.services.log
        platform = log.load(PLATFORM).state
        statuses = kill_switch_statuses(log, core.services.views, EngagedSwitches(log)())
    shown = [plain(each) for each in statuses]
    output.value({"engaged": platform.is_stopped, "reason": platform.kill_switch_reason, "switches": shown})
    output.say(
        f"trading is stopped: {platform.kill_switch_reason}" if platform.is_stopped else "trading is on"
    )
    for each in statuses:
        _say(output, each)


def _turn(
    action: str,
    reason: str,
    scope: str,
    target: str,
    user: str | None,
    database_url: str | None,
    *,
    as_json: bool,
) -> None:
    output = Output(as_json=as_json)
    arguments = {"action": action, "reason": reason, "scope": scope, "target": target, "user": user}
    answer = writing("kill-switch.turn", arguments, database_url, output)
    output.value(answer)
    output.say(_told(answer))


def _told(answer: dict[str, Any]) -> str:
    of = "" if answer["scope"] == "platform" else f" of {answer['scope']} {answer['target']}"
    if not answer["engaged"]:
        return f"trading{of} may go on"
    closing = "; what is held is being sold" if answer["mode"] == CLOSE_ALL else ""
    return f"trading{of} is stopped{closing}: {answer['reason']}"


def _say(output: Output, status: KillSwitchStatus) -> None:
    of = status.scope if status.scope == "platform" else f"{status.scope} {status.target}"
    output.say(f"\n{of}: {status.mode}, {status.progress} ({status.reason})")
    output.table(
        [plain(order) for order in status.open_orders],
        ("client_order_id", "bot_id", "venue", "symbol", "side", "status", "cancel_asked_for"),
        empty="no order is open",
    )
    output.table(
        [plain(position) for position in status.positions],
        ("bot_id", "asset", "quantity"),
        empty="nothing is held",
    )
