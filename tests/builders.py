"""Short words for what tests are given: amounts, entries, books, callers and small commands."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import reduce
from typing import Any, TypeVar

from application.ports.commands import Caller, Fence, Result, fingerprint
from application.streams import PLATFORM, book_stream
from application.work import Work
from domain.bots.events import BotTerms
from domain.ledger.book import PAPER, Book, Settlement
from domain.ledger.events import BookEvent, BookOpened, EntryPosted
from domain.ledger.postings import AVAILABLE, Posting
from domain.market import Candle
from domain.money import Money, text
from domain.orders.events import OrderTerms
from domain.orders.order import Fill, Order

START = datetime(2024, 5, 1, 12, tzinfo=UTC)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
HOUR_MS = 3_600_000
S = TypeVar("S")


def usdt(amount: str) -> Money:
    return Money(Decimal(amount), "USDT")


def btc(amount: str) -> Money:
    return Money(Decimal(amount), "BTC")


def leg(account: str, amount: Money) -> Posting:
    return Posting(account, amount.asset, amount.amount)


def entry(entry_id: str, *legs: Posting, kind: str = "adjustment") -> EntryPosted:
    return EntryPosted(entry_id=entry_id, kind=kind, postings=legs, effective_at_utc=START)


def book_opened(book_id: str = "book-1", *, owner_id: str = "acc-1", venue: str = "paper") -> BookOpened:
    return BookOpened(
        book_id=book_id, owner_id=owner_id, purse=PAPER, venue_account=venue, opened_at_utc=START
    )


def book_with(*events: BookEvent) -> Book:
    """An open book to which this has happened."""
    return reduce(Book.evolve, events, Book().evolve(book_opened()))


def caller(
    command_id: str, content: str | None = "", *, scope: str = "test", fence: Fence | None = None
) -> Caller:
    """Who asks; with content None the command carries no fingerprint, as the platform's own do."""
    return Caller(
        actor="acc-1",
        command_id=command_id,
        correlation_id=f"request-{command_id}",
        scope=scope,
        fingerprint="" if content is None else fingerprint(content),
        fence=fence,
    )


@dataclass(frozen=True, slots=True)
class Decide:
    """A command that is one function."""

    run: Callable[[Work], Result]

    def decide(self, work: Work) -> Result:
        return self.run(work)


@dataclass(frozen=True, slots=True)
class OpenBook:
    """A book with funds in it."""

    book_id: str
    funds: Money
    owner_id: str = "acc-1"
    purse: str = PAPER

    def decide(self, work: Work) -> Result:
        stream, book = book_stream(self.book_id), work.book(self.book_id)
        work.record(
            stream,
            book.open(
                book_id=self.book_id,
                owner_id=self.owner_id,
                purse=self.purse,
                venue_account="paper",
                at=work.now,
            ),
        )
        work.record(
            stream, work.book(self.book_id).credit_deposit(self.funds, entry_id="opening", at=work.now)
        )
        return {"book_id": self.book_id}


@dataclass(frozen=True, slots=True)
class Allocate:
    """Give some of a book's free balance to a bot, unless trading is stopped."""

    book_id: str
    amount: Money
    entry_id: str
    bot_id: str = "bot-1"

    def decide(self, work: Work) -> Result:
        work.platform().require_trading()
        book = work.book(self.book_id)
        work.record(
            book_stream(self.book_id),
            book.allocate(self.amount, bot_id=self.bot_id, entry_id=self.entry_id, at=work.now),
        )
        left = work.book(self.book_id).owed(AVAILABLE, self.amount.asset)
        return {"left": str(left)}


@dataclass(frozen=True, slots=True)
class StopTrading:
    reason: str = "drill"

    def decide(self, work: Work) -> Result:
        work.record(PLATFORM, work.platform().engage_kill_switch(reason=self.reason, by="acc-1", at=work.now))
        return {}


def at(seconds: float = 0) -> datetime:
    """START and so many seconds."""
    return START + timedelta(seconds=seconds)


def money(words: str) -> Money:
    """Money from "0.01 BTC"."""
    amount, asset = words.split()
    return Money(Decimal(amount), asset)


def folded(state: S, *batches: Iterable[Any]) -> S:
    """The state after these events."""
    folding: Any = state
    for events in batches:
        for event in events:
            folding = folding.evolve(event)
    result: S = folding
    return result


# -- books -------------------------------------------------------------------------------------------------


