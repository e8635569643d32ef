"""Do our books and the venue agree about one account?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from application.ports.account_reports import Reconciler, StatementSource
from application.ports.commands import Caller, derived_id
from application.ports.event_log import EventLog
from application.reconciliation.our_books import venue_accounts
from application.streams import cases_stream, reconciliation_stream
from application.venues.desk import Account, VenueSilent
from domain.ledger.book import PAPER
from domain.reconciliation.cases import Cases
from domain.reconciliation.events import ReconciliationRecorded


@dataclass(frozen=True, slots=True)
class CheckAccount:
    """Reconciles one account at a real venue; what it finds is recorded like every reconciliation."""

    log: EventLog
    reconcile: Reconciler
    statements: Callable[[Account], StatementSource]
    new_id: Callable[[], str]
    actor: str = "system:worker"

    def __call__(self, account: Account) -> str:
        """ "" where the account agrees, or its cases are accepted; else what is open.

        Errors: VenueSilent, and those of reconciling.
        """
        command_id = f"reconcile-{self.new_id()}"
        run_id = derived_id("reconciliation", command_id)
        caller = Caller(actor=self.actor, command_id=command_id, correlation_id=command_id)
        self.reconcile(self.statements(account), run_id=run_id, caller=caller).unwrap()
        recorded: ReconciliationRecorded | None = self.log.load(reconciliation_stream(run_id)).state.recorded
        if recorded is None or recorded.unanswered:
            raise VenueSilent("the venue did not answer")
        return self._open_cases(account[1])

    def _open_cases(self, venue_account: str) -> str:
        kinds: Counter[str] = Counter()
        for known in venue_accounts(self.log).values():
            if known.venue_account == venue_account and known.purse != PAPER:
                cases: Cases = self.log.load(cases_stream(known.name)).state
                kinds.update(case.found.kind for case in cases.open.values())
        return ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
