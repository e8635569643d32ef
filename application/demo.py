"""The main job on one file of candles, at full speed, from registration to an audited result."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from application.accounts.commands import RegisterAccount
from application.bots.manage_bots import CreateBot, StartBot, StopBot
from application.bots.run_bot import BotRunner
from application.paper.accounts import OpenPaperBook, PaperAccountService
from application.paper.terms import terms_to_text
from application.ports.bot_observer import BotObserver
from application.ports.clock import ManualClock
from application.ports.commands import Caller, Command, CommandBus, Outcome, fingerprint
from application.ports.event_log import EventLog
from application.ports.exchange import CandleDriven, Exchange
from application.ports.maintenance import Maintenance
from application.ports.paper_accounts import FEE_IN_QUOTE, PaperTerms
from application.ports.read_models import ReadModels
from application.streams import book_stream, bot_stream
from application.views.rows import FillRow, OrderRow, SignalRow, TotalRow
from domain.accounts.account import TRADER
from domain.bots.bot import RUNNING, Bot
from domain.bots.events import BotTerms
from domain.errors import DomainError
from domain.ledger.book import Book
from domain.ledger.postings import bot_account
from domain.market import Candle, interval_ms
from domain.money import ZERO, Money, add, divide_down, multiply_down, subtract, text

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
Progress = Callable[[int], None]
_NOTHING, _MARKED = "nothing", "marked to the last close"


class NoCandles(DomainError, code="no_candles"):
    """There is not a single candle to run on."""

    def __init__(self) -> None:
        super().__init__("the file holds no candle to run on")


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoSettings:
    """What the demo trades, with what, and how its paper account fills and charges."""

    symbol: str
    interval: str
    cash: Decimal  # quote
    parameters: Mapping[str, str]
    terms: PaperTerms
    force_close: bool = False  # sell what is left at the last candle's close
    strategy: str = "ema_crossover"


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoResult:
    """What came out. Amounts in quote unless they name their asset; seconds by stage."""

    candles: int
    signals: int
    orders: int
    fills: int
    trades_closed: int
    fees: Mapping[str, Decimal]
    funding: Decimal
    equity: Decimal  # cash + held + position at the last close
    profit: Decimal  # equity - funding
    buy_and_hold: Decimal  # all-in at the first fill's price with the same fee, valued at the last close
    trial_balance: Mapping[str, Decimal]
    chain_verified: bool
    chain_problem: str
    rebuild_identical: bool
    rebuild_difference: str
    log_events: int
    open_at_end: str  # what the end of the data left open
    conventions: Mapping[str, str]
    seconds: Mapping[str, float] = field(default_factory=dict)

    @property
    def balances_and_checks_hold(self) -> bool:
        return self.chain_verified and self.rebuild_identical and not any(self.trial_balance.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Demo:
    """Registers, funds, creates and starts a bot, runs it on every candle, audits, and reports.

    Ids are derived from the settings and `data_fingerprint`, so a demo that was killed and is run again on
    the same database resumes exactly where it was, and one that had finished answers the same again.
    `clock` is moved to candle time.
    """

    log: EventLog
    bus: CommandBus
    views: ReadModels
    exchange: Exchange
    venue: CandleDriven
    paper_accounts: PaperAccountService
    maintenance: Maintenance
    clock: ManualClock
    observer: BotObserver
    stopwatch: Callable[[], float]  # monotonic seconds

    def __call__(
        self,
        candles: Iterable[Candle],
        settings: DemoSettings,
        *,
        data_fingerprint: str,
        progress: Progress | None = None,
    ) -> DemoResult:
        started = self.stopwatch()
        run_id = fingerprint(repr(settings), data_fingerprint)[:16]
        feed = iter(candles)
        first = next(feed, None)
        if first is None:
            raise NoCandles
        self._move_clock(first.open_time_ms)
        bot_id, book_id = self._set_up(settings, run_id)
        count, last = self._trade(bot_id, first, feed, settings, progress)
        ran = self.stopwatch()
        self.maintenance.catch_up()
        folded = self.stopwatch()
        chain = self.maintenance.verify()
        verified = self.stopwatch()
        rebuild = self.maintenance.rebuild()
        rebuilt = self.stopwatch()

        fills = self.views.where(FillRow, bot_id=bot_id)
        orders = self.views.where(OrderRow, bot_id=bot_id)
        signals = self.views.where(SignalRow, bot_id=bot_id)
        book: Book = self.log.load(book_stream(book_id)).state
        equity = _equity(book, bot_id, settings.symbol, last.close)
        fees: dict[str, Decimal] = {}
        for fill in fills:
            fees[fill.fee_asset] = add(fees.get(fill.fee_asset, ZERO), fill.fee_amount)
        closed = {
            order.client_order_id for order in orders if order.side == "sell" and order.status == "filled"
        }
        left_open = _left_open(book, bot_id, settings.symbol, orders)
        return DemoResult(
            candles=count,
            signals=len(signals),
            orders=len(orders),
            fills=len(fills),
            trades_closed=len(closed),
            fees=fees,
            funding=settings.cash,
            equity=equity,
            profit=subtract(equity, settings.cash),
            buy_and_hold=_buy_and_hold(settings, fills, last.close),
            trial_balance=self._trial_balance(settings.symbol),
            chain_verified=chain.is_intact,
            chain_problem=chain.problem,
            rebuild_identical=rebuild.is_identical,
            rebuild_difference=rebuild.difference,
            log_events=chain.events,
            open_at_end=left_open,
            conventions=terms_to_text(settings.terms)
            | {"end_of_data": _end_of_data(left_open, asked_to_close=settings.force_close)},
            seconds={
                "run": ran - started,
                "project": folded - ran,
                "verify": verified - folded,
                "rebuild": rebuilt - verified,
                "total": rebuilt - started,
            },
        )

    # -- stages --------------------------------------------------------------------------------------------

    def _set_up(self, settings: DemoSettings, run_id: str) -> tuple[str, str]:
        account_id, book_id = f"acct-demo-{run_id}", f"paper-demo-{run_id}"
        bot_id = f"bot-demo-{run_id}"
        quote = settings.symbol.partition("/")[2]
        cash = Money(settings.cash, quote)
        self._execute(RegisterAccount(account_id, (TRADER,), ""), f"register:{account_id}")
        opened = self._caller(f"open:{book_id}")
        self.paper_accounts.open(OpenPaperBook(book_id, account_id, (cash,), settings.terms), opened).unwrap()
        terms = BotTerms(
            name=f"{settings.strategy} on {settings.symbol}",
            strategy=settings.strategy,
            parameters=dict(settings.parameters),
            venue=self.exchange.name,
            symbol=settings.symbol,
            interval=settings.interval,
            source="file",
            allocation=cash,
        )
        create = CreateBot(bot_id, account_id, book_id, book_is_new=False, terms=terms)
        self._execute(create, f"create:{bot_id}")
        self._execute(StartBot(bot_id, account_id, after_candle_ms=None), f"start:{bot_id}")
        return bot_id, book_id

    def _trade(
        self,
        bot_id: str,
        first: Candle,
        rest: Iterator[Candle],
        settings: DemoSettings,
        progress: Progress | None,
    ) -> tuple[int, Candle]:
        """How many candles there were, and the last. A bot that has run to its end runs no more."""
        bot: Bot = self.log.load(bot_stream(bot_id)).state
        if bot.status != RUNNING:
            count, last = 1, first
            for candle in rest:
                count, last = count + 1, candle
            return count, last
        length = interval_ms(settings.interval)
        runner = BotRunner(
            bot_id,
            log=self.log,
            bus=self.bus,
            exchange=self.exchange,
            observer=self.observer,
            feed_now_ms=lambda candle: candle.open_time_ms + length,
            actor="system:demo",
        )
        count, last = self._run(runner, first, rest, settings, progress)
        if settings.force_close:
            self._move_clock(last.open_time_ms + length)
            if runner.resumes_at_ms is not None and last.open_time_ms < runner.resumes_at_ms:
                self.venue.show("file", settings.symbol, settings.interval, last)  # killed while closing
            runner.close_position(last)
        stop = StopBot(bot_id, bot.owner_id, "the demo's candles ended")
        self._execute(stop, f"stop:{bot_id}")
        return count, last

    def _run(
        self,
        runner: BotRunner,
        first: Candle,
        rest: Iterable[Candle],
        settings: DemoSettings,
        progress: Progress | None,
    ) -> tuple[int, Candle]:
        """Every candle through venue and bot; how many there were, and the last."""
        source, symbol, interval = "file", settings.symbol, settings.interval
        length = interval_ms(interval)
        show, on_candle, clock = self.venue.show, runner.on_candle, self.clock
        resumes_at_ms = runner.resumes_at_ms
        count, last = 0, first
        for candle in _chained(first, rest):
            if resumes_at_ms is not None and candle.open_time_ms < resumes_at_ms:
                runner.warm_up((candle,))
            else:
                clock.move_to(_EPOCH + timedelta(milliseconds=candle.open_time_ms + length))
                show(source, symbol, interval, candle)
                on_candle(candle)
            count += 1
            last = candle
            if progress is not None and not count % 1000:
                progress(count)
        return count, last

    def _trial_balance(self, symbol: str) -> dict[str, Decimal]:
        """Of what is in the books, and of the pair's two assets also where the books are flat in one."""
        sums = dict.fromkeys(symbol.split("/"), ZERO)
        for total in self.views.where(TotalRow, purse="PAPER"):
            sums[total.asset] = add(sums.get(total.asset, ZERO), total.amount)
        return sums

    def _move_clock(self, milliseconds: int) -> None:
        self.clock.move_to(_EPOCH + timedelta(milliseconds=milliseconds))

    def _caller(self, command_id: str) -> Caller:
        return Caller(actor="system:demo", command_id=command_id, correlation_id=command_id)

    def _execute(self, command: Command, command_id: str) -> Outcome:
        outcome = self.bus.execute(command, self._caller(command_id))
        outcome.unwrap()
        return outcome


