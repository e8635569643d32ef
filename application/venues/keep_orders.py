"""Keeps our orders of one venue account at what the venue says of them."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from application.orders.not_found import RecordNotFound
from application.orders.record_report import RecordReport, has_news, report_id
from application.orders.review_order import FlagOrder
from application.orders.whose_trade import OVERLAP, may_be_of, order_id_of
from application.ports.bot_observer import BotObserver
from application.ports.clock import Clock
from application.ports.commands import Caller, Command, CommandBus, Fence, Outcome
from application.ports.event_log import EventLog, StoreUnavailable
from application.ports.exchange import (
    AccountTrade,
    Exchange,
    OrderReport,
    StreamGap,
    VenueOrderNotFound,
    VenueOutcomeUnknown,
    VenueRefused,
)
from application.ports.read_models import ReadModels
from application.streams import order_stream
from application.views.rows import OrderRow
from domain.orders.order import (
    FILL_OF_ANOTHER_ORDER,
    INTENDED,
    NO_PROOF,
    OPEN,
    PARTIALLY_FILLED,
    UNKNOWN,
    Order,
)

DOUBT_LOOK = timedelta(seconds=2)
"""How often an order is asked for of which the venue has not said that it has it."""
OPEN_LOOK = timedelta(seconds=10)
"""How often an open order is asked for, whatever the stream says."""
TRADES_LOOK = timedelta(seconds=30)
"""How often the account's trades are gone through for fills that nobody told."""
FIRST_TRADES = timedelta(days=1)
"""How far back the trades are gone through when the keeping begins."""
CATCH_UP_S = 10.0
UNFINISHED = (INTENDED, OPEN, PARTIALLY_FILLED, UNKNOWN)

log = logging.getLogger("evenkeel.orders")


@dataclass(slots=True)
class _Watched:
    """An order that has not ended, as far as this process knows."""

    asked_at: datetime | None = None
    is_urgent: bool = False  # something was told that makes a look worth it


