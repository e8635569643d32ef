"""Every venue that our books keep money at, as one counterparty: the paper venue and the real ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from application.ports.account_reports import StatementSource
from application.ports.event_log import EventLog
from application.ports.exchange import OrderReport, VenueOutcomeUnknown
from application.streams import venue_account_stream
from application.venues.desk import Account
from domain.errors import DomainError
from domain.ledger.book import PAPER
from domain.reconciliation.statement import AccountStatement
from domain.venue_accounts.venue_account import VenueAccount


@dataclass(frozen=True, slots=True)
class AllStatements:
    """See StatementSource. An account that has no key, such as one whose statements are imported from files,
    is nobody's to tell of.
    """

    paper: StatementSource
    log: EventLog
    of: Callable[[Account], StatementSource]  # one account at a real venue
    is_complete: bool = True
    names_orders: bool = True

    @property
    def name(self) -> str:
        return self.paper.name

    def accounts(self) -> Sequence[str]:
        """Of the paper venue: a real account is one that is in our books."""
        return self.paper.accounts()

    def statement(self, venue_account: str, purse: str) -> AccountStatement | None:
        if purse in (PAPER, ""):
            return self.paper.statement(venue_account, purse)
        source = self._real(venue_account)
        return source.statement(venue_account, purse) if source is not None else None

    def report(self, venue_account: str, symbol: str, client_order_id: str) -> OrderReport:
        source = self._real(venue_account) or self.paper
        return source.report(venue_account, symbol, client_order_id)

    def _real(self, venue_account: str) -> StatementSource | None:
        account: VenueAccount = self.log.load(venue_account_stream(venue_account)).state
        if not account.exists or account.key is None:
            return None
        try:
            return self.of((account.venue, venue_account))
        except DomainError as unknown:  # no venue of that name any more
            raise VenueOutcomeUnknown(str(unknown)) from None