def _chained(first: Candle, rest: Iterable[Candle]) -> Iterable[Candle]:
    yield first
    yield from rest


def _equity(book: Book, bot_id: str, symbol: str, last_close: Decimal) -> Decimal:
    """Cash + held + position at the last close, in quote."""
    base, _, quote = symbol.partition("/")
    cash = add(book.owed("owner:available", quote).amount, book.owed(bot_account(bot_id), quote).amount)
    position = book.owed(bot_account(bot_id), base).amount
    cash = add(cash, book.held_total(quote).amount)
    position = add(position, book.held_total(base).amount)
    return add(cash, multiply_down(position, last_close, 18))


def _buy_and_hold(settings: DemoSettings, fills: Iterable[FillRow], last_close: Decimal) -> Decimal:
    """What the funding is worth at the end, bought all-in at the first fill's price with the same fee."""
    first = min(fills, key=lambda fill: (fill.traded_at_utc, fill.position), default=None)
    if first is None:
        return settings.cash
    rate, price = settings.terms.taker_fee_rate, first.price_quote_per_base
    if settings.terms.fee_asset == FEE_IN_QUOTE:
        quantity = divide_down(settings.cash, multiply_down(price, 1 + rate, 36), 18)
    else:
        bought = divide_down(settings.cash, price, 18)
        quantity = multiply_down(bought, 1 - rate, 18)
    return multiply_down(quantity, last_close, 18)


def _left_open(book: Book, bot_id: str, symbol: str, orders: Iterable[OrderRow]) -> str:
    """In words, what the end of the candles found open: orders and a position."""
    base = symbol.partition("/")[0]
    waiting = sum(
        1 for order in orders if order.status in ("intended", "open", "partially_filled", "unknown")
    )
    position = book.owed(bot_account(bot_id), base) + book.held_total(base)
    parts = []
    if waiting:
        parts.append(f"{waiting} order" + ("s" if waiting > 1 else ""))
    if position.amount:
        parts.append(f"a position of {text(position.amount)} {base}")
    return " and ".join(parts) or _NOTHING


def _end_of_data(left_open: str, *, asked_to_close: bool) -> str:
    """What became of what was open when the candles ended."""
    if not asked_to_close:
        return _MARKED
    if left_open == _NOTHING:
        return "forced close"
    return f"forced close did not end all, left open: {left_open}; {_MARKED}"
