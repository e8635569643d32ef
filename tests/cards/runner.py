"""Runs a card at a bench: does its steps, writes down what each says, and holds that against the card."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Protocol, assert_never

from application.ports.exchange import (
    NEVER,
    AccountTrade,
    Exchange,
    OrderReport,
    OrderRequest,
    VenueOrderNotFound,
    VenueOutcomeUnknown,
    VenueRefused,
)
from application.ports.market_view import MarketDataUnavailable, MarketView
from domain.money import ZERO, add, text
from domain.orders.events import OrderTerms
from tests.cards.card import (
    EXPIRY,
    REAL_TIME,
    SYMBOL,
    UNIQUE_WHILE_OPEN,
    Cancel,
    Card,
    Cost,
    EmptyBook,
    Fault,
    Fills,
    Heal,
    Locked,
    MarketOf,
    Offer,
    OpenOrders,
    PlaceElsewhere,
    Quote,
    Reopen,
    Report,
    Step,
    Submit,
    TradeAt,
    Trades,
)

_EVER = datetime(1970, 1, 1, tzinfo=UTC)


class ExamBench(Protocol):
    """A venue to be examined, and a hand on it. `can`: needs of cards that it meets by itself."""

    account: str
    can: frozenset[str]

    @property
    def exchange(self) -> Exchange: ...

    @property
    def market_view(self) -> MarketView | None: ...

    def request(self, terms: OrderTerms, order_id: str) -> OrderRequest: ...

    def trade_at(self, price: str) -> None: ...

    def offer(self, side: str, quantity: str, price: str) -> None: ...

    def empty_book(self) -> None: ...

    def fault(self, name: str) -> None: ...

    def heal(self) -> None: ...

    def place_elsewhere(self, terms: OrderTerms) -> None: ...

    def reopen(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a card: "pass", "skip" with the reason, or "FAIL" with what differed."""

    card: Card
    outcome: str
    why: str = ""


def missing(card: Card, bench_can: frozenset[str], exchange: Exchange) -> str:
    """Why a card is not drawn there; "" where it is."""
    promised = exchange.guarantees
    can = set(bench_can)
    if promised.requests_expire:
        can.add(EXPIRY)
    if promised.client_ids_unique != NEVER:
        can.add(UNIQUE_WHILE_OPEN)
    if not promised.is_candle_driven:
        can.add(REAL_TIME)
    lacking = [f"no {need}" for need in sorted(card.needs - can)]
    lacking += [f"no {name} orders" for name in sorted(card.order_types - promised.order_types)]
    lacking += [f"no {name} orders" for name in sorted(card.times_in_force - promised.times_in_force)]
    return ", ".join(lacking)


def run(card: Card, bench: ExamBench) -> Result:
    """Raises nothing that a card is about."""
    if why := missing(card, bench.can, bench.exchange):
        return Result(card, "skip", why)
    said = Hand(bench).do(card.steps)
    if len(said) == len(card.expected) and all(map(agrees, card.expected, said)):
        return Result(card, "pass")
    return Result(card, "FAIL", f"expected {list(card.expected)}, it said {said}")


def agrees(pattern: str, line: str) -> bool:
    """Word by word; a word may name alternatives, and a last asterisk stands for whatever follows."""
    wanted, words = pattern.split(), line.split()
    if wanted and wanted[-1] == "*":
        wanted.pop()
        words = words[: len(wanted)]
    return len(wanted) == len(words) and all(
        word in alternatives.split("|") for alternatives, word in zip(wanted, words, strict=True)
    )


def _filled(report: OrderReport) -> Decimal:
    if report.filled_base is not None:
        return report.filled_base
    return sum((fill.base_quantity for fill in report.fills), ZERO)


