"""The whole: what is derived from the log."""

from __future__ import annotations

from typing import Any

from entrypoints.operations.desk import Arguments, Operation, OperatorDesk


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
    "projections.check": check,
    "projections.rebuild": rebuild,
}