class OrderKeeper:
    """Asks and listens until every order of the account has ended, and books what it hears.

    Whatever the stream says is booked as it comes; what it may have left out is asked for: after each gap of
    it, while a fill is missing, and now and then. Orders come to be watched when they are sent (`watch`) and
    from the read model. Each step may be done twice. Any thread may call.
    """

    def __init__(
        self,
        venue_account: str,
        *,
        exchange: Exchange,
        log: EventLog,
        bus: CommandBus,
        views: ReadModels,
        clock: Clock,
        observer: BotObserver,
        fence: Fence | None = None,
        actor: str = "system:worker",
    ) -> None:
        self.venue_account = venue_account
        self._exchange, self._log, self._bus, self._views = exchange, log, bus, views
        self._clock, self._observer, self._fence, self._actor = clock, observer, fence, actor
        self._lock = threading.Lock()
        self._watched: dict[str, _Watched] = {}
        self._symbols: dict[str, datetime] = {}  # with the time of the newest trade gone through
        self._trades_at: datetime | None = None
        self._began_at = clock.now()
        self._has_found = False  # the unfinished orders that the read model knows
        self.problem = ""  # what the venue could not be asked for at the last look; "" when it could

    # -- what is watched -----------------------------------------------------------------------------------

    def watch(self, client_order_id: str, symbol: str) -> None:
        """An order is about to be sent, or may have been."""
        self.follow_symbol(symbol)
        with self._lock:
            self._watched.setdefault(client_order_id, _Watched())

    def follow_symbol(self, symbol: str) -> None:
        """Go through the trades of this pair, whether an order is open or not."""
        with self._lock:
            self._symbols.setdefault(symbol, self._began_at - FIRST_TRADES)

    def unfinished(self) -> list[str]:
        """Ids of the orders that have not ended, as far as is known here."""
        with self._lock:
            return sorted(self._watched)

    def has_nothing_open(self) -> bool:
        """Whether every order of the account has ended; False before the first look."""
        return self._has_found and not self.unfinished()

    def in_doubt(self) -> list[str]:
        """Those of which the venue has not said whether it has them. What a person has looked at because
        nothing proves it is not counted: its funds stay held, and it keeps nobody else waiting.
        """
        return [id for id in self.unfinished() if _is_in_doubt(self._order(id))]

    # -- looking -------------------------------------------------------------------------------------------

    def recover(self) -> bool:
        """Begin: every order of the account that the log calls unfinished is asked for, and the trades are
        gone through. True when nothing is in doubt any more; call again until it is.

        Raises StoreUnavailable where the read model is not up to the log.
        """
        if not self._views.wait_for(self._log.head().number, timeout_s=CATCH_UP_S):
            raise StoreUnavailable("the read models are behind the log; recovery waits for them")
        self.problem = ""
        self._find_unfinished()
        for order_id in self.unfinished():
            self._ask(order_id)
        self._forget_ended()
        self._go_through_trades()
        return not self.problem and not self.in_doubt()

    def look(self) -> None:
        """Ask for what is due. Raises what the bus raises when it cannot commit."""
        now = self._clock.now()
        self.problem = ""
        for order_id, watched in self._due(now):
            watched.is_urgent, watched.asked_at = False, now
            self._ask(order_id)
        if self._trades_at is None or now - self._trades_at >= TRADES_LOOK:
            self._find_unfinished()
            self._go_through_trades()

    def take(self, news: OrderReport | StreamGap) -> None:
        """What the stream says. Of an order that is not ours, or not of this account, nothing is taken: its
        owner may have given an order that they placed here by hand the id of one of another account.
        """
        if isinstance(news, StreamGap):
            with self._lock:
                for watched in self._watched.values():
                    watched.is_urgent = True
            self._trades_at = None
            return
        if self._is_of_this_account(self._order(news.client_order_id)):
            self.record(news)

    def record(self, report: OrderReport) -> str:
        """Book what the venue says of one of our orders; the order's status after it."""
        before = self._order(report.client_order_id)
        if not has_news(report, before):
            self._forget(report.client_order_id)
            return before.status
        outcome = self._execute(RecordReport(report), report_id(report, before), report.client_order_id)
        if outcome.refusal is not None:
            self._could_not_book(report, before, outcome)
        elif outcome.unwrap()["fills_missing"]:
            self._is_urgent(report.client_order_id)
        order = self._order(report.client_order_id)
        new_fills = len(order.trade_ids) - len(before.trade_ids)
        if order.status != before.status or new_fills:
            self._observer.order_reported(order.bot_id, order.client_order_id, order.status, new_fills)
        if order.has_ended:
            self._forget(order.client_order_id)
        return order.status

    # -- inside --------------------------------------------------------------------------------------------

    def _due(self, now: datetime) -> list[tuple[str, _Watched]]:
        with self._lock:
            watched = sorted(self._watched.items())
        due = []
        for order_id, each in watched:
            order = self._order(order_id)
            if order.has_ended:
                self._forget(order_id)
                continue
            every = DOUBT_LOOK if order.status in (INTENDED, UNKNOWN) else OPEN_LOOK
            since = each.asked_at or order.intended_at_utc
            if each.is_urgent or since is None or now - since >= every:
                due.append((order_id, each))
        return due

    def _forget(self, order_id: str) -> None:
        with self._lock:
            self._watched.pop(order_id, None)

    def _find_unfinished(self) -> None:
        """From the read model: also what another process, or a person, had sent."""
        for status in UNFINISHED:
            for row in self._views.where(OrderRow, venue_account=self.venue_account, status=status):
                self.watch(row.client_order_id, row.symbol)
        self._has_found = True

    def _forget_ended(self) -> None:
        """Also those that no report ended: by proof that there is none, or by a person's word."""
        for order_id in self.unfinished():
            if self._order(order_id).has_ended:
                self._forget(order_id)

    def _ask(self, order_id: str) -> None:
        asked_at, order = self._clock.now(), self._order(order_id)
        if order.terms is None:
            return
        try:
            try:
                report = self._exchange.report(self.venue_account, order.terms.symbol, order_id)
            except VenueOrderNotFound:
                self._not_found(order, asked_at)
                return
        except (VenueOutcomeUnknown, VenueRefused) as problem:
            self.problem = str(problem) or "no answer"
            return
        if report.client_order_id != order_id:
            self.problem = f"asked for {order_id}, the venue answered with {report.client_order_id!r}"
            return
        self.record(report)

    def _not_found(self, order: Order, asked_at: datetime) -> None:
        """Raises VenueOutcomeUnknown where the trade history cannot be asked for: then nothing is proven."""
        if order.terms is None or order.intended_at_utc is None:
            return
        since = order.intended_at_utc - OVERLAP
        trades = self._exchange.trades_since(self.venue_account, order.terms.symbol, since)
        command = RecordNotFound(
            order.client_order_id,
            asked_at,
            has_trades=any(may_be_of(self._views, trade, order) for trade in trades),
            guarantees=self._exchange.guarantees,
        )
        command_id = f"not-found:{order.client_order_id}:{asked_at.isoformat()}"
        self._execute(command, command_id, order.client_order_id).unwrap()

    def _go_through_trades(self) -> None:
        """Fills that nobody told: of orders that ended since, and of those that lack some."""
        with self._lock:
            symbols = sorted(self._symbols.items())
        for symbol, newest in symbols:
            try:
                trades = self._exchange.trades_since(self.venue_account, symbol, newest - OVERLAP)
            except (VenueOutcomeUnknown, VenueRefused) as problem:
                self.problem = str(problem) or "no answer"
                return
            for order_id in self._lacking(trades):
                self._ask(order_id)
            with self._lock:
                self._symbols[symbol] = max([newest, *(trade.fill.traded_at_utc for trade in trades)])
        self._trades_at = self._clock.now()

    def _lacking(self, trades: Iterable[AccountTrade]) -> list[str]:
        """Our orders that a trade is of which they do not have."""
        found = set()
        for trade in trades:
            order = self._order(order_id_of(self._views, self.venue_account, trade))
            if self._is_of_this_account(order) and trade.fill.venue_trade_id not in order.trade_ids:
                found.add(order.client_order_id)
        return sorted(found)

    def _could_not_book(self, report: OrderReport, order: Order, outcome: Outcome) -> None:
        """Another order has booked one of its trades, or it is no order of ours."""
        refusal = outcome.refusal
        if refusal is None or refusal.code != "fact_already_recorded":
            return
        command = FlagOrder(report.client_order_id, FILL_OF_ANOTHER_ORDER, str(refusal))
        self._execute(command, f"flag:{report_id(report, order)}", report.client_order_id)

    def _is_of_this_account(self, order: Order) -> bool:
        return order.exists and order.venue_account == self.venue_account

    def _is_urgent(self, order_id: str) -> None:
        with self._lock:
            if watched := self._watched.get(order_id):
                watched.is_urgent = True

    def _order(self, order_id: str) -> Order:
        order: Order = self._log.load(order_stream(order_id)).state
        return order

    def _execute(self, command: Command, command_id: str, order_id: str) -> Outcome:
        caller = Caller(
            actor=self._actor,
            command_id=command_id,
            correlation_id=order_id,
            causation_id=order_id,
            fence=self._fence,
        )
        return self._bus.execute(command, caller)


def _is_in_doubt(order: Order) -> bool:
    was_reviewed = not order.needs_review and any(kind == NO_PROOF for kind, _ in order.flags)
    return order.status in (INTENDED, UNKNOWN) and not was_reviewed
