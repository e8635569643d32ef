"""A bot that traded at the paper venue, the venue's own store, and what reconciles the two."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

from adapters.exchanges.paper.changes import changed
from application.ports.account_reports import StatementSource
from application.ports.commands import Outcome
from application.ports.exchange import OrderReport, VenueOutcomeUnknown
from application.ports.paper_accounts import PaperTerms, VenueDeposit
from application.reconciliation.reconcile import Reconcile
from application.reconciliation.sources import VenueStatements
from application.streams import cases_stream, reconciliation_stream
from domain.market import Candle
from domain.money import Money
from domain.orders.events import OrderTerms
from domain.reconciliation.cases import Case, Cases
from domain.reconciliation.events import ReconciliationRecorded
from domain.reconciliation.statement import AccountStatement
from tests.adapters.exchanges.paper import venues
from tests.application.bots.market import World, walk
from tests.application.harness import with_running_bot
from tests.builders import caller, usdt

ACCOUNT = "book-1"


@dataclass
class Books:
    """book-1 at the paper venue, whose bot has traded; `run` holds the two against each other."""

    world: World
    number: int = 0
    waited: list[float] = field(default_factory=list)
    while_waiting: Callable[[], object] = lambda: None

    @property
    def venue(self) -> VenueStatements:
        venue = self.world.venue()
        return VenueStatements(venue, lambda: [one.venue_account for one in venue.accounts()])

    def run(self, source: StatementSource | None = None, *, run_id: str = "") -> ReconciliationRecorded:
        self.number += 1
        id = run_id or f"run-{self.number}"
        self.outcome(source, id).unwrap()
        recorded: ReconciliationRecorded = self.world.store.load(reconciliation_stream(id)).state.recorded
        return recorded

    def outcome(self, source: StatementSource | None, run_id: str) -> Outcome:
        store = self.world.store
        reconcile = Reconcile(store.log, store.bus, store.clock, self._wait)
        return reconcile(source or self.venue, run_id=run_id, caller=caller(f"command-{run_id}"))

    def _wait(self, seconds: float) -> None:
        self.waited.append(seconds)
        self.while_waiting()

    # -- what went wrong -----------------------------------------------------------------------------------

    def cases(self, account: str = ACCOUNT) -> Cases:
        cases: Cases = self.world.store.load(cases_stream(account)).state
        return cases

    def open_cases(self, account: str = ACCOUNT) -> list[Case]:
        return [case for _, case in sorted(self.cases(account).open.items())]

    def words(self, account: str = ACCOUNT) -> list[tuple[str, str]]:
        """Kind and what custody lacks, of each open case."""
        found = [case.found for case in self.open_cases(account)]
        return sorted((one.kind, ", ".join(map(str, one.difference))) for one in found)

    def steal(self, amount: str, asset: str = "USDT") -> None:
        """The venue's balance falls, and no line says why."""
        store = self.world.paper_store
        state = store.load(ACCOUNT)
        assert state is not None
        balance = state.balances[asset]
        less = replace(balance, free=balance.free - Decimal(amount))
        store.save(changed(state, {**state.balances, asset: less}, state.orders))

    def deposit_behind_our_back(self, amount: Money, id: str = "surprise") -> None:
        self.world.venue().deposit([VenueDeposit(ACCOUNT, id, amount)])

    def trade_behind_our_back(self, terms: OrderTerms, order_id: str = "foreign-1") -> OrderReport:
        """An order that is not ours, filled at 100."""
        venue = self.world.venue()
        request = venues.request(terms, order_id, minute=10_000, account=ACCOUNT)
        venue.submit(request)
        venue.show("elsewhere", terms.symbol, "1m", venues.candle(10_000, "100"))
        return venue.report(ACCOUNT, venues.SYMBOL, order_id)


@dataclass
class Silent:
    """A venue that does not answer."""

    inner: StatementSource
    name: str = "paper"
    is_complete: bool = True
    names_orders: bool = True

    def accounts(self) -> Sequence[str]:
        return self.inner.accounts()

    def statement(self, venue_account: str, purse: str) -> AccountStatement | None:
        raise VenueOutcomeUnknown(f"{venue_account} of {purse}: timed out")

    def report(self, venue_account: str, symbol: str, client_order_id: str) -> OrderReport:
        return self.inner.report(venue_account, symbol, client_order_id)


def traded(candles: int = 40, terms: PaperTerms | None = None) -> Books:
    """A bot that traded so many candles of a wild market, and whose every fill is booked."""
    world = World(with_running_bot(cash=usdt("1000"), paper=terms))
    venue = world.venue()
    market = world.market(world.feed(walk(3)[:candles]), venue)
    market.join(world.runner(exchange=venue))
    market.run()
    return Books(world)


def behind(candles: int = 40) -> tuple[Books, str]:
    """The venue filled the bot's last order and nobody told us: the books, and the order's id."""
    books = Books(World(with_running_bot(cash=usdt("1000"))))
    world = books.world
    venue = world.venue()
    runner = world.runner(exchange=venue)
    given: list[Candle] = walk(3)[:candles]
    for each in given:
        venue.show("file", "BTC/USDT", "1h", each)
        bot = world.store.bot()
        if bot.last_order_id and venue.report(ACCOUNT, venues.SYMBOL, bot.last_order_id).fills:
            return books, bot.last_order_id
        runner.on_candle(each)
    raise AssertionError("the bot placed no order")
