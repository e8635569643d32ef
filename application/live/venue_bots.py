"""Bots on venue accounts: they begin by observing."""

from __future__ import annotations

from dataclasses import dataclass, replace

from application.bots.manage_bots import allocate_up_to_target, described
from application.ports.commands import Result
from application.streams import bot_stream
from application.venue_accounts.commands import live_book_id
from application.work import Work
from domain.bots.events import BotTerms
from domain.strategies import make_strategy
from domain.venue_accounts.errors import UnknownVenueAccount
from domain.venue_accounts.venue_account import CONNECTED, VenueAccount


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateVenueBot:
    """A new bot on one of its owner's own venue accounts, or on their LIVE book of a pooled one.

    It is in mode OBSERVE. Its venue is the account's, whatever the terms say. What the free balance covers of
    the allocation is allocated now, the rest when it starts.
    Refusals, in order: unknown_account, account_frozen, unknown_strategy, invalid_parameter,
    unknown_venue_account (also where there is no book of the owner's), venue_account_closed, book_not_open,
    invalid_value, bot_exists.
    """

    bot_id: str
    owner_id: str
    venue_account_id: str
    terms: BotTerms
    asked_from: str

    def decide(self, work: Work) -> Result:
        work.account(self.owner_id).require_active()
        make_strategy(self.terms.strategy, self.terms.parameters)
        account = work.venue_account(self.venue_account_id)
        book = work.book(self._book_id(account))
        if not book.exists or book.owner_id != self.owner_id:
            raise UnknownVenueAccount(venue_account_id=self.venue_account_id)
        account.require_open()
        book.require_open()
        events = work.bot(self.bot_id).create(
            bot_id=self.bot_id,
            owner_id=self.owner_id,
            book_id=book.book_id,
            venue_account=self.venue_account_id,
            terms=replace(self.terms, venue=account.venue),
            at=work.now,
        )
        work.record(bot_stream(self.bot_id), events)
        if events:
            begun = work.bot(self.bot_id).begin_observing(
                by=self.owner_id, asked_from=self.asked_from, at=work.now
            )
            work.record(bot_stream(self.bot_id), begun)
            allocate_up_to_target(work, self.bot_id, "creation")
        return described(work, self.bot_id)

    def _book_id(self, account: VenueAccount) -> str:
        if account.kind == CONNECTED:
            return account.book_id
        return live_book_id(self.owner_id, self.venue_account_id)
