"""The names of streams, one aggregate each, and the empty state each begins from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

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

PLATFORM = "platform:main"


def account_stream(account_id: str) -> str:
    return f"account:{account_id}"


def book_stream(book_id: str) -> str:
    return f"book:{book_id}"


def bot_stream(bot_id: str) -> str:
    return f"bot:{bot_id}"


def order_stream(client_order_id: str) -> str:
    return f"order:{client_order_id}"


def cases_stream(venue_account: str) -> str:
    return f"cases:{venue_account}"


def reconciliation_stream(run_id: str) -> str:
    return f"reconciliation:{run_id}"


def hold_stream(hold_id: str) -> str:
    return f"hold:{hold_id}"


def risk_stream(owner_id: str) -> str:
    return f"risk:{owner_id}"


def transfer_stream(transfer_id: str) -> str:
    return f"transfer:{transfer_id}"


def venue_stream(name: str) -> str:
    return f"venue:{name}"


def venue_account_stream(venue_account_id: str) -> str:
    return f"venue_account:{venue_account_id}"


_EMPTY: dict[str, Callable[[str], Any]] = {
    "account": lambda id: Account(account_id=id),
    "book": lambda id: Book(book_id=id),
    "bot": lambda id: Bot(bot_id=id),
    "hold": lambda id: Hold(hold_id=id),
    "order": lambda id: Order(client_order_id=id),
    "platform": lambda _: Platform(),
    "cases": lambda id: Cases(venue_account=id),
    "reconciliation": lambda id: Reconciliation(run_id=id),
    "risk": lambda id: Risk(owner_id=id),
    "transfer": lambda id: Transfer(transfer_id=id),
    "venue": lambda id: Venue(name=id),
    "venue_account": lambda id: VenueAccount(venue_account_id=id),
}


def empty_state(stream: str) -> Any:
    """What a stream's events are folded onto: it knows its id, so that a refusal can name it."""
    kind, _, id = stream.partition(":")
    return _EMPTY[kind](id)
