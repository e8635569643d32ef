"""The paper venue's accounts of several shards: an account is where its book is, whose id it has."""

from __future__ import annotations

from collections.abc import Sequence

from adapters.persistence.shards.routing import Directory
from application.ports.paper_accounts import PaperAccount, PaperAccounts, PaperTerms, VenueDeposit
from application.streams import book_stream


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