def posted(*legs: str, entry_id: str = "given", kind: str = "given") -> EntryPosted:
    """An entry from legs such as "owner:available -1000 USDT"."""
    return EntryPosted(entry_id=entry_id, kind=kind, postings=postings(*legs), effective_at_utc=START)


def postings(*legs: str) -> tuple[Posting, ...]:
    split = [leg.split() for leg in legs]
    return tuple(Posting(account, asset, Decimal(amount)) for account, amount, asset in split)


def legs(events: Sequence[BookEvent]) -> set[str]:
    """The legs of the one entry among events, as text; also checks that it is one entry."""
    (entry,) = events
    assert isinstance(entry, EntryPosted)
    words = [f"{leg.account} {text(leg.amount)} {leg.asset}" for leg in entry.postings]
    assert len(set(words)) == len(words)
    return set(words)


def shown(book: Book) -> dict[str, str]:
    """Every account that is not at zero, by name and asset, as plain text: "-1000"."""
    return {f"{account} {asset}": text(amount) for (account, asset), amount in sorted(book.balances.items())}


def settlement(
    *,
    received: str,
    paid: str,
    venue_fee: str = "0 USDT",
    platform_fee: str = "0 USDT",
    trade_id: str = "t-1",
    order_id: str = "o-1",
    bot_id: str = "bot-1",
) -> Settlement:
    return Settlement(
        trade_id=trade_id,
        order_id=order_id,
        bot_id=bot_id,
        received=money(received),
        paid=money(paid),
        venue_fee=money(venue_fee),
        platform_fee=money(platform_fee),
        traded_at_utc=START,
    )


# -- orders ------------------------------------------------------------------------------------------------


def market_buy(budget: str = "1000", symbol: str = "BTC/USDT") -> OrderTerms:
    return OrderTerms(symbol=symbol, side="buy", order_type="market", quote_budget=Decimal(budget))


def market_sell(quantity: str = "0.01", symbol: str = "BTC/USDT") -> OrderTerms:
    return OrderTerms(symbol=symbol, side="sell", order_type="market", base_quantity=Decimal(quantity))


def limit_buy(quantity: str = "0.01", price: str = "50000") -> OrderTerms:
    return OrderTerms(
        symbol="BTC/USDT",
        side="buy",
        order_type="limit",
        base_quantity=Decimal(quantity),
        limit_price=Decimal(price),
    )


def fill(
    trade_id: str = "t-1",
    quantity: str = "0.01",
    price: str = "50000",
    *,
    fee: str = "0 USDT",
    seconds: float = 0,
) -> Fill:
    return Fill(
        venue_trade_id=trade_id,
        base_quantity=Decimal(quantity),
        price_quote_per_base=Decimal(price),
        quote_amount=Decimal(quantity) * Decimal(price),
        fee=money(fee),
        traded_at_utc=at(seconds),
    )


def intended_order(terms: OrderTerms | None = None, *, decision_price: str = "50000") -> Order:
    """Order o-1 of bot-1, intended and no more."""
    order = Order(client_order_id="o-1")
    intended = order.intend(
        client_order_id="o-1",
        owner_id="acc-1",
        book_id="book-1",
        bot_id="bot-1",
        signal_id="bot-1:1:0",
        venue="paper",
        venue_account="paper",
        terms=terms or market_buy(),
        decision_price=Decimal(decision_price),
        at=START,
    )
    return folded(order, intended)


# -- bots --------------------------------------------------------------------------------------------------


def bot_terms(
    *,
    symbol: str = "BTC/USDT",
    allocation: str = "1000 USDT",
    interval: str = "1h",
    name: str = "my bot",
    strategy: str = "ema_crossover",
    parameters: dict[str, str] | None = None,
    source: str = "file",
    most: str | None = None,
) -> BotTerms:
    return BotTerms(
        name=name,
        strategy=strategy,
        parameters=parameters if parameters is not None else {"fast": "2", "slow": "4"},
        venue="paper",
        symbol=symbol,
        interval=interval,
        source=source,
        allocation=money(allocation),
        max_order_notional=None if most is None else Decimal(most),
    )


def candle(
    number: int, open: str, close: str = "", *, volume: str = "1000", step_ms: int = HOUR_MS
) -> Candle:
    """The candle of that number; it goes straight from open to close."""
    first, last = Decimal(open), Decimal(close or open)
    return Candle(number * step_ms, first, max(first, last), min(first, last), last, Decimal(volume))
