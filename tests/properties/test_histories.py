"""Long histories of valid and invalid commands, through the real bus, on every engine (safety O3, O5, O6)."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable
from decimal import Decimal
from itertools import count
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.persistence.event_log import EventStore
from adapters.persistence.projector import Projector
from adapters.persistence.rebuild import check
from adapters.persistence.verify import verify_log
from application.accounts.commands import FreezeAccount, RegisterAccount, UnfreezeAccount
from application.bots.manage_bots import (
    AllocateToBot,
    CreateBot,
    DeallocateFromBot,
    PauseBot,
    ResumeBot,
    StartBot,
    StopBot,
)
from application.orders.record_report import RecordReport, RecordUnknownOutcome, RecordVenueRefusal
from application.orders.trade_signal import TradeSignal
from application.paper.accounts import FundPaperBook, OpenPaperBook, ResetPaperBook
from application.platform.kill_switch import EngageKillSwitch, ReleaseKillSwitch
from application.ports.commands import Command
from application.ports.event_log import Position
from application.ports.exchange import OrderReport
from application.ports.paper_accounts import PaperTerms
from domain.ledger.book import Book
from domain.ledger.events import BookOpened, EntryPosted
from domain.ledger.postings import HELD_PREFIX, held_account
from domain.market import Market
from domain.money import Money
from domain.orders.events import (
    OrderCanceled,
    OrderFilled,
    OrderIntended,
    OrderPartiallyFilled,
    OrderRefused,
)
from domain.orders.order import Fill
from tests.builders import START, bot_terms, caller
from tests.log_stores import ENGINES, engine

STEPS = 1_000
MARKET = Market(symbol="BTC/USDT", min_notional=Decimal(1))


class History:
    """Draws one command after the other, wrong ones among them, and remembers what could be meant next."""

    def __init__(self, seed: int, prefix: str) -> None:
        self.random = random.Random(seed)
        self.prefix = prefix
        self.number = 0
        self.orders: dict[str, OrderIntended] = {}
        self.reports: list[OrderReport] = []
        self.books = [f"{prefix}-book-{n}" for n in range(3)]

    def next(self) -> Command:
        self.number += 1
        calm = self._back_to_work().get(self.number % 20)
        if calm is not None:
            return calm
        draw: Callable[[], Command] = self.random.choices(
            (self._account, self._paper, self._bot, self._signal, self._report, self._platform),
            weights=(3, 10, 22, 25, 38, 2),
        )[0]
        return draw()

    def _back_to_work(self) -> dict[int, Command]:
        """Now and then what lets trading go on, so that a history is not one long refusal."""
        return {
            1: ReleaseKillSwitch("over", "op"),
            2: UnfreezeAccount(f"{self.prefix}-acc-0", "fine", "op"),
            3: StartBot(self._bot_id(), f"{self.prefix}-acc-0", after_candle_ms=None),
        }

    def _account(self) -> Command:
        who = self._owner()
        return self.random.choice(
            (
                RegisterAccount(who, ("trader",), "c"),
                RegisterAccount(who, ("emperor",), "c"),
                FreezeAccount(who, self.random.choice(("", "checked")), "op"),
                UnfreezeAccount(who, "fine", "op"),
            )
        )

    def _paper(self) -> Command:
        who, book = self._owner(), self._book()
        amount = self._amount()
        return self.random.choice(
            (
                OpenPaperBook(book, who, (Money(Decimal(10_000), "USDT"),), PaperTerms()),
                FundPaperBook(book, who, amount, f"d-{self.random.randrange(60)}"),
                FundPaperBook(book, who, amount, f"d-{self.random.randrange(60)}"),
                ResetPaperBook(book, f"{book}-{self.number}", who, (amount,))
                if self.random.random() < 0.05
                else FundPaperBook(book, who, Money(Decimal("2.5"), "BTC"), f"b-{self.number}"),
            )
        )

    def _bot(self) -> Command:
        who, bot, amount = self._owner(), self._bot_id(), self._amount()
        return self.random.choice(
            (
                CreateBot(bot, who, self._book(), book_is_new=False, terms=bot_terms(interval="1m")),
                StartBot(bot, who, after_candle_ms=None),
                StartBot(bot, who, after_candle_ms=None),
                PauseBot(bot, who, "lunch"),
                ResumeBot(bot, who, after_candle_ms=None),
                StopBot(bot, who, "enough"),
                AllocateToBot(bot, who, amount, f"a-{self.random.randrange(100)}"),
                AllocateToBot(bot, who, amount, f"a-{self.number}"),
                DeallocateFromBot(bot, who, amount, f"r-{self.number}"),
            )
        )

    def _signal(self) -> Command:
        opened = 60_000 * self.number
        return TradeSignal(
            bot_id=self._bot_id(),
            side=self.random.choice(("buy", "sell", "hold") if self.number % 50 == 0 else ("buy", "sell")),
            candle_open_time_ms=opened - self.random.choice((0, 0, 0, 60_000_000)),
            price=Decimal(self.random.randrange(10_000, 90_000)),
            why="drawn",
            feed_now_ms=opened + 60_000 + self.random.choice((0, 0, 0, 0, 900_000)),
            market=MARKET,
            venue="paper",
        )

    def _report(self) -> Command:
        """A venue's word on one of the last orders: a fill, more of it, the same again, an end, nonsense."""
        if not self.orders or self.random.random() < 0.05:
            return RecordVenueRefusal(f"{self.prefix}-nobody", "no such order")
        order = self.orders[self.random.choice(list(self.orders)[-6:])]
        name = order.client_order_id
        draw = self.random.random()
        if draw < 0.1:
            return RecordUnknownOutcome(name, "no answer")
        if draw < 0.15:
            return RecordVenueRefusal(name, "the venue never had it")
        if draw < 0.3 and self.reports:
            return RecordReport(self.random.choice(self.reports[-10:]))
        earlier = [r for r in self.reports if r.client_order_id == name]
        fills = list(earlier[-1].fills) if earlier else []
        if draw < 0.75:
            fills.append(self._fill(order, len(fills)))
        status = self.random.choice(("open", "filled", "filled", "canceled", "rejected"))
        report = OrderReport(
            client_order_id=name, venue_order_id=f"v-{name}", status=status, fills=tuple(fills), reason="so"
        )
        self.reports.append(report)
        return RecordReport(report)

    def _fill(self, order: OrderIntended, number: int) -> Fill:
        quantity = Decimal(self.random.randrange(1, 3_000)).scaleb(-4)
        if order.terms.base_quantity is not None and self.random.random() < 0.8:
            quantity = min(quantity, order.terms.base_quantity)
        price = Decimal(self.random.randrange(10_000, 90_000))
        amount, asset = self.random.choice(
            (("0.75", "USDT"), ("-0.05", "USDT"), ("0.00001", "BTC"), ("0.001", "BNB"), ("0", "USDT"))
        )
        return Fill(
            venue_trade_id=f"{order.client_order_id}-{number}",
            base_quantity=quantity,
            price_quote_per_base=price,
            quote_amount=quantity * price,
            fee=Money(Decimal(amount), asset),
            traded_at_utc=START,
        )

    def _platform(self) -> Command:
        reason = self.random.choice(("", "drill"))
        return self.random.choice((EngageKillSwitch(reason, "op"), ReleaseKillSwitch("over", "op")))

    def _owner(self) -> str:
        return f"{self.prefix}-acc-{self.random.choice((0, 0, 0, 0, 1))}"

    def _book(self) -> str:
        return self.random.choice(self.books)

    def _bot_id(self) -> str:
        return f"{self.prefix}-bot-{self.random.randrange(4)}"

    def _amount(self) -> Money:
        digits = self.random.choice(("0", "-5", "12.000000000000000001", "300", "4500", "99999999"))
        return Money(Decimal(digits), self.random.choice(("USDT", "USDT", "BTC", "GBP")))


