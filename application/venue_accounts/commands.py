"""What is done to a venue account, each one decision. Keys are named here, never held."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from application.ledger.connected_book import OpenConnectedBook, connected_book_id, opened_book
from application.ports.commands import Result, derived_id, fingerprint
from application.ports.vault import PLATFORM
from application.streams import book_stream, venue_account_stream
from application.work import Work
from domain.ledger.book import LIVE
from domain.ledger.postings import AVAILABLE, moved
from domain.money import Money, parse_asset
from domain.venue_accounts.errors import UnknownVenueAccount
from domain.venue_accounts.rights import KeyRights
from domain.venue_accounts.venue_account import (
    CONNECTED,
    POOLED,
    VenueAccount,
    parse_name,
    parse_venue,
    pooled_account_id,
)

OPENING, EQUITY_OPENING = "opening", "equity:opening"


@dataclass(frozen=True, slots=True)
class ConnectVenueAccount:
    """An owner's own account at a venue, with the book that mirrors it; the same again is the same account.

    Refusals, in order: unknown_account, account_frozen, invalid_value, venue_account_exists (it was closed).
    """

    owner_id: str
    venue: str
    name: str

    def decide(self, work: Work) -> Result:
        work.account(self.owner_id).require_active()
        account_id = connected_account_id(self.owner_id, self.venue, self.name)
        book_id = connected_book_id(self.owner_id, account_id)
        events = work.venue_account(account_id).connect(
            venue_account_id=account_id,
            owner_id=self.owner_id,
            venue=self.venue,
            name=self.name,
            book_id=book_id,
            at=work.now,
        )
        opened_book(work, book_id, OpenConnectedBook(self.owner_id, account_id))
        work.record(venue_account_stream(account_id), events)
        return described(work, account_id)


@dataclass(frozen=True, slots=True)
class OpenPooledAccount:
    """The platform's account at a venue. Refusals: invalid_value, venue_account_exists (it was closed)."""

    venue: str
    name: str
    by: str

    def decide(self, work: Work) -> Result:
        account_id = pooled_account_id(self.venue, self.name)
        events = work.venue_account(account_id).open_pooled(
            venue_account_id=account_id, venue=self.venue, name=self.name, by=self.by, at=work.now
        )
        work.record(venue_account_stream(account_id), events)
        return described(work, account_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeVenueKey:
    """Use a key that is in the vault already. The first key of a connected account opens its book.

    What the venue has then is posted as opening balances, unless something stands in the book already (a
    statement was imported before): then reconciliation tells what differs.
    Refusals, in order: unknown_account, account_frozen, unknown_venue_account, venue_account_closed,
    venue_key_rights_unknown, venue_key_may_withdraw, venue_key_cannot_read, venue_key_present, no_venue_key,
    venue_key_of_another_account, invalid_value (an asset's code), book_not_open.
    """

    venue_account_id: str
    owner_id: str  # PLATFORM for a pooled account
    key_id: str
    fingerprint: str
    rights: KeyRights
    venue_uid: str  # the venue's own id of the account that the key opens; "" where it tells none
    balances: Sequence[Money]
    replacing: bool
    by: str

    def decide(self, work: Work) -> Result:
        account = acted_on(work, self.venue_account_id, self.owner_id)
        replaced = account.key.key_id if account.key else ""
        events = account.take_key(
            key_id=self.key_id,
            fingerprint=self.fingerprint,
            rights=self.rights,
            venue_uid=self.venue_uid,
            replacing=self.replacing,
            by=self.by,
            at=work.now,
        )
        work.record(venue_account_stream(self.venue_account_id), events)
        opening: list[str] = []
        if events and not account.keys_taken and account.kind == CONNECTED:
            opening = self._open_book(work, account.book_id)
        answer = described(work, self.venue_account_id)
        return {**answer, "opening": opening, "replaced_key_id": replaced if events else ""}

    def _open_book(self, work: Work, book_id: str) -> list[str]:
        book = work.book(book_id)
        book.require_open()
        if book.balances:
            return []
        for amount in self.balances:
            book = work.book(book_id)
            parse_asset(amount.asset)
            events = book.post(
                entry_id=f"{OPENING}:{amount.asset}",
                kind=OPENING,
                postings=(
                    *moved(amount, book.custody, EQUITY_OPENING),
                    *moved(amount, EQUITY_OPENING, AVAILABLE),
                ),
                at=work.now,
                reference=self.key_id,
            )
            work.record(book_stream(book_id), events)
        return [str(amount) for amount in self.balances]


@dataclass(frozen=True, slots=True)
class RevokeVenueKey:
    """Stop using the account's key. Refusals: unknown_venue_account, invalid_value, no_venue_key."""

    venue_account_id: str
    owner_id: str
    reason: str
    by: str

    def decide(self, work: Work) -> Result:
        account = owned_venue_account(work, self.venue_account_id, self.owner_id)
        events = account.revoke_key(reason=self.reason, by=self.by, at=work.now)
        work.record(venue_account_stream(self.venue_account_id), events)
        return {
            **described(work, self.venue_account_id),
            "replaced_key_id": account.key.key_id if account.key else "",
        }


@dataclass(frozen=True, slots=True)
class CloseVenueAccount:
    """End the account, its key with it. Refusals: unknown_venue_account, invalid_value."""

    venue_account_id: str
    owner_id: str
    reason: str
    by: str

    def decide(self, work: Work) -> Result:
        account = owned_venue_account(work, self.venue_account_id, self.owner_id)
        events = account.close(reason=self.reason, by=self.by, at=work.now)
        work.record(venue_account_stream(self.venue_account_id), events)
        return {
            **described(work, self.venue_account_id),
            "replaced_key_id": account.key.key_id if account.key else "",
        }


@dataclass(frozen=True, slots=True)
class OpenLiveBook:
    """An owner's LIVE book on a pooled account: one each; the same again is answered with the book there is.

    It is empty; an operator credits it. Refusals, in order: unknown_account, account_frozen,
    unknown_venue_account (also where it is no pooled one), venue_account_closed, book_not_open.
    """

    owner_id: str
    venue_account_id: str

    def decide(self, work: Work) -> Result:
        work.account(self.owner_id).require_active()
        account = work.venue_account(self.venue_account_id)
        if account.kind != POOLED:
            raise UnknownVenueAccount(venue_account_id=self.venue_account_id)
        account.require_open()
        book_id = live_book_id(self.owner_id, self.venue_account_id)
        book = work.book(book_id)
        if book.exists:
            book.require_open()
        opened = book.open(
            book_id=book_id,
            owner_id=self.owner_id,
            purse=LIVE,
            venue_account=self.venue_account_id,
            at=work.now,
        )
        work.record(book_stream(book_id), opened)
        return {"book_id": book_id, "venue_account_id": self.venue_account_id, "owner_id": self.owner_id}


def connected_account_id(owner_id: str, venue: str, name: str) -> str:
    """One account an owner, venue and name; raises InvalidValue. It says whose it is to nobody."""
    digest = fingerprint("venue-account", owner_id, parse_venue(venue), parse_name(name))
    return f"{venue}.{name}.{digest[:8]}"


def live_book_id(owner_id: str, venue_account_id: str) -> str:
    """One LIVE book an owner and pooled account."""
    return derived_id("live", owner_id, venue_account_id)


def owned_venue_account(work: Work, venue_account_id: str, owner_id: str) -> VenueAccount:
    """The owner's account, or the pooled one where the platform asks; UnknownVenueAccount for any other."""
    return require_owned(work.venue_account(venue_account_id), venue_account_id, owner_id)


def require_owned(account: VenueAccount, venue_account_id: str, owner_id: str) -> VenueAccount:
    """Raises UnknownVenueAccount, also for somebody else's."""
    whose = PLATFORM if account.kind == POOLED else account.owner_id
    if not account.exists or whose != owner_id:
        raise UnknownVenueAccount(venue_account_id=venue_account_id)
    return account


def acted_on(work: Work, venue_account_id: str, owner_id: str) -> VenueAccount:
    """As owned_venue_account, of an owner who may act: unknown_account and account_frozen come first."""
    if owner_id != PLATFORM:
        work.account(owner_id).require_active()
    return owned_venue_account(work, venue_account_id, owner_id)


def described(work: Work, venue_account_id: str) -> dict[str, Any]:
    """A venue account as its commands answer it."""
    account = work.venue_account(venue_account_id)
    stream = venue_account_stream(venue_account_id)
    key = account.key
    return {
        "venue_account_id": venue_account_id,
        "kind": account.kind,
        "venue": account.venue,
        "name": account.name,
        "book_id": account.book_id,
        "status": "open" if account.is_open else "closed",
        "key": {
            "key_id": key.key_id,
            "fingerprint": key.fingerprint,
            "rights": list(key.rights),
            "ip_restricted": key.is_ip_restricted,
            "since": key.since_utc.isoformat(),
        }
        if key
        else {},
        "version": work.versions[stream] + len(work.events.get(stream, ())),
    }
