"""The command of a kill switch, from what a face is asked for."""

from __future__ import annotations

from application.platform.kill_switch import (
    EngageKillSwitch,
    EngageOwnersKillSwitch,
    ReleaseKillSwitch,
    ReleaseOwnersKillSwitch,
)
from application.ports.commands import Command
from application.ports.event_log import EventLog
from application.streams import bot_stream
from domain.bots.bot import Bot
from domain.bots.errors import UnknownBot
from domain.errors import InvalidValue
from domain.kill_switch.switches import ACCOUNT, BOT, CLOSE_ALL, PLATFORM, SCOPES, STOP, VENUE

RESUME = "resume"
ACTIONS = (STOP, CLOSE_ALL, RESUME)


def owner_of(log: EventLog, scope: str, target: str) -> str:
    """Whose account or bot it is; empty for venues and the platform.

    Refusals: invalid_value (an unknown scope, or a target that is missing or one too many), unknown_bot.
    """
    if scope not in SCOPES:
        raise InvalidValue("scope", f"{scope!r} is not one of {', '.join(SCOPES)}")
    if scope == PLATFORM and target:
        raise InvalidValue("target", "the platform is one; leave it out")
    if scope != PLATFORM and not target:
        raise InvalidValue("target", f"name the {scope}")
    if scope == BOT:
        bot: Bot = log.load(bot_stream(target)).state
        if not bot.exists:
            raise UnknownBot(bot_id=target)
        return bot.owner_id
    return target if scope == ACCOUNT else ""


def kill_switch_command(
    action: str,
    *,
    scope: str,
    target: str,
    owner_id: str,
    reason: str,
    by: str,
    by_operator: bool,
    switch_id: str,
) -> Command:
    """Raises InvalidValue where a bot or an action is not named."""
    if action not in ACTIONS:
        raise InvalidValue("action", f"{action!r} is not one of {', '.join(ACTIONS)}")
    if scope == BOT and not target:
        raise InvalidValue("bot_id", "name the bot")
    if scope in (ACCOUNT, BOT):
        bot_id = target if scope == BOT else ""
        if action == RESUME:
            return ReleaseOwnersKillSwitch(owner_id, bot_id, reason, by, by_operator)
        return EngageOwnersKillSwitch(owner_id, bot_id, action, reason, by, switch_id, by_operator)
    venue = target if scope == VENUE else ""
    if action == RESUME:
        return ReleaseKillSwitch(reason, by, venue)
    return EngageKillSwitch(reason, by, venue, action, switch_id)
