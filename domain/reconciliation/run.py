"""One reconciliation: recorded once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from domain.money import ZERO, add, subtract
from domain.reconciliation.events import PurseTotal, ReconciliationRecorded


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """What a run came to; None while it has not been recorded."""

    run_id: str = ""
    recorded: ReconciliationRecorded | None = None

    def record(self, outcome: ReconciliationRecorded) -> Sequence[ReconciliationRecorded]:
        """Once: recorded again, it is answered with no events."""
        return [] if self.recorded is not None else [outcome]

    def evolve(self, event: ReconciliationRecorded) -> Reconciliation:
        """Fold one fact in. Never refuses."""
        return replace(self, recorded=event)


def is_clean(outcome: ReconciliationRecorded) -> bool:
    """Whether nothing is open: no case, no account without an answer, and all books add up."""
    return not (any(outcome.breaks.values()) or outcome.unanswered) and all(map(adds_up, outcome.totals))


def adds_up(total: PurseTotal) -> bool:
    """Whether all accounts of a purse and asset sum to zero: what we hold is what is owed and earned."""
    held = ZERO
    for amount in (total.custody, total.due, total.expense, total.clearing, total.other):
        held = add(held, amount)
    return held == add(add(total.wallets, total.holds), total.revenue)


def agrees(total: PurseTotal) -> bool:
    """Whether the other side reports just what custody says, where the two were compared."""
    return not subtract(total.reported, total.compared)
