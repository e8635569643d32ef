"""`evenkeel kill-switch`: stop all trading."""

from __future__ import annotations

from typing import Annotated

import typer

from application.streams import PLATFORM
from entrypoints.cli import options
from entrypoints.cli.app import group
from entrypoints.cli.output import Output
from entrypoints.cli.session import reading, writing

kill_switch = group("Stop all trading, for everyone, and let it go on.")
Reason = Annotated[str, typer.Option(help="Why; auditors will read it.")]


@kill_switch.command()
def engage(reason: Reason, database_url: options.DatabaseUrl = None, as_json: options.Json = False) -> None:
    """From here on no bot places an order. Engaging it again changes nothing.

    Example: `evenkeel kill-switch engage --reason "venue reports wrong prices"`
    """
    output = Output(as_json=as_json)
    answer = writing("kill-switch.engage", {"reason": reason}, database_url, output)
    output.value(answer)
    output.say(f"trading is stopped: {answer['reason']}")


@kill_switch.command()
def release(reason: Reason, database_url: options.DatabaseUrl = None, as_json: options.Json = False) -> None:
    """Bots may place orders again.

    Example: `evenkeel kill-switch release --reason "prices are right again"`
    """
    output = Output(as_json=as_json)
    answer = writing("kill-switch.release", {"reason": reason}, database_url, output)
    output.value(answer)
    output.say("trading may go on")


@kill_switch.command()
def status(database_url: options.DatabaseUrl = None, as_json: options.Json = False) -> None:
    """Show whether trading is stopped, and why.

    Example: `evenkeel kill-switch status --json`
    """
    output = Output(as_json=as_json)
    with reading(database_url) as core:
        platform = core.services.log.load(PLATFORM).state
    output.value({"engaged": platform.is_stopped, "reason": platform.kill_switch_reason})
    output.say(
        f"trading is stopped: {platform.kill_switch_reason}" if platform.is_stopped else "trading is on"
    )
