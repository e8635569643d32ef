"""A venue as a source of statements."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from application.ports.event_log import StoreUnavailable
from application.ports.exchange import Exchange, OrderReport, VenueOutcomeUnknown, VenueRefused
from domain.ledger.book import PAPER
from domain.reconciliation.statement import AccountStatement


@dataclass(frozen=True, slots=True)
class VenueStatements:
    """Every account that a venue has, asked for at the venue. The paper venue answers for the paper purse."""

    exchange: Exchange
    held: Callable[[], Sequence[str]]  # the ids of all accounts that it has
    purse: str = PAPER
    is_complete: bool = True
    names_orders: bool = True

    @property
    def name(self) -> str:
        return self.exchange.name

    def accounts(self) -> Sequence[str]:
        try:
            return self.held()
        except VenueOutcomeUnknown as e:
            raise StoreUnavailable(f"{self.name} cannot be asked for its accounts: {e}") from e

    def statement(self, venue_account: str, purse: str) -> AccountStatement | None:
        if purse not in (self.purse, ""):
            return None
        try:
            return self.exchange.statement(venue_account)
        except VenueRefused:  # it has no such account: nothing of what our books say is there
            return AccountStatement(venue_account=venue_account, balances={}, lines=())

    def report(self, venue_account: str, symbol: str, client_order_id: str) -> OrderReport:
        return self.exchange.report(venue_account, symbol, client_order_id)
