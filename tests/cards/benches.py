"""The venues that sit the exam: the paper venue, and the real ccxt client at the simulated exchange."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from adapters.exchanges.ccxt.market_data import CcxtMarketView
from adapters.exchanges.paper.venue import PaperExchange
from application.ports.exchange import Exchange, OrderRequest
from application.ports.market_view import MarketView
from application.ports.paper_accounts import PaperTerms
from domain.money import text
from domain.orders.events import OrderTerms
from tests.adapters.exchanges.ccxt.simulated import MARKET, SimulatorBench, simulator_bench
from tests.adapters.exchanges.paper import venues
from tests.cards.card import BOOK, FAULTS, LISTED, OTHERS, QUOTES
from tests.cards.runner import ExamBench
from tests.simulators import BOB

NOT_ON_PAPER = "the paper venue has no book to fill, no fault dials and no other client"


@dataclass
class PaperExam:
    """Trades on the candles it is shown. It fails as we do, so there are no faults to dial."""

    exchange: PaperExchange
    account: str = venues.ACCOUNT
    can: frozenset[str] = frozenset()
    market_view: MarketView | None = None
    minute: int = 1

    def request(self, terms: OrderTerms, order_id: str) -> OrderRequest:
        return venues.request(terms, order_id, minute=self.minute)

    def trade_at(self, price: str) -> None:
        venues.show(self.exchange, venues.candle(self.minute, price))
        self.minute += 1

    def reopen(self) -> None:
        self.exchange = PaperExchange(self.exchange._store)

    # What follows is in no `can` of a paper bench: a card that needs it is skipped, with the reason printed.
    # Asked all the same, it fails rather than pass a card over nothing.

    def offer(self, side: str, quantity: str, price: str) -> None:
        raise NotImplementedError(NOT_ON_PAPER)

    def empty_book(self) -> None:
        raise NotImplementedError(NOT_ON_PAPER)

    def fault(self, name: str) -> None:
        raise NotImplementedError(NOT_ON_PAPER)

    def heal(self) -> None:
        raise NotImplementedError(NOT_ON_PAPER)

    def place_elsewhere(self, terms: OrderTerms) -> None:
        raise NotImplementedError(NOT_ON_PAPER)


FAULT_DIALS: dict[str, dict[str, object]] = {
    "answer lost": {"do": "drop_after", "on": "place", "count": 1},
    "request lost": {"do": "drop_before", "on": "place", "count": 1},
    "5xx after": {"do": "error_after", "on": "place", "status": 503, "code": -1007, "count": 1},
    "web page after": {"do": "html_after", "on": "place", "count": 1},
    "rate limited": {"do": "rate_limited", "on": "place", "count": 1, "retry_after_s": 1},
    "query fails once": {"do": "error_before", "on": "query", "status": 503, "count": 1},
    "cancel answer lost": {"do": "drop_after", "on": "cancel", "count": 1},
    "impossible answer": {"do": "hostile", "on": "place", "what": "quantity", "count": 1},
    "maintenance": {"do": "maintenance"},
    "late fills": {"do": "late_fills", "ms": 600_000},
    "invisible": {"do": "invisible", "ms": 600_000},
}


class SimulatorExam:
    """The simulated exchange with a hand on its market and its fault dials."""

    can = frozenset({BOOK, FAULTS, LISTED, OTHERS, QUOTES})

    def __init__(self, bench: SimulatorBench) -> None:
        self._bench = bench
        self.account = bench.account
        self._market_at = ""

    @property
    def exchange(self) -> Exchange:
        return self._bench.exchange

    @property
    def market_view(self) -> MarketView:
        return CcxtMarketView(self._bench.connection)

    def request(self, terms: OrderTerms, order_id: str) -> OrderRequest:
        return self._bench.request(terms, order_id)

    def trade_at(self, price: str) -> None:
        self._bench.trade_at(price)

    def offer(self, side: str, quantity: str, price: str) -> None:
        self.empty_book()
        self._bench.venue.order(
            BOB.name,
            symbol=MARKET,
            side=side.upper(),
            type="LIMIT",
            timeInForce="GTC",
            quantity=quantity,
            price=price,
        )

    def empty_book(self) -> None:
        self._bench.venue.post("market", symbol=MARKET, price="100", levels=0)

    def fault(self, name: str) -> None:
        self._bench.venue.post("faults", **FAULT_DIALS[name])

    def heal(self) -> None:
        self._bench.venue.heal()

    def place_elsewhere(self, terms: OrderTerms) -> None:
        quantity, price = terms.base_quantity or Decimal(0), terms.limit_price or Decimal(0)
        self._bench.venue.order(
            self.account,
            symbol=MARKET,
            side=terms.side.upper(),
            type="LIMIT",
            timeInForce="GTC",
            quantity=text(quantity),
            price=text(price),
        )

    def reopen(self) -> None:
        self._bench.reopen()


@contextmanager
def paper_exam(folder: Path) -> Iterator[ExamBench]:  # in memory
    terms = PaperTerms(lot_size=Decimal("0.01"), tick_size=Decimal("0.01"), min_notional=Decimal(5))
    yield PaperExam(venues.funded(terms, btc="2"))


@contextmanager
def simulator_exam(folder: Path) -> Iterator[ExamBench]:
    with simulator_bench(folder) as bench:
        yield SimulatorExam(bench)


EXAMINED: dict[str, Callable[[Path], AbstractContextManager[ExamBench]]] = {
    "paper": paper_exam,
    "ccxt at the simulated exchange": simulator_exam,
}
"""By the name of their column in docs/venues.md."""
