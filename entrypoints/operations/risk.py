"""Limits set and kill switches turned, by an operator."""

from __future__ import annotations

from typing import Any

from application.kill_switch.asked_for import kill_switch_command, owner_of
from application.ports.commands import Command, derived_id
from application.risk.limits_text import limits_from_text, limits_to_text
from application.risk.set_limits import SetAccountLimits, SetBotLimits, SetPlatformLimits
from application.risk_desk import bot_limits
from application.streams import PLATFORM, bot_stream, risk_stream
from domain.risk.limits import NO_LIMITS, Limits
from entrypoints.operations.desk import ACTOR, Arguments, Operation, OperatorDesk


def set_limits(desk: OperatorDesk, arguments: Arguments) -> dict[str, Any]:
    """Only what is named changes; "none" takes a limit away."""
    bot_id, reason, log = arguments.get("bot_id"), arguments["reason"], desk.services.log
    command: Command
    if arguments.get("platform"):
        limits = _changed(log.load(PLATFORM).state.limits, arguments["limits"])
        command = SetPlatformLimits(limits, reason, by=ACTOR)
    elif bot_id:
        bot_limits(log, bot_id)  # refuses a bot that is none
        owner_id = log.load(bot_stream(bot_id)).state.owner_id
        risk = log.load(risk_stream(owner_id)).state
        limits = _changed(risk.bot_limits.get(bot_id, NO_LIMITS), arguments["limits"])
        command = SetBotLimits(owner_id, bot_id, limits, reason, by=ACTOR)
    else:
        owner_id = desk.user(arguments)
        risk = log.load(risk_stream(owner_id)).state
        on_paper = arguments.get("hard_bounds_on_paper")
        command = SetAccountLimits(
            owner_id,
            _changed(risk.limits, arguments["limits"]),
            risk.hard_bounds_on_paper if on_paper is None else bool(on_paper),
            reason,
            by=ACTOR,
        )
    return desk.run(command)


def turn_kill_switch(desk: OperatorDesk, arguments: Arguments) -> dict[str, Any]:
    scope, target = arguments["scope"], arguments.get("target") or ""
    if scope == "account" and not target:
        target = desk.user(arguments)
    command = kill_switch_command(
        arguments["action"],
        scope=scope,
        target=target,
        owner_id=owner_of(desk.services.log, scope, target),
        reason=arguments["reason"],
        by=ACTOR,
        by_operator=True,
        switch_id=derived_id("switch", desk.operation_id),
    )
    return desk.run(command)


def _changed(limits: Limits, named: dict[str, str]) -> Limits:
    """Raises InvalidValue."""
    values = limits_to_text(limits)
    budgets = dict(values["strategy_budgets"])
    for name, raw in named.items():
        kind, _, strategy = name.partition(":")
        value = None if raw == "none" else raw
        if kind == "strategy_budget" and strategy:
            budgets.pop(strategy, None)
            budgets |= {} if value is None else {strategy: value}
        else:
            values[name] = value
    return limits_from_text({**values, "strategy_budgets": budgets})


OPERATIONS: dict[str, Operation] = {
    "risk.set-limits": set_limits,
    "kill-switch.turn": turn_kill_switch,
}
