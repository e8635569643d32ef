"""The whole: the kill switch, and what is derived from the log."""

from __future__ import annotations

from typing import Any

from application.platform.kill_switch import EngageKillSwitch, ReleaseKillSwitch
from entrypoints.operations.desk import ACTOR, Arguments, Operation, OperatorDesk


def engage(desk: OperatorDesk, arguments: Arguments) -> dict[str, Any]:
    return desk.run(EngageKillSwitch(arguments["reason"], by=ACTOR))


def release(desk: OperatorDesk, arguments: Arguments) -> dict[str, Any]:
    return desk.run(ReleaseKillSwitch(arguments["reason"], by=ACTOR))


def rebuild(desk: OperatorDesk, arguments: Arguments) -> dict[str, Any]:
    verdict = desk.maintenance.rebuild(desk.progress, arguments.get("names", ()))
    return {
        "events": verdict.events,
        "identical": verdict.is_identical,
        "difference": verdict.difference,
    }


def check(desk: OperatorDesk, arguments: Arguments) -> dict[str, Any]:
    return desk.maintenance.check(desk.progress, arguments.get("names", ()))


OPERATIONS: dict[str, Operation] = {
    "kill-switch.engage": engage,
    "kill-switch.release": release,
    "projections.check": check,
    "projections.rebuild": rebuild,
}
