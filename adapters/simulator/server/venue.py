"""The exchange with its journal, clock, dials and listeners: what every request is answered from."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from adapters.simulator.core.book import OrderBook
from adapters.simulator.core.commands import Command, MoveMarket
from adapters.simulator.core.errors import Rejected, internal_error
from adapters.simulator.core.exchange import Exchange
from adapters.simulator.core.orders import Order
from adapters.simulator.core.outcomes import Outcome
from adapters.simulator.journal import Journal
from adapters.simulator.server import wire
from adapters.simulator.server.clock import Clock
from adapters.simulator.server.faults import Faults
from adapters.simulator.server.limits import Limits
from domain.errors import DomainError

_REMEMBERED_REQUESTS = 1_000
T = TypeVar("T")


@dataclass(slots=True)
class Venue:
    """Commands go through `execute`: applied, written, and only then told."""

    exchange: Exchange
    journal: Journal
    clock: Clock
    faults: Faults
    limits: Limits
    seed: int = 0
    halted: set[str] = field(default_factory=set)
    listeners: list[Callable[[Outcome], None]] = field(default_factory=list)
    requests: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=_REMEMBERED_REQUESTS))
    counts: Counter[str] = field(default_factory=Counter)
    stale: dict[str, dict[str, Any]] = field(default_factory=dict)
    broken: Exception | None = None

    def execute(self, command: Command) -> Outcome:
        """Errors: Rejected or InvalidValue, nothing changed.

        Where memory is, or may be, ahead of the journal, nobody is told anything any more but that
        the outcome is unknown: `broken` says why.
        """
        if self.broken is not None:
            raise internal_error()
        try:
            outcome = self.exchange.apply(command, self.now_ms())
            quiet = isinstance(command, MoveMarket) and not outcome.touches_users
            self.journal.append(command, self.exchange, durable=not quiet)
        except (Rejected, DomainError):
            raise
        except Exception as error:
            self.broken = error
            raise internal_error() from error
        for listener in self.listeners:
            listener(outcome)
        return outcome

    def answer(self, command: Command, kind: type[T]) -> T:
        """What the command's sender gets, of the kind that this command answers with."""
        answer = self.execute(command).answer
        if not isinstance(answer, kind):
            raise TypeError(f"{type(command).__name__} answered {answer!r}")
        return answer

    def now_ms(self) -> int:
        return self.clock.now_ms()

    def book(self, symbol: str) -> OrderBook:
        self.exchange.symbol(symbol)
        return self.exchange.books[symbol]

    def is_visible(self, order: Order) -> bool:
        """Whether queries find it already, as the dial `invisible` has it."""
        hidden_ms = self.faults.standing_ms("invisible")
        return not hidden_ms or self.now_ms() - order.created_at_ms >= hidden_ms

    def freeze_depth(self) -> None:
        """What the dial `stale_depth` shows from now on."""
        self.stale = {name: wire.depth(book, 5_000) for name, book in self.exchange.books.items()}
