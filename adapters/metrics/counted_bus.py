"""Commands, counted by class and by what they came to."""

from __future__ import annotations

from concurrent.futures import Future

from adapters.metrics.prometheus import Metrics
from application.ports.commands import Caller, Command, CommandBus, Outcome


class CountedBus:
    """A CommandBus that counts what passes through it."""

    def __init__(self, bus: CommandBus, metrics: Metrics) -> None:
        self._bus, self._metrics = bus, metrics

    def submit(self, command: Command, caller: Caller) -> Future[Outcome]:
        future = self._bus.submit(command, caller)
        kind = type(command).__name__
        future.add_done_callback(lambda done: self._metrics.command_done(kind, _outcome_of(done)))
        return future

    def execute(self, command: Command, caller: Caller) -> Outcome:
        outcome = "failed"
        try:
            answer = self._bus.execute(command, caller)
            outcome = _name(answer)
        finally:
            self._metrics.command_done(type(command).__name__, outcome)
        return answer


def _outcome_of(done: Future[Outcome]) -> str:
    if done.cancelled() or done.exception() is not None:
        return "failed"
    return _name(done.result())


def _name(outcome: Outcome) -> str:
    if outcome.replayed:
        return "replayed"
    return "accepted" if outcome.refusal is None else "refused"