class Audit:
    """Keeps its own books from the events alone and holds them against every promise, step by step."""

    def __init__(self, store: EventStore) -> None:
        self.store = store
        self.seen: Position = store.log.head()
        self.balances: dict[str, dict[tuple[str, str], Decimal]] = defaultdict(lambda: defaultdict(Decimal))
        self.sums: dict[str, Decimal] = defaultdict(Decimal)
        self.ended: set[str] = set()
        self.fills: set[tuple[str, str]] = set()
        self.events = 0

    def look(self, history: History) -> bool:
        """Take in what was appended since; whether anything was."""
        touched: set[str] = set()
        before = self.seen
        for recorded in self.store.log.read(after=self.seen):
            self.seen = recorded.position
            self.events += 1
            event = recorded.event
            if isinstance(event, EntryPosted):
                book = recorded.stream.removeprefix("book:")
                touched.add(book)
                self._take_entry(book, event)
            elif isinstance(event, OrderIntended):
                history.orders[event.client_order_id] = event
            elif isinstance(event, OrderFilled | OrderPartiallyFilled):
                key = (event.client_order_id, event.venue_trade_id)
                assert key not in self.fills, "a fill was booked twice"
                self.fills.add(key)
            elif isinstance(event, BookOpened):
                touched.add(event.book_id)
            if isinstance(event, OrderFilled | OrderCanceled | OrderRefused):
                self.ended.add(event.client_order_id)
        for book in touched:
            self._check_book(book)
        assert not any(self.sums.values()), "an asset was created or destroyed"
        return self.seen != before

    def _take_entry(self, book: str, entry: EntryPosted) -> None:
        sums: dict[str, Decimal] = defaultdict(Decimal)
        for leg in entry.postings:
            assert leg.amount
            sums[leg.asset] += leg.amount
            self.balances[book][leg.account, leg.asset] += leg.amount
            self.sums[leg.asset] += leg.amount
        assert not any(sums.values()), f"entry {entry.entry_id} does not balance"

    def _check_book(self, book: str) -> None:
        own = {key: amount for key, amount in self.balances[book].items() if amount}
        state: Book = self.store.log.load(f"book:{book}").state
        assert dict(state.balances) == own
        for (account, _), amount in own.items():
            if account.startswith("owner:") and account != "owner:due":
                assert amount < 0, f"{account} stands in debit"
            if account.startswith(HELD_PREFIX):
                order_id = account.removeprefix(HELD_PREFIX)
                assert order_id not in self.ended, "an order that has ended still holds funds"
                assert account == held_account(order_id)


