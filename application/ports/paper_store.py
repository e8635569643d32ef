"""The paper venue's own storage: what a real venue would keep on its side."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Protocol

from application.ports.paper_accounts import PaperTerms
from domain.errors import DomainError
from domain.money import ZERO, Money
from domain.orders.events import OrderTerms
from domain.orders.order import Fill
from domain.venue_accounts.errors import UnknownVenueAccount as UnknownVenueAccount

OPEN, FILLED, CANCELED = "open", "filled", "canceled"


class AccountTermsDiffer(DomainError, code="paper_terms_differ"):
    """The account is open at the venue with other terms; terms are fixed for an account's life."""

    def __init__(self, *, venue_account: str, differing: str) -> None:
        super().__init__(f"paper account {venue_account} is open with other terms: {differing}")
        self.venue_account, self.differing = venue_account, differing


class DepositDiffers(DomainError, code="paper_deposit_differs"):
    """A deposit of that id was made with another amount; an id is never reused."""

    def __init__(self, *, deposit_id: str, made: Money, requested: Money) -> None:
        super().__init__(f"deposit {deposit_id} was {made}, requested {requested}")
        self.deposit_id, self.made, self.requested = deposit_id, made, requested


@dataclass(frozen=True, slots=True)
class Balance:
    """What an account has of one asset. `fees` is what the venue has charged so far, rebates subtracted."""

    free: Decimal = ZERO
    locked: Decimal = ZERO
    fees: Decimal = ZERO


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperOrder:
    """An order as the venue has it."""

    client_order_id: str
    venue_order_id: str
    number: int  # grows with the account's orders as they came
    terms: OrderTerms
    sent_at_ms: int
    price_series: str = ""  # the candles it trades on; "" trades on any of its symbol
    status: str = OPEN
    reason: str = ""  # why it was canceled
    filled_base: Decimal = ZERO
    locked: Decimal = ZERO  # left of its lock: quote on a buy, base on a sell
    last_candle_ms: int | None = None  # open time of the newest candle it may no longer match
    fills: tuple[Fill, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountState:
    """An account with its balances and its open orders, oldest first. `version` counts its commits."""

    venue_account: str
    terms: PaperTerms
    version: int
    balances: Mapping[str, Balance] = field(default_factory=dict)
    orders: Mapping[str, PaperOrder] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountChange:
    """One commit to one account: everything in it is stored, or nothing.

    `after.version` is one more than the version that was decided on. Balances are named by asset and stand in
    `after`; an order may be new, filled and ended in one change.
    """

    after: AccountState
    updated_balances: tuple[str, ...] = ()
    new_balances: tuple[str, ...] = ()
    new_orders: tuple[PaperOrder, ...] = ()
    updated_orders: tuple[PaperOrder, ...] = ()
    new_fills: tuple[tuple[str, int, Fill], ...] = ()  # client order id, number from 1, fill
    deposits: tuple[tuple[str, Money], ...] = ()  # id, amount


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountHistory:
    """Everything that ever happened to an account, and where that left it. `version` counts its commits."""

    version: int
    balances: Mapping[str, Balance]
    deposits: Mapping[str, Money]  # by id
    orders: Sequence[PaperOrder]  # with their fills, ended ones too, in the order they came


class StaleAccount(Exception):
    """Another process committed to the account after it was loaded: load it again and decide again."""


class OrderIdTaken(Exception):
    """An order of that client order id is stored already; nothing was saved."""


class PaperStoreUnavailable(Exception):
    """The store did not answer: what was asked of it may or may not have been committed."""


class PaperStore(Protocol):
    """Durable state of the paper venue.

    Atomicity: a save is one transaction, committed when it returns. Guard: it is refused (StaleAccount)
    unless the stored version is the one before `after.version`, so several processes may use one store.
    `exclusive` promises that no other process writes to it: what was loaded or saved last is still so.
    Errors: PaperStoreUnavailable from every method.
    """

    exclusive: bool

    def create(self, venue_account: str, terms: PaperTerms) -> bool:
        """Open an account at version 1; False (and no change) when there is one of that id."""
        ...

    def load(self, venue_account: str) -> AccountState | None:
        """The account, its balances and its open orders with their fills."""
        ...

    def load_all(self, venue_accounts: Iterable[str]) -> Mapping[str, AccountState]:
        """As load, by id; those that do not exist are left out."""
        ...

    def accounts(self) -> Sequence[AccountState]:
        """Every account, by id."""
        ...

    def order(self, venue_account: str, client_order_id: str) -> PaperOrder | None:
        """One order with its fills, oldest first, whether it has ended or not."""
        ...

    def deposits(self, wanted: Iterable[tuple[str, str]]) -> Mapping[tuple[str, str], Money]:
        """The amounts of those deposits, by account and id, that were made."""
        ...

    def history(self, venue_account: str) -> AccountHistory | None:
        """The account with all that happened to it, as of one of its versions."""
        ...

    def accounts_with_open_orders(self, symbol: str) -> Sequence[str]:
        """Ids of the accounts that have an open order of that symbol, in order."""
        ...

    def save(self, *changes: AccountChange) -> None:
        """Commit changes of different accounts, all or none. Errors: StaleAccount, OrderIdTaken."""
        ...
