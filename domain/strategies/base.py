"""What every strategy is: closed candles in, at most one signal a candle out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from domain.errors import DomainError
from domain.market import Candle


@dataclass(frozen=True, slots=True)
class Signal:
    """What a strategy wants now, and why in a few words for the person who reads it."""

    side: str  # buy to enter, sell to leave
    why: str


class Strategy(Protocol):
    """Deterministic: the same candles in the same order give the same signals. Indicators are floats.

    `on_candle` is called once for every closed candle, oldest first, also while warming up; what it returns
    then is not traded. `in_position` says whether the bot holds any of the base asset now.
    """

    def on_candle(self, candle: Candle, *, in_position: bool) -> Signal | None: ...


class UnknownStrategy(DomainError, code="unknown_strategy"):
    """No strategy of that name."""

    def __init__(self, *, strategy: str, known: str) -> None:
        super().__init__(f"no strategy {strategy!r}; there are: {known}")
        self.strategy, self.known = strategy, known


class InvalidParameter(DomainError, code="invalid_parameter"):
    """A strategy parameter is missing, unknown or out of range."""

    def __init__(self, *, parameter: str, problem: str) -> None:
        super().__init__(f"parameter {parameter}: {problem}")
        self.parameter, self.problem = parameter, problem


def whole_number(parameters: Mapping[str, str], name: str, *, default: int, least: int, most: int) -> int:
    """A parameter as a whole number within its range; raises InvalidParameter."""
    raw = parameters.get(name, str(default))
    if not (raw.isascii() and raw.isdecimal() and least <= int(raw) <= most):
        raise InvalidParameter(
            parameter=name, problem=f"{raw!r} is not a whole number from {least} to {most}"
        )
    return int(raw)
