"""Use cases on the real event store in memory, with words for what happened."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from adapters.persistence.event_log import memory_event_store
from application.accounts.commands import RegisterAccount
from application.bots.manage_bots import CreateBot, StartBot
from application.orders.record_report import RecordReport
from application.orders.trade_signal import TradeSignal
from application.paper.accounts import OpenPaperBook
from application.ports.clock import ManualClock
from application.ports.commands import Command, Outcome, Result
from application.ports.exchange import OrderReport
from application.ports.paper_accounts import PaperTerms
from application.streams import book_stream, bot_stream, order_stream
from application.work import Versioned
from domain.bots.bot import Bot
from domain.bots.events import BotTerms
from domain.ledger.book import PAPER, Book
from domain.ledger.postings import bot_account
from domain.market import Market
from domain.money import Money
from domain.orders.order import Order
from tests.builders import START, Decide, bot_terms, caller, limit_buy, usdt

MARKET = Market(symbol="BTC/USDT")


@dataclass
class Store:
    """An event store and a counter of command ids, so that every command is a new one."""

    clock: ManualClock = field(default_factory=lambda: ManualClock(START))
    number: int = 0

    def __post_init__(self) -> None:
        self.store = memory_event_store(self.clock)
        self.log, self.bus = self.store.log, self.store.bus

    def run(self, command: Command, command_id: str = "") -> Outcome:
        self.number += 1
        return self.bus.execute(command, caller(command_id or f"c-{self.number}", content=repr(command)))

    def do(self, command: Command) -> Result:
        return self.run(command).unwrap()

    def refused(self, command: Command) -> tuple[str, dict[str, str]]:
        """The refusal's code and data; nothing was appended."""
        before = self.log.head()
        refusal = self.run(command).refusal
        assert refusal is not None, f"{command} was not refused"
        assert self.log.head() == before
        return refusal.code, refusal.data

    def tell(self, report: OrderReport) -> Result:
        return self.do(RecordReport(report))

    # -- reading -------------------------------------------------------------------------------------------

    def load(self, stream: str) -> Versioned:
        return self.log.load(stream)

    def book(self, book_id: str = "book-1") -> Book:
        book: Book = self.load(book_stream(book_id)).state
        return book

    def bot(self, bot_id: str = "bot-1") -> Bot:
        bot: Bot = self.load(bot_stream(bot_id)).state
        return bot

    def order(self, client_order_id: str) -> Order:
        order: Order = self.load(order_stream(client_order_id)).state
        return order

    def names(self, stream: str) -> list[str]:
        return [recorded.name for recorded in self.log.stream(stream)]

    def owed(self, account: str, asset: str = "USDT", book_id: str = "book-1") -> str:
        return str(self.book(book_id).owed(account, asset))

    def events(self) -> list[Any]:
        return [recorded.event for recorded in self.log.read()]


def with_account(account_id: str = "acc-1", *, store: Store | None = None) -> Store:
    """A registered trader."""
    store = store or Store()
    store.do(RegisterAccount(account_id, ("trader",), "commitment"))
    return store


def with_paper_account(
    *balances: Money, terms: PaperTerms | None = None, store: Store | None = None, book_id: str = "book-1"
) -> Store:
    """A trader with a paper account."""
    store = store or with_account()
    store.do(OpenPaperBook(book_id, "acc-1", balances, terms or PaperTerms()))
    return store


def with_running_bot(
    *, cash: Money | None = None, terms: BotTerms | None = None, paper: PaperTerms | None = None
) -> Store:
    """bot-1 of acc-1 runs on book-1, which had 1,000 USDT unless said otherwise."""
    store = with_paper_account(cash or usdt("1000"), terms=paper)
    store.do(CreateBot("bot-1", "acc-1", "book-1", book_is_new=False, terms=terms or bot_terms()))
    store.do(StartBot("bot-1", "acc-1", after_candle_ms=None))
    return store


def signal(
    side: str = "buy",
    candle_ms: int = 0,
    *,
    price: str = "50000",
    feed_now_ms: int | None = None,
    market: Market = MARKET,
) -> TradeSignal:
    """A signal of bot-1 on an hourly candle, acted on at its close."""
    return TradeSignal(
        bot_id="bot-1",
        side=side,
        candle_open_time_ms=candle_ms,
        price=usdt(price).amount,
        why="a test wants it",
        feed_now_ms=candle_ms + 3_600_000 if feed_now_ms is None else feed_now_ms,
        market=market,
        venue="paper",
    )


def held_order(amount: Money) -> Store:
    """Order o-1 of bot-1, a limit buy, intended, with that much held for it in book-1."""
    store = Store()

    def decide(work: Any) -> Result:
        stream = book_stream("book-1")
        opened = work.book("book-1").open(
            book_id="book-1", owner_id="acc-1", purse=PAPER, venue_account="paper", at=START
        )
        work.record(stream, opened)
        work.record(stream, work.book("book-1").credit_deposit(amount, entry_id="d", at=START))
        work.record(stream, work.book("book-1").allocate(amount, bot_id="bot-1", entry_id="a", at=START))
        source = bot_account("bot-1")
        work.record(stream, work.book("book-1").place_hold("o-1", amount, source=source, at=START))
        intended = work.order("o-1").intend(
            client_order_id="o-1",
            owner_id="acc-1",
            book_id="book-1",
            bot_id="bot-1",
            signal_id="bot-1:1:0",
            venue="paper",
            venue_account="paper",
            terms=limit_buy(),
            decision_price=usdt("50000").amount,
            at=START,
        )
        work.record(order_stream("o-1"), intended)
        return {}

    store.do(Decide(decide))
    return store


def with_second_order(store: Store) -> str:
    """Order o-2 on the same venue account."""

    def decide(work: Any) -> Result:
        intended = work.order("o-2").intend(
            client_order_id="o-2",
            owner_id="acc-1",
            book_id="book-1",
            bot_id="bot-1",
            signal_id="bot-1:1:9",
            venue="paper",
            venue_account="paper",
            terms=limit_buy(),
            decision_price=usdt("50000").amount,
            at=START,
        )
        work.record(order_stream("o-2"), intended)
        return {}

    store.do(Decide(decide))
    return "o-2"
