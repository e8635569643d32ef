"""Where what others say of our accounts comes from: a venue that is asked, a file that somebody fetched."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from application.ports.commands import Caller, Outcome
from application.ports.exchange import OrderReport
from application.ports.maintenance import Progress
from domain.reconciliation.statement import AccountStatement


class StatementSource(Protocol):
    """One counterparty.

    `is_complete`: every account that is in our books should be with it, or it says so; one that is not
    complete is asked for the accounts that it names, and no others. `names_orders`: each of its trades names
    its client order id, so that one that names none is no order of ours.
    """

    @property
    def name(self) -> str: ...

    @property
    def is_complete(self) -> bool: ...

    @property
    def names_orders(self) -> bool: ...

    def accounts(self) -> Sequence[str]:
        """The accounts that it has something to say of. Errors: StoreUnavailable where it can't be asked."""
        ...

    def statement(self, venue_account: str, purse: str) -> AccountStatement | None:
        """What it says of an account; None where it is no counterparty of that purse.

        An account that it ought to have and has not is answered with one that is empty. Errors:
        VenueOutcomeUnknown.
        """
        ...

    def report(self, venue_account: str, symbol: str, client_order_id: str) -> OrderReport:
        """What became of an order: the proof of its fills.

        Errors: VenueOrderNotFound, also where it proves nothing; VenueRefused, VenueOutcomeUnknown.
        """
        ...


class Reconciler(Protocol):
    """What holds our books against a source, as faces see it: application/reconciliation/reconcile.py."""

    def __call__(
        self, source: StatementSource, *, run_id: str, caller: Caller, progress: Progress = ...
    ) -> Outcome: ...