def _play(store: EventStore, seed: int, prefix: str) -> None:
    history, audit = History(seed, prefix), Audit(store)
    store.bus.execute(RegisterAccount(f"{prefix}-acc-0", ("trader",), "c"), caller(f"{prefix}-0"))
    audit.look(history)
    accepted = refused = 0
    for step in range(STEPS):
        command = history.next()
        outcome = store.bus.execute(command, caller(f"{prefix}-{step + 1}", content=repr(command)))
        changed = audit.look(history)
        if outcome.refusal is not None:
            refused += 1
            assert not changed, f"{outcome.refusal.code} changed something"
        else:
            accepted += 1
    assert min(accepted, refused) > STEPS // 10, "a history of only one kind proves little"
    assert audit.fills
    assert history.orders


@pytest.mark.parametrize("kind", ENGINES)
def test_a_long_history_of_right_and_wrong_commands_keeps_every_promise(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """After each step; then folding the log again gives the rows, byte for byte, and every chain holds."""
    with engine(kind, request, tmp_path) as log:
        store = log.open()
        runs = count()

        @settings(max_examples=2, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])
        @given(seed=st.integers(0, 2**32))
        def histories(seed: int) -> None:
            _play(store, seed, f"r{next(runs)}")

        histories()
        if kind == "memory":
            return
        projector = Projector(log.database)
        projector.catch_up()
        report = check(log.database)
        assert report.identical, report.difference
        assert verify_log(log.database).ok
