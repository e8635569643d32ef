"""The paper venue of several shards: an account is where its book is, whose id it has."""

from __future__ import annotations

from collections.abc import Sequence

from adapters.persistence.shards.routing import Directory
from application.ports.account_reports import StatementSource
from application.ports.exchange import OrderReport
from application.ports.paper_accounts import PaperAccount, PaperAccounts, PaperTerms, VenueDeposit
from application.streams import book_stream
from domain.reconciliation.statement import AccountStatement


class ShardedPaperAccounts(PaperAccounts):
    """Deposits to accounts of one shard are made together, those of several shard by shard."""

    def __init__(self, venues: Sequence[PaperAccounts], directory: Directory) -> None:
        self._venues, self._directory = venues, directory

    def open_account(self, venue_account: str, terms: PaperTerms) -> None:
        self._venues[self._of(venue_account)].open_account(venue_account, terms)

    def deposit(self, deposits: Sequence[VenueDeposit]) -> None:
        asked: dict[int, list[VenueDeposit]] = {}
        for one in deposits:
            asked.setdefault(self._of(one.venue_account), []).append(one)
        for shard in sorted(asked):
            self._venues[shard].deposit(asked[shard])

    def account(self, venue_account: str) -> PaperAccount:
        return self._venues[self._of(venue_account)].account(venue_account)

    def accounts(self) -> Sequence[PaperAccount]:
        return [account for venue in self._venues for account in venue.accounts()]

    def _of(self, venue_account: str) -> int:
        return self._directory.of_stream(book_stream(venue_account))


class ShardedStatements(StatementSource):
    """What the venue reports, account by account; all accounts are one counterparty's."""

    def __init__(self, sources: Sequence[StatementSource], directory: Directory) -> None:
        self._sources, self._directory = sources, directory

    @property
    def name(self) -> str:
        return self._sources[0].name

    @property
    def is_complete(self) -> bool:
        return all(source.is_complete for source in self._sources)

    @property
    def names_orders(self) -> bool:
        return all(source.names_orders for source in self._sources)

    def accounts(self) -> Sequence[str]:
        return [account for source in self._sources for account in source.accounts()]

    def statement(self, venue_account: str, purse: str) -> AccountStatement | None:
        return self._of(venue_account).statement(venue_account, purse)

    def report(self, venue_account: str, symbol: str, client_order_id: str) -> OrderReport:
        return self._of(venue_account).report(venue_account, symbol, client_order_id)

    def _of(self, venue_account: str) -> StatementSource:
        return self._sources[self._directory.of_stream(book_stream(venue_account))]