@dataclass
class Hand:
    """Does steps at a bench. Remembers which order is which at the venue, for its trades."""

    bench: ExamBench
    venue_ids: dict[str, str] = field(default_factory=dict)
    symbols: dict[str, str] = field(default_factory=dict)

    def do(self, steps: tuple[Step, ...]) -> list[str]:
        return [line for line in map(self._step, steps) if line is not None]

    def _step(self, step: Step) -> str | None:
        match step:
            case Submit():
                return self._submit(step)
            case Report(order_id):
                return self._asked(order_id, self.bench.exchange.report)
            case Cancel(order_id):
                return self._asked(order_id, self.bench.exchange.cancel)
            case TradeAt(price):
                self.bench.trade_at(price)
            case Offer(side, quantity, price):
                self.bench.offer(side, quantity, price)
            case EmptyBook():
                self.bench.empty_book()
            case Fault(name):
                self.bench.fault(name)
            case Heal():
                self.bench.heal()
            case Reopen():
                self.bench.reopen()
            case PlaceElsewhere(terms):
                self.bench.place_elsewhere(terms)
            case OpenOrders():
                return self._open_orders()
            case Trades():
                return self._trades()
            case Fills(order_id):
                return self._fills(order_id)
            case Cost():
                return self._cost(step)
            case Locked(asset):
                balance = self.bench.exchange.balances(self.bench.account).get(asset)
                return f"locked {text(balance.locked if balance else ZERO)} {asset}"
            case MarketOf(symbol):
                return self._market(symbol)
            case Quote():
                return self._quote()
            case _:
                assert_never(step)
        return None

    def _submit(self, step: Submit) -> str:
        self.symbols[step.order_id] = step.terms.symbol
        request = self.bench.request(step.terms, step.order_id)
        if self.bench.exchange.guarantees.requests_expire:
            until = datetime.now(UTC) + timedelta(seconds=step.expires_in_s)
            request = replace(request, expires_at_utc=until)
        try:
            report = self.bench.exchange.submit(request)
        except VenueRefused:
            return f"{step.order_id} refused"
        except VenueOutcomeUnknown:
            return f"{step.order_id} unknown"
        return self._said(report)

    def _asked(self, order_id: str, ask: Callable[[str, str, str], OrderReport]) -> str:
        try:
            report = ask(self.bench.account, self.symbols.get(order_id, SYMBOL), order_id)
        except VenueOrderNotFound:
            return f"{order_id} not found"
        except VenueOutcomeUnknown:
            return f"{order_id} unknown"
        return self._said(report)

    def _said(self, report: OrderReport) -> str:
        self.venue_ids[report.venue_order_id] = report.client_order_id
        filled = _filled(report)
        line = f"{report.client_order_id} {report.status}"
        return f"{line} {text(filled)}" if filled else line

    def _open_orders(self) -> str:
        names = [one.report.client_order_id for one in self.bench.exchange.open_orders(self.bench.account)]
        ours = [name if re.fullmatch(r"o-\d", name) else "foreign" for name in names]
        return " ".join(["open:", *ours])

    def _trades(self) -> str:
        trades = self.bench.exchange.trades_since(self.bench.account, SYMBOL, _EVER)
        told = [f"{self._order_of(trade)} {text(trade.fill.base_quantity)}" for trade in trades]
        return f"trades: {', '.join(told)}".strip()

    def _order_of(self, trade: AccountTrade) -> str:
        return trade.client_order_id or self.venue_ids.get(trade.venue_order_id, "unknown")

    def _fills(self, order_id: str) -> str:
        report = self.bench.exchange.report(self.bench.account, SYMBOL, order_id)
        quantities = [text(fill.base_quantity) for fill in report.fills]
        told = sum((fill.base_quantity for fill in report.fills), ZERO)
        line = " ".join([order_id, "fills", *quantities])
        return line if told == _filled(report) else f"{line}, {text(_filled(report) - told)} missing"

    def _cost(self, step: Cost) -> str:
        report = self.bench.exchange.report(self.bench.account, SYMBOL, step.order_id)
        cost = ZERO
        for fill in report.fills:
            cost = add(cost, fill.quote_amount)
            if fill.fee.asset == SYMBOL.partition("/")[2]:
                cost = add(cost, fill.fee.amount)
        within = f"within {step.budget}" if ZERO < cost <= Decimal(step.budget) else text(cost)
        return f"{step.order_id} cost {within}"

    def _market(self, symbol: str) -> str:
        try:
            market = self.bench.exchange.market(self.bench.account, symbol)
        except VenueRefused:
            return "market refused"
        filters = {"tick": market.tick_size, "lot": market.lot_size, "least notional": market.min_notional}
        return f"market has {', '.join(name for name, value in filters.items() if value > 0)}"

    def _quote(self) -> str:
        view = self.bench.market_view
        if view is None:
            return "no quotes"
        try:
            book = view.book(SYMBOL)
        except MarketDataUnavailable:
            return "quote unavailable"
        return "quote bid < ask" if book.best_bid < book.best_ask else "quote crossed"
