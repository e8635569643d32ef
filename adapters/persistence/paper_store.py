"""The paper venue's storage on SQLite or PostgreSQL."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, TypeVar

from sqlalchemy import (
    BindParameter,
    Connection,
    Dialect,
    Insert,
    Update,
    and_,
    bindparam,
    exc,
    insert,
    literal_column,
    select,
    update,
)
from sqlalchemy.engine import RowMapping

from adapters.persistence.database import Database
from adapters.persistence.paper_tables import (
    paper_accounts,
    paper_balances,
    paper_deposits,
    paper_fills,
    paper_orders,
)
from application.paper.terms import terms_from_text, terms_to_text
from application.ports.event_log import StoreUnavailable
from application.ports.paper_accounts import PaperTerms
from application.ports.paper_store import (
    AccountChange,
    AccountHistory,
    AccountState,
    Balance,
    OrderIdTaken,
    PaperOrder,
    PaperStore,
    PaperStoreUnavailable,
    StaleAccount,
)
from domain.money import Money, text
from domain.orders.events import OrderTerms
from domain.orders.order import Fill

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)
NAMES_A_STATEMENT = 1_000
T = TypeVar("T")

_OPEN = paper_orders.c.status == literal_column("'open'")  # as a parameter, no partial index would be used
_FILL_OF_ORDER = and_(
    paper_fills.c.venue_account == paper_orders.c.venue_account,
    paper_fills.c.client_order_id == paper_orders.c.client_order_id,
)
_ACCOUNT: BindParameter[str] = bindparam("account")


class _Statement:
    """A statement compiled once an engine. SQLAlchemy's own cache costs more than SQLite's work per row."""

    def __init__(self, statement: Insert | Update) -> None:
        self._statement = statement
        self._compiled: dict[str, tuple[str, Sequence[str] | None]] = {}

    def run(self, session: _Session, row: Mapping[str, object]) -> int:
        """How many rows it touched. `row` has a value by the name of each parameter."""
        name = session.dialect.name
        if name not in self._compiled:
            compiled = self._statement.compile(dialect=session.dialect)
            order = getattr(compiled, "positiontup", None)
            self._compiled[name] = (str(compiled), order)
        sql, order = self._compiled[name]
        values: Any = row if order is None else tuple([row[parameter] for parameter in order])
        return int(session.execute(sql, values).rowcount)


@dataclass(frozen=True, slots=True)
class _Session:
    """A transaction to write in; on SQLite its statements go straight to the connection."""

    execute: Callable[[str, Any], Any]
    dialect: Dialect


_ADVANCE = _Statement(
    update(paper_accounts)
    .where(paper_accounts.c.venue_account == _ACCOUNT, paper_accounts.c.version == bindparam("decided_on"))
    .values(version=bindparam("next"))
)
_NEW_BALANCE, _NEW_ORDER = _Statement(insert(paper_balances)), _Statement(insert(paper_orders))
_NEW_FILL, _NEW_DEPOSIT = _Statement(insert(paper_fills)), _Statement(insert(paper_deposits))
_UPDATE_BALANCE = _Statement(
    update(paper_balances)
    .where(paper_balances.c.venue_account == _ACCOUNT, paper_balances.c.asset == bindparam("of"))
    .values(free=bindparam("free"), locked=bindparam("locked"), fees=bindparam("fees"))
)
_UPDATE_ORDER = _Statement(
    update(paper_orders)
    .where(paper_orders.c.venue_account == _ACCOUNT, paper_orders.c.client_order_id == bindparam("order_id"))
    .values(
        status=bindparam("status"),
        reason=bindparam("reason"),
        filled_base=bindparam("filled_base"),
        locked=bindparam("locked"),
        last_candle_ms=bindparam("last_candle_ms"),
    )
)


# Made once: building a statement costs more than running it.
_ORDER = select(paper_orders).where(
    paper_orders.c.venue_account == _ACCOUNT, paper_orders.c.client_order_id == bindparam("order_id")
)
_FILLS = (
    select(paper_fills)
    .where(paper_fills.c.venue_account == _ACCOUNT, paper_fills.c.client_order_id == bindparam("order_id"))
    .order_by(paper_fills.c.number)
)
_DEPOSITS = select(paper_deposits).where(
    paper_deposits.c.venue_account.in_(bindparam("accounts", expanding=True)),
    paper_deposits.c.deposit_id.in_(bindparam("deposit_ids", expanding=True)),
)
_ACCOUNTS_AT_WORK = (
    select(paper_orders.c.venue_account).where(_OPEN, paper_orders.c.symbol == bindparam("symbol")).distinct()
)
_ALL = (
    select(paper_accounts).order_by(paper_accounts.c.venue_account),
    select(paper_balances),
    select(paper_orders).where(_OPEN).order_by(paper_orders.c.venue_account, paper_orders.c.number),
    select(paper_fills).join(paper_orders, _FILL_OF_ORDER).where(_OPEN).order_by(paper_fills.c.number),
)
_ACCOUNTS: BindParameter[Sequence[str]] = bindparam("accounts", expanding=True)
_SOME = (
    _ALL[0].where(paper_accounts.c.venue_account.in_(_ACCOUNTS)),
    _ALL[1].where(paper_balances.c.venue_account.in_(_ACCOUNTS)),
    _ALL[2].where(paper_orders.c.venue_account.in_(_ACCOUNTS)),
    _ALL[3].where(paper_orders.c.venue_account.in_(_ACCOUNTS)),
)
"""Accounts, balances, open orders and their fills: of every account, of some."""

_VERSION = select(paper_accounts.c.version).where(paper_accounts.c.venue_account == _ACCOUNT)
_HISTORY = (
    select(paper_balances).where(paper_balances.c.venue_account == _ACCOUNT),
    select(paper_deposits).where(paper_deposits.c.venue_account == _ACCOUNT),
    select(paper_orders).where(paper_orders.c.venue_account == _ACCOUNT).order_by(paper_orders.c.number),
    select(paper_fills).where(paper_fills.c.venue_account == _ACCOUNT).order_by(paper_fills.c.number),
)
"""Of one account: balances, deposits, all orders, all fills."""
_MOST_LOOKS = 100


class SqlPaperStore(PaperStore):
    """Keeps the promises of PaperStore with the database's own transactions.

    A SQLite file has one writing process, so there the store is exclusive; a PostgreSQL database is shared.
    """

    def __init__(self, database: Database, *, exclusive: bool | None = None) -> None:
        self._database = database
        self.exclusive = database.is_sqlite if exclusive is None else exclusive

    def create(self, venue_account: str, terms: PaperTerms) -> bool:
        row = {"venue_account": venue_account, "terms": json.dumps(terms_to_text(terms)), "version": 1}
        with _translated():
            try:
                with self._database.transaction() as connection:
                    connection.execute(insert(paper_accounts), row)
            except exc.IntegrityError:
                return False
        return True

    def load(self, venue_account: str) -> AccountState | None:
        return self.load_all([venue_account]).get(venue_account)

    def load_all(self, venue_accounts: Iterable[str]) -> Mapping[str, AccountState]:
        with _translated(), self._database.reading() as connection:
            return {
                state.venue_account: state
                for some in _in_parts(list(venue_accounts))
                for state in _states(connection, some)
            }

    def accounts(self) -> Sequence[AccountState]:
        with _translated(), self._database.reading() as connection:
            return list(_states(connection, None))

    def order(self, venue_account: str, client_order_id: str) -> PaperOrder | None:
        wanted = {"account": venue_account, "order_id": client_order_id}
        with _translated(), self._database.reading() as connection:
            row = connection.execute(_ORDER, wanted).mappings().first()
            if row is None:
                return None
            return _order(row, [_fill(f) for f in connection.execute(_FILLS, wanted).mappings()])

    def deposits(self, wanted: Iterable[tuple[str, str]]) -> Mapping[tuple[str, str], Money]:
        keys = set(wanted)
        found: dict[tuple[str, str], Money] = {}
        with _translated(), self._database.reading() as connection:
            for some in _in_parts(sorted(keys)):
                names = {
                    "accounts": sorted({a for a, _ in some}),
                    "deposit_ids": sorted({i for _, i in some}),
                }
                for row in connection.execute(_DEPOSITS, names):
                    found[row.venue_account, row.deposit_id] = Money(Decimal(row.amount), row.asset)
        return {key: found[key] for key in keys if key in found}

    def history(self, venue_account: str) -> AccountHistory | None:
        """Errors: PaperStoreUnavailable, also where the account never stands still long enough."""
        for _ in range(_MOST_LOOKS):
            with _translated(), self._database.reading() as connection:
                found = _history(connection, venue_account)
                if found is None or found.version == _version(connection, venue_account):
                    return found
        raise PaperStoreUnavailable(f"account {venue_account} changes faster than it can be read")

    def accounts_with_open_orders(self, symbol: str) -> Sequence[str]:
        with _translated(), self._database.reading() as connection:
            return sorted(connection.execute(_ACCOUNTS_AT_WORK, {"symbol": symbol}).scalars())

    def save(self, *changes: AccountChange) -> None:
        with _translated(), self._writing() as session:
            for change in sorted(changes, key=_account_of):  # in one order: no two savers wait for each other
                _save(session, change)

    @contextmanager
    def _writing(self) -> Iterator[_Session]:
        with self._database.transaction() as connection:
            if self._database.is_sqlite:
                yield _Session(self._database.sqlite_connection.execute, connection.dialect)
            else:
                yield _Session(connection.exec_driver_sql, connection.dialect)


def _in_parts(names: Sequence[T]) -> Iterator[Sequence[T]]:
    """Of a size that every engine takes as the parameters of one statement."""
    return (names[start : start + NAMES_A_STATEMENT] for start in range(0, len(names), NAMES_A_STATEMENT))


def _account_of(change: AccountChange) -> str:
    return change.after.venue_account


def _save(session: _Session, change: AccountChange) -> None:
    after = change.after
    account = after.venue_account
    versions = {"account": account, "decided_on": after.version - 1, "next": after.version}
    # First, so that on PostgreSQL it takes the account's row and a second writer waits here.
    if _ADVANCE.run(session, versions) != 1:
        raise StaleAccount(account)
    for order in change.new_orders:
        try:
            _NEW_ORDER.run(session, _new_order(account, order))
        except (exc.IntegrityError, sqlite3.IntegrityError) as e:
            raise OrderIdTaken(order.client_order_id) from e
    for order in change.updated_orders:
        _UPDATE_ORDER.run(session, _changes_of(account, order))
    for client_order_id, number, fill in change.new_fills:
        _NEW_FILL.run(session, _new_fill(account, client_order_id, number, fill))
    for asset in change.updated_balances:
        row = _balance(after.balances[asset])
        _UPDATE_BALANCE.run(session, {"account": account, "of": asset, **row})
    for asset in change.new_balances:
        row = _balance(after.balances[asset])
        _NEW_BALANCE.run(session, {"venue_account": account, "asset": asset, **row})
    for deposit_id, amount in change.deposits:
        row = {"asset": amount.asset, "amount": text(amount.amount)}
        _NEW_DEPOSIT.run(session, {"venue_account": account, "deposit_id": deposit_id, **row})


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except StoreUnavailable as e:
        raise PaperStoreUnavailable(str(e)) from e


def _states(connection: Connection, of: Sequence[str] | None) -> Iterator[AccountState]:
    """Accounts by id. The version is read first: what was committed later than it makes a save stale."""
    accounts, balances, orders, fills = _ALL if of is None else _SOME
    wanted = {} if of is None else {"accounts": of}
    rows = connection.execute(accounts, wanted).mappings().all()
    if not rows:
        return
    of_account: dict[str, tuple[dict[str, Balance], dict[str, PaperOrder]]] = {
        row["venue_account"]: ({}, {}) for row in rows
    }
    for row in connection.execute(balances, wanted).mappings():
        if row["venue_account"] in of_account:
            of_account[row["venue_account"]][0][row["asset"]] = _balance_of(row)
    open_orders = connection.execute(orders, wanted).mappings().all()
    of_order: dict[tuple[str, str], list[Fill]] = {}
    if any(row["filled_base"] != "0" for row in open_orders):  # a resting or just sent order has no fills
        for row in connection.execute(fills, wanted).mappings():
            of_order.setdefault((row["venue_account"], row["client_order_id"]), []).append(_fill(row))
    for row in open_orders:
        if row["venue_account"] in of_account:
            key = (row["venue_account"], row["client_order_id"])
            of_account[key[0]][1][key[1]] = _order(row, of_order.get(key, []))
    for row in rows:
        its_balances, its_orders = of_account[row["venue_account"]]
        yield AccountState(
            venue_account=row["venue_account"],
            terms=terms_from_text(json.loads(row["terms"])),
            version=row["version"],
            balances=its_balances,
            orders=its_orders,
        )


def _version(connection: Connection, venue_account: str) -> int | None:
    found: int | None = connection.execute(_VERSION, {"account": venue_account}).scalar()
    return found


def _history(connection: Connection, venue_account: str) -> AccountHistory | None:
    """Of that version only where that still stands afterwards: each statement may see something newer."""
    version = _version(connection, venue_account)
    if version is None:
        return None
    balances, deposits, orders, fills = (
        connection.execute(statement, {"account": venue_account}).mappings().all() for statement in _HISTORY
    )
    of_order: dict[str, list[Fill]] = {}
    for row in fills:
        of_order.setdefault(row["client_order_id"], []).append(_fill(row))
    return AccountHistory(
        version=version,
        balances={row["asset"]: _balance_of(row) for row in balances},
        deposits={row["deposit_id"]: Money(Decimal(row["amount"]), row["asset"]) for row in deposits},
        orders=[_order(row, of_order.get(row["client_order_id"], [])) for row in orders],
    )


def _balance_of(row: RowMapping) -> Balance:
    return Balance(Decimal(row["free"]), Decimal(row["locked"]), Decimal(row["fees"]))


def _order(row: RowMapping, fills: Sequence[Fill]) -> PaperOrder:
    return PaperOrder(
        client_order_id=row["client_order_id"],
        venue_order_id=row["venue_order_id"],
        number=row["number"],
        terms=OrderTerms(
            symbol=row["symbol"],
            side=row["side"],
            order_type=row["order_type"],
            base_quantity=_amount(row["base_quantity"]),
            quote_budget=_amount(row["quote_budget"]),
            limit_price=_amount(row["limit_price"]),
            time_in_force=row["time_in_force"],
        ),
        sent_at_ms=row["sent_at_ms"],
        price_series=row["price_series"],
        status=row["status"],
        reason=row["reason"],
        filled_base=Decimal(row["filled_base"]),
        locked=Decimal(row["locked"]),
        last_candle_ms=row["last_candle_ms"],
        fills=tuple(fills),
    )


def _fill(row: Mapping[Any, Any]) -> Fill:
    return Fill(
        venue_trade_id=row["venue_trade_id"],
        base_quantity=Decimal(row["base_quantity"]),
        price_quote_per_base=Decimal(row["price"]),
        quote_amount=Decimal(row["quote_amount"]),
        fee=Money(Decimal(row["fee_amount"]), row["fee_asset"]),
        traded_at_utc=EPOCH + row["traded_at_ms"] * MILLISECOND,
    )


def _new_order(account: str, order: PaperOrder) -> dict[str, object]:
    terms = order.terms
    return {
        "venue_account": account,
        "client_order_id": order.client_order_id,
        "venue_order_id": order.venue_order_id,
        "number": order.number,
        "symbol": terms.symbol,
        "side": terms.side,
        "order_type": terms.order_type,
        "base_quantity": _text(terms.base_quantity),
        "quote_budget": _text(terms.quote_budget),
        "limit_price": _text(terms.limit_price),
        "time_in_force": terms.time_in_force,
        "sent_at_ms": order.sent_at_ms,
        "price_series": order.price_series,
        "status": order.status,
        "reason": order.reason,
        "filled_base": text(order.filled_base),
        "locked": text(order.locked),
        "last_candle_ms": order.last_candle_ms,
    }


def _changes_of(account: str, order: PaperOrder) -> dict[str, object]:
    return {
        "account": account,
        "order_id": order.client_order_id,
        "status": order.status,
        "reason": order.reason,
        "filled_base": text(order.filled_base),
        "locked": text(order.locked),
        "last_candle_ms": order.last_candle_ms,
    }


def _new_fill(account: str, client_order_id: str, number: int, fill: Fill) -> dict[str, object]:
    return {
        "venue_account": account,
        "client_order_id": client_order_id,
        "number": number,
        "venue_trade_id": fill.venue_trade_id,
        "base_quantity": text(fill.base_quantity),
        "price": text(fill.price_quote_per_base),
        "quote_amount": text(fill.quote_amount),
        "fee_amount": text(fill.fee.amount),
        "fee_asset": fill.fee.asset,
        "traded_at_ms": (fill.traded_at_utc - EPOCH) // MILLISECOND,
    }


def _balance(balance: Balance) -> dict[str, object]:
    return {"free": text(balance.free), "locked": text(balance.locked), "fees": text(balance.fees)}


def _text(amount: Decimal | None) -> str | None:
    return None if amount is None else text(amount)


def _amount(stored: str | None) -> Decimal | None:
    return None if stored is None else Decimal(stored)
