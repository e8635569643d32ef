"""The exchange: commands in, answers and reports out. Refuses before it changes anything."""

from __future__ import annotations

from collections.abc import Callable
from decimal import localcontext
from typing import Any

from adapters.simulator.core import commands as c
from adapters.simulator.core.canceling import Canceling
from adapters.simulator.core.costs import Costs
from adapters.simulator.core.errors import Rejected
from adapters.simulator.core.matching import Matching
from adapters.simulator.core.office import Office
from adapters.simulator.core.orders import NewOrder
from adapters.simulator.core.outcomes import Answer, Outcome
from adapters.simulator.core.placing import Placing
from adapters.simulator.core.quoting import Quoting
from adapters.simulator.core.settlement import Settlement
from adapters.simulator.core.state import State
from domain.errors import DomainError
from domain.money import EXACT


class Exchange(State):
    """All state of the simulated exchange, and what is done to it.

    `apply` is deterministic: the same commands at the same times give the same state and the same ids.
    Time never goes back: a command that comes with an earlier one happens when the last did.
    Errors: Rejected, or InvalidValue from what only an operator sends; nothing changed.
    """

    def __init__(self) -> None:
        super().__init__()
        settlement = Settlement(self.accounts, self.tapes)
        costs = Costs(self, settlement)
        matching = Matching(self, settlement, costs)
        self._placing = placing = Placing(self, costs, matching)
        canceling, office = Canceling(self, matching, placing), Office(self)
        self._do: dict[type, Callable[[Any], Answer]] = {
            c.ListSymbol: office.list_symbol,
            c.OpenAccount: office.open_account,
            c.SetTerms: office.set_terms,
            c.IssueKey: office.issue_key,
            c.RevokeKey: office.revoke_key,
            c.MoveMoney: office.move_money,
            c.LoadCandles: office.load_candles,
            c.PlaceOrder: placing.place,
            c.PlaceOco: placing.place_oco,
            c.CancelOrder: canceling.cancel,
            c.CancelOpenOrders: canceling.cancel_open_orders,
            c.CancelList: canceling.cancel_list,
            c.ReplaceOrder: canceling.replace,
            c.MoveMarket: Quoting(self, matching).move_market,
        }

    def apply(self, command: c.Command, at_ms: int) -> Outcome:
        """Do it, or raise Rejected."""
        before_ms, self.now_ms = self.now_ms, max(self.now_ms, at_ms)
        self.outcome, self.moved = Outcome(), {}
        try:
            with localcontext(EXACT):
                self.outcome.answer = self._do[type(command)](command)
                self.report_positions()
                for book in self.books.values():
                    if change := book.take_change():
                        self.outcome.depth.append(change)
        except (Rejected, DomainError):
            self.now_ms = before_ms
            raise
        return self.outcome

    def check_new(self, account: str, order: NewOrder) -> None:
        """What placing it would be refused with; changes nothing (order/test)."""
        with localcontext(EXACT):
            self._placing.check(account, order)
