"""One decision: what it read, at which versions, and what it wants to append."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, cast

from application import streams
from domain.accounts.account import Account
from domain.bots.bot import Bot
from domain.holds.hold import Hold
from domain.ledger.book import Book
from domain.orders.order import Order
from domain.platform.platform import Platform
from domain.reconciliation.cases import Cases
from domain.reconciliation.run import Reconciliation
from domain.risk.risk import Risk
from domain.transfers.transfer import Transfer
from domain.venue_accounts.venue_account import VenueAccount
from domain.venues.venue import Venue


@dataclass(frozen=True, slots=True)
class Versioned:
    """An aggregate's state as of a version of its stream; version 0 is the empty state."""

    version: int
    state: Any


@dataclass(frozen=True, slots=True)
class OutboxMessage:
    """Something to tell the outside world, stored with the events that caused it.

    Delivered at least once; `message_id` is what makes a second delivery harmless.
    """

    message_id: str
    topic: str
    recipient: str  # an account id
    body: dict[str, str]


@dataclass(slots=True)
class Work:
    """Aggregates by name for one command. Reads are versioned; record evolves what later reads see.

    `versions` holds, for every stream read or written, the version it stood at; the store appends only when
    all of them still stand there, so a decision on a stale kill switch or account conflicts too.
    """

    load: Callable[[str], Versioned]
    now: datetime
    versions: dict[str, int] = field(default_factory=dict)
    events: dict[str, list[Any]] = field(default_factory=dict)
    outbox: list[OutboxMessage] = field(default_factory=list)
    claims: list[str] = field(default_factory=list)
    _states: dict[str, Any] = field(default_factory=dict)

    def platform(self) -> Platform:
        return cast(Platform, self.state(streams.PLATFORM))

    def account(self, account_id: str) -> Account:
        return cast(Account, self.state(streams.account_stream(account_id)))

    def book(self, book_id: str) -> Book:
        return cast(Book, self.state(streams.book_stream(book_id)))

    def bot(self, bot_id: str) -> Bot:
        return cast(Bot, self.state(streams.bot_stream(bot_id)))

    def hold(self, hold_id: str) -> Hold:
        return cast(Hold, self.state(streams.hold_stream(hold_id)))

    def order(self, client_order_id: str) -> Order:
        return cast(Order, self.state(streams.order_stream(client_order_id)))

    def cases(self, venue_account: str) -> Cases:
        return cast(Cases, self.state(streams.cases_stream(venue_account)))

    def reconciliation(self, run_id: str) -> Reconciliation:
        return cast(Reconciliation, self.state(streams.reconciliation_stream(run_id)))

    def risk(self, owner_id: str) -> Risk:
        return cast(Risk, self.state(streams.risk_stream(owner_id)))

    def transfer(self, transfer_id: str) -> Transfer:
        return cast(Transfer, self.state(streams.transfer_stream(transfer_id)))

    def venue_account(self, venue_account_id: str) -> VenueAccount:
        return cast(VenueAccount, self.state(streams.venue_account_stream(venue_account_id)))

    def venue(self, name: str) -> Venue:
        return cast(Venue, self.state(streams.venue_stream(name)))

    def state(self, stream: str) -> Any:
        """The stream's state, this work's own events folded in."""
        if stream not in self._states:
            versioned = self.load(stream)
            self.versions[stream] = versioned.version
            self._states[stream] = versioned.state
        return self._states[stream]

    def record(self, stream: str, events: Sequence[Any]) -> None:
        """Append events to a stream, in order, when the whole work commits. No events, no change."""
        if not events:
            return
        state = self.state(stream)
        for event in events:
            state = state.evolve(event)
        self._states[stream] = state
        self.events.setdefault(stream, []).extend(events)

    def tell(self, message: OutboxMessage) -> None:
        self.outbox.append(message)

    def claim(self, natural_key: str) -> None:
        """Take an external fact's natural key for ever; the commit is refused (FactClaimed) if taken."""
        self.claims.append(natural_key)

    def states(self) -> Iterable[tuple[str, Any]]:
        """Every stream touched and its state after this work."""
        return self._states.items()
