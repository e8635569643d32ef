"""What a venue says of an order becomes facts: fills with their entries, and ends with their releases."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from functools import reduce

from application.ports.commands import Result, fingerprint
from application.ports.exchange import OrderReport
from application.risk.fills import count_end, count_fill
from application.streams import book_stream, order_stream
from application.work import Work
from domain.ledger.book import Settlement
from domain.ledger.postings import bot_account
from domain.money import ZERO, Money, add, fits, text
from domain.orders.errors import InvalidFill, UnknownOrder
from domain.orders.events import OrderTerms
from domain.orders.order import BUY, IMPOSSIBLE_FILL, Fill, Order, require_possible

PLATFORM_FEE = ZERO
"""Our own fee on a fill, in quote: none until there is a fee schedule."""


@dataclass(frozen=True, slots=True)
class RecordReport:
    """Book every fill not yet booked, each with a balanced entry, and end the order when the venue did.

    Fills may come twice, late or after the end: each is booked once, keyed by (venue account, symbol,
    trade id). When nothing is open any more, exactly what is left of the hold goes back to the bot. An end
    is not believed while fills are missing of what the venue says it matched (safety §3 #11). A report with
    a fill that cannot be is booked in no part: the order is flagged for review (safety API10).
    Refusals, in order: unknown_order (a foreign order touches no user's balance), fact_already_recorded.
    """

    report: OrderReport

    def decide(self, work: Work) -> Result:
        order = work.order(self.report.client_order_id)
        if not order.exists or order.terms is None:
            raise UnknownOrder(client_order_id=self.report.client_order_id)
        try:
            self._require_possible()
        except InvalidFill as impossible:
            flagged = order.flag(IMPOSSIBLE_FILL, str(impossible), at=work.now)
            work.record(order_stream(order.client_order_id), flagged)
            return self._result(work, order, order.terms, lacks_fills=True)
        self._take(work, order, order.terms)
        after = work.order(order.client_order_id)
        return self._result(work, order, order.terms, lacks_fills=self._lacks_fills(after))

    def _require_possible(self) -> None:
        """Raises InvalidFill."""
        for fill in self.report.fills:
            require_possible(fill)
        matched = self.report.filled_base
        if matched is not None and (not fits(matched) or matched < ZERO):
            raise InvalidFill(venue_trade_id="", problem=f"{matched} is said to be matched in all")

    def _take(self, work: Work, order: Order, terms: OrderTerms) -> None:
        report = self._without_early_end(order)
        stream = order_stream(report.client_order_id)
        if report.status == "rejected" and not report.fills:
            work.record(stream, order.refuse(reason=report.reason, at=work.now))
        elif report.venue_order_id:
            work.record(stream, order.accept(venue_order_id=report.venue_order_id, at=work.now))
        new = [fill for fill in report.fills if fill.venue_trade_id not in order.trade_ids]
        last = new[-1] if new and report.status == "filled" else None
        for fill in report.fills:
            self._book(work, fill, terms, is_last=fill is last)
        current = work.order(report.client_order_id)
        if report.status == "filled":
            work.record(stream, current.complete(at=work.now))
        elif report.status in ("canceled", "rejected"):  # rejected after all: the venue had accepted it
            work.record(stream, current.cancel(reason=report.reason, at=work.now))
        ended = work.order(report.client_order_id)
        if ended.has_ended:
            released = work.book(order.book_id).release_hold(
                report.client_order_id, to=bot_account(order.bot_id), at=work.now
            )
            work.record(book_stream(order.book_id), released)
            count_end(work, order)

    def _without_early_end(self, order: Order) -> OrderReport:
        """The report, as one of an open order where the venue matched more than we know the fills of."""
        report = self.report
        ends = report.status in ("filled", "canceled", "rejected")
        return replace(report, status="open") if ends and self._lacks_fills(order) else report

    def _lacks_fills(self, order: Order) -> bool:
        if self.report.filled_base is None:
            return False
        told = {fill.venue_trade_id: fill.base_quantity for fill in self.report.fills}
        known = reduce(add, (told[id] for id in told.keys() - order.trade_ids), order.filled_base)
        return known < self.report.filled_base

    def _result(self, work: Work, before: Order, terms: OrderTerms, *, lacks_fills: bool) -> Result:
        after = work.order(before.client_order_id)
        base = terms.symbol.partition("/")[0]
        base_owed = work.book(before.book_id).owed(bot_account(before.bot_id), base)
        return {
            "client_order_id": before.client_order_id,
            "status": after.status,
            "new_fills": len(after.trade_ids) - len(before.trade_ids),
            "fills_missing": lacks_fills,
            "base_owed": text(base_owed.amount),  # what the bot holds now, beyond what is held for orders
        }

    def _book(self, work: Work, fill: Fill, terms: OrderTerms, *, is_last: bool) -> None:
        order = work.order(self.report.client_order_id)
        filled = order.record_fill(fill, is_last=is_last)
        if not filled:
            return
        work.claim(f"fill:{order.venue_account}:{terms.symbol}:{fill.venue_trade_id}")
        work.record(order_stream(order.client_order_id), filled)
        book = work.book(order.book_id)
        booked = settlement(order, terms, fill)
        work.record(book_stream(order.book_id), book.settle_fill(booked))
        count_fill(work, order, booked)


def settlement(order: Order, terms: OrderTerms, fill: Fill) -> Settlement:
    """A fill as the ledger books it."""
    base, _, quote = terms.symbol.partition("/")
    in_base, in_quote = Money(fill.base_quantity, base), Money(fill.quote_amount, quote)
    bought = terms.side == BUY
    return Settlement(
        trade_id=fill.venue_trade_id,
        order_id=order.client_order_id,
        bot_id=order.bot_id,
        received=in_base if bought else in_quote,
        paid=in_quote if bought else in_base,
        venue_fee=fill.fee,
        platform_fee=Money(PLATFORM_FEE, quote),
        traded_at_utc=fill.traded_at_utc,
    )


def report_id(report: OrderReport, known: Order) -> str:
    """The command id of a venue's report of an order that we know as that.

    All that it says is in it, so that other news is no replay: a true fill is none of an impossible one of
    the same trade id. So is how often the order's outcome was lost track of: what was said before a doubt
    ends it when it is said again.
    """
    matched = "" if report.filled_base is None else _figure(report.filled_base)
    said = (report.venue_order_id, report.status, report.reason, matched, str(known.doubts))
    fills = (_said(fill) for fill in report.fills)
    return f"report:{report.client_order_id}:{report.status}:{fingerprint(*said, *fills)[:24]}"


def has_news(report: OrderReport, known: Order) -> bool:
    """Whether booking the report could change anything: of an order that has ended, only more fills can,
    or figures that cannot be.
    """
    if not known.has_ended or any(fill.venue_trade_id not in known.trade_ids for fill in report.fills):
        return True
    try:
        for fill in report.fills:
            require_possible(fill)
    except InvalidFill:
        return True
    matched = report.filled_base
    return matched is not None and not (fits(matched) and ZERO <= matched <= known.filled_base)


def _said(fill: Fill) -> str:
    figures = (fill.base_quantity, fill.price_quote_per_base, fill.quote_amount, fill.fee.amount)
    return " ".join((fill.venue_trade_id, *map(_figure, figures), fill.fee.asset))


def _figure(amount: Decimal) -> str:
    """The same for the same amount, however many zeros it came with; what no amount can be as it came."""
    return text(amount) if fits(amount) else str(amount)


@dataclass(frozen=True, slots=True)
class RecordUnknownOutcome:
    """We asked a venue and do not know what it did: the funds stay held until it proves an end."""

    client_order_id: str
    problem: str

    def decide(self, work: Work) -> Result:
        order = work.order(self.client_order_id)
        work.record(order_stream(self.client_order_id), order.lose_track(problem=self.problem, at=work.now))
        return {"client_order_id": self.client_order_id, "status": work.order(self.client_order_id).status}


@dataclass(frozen=True, slots=True)
class RecordVenueRefusal:
    """The venue proved that it never opened the order: it ends and its hold goes back to the bot."""

    client_order_id: str
    reason: str

    def decide(self, work: Work) -> Result:
        order = work.order(self.client_order_id)
        work.record(order_stream(self.client_order_id), order.refuse(reason=self.reason, at=work.now))
        if work.order(self.client_order_id).has_ended:
            released = work.book(order.book_id).release_hold(
                self.client_order_id, to=bot_account(order.bot_id), at=work.now
            )
            work.record(book_stream(order.book_id), released)
        return {"client_order_id": self.client_order_id, "status": work.order(self.client_order_id).status}
