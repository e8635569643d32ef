"""Commands, as log lines with the ids that their events carry."""

from __future__ import annotations

import logging
from concurrent.futures import Future

import structlog

from application.ports.commands import Caller, Command, CommandBus, Outcome
from application.ports.event_log import Position

_log = structlog.stdlib.get_logger("evenkeel.commands")


class LoggedBus:
    """A CommandBus that leaves one line per command: what was asked, by whom, and what it came to.

    What changed nothing and was accepted is logged at debug, everything else at info.
    """

    def __init__(self, bus: CommandBus) -> None:
        self._bus = bus

    def submit(self, command: Command, caller: Caller) -> Future[Outcome]:
        future = self._bus.submit(command, caller)
        future.add_done_callback(lambda done: _report(command, caller, done))
        return future

    def execute(self, command: Command, caller: Caller) -> Outcome:
        try:
            outcome = self._bus.execute(command, caller)
        except Exception as problem:
            _line(logging.WARNING, command, caller, "failed", problem=type(problem).__name__)
            raise
        _report_outcome(command, caller, outcome)
        return outcome


def _report(command: Command, caller: Caller, done: Future[Outcome]) -> None:
    if done.cancelled():
        return
    if (problem := done.exception()) is not None:
        _line(logging.WARNING, command, caller, "failed", problem=type(problem).__name__)
    else:
        _report_outcome(command, caller, done.result())


def _report_outcome(command: Command, caller: Caller, outcome: Outcome) -> None:
    if outcome.refusal is not None:
        _line(logging.INFO, command, caller, "refused", code=outcome.refusal.code)
    elif outcome.position and not outcome.replayed:
        _line(logging.INFO, command, caller, "accepted", position=str(Position.of(outcome.position)))
    elif _log.isEnabledFor(logging.DEBUG):
        _line(logging.DEBUG, command, caller, "replayed" if outcome.replayed else "accepted")


def _line(level: int, command: Command, caller: Caller, outcome: str, **more: object) -> None:
    _log.log(
        level,
        "command " + outcome,
        command=type(command).__name__,
        outcome=outcome,
        actor=caller.actor,
        command_id=caller.command_id,
        correlation_id=caller.correlation_id,
        causation_id=caller.causation_id,
        **more,
    )
