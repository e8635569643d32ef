"""A long log in a moment: a year of many bots' trading, as the product's own encoder writes it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

import psycopg

from adapters.persistence.database import Database
from adapters.persistence.envelope import NO_EVENT, Envelopes, event_hash
from application.ports.event_log import Metadata
from domain.accounts.events import AccountRegistered
from domain.bots.events import BotCreated, BotStarted, BotTerms, SignalRaised
from domain.ledger.events import BookOpened, EntryPosted
from domain.ledger.postings import (
    AVAILABLE,
    Posting,
    bot_account,
    custody_account,
    held_account,
    revenue_account,
)
from domain.money import Money
from domain.orders.events import OrderAccepted, OrderFilled, OrderIntended, OrderTerms

OWNERS = 1_000
START = datetime(2024, 1, 1, tzinfo=UTC)
CASH = Decimal(100_000)
PRICE = Decimal("50000.25")
QUANTITY = Decimal("0.00123456")
COST, VENUE_FEE, FEE = Decimal("61.7283086400"), Decimal("0.0617283086"), Decimal("0.0308641543")
BUDGET = Decimal(62)


class Stored(NamedTuple):
    """One row of the event table."""

    id: int
    stream: str
    version: int
    name: str
    state: bytes


@dataclass
class History:
    """Events in log order and where their streams end."""

    rows: list[Stored]
    heads: dict[str, tuple[int, bytes]]
    bytes: int


def history(events: int, envelopes: Envelopes) -> History:
    """At least so many events of 1,000 owners: set up, then round after round a buy each."""
    rows: list[Stored] = []
    heads: dict[str, tuple[int, bytes]] = {}
    for stream, event, at in _events():
        version, prev = heads.get(stream, (0, NO_EVENT))
        command_id = f"cmd-{len(rows) // 3}"
        metadata = Metadata(
            recorded_at_utc=at,
            actor="system:worker",
            command_id=command_id,
            correlation_id=command_id,
            causation_id=command_id,
        )
        name, state = envelopes.write(event, stream, version + 1, prev, metadata)
        rows.append(Stored(len(rows) + 1, stream, version + 1, name, state))
        heads[stream] = version + 1, event_hash(state)
        if len(rows) >= events and isinstance(event, EntryPosted) and event.kind == "release":
            return History(rows, heads, sum(len(row.state) for row in rows))
    raise AssertionError("the supply of events is endless")


def fill(db: Database, made: History, first: int, last: int) -> None:
    """Put events first < n <= last into the log, the fast way; with the last of them, the heads."""
    rows = made.rows[first:last]
    heads = [(stream, version, digest) for stream, (version, digest) in made.heads.items()]
    heads = heads if last == len(made.rows) else []
    with db.transaction() as connection:
        raw: Any = connection.connection.driver_connection
        if isinstance(raw, sqlite3.Connection):
            columns = "notification_id, originator_id, originator_version, topic, state"
            raw.executemany(f"INSERT INTO stored_events ({columns}) VALUES (?, ?, ?, ?, ?)", rows)
            raw.executemany("INSERT INTO stream_heads VALUES (?, ?, ?)", heads)
            return
        with raw.cursor() as cursor:
            columns = "originator_id, originator_version, topic, state"
            copy_rows(cursor, f"COPY stored_events ({columns}) FROM STDIN (FORMAT BINARY)", rows)
            with cursor.copy("COPY stream_heads (stream, version, hash) FROM STDIN (FORMAT BINARY)") as copy:
                copy.set_types(("text", "int8", "bytea"))
                for head in heads:
                    copy.write_row(head)
    with psycopg.connect(db.dsn, autocommit=True) as session:
        session.execute("VACUUM (ANALYZE) stored_events")


def copy_rows(cursor: psycopg.Cursor[Any], statement: str, rows: list[Stored]) -> None:
    with cursor.copy(statement.encode()) as copy:
        copy.set_types(("text", "int8", "text", "bytea"))
        for row in rows:
            copy.write_row(row[1:])


def _events() -> Iterator[tuple[str, Any, datetime]]:
    for owner in range(OWNERS):
        yield from _set_up(owner, START)
    at = START
    number = 0
    while True:
        at += timedelta(hours=1)
        for owner in range(OWNERS):
            number += 1
            yield from _bought(owner, number, at)


def _set_up(owner: int, at: datetime) -> Iterator[tuple[str, Any, datetime]]:
    account, book, bot = f"acct-{owner:06}", f"paper-{owner:06}", f"bot-{owner:06}"
    yield (
        f"account:{account}",
        AccountRegistered(
            account_id=account, roles=("trader",), identity_commitment="ab" * 32, registered_at_utc=at
        ),
        at,
    )
    stream = f"book:{book}"
    yield (
        stream,
        BookOpened(
            book_id=book, owner_id=account, purse="PAPER", venue_account=f"paper:{book}", opened_at_utc=at
        ),
        at,
    )
    custody = custody_account(f"paper:{book}")
    yield stream, _entry("opening", "deposit", at, (custody, "USDT", CASH), (AVAILABLE, "USDT", -CASH)), at
    terms = BotTerms(
        name="bench",
        strategy="ema_crossover",
        parameters={"fast": "12", "slow": "26"},
        venue="paper",
        symbol="BTC/USDT",
        interval="1h",
        source="file",
        allocation=Money(CASH, "USDT"),
    )
    yield (
        f"bot:{bot}",
        BotCreated(
            bot_id=bot,
            owner_id=account,
            book_id=book,
            venue_account=f"paper:{book}",
            terms=terms,
            created_at_utc=at,
        ),
        at,
    )
    yield (
        stream,
        _entry("allocation", "allocation", at, (AVAILABLE, "USDT", CASH), (bot_account(bot), "USDT", -CASH)),
        at,
    )
    yield f"bot:{bot}", BotStarted(run=1, after_candle_ms=None, started_at_utc=at), at


def _bought(owner: int, number: int, at: datetime) -> Iterator[tuple[str, Any, datetime]]:
    """What one market buy leaves in the log."""
    account, book, bot = f"acct-{owner:06}", f"paper-{owner:06}", f"bot-{owner:06}"
    order = f"ek0-{number:028x}"
    signal = f"{bot}:1:{number}"
    bots, books, orders = f"bot:{bot}", f"book:{book}", f"order:{order}"
    yield (
        bots,
        SignalRaised(
            signal_id=signal,
            run=1,
            side="buy",
            candle_open_time_ms=int(at.timestamp() * 1000),
            client_order_id=order,
            price=PRICE,
            why="fast crossed above slow",
            raised_at_utc=at,
        ),
        at,
    )
    terms = OrderTerms(symbol="BTC/USDT", side="buy", order_type="market", quote_budget=BUDGET)
    yield (
        orders,
        OrderIntended(
            client_order_id=order,
            owner_id=account,
            book_id=book,
            bot_id=bot,
            signal_id=signal,
            venue="paper",
            venue_account=f"paper:{book}",
            terms=terms,
            decision_price=PRICE,
            intended_at_utc=at,
        ),
        at,
    )
    held, free = held_account(order), bot_account(bot)
    legs = (free, "USDT", BUDGET), (held, "USDT", -BUDGET)
    yield books, _entry(f"hold:{order}", "hold", at, *legs, order=order), at
    yield orders, OrderAccepted(client_order_id=order, venue_order_id=f"v-{number}", accepted_at_utc=at), at
    fee = Money(VENUE_FEE, "USDT")
    yield (
        orders,
        OrderFilled(
            client_order_id=order,
            venue_trade_id=f"t-{number}",
            base_quantity=QUANTITY,
            price_quote_per_base=PRICE,
            quote_amount=COST,
            fee=fee,
            slippage_bps=Decimal("0.5"),
            traded_at_utc=at,
        ),
        at,
    )
    custody = custody_account(f"paper:{book}")
    spent = COST + VENUE_FEE
    yield (
        books,
        _entry(
            f"fill:t-{number}",
            "fill",
            at,
            (free, "BTC", -QUANTITY),
            (custody, "BTC", QUANTITY),
            (held, "USDT", spent + FEE),
            (custody, "USDT", -spent),
            (revenue_account("trading_fee"), "USDT", -FEE),
            order=order,
            fee=fee,
        ),
        at,
    )
    left = BUDGET - spent - FEE
    legs = (held, "USDT", left), (free, "USDT", -left)
    yield books, _entry(f"release:{order}", "release", at, *legs, order=order), at


def _entry(
    entry_id: str,
    kind: str,
    at: datetime,
    *legs: tuple[str, str, Decimal],
    order: str = "",
    fee: Money | None = None,
) -> EntryPosted:
    return EntryPosted(
        entry_id=entry_id,
        kind=kind,
        postings=tuple(Posting(account, asset, amount) for account, asset, amount in legs),
        effective_at_utc=at,
        reference=order,
        venue_fee=fee,
    )
