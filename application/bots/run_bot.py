"""Run one bot on closed candles, crash-safe at every step."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from application.bots.watch_exits import ExitWatch
from application.orders.cancel_order import IntendCancel, MakeWay
from application.orders.confirm_late_order import ConfirmLateOrder
from application.orders.record_report import (
    RecordReport,
    RecordUnknownOutcome,
    RecordVenueRefusal,
    has_news,
    report_id,
)
from application.orders.trade_signal import TradeSignal, sellable
from application.ports.bot_observer import BotObserver
from application.ports.commands import Caller, Command, CommandBus, Fence, Outcome
from application.ports.event_log import EventLog
from application.ports.exchange import (
    Exchange,
    OrderReport,
    OrderRequest,
    VenueOrderNotFound,
    VenueOutcomeUnknown,
    VenueRefused,
    price_series,
)
from application.ports.paper_accounts import CLOSE
from application.streams import book_stream, bot_stream, order_stream
from domain.bots.bot import RUNNING, STOPPED, Bot
from domain.bots.errors import BotNotRunning, UnknownBot
from domain.kill_switch.closing import is_closing
from domain.ledger.book import Book
from domain.market import Candle, interval_ms
from domain.money import ZERO, floor_to_step
from domain.orders.events import OrderTerms
from domain.orders.order import BUY, ENDED, INTENDED, MARKET, SELL, Order
from domain.strategies import make_strategy
from domain.strategies.base import Signal

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class _OpenOrder:
    """The order the bot waits for, as far as this process knows it."""

    client_order_id: str
    terms: OrderTerms
    run: int
    status: str  # as told to the observer last
    decided_at_ms: int  # the close of the candle it was decided on, feed time
    is_to_cancel: bool = False  # its end is intended: the venue is asked for it until it proves one
    told: str = ""  # command id of the report recorded last: the same one again says nothing new


class BotRunner:
    """One bot's run: signal → guardrails → hold and intent → venue → fills → entries.

    Every step's command has an id derived from what caused it, and the venue is asked by client order id, so
    any step may be done again. A runner that was dropped at any point is replaced by a new one: `warm_up` on
    the candles before `resumes_at_ms`, then `on_candle` from there on, and it stands where the old one stood.

    At a real venue an order's one request is made here, and whoever keeps the account books what becomes of
    it, at any time; here the log is looked at.

    What is open of an order is canceled when its run is over (the bot was stopped) and when the strategy
    wants the opposite: the intent first, then the request, and again until the venue proves an end.
    """

    def __init__(
        self,
        bot_id: str,
        *,
        log: EventLog,
        bus: CommandBus,
        exchange: Exchange,
        observer: BotObserver,
        feed_now_ms: Callable[[Candle], int],
        fence: Fence | None = None,
        actor: str = "system:worker",
    ) -> None:
        """Reads where the bot stands from the log. Raises UnknownBot, BotNotRunning, UnknownStrategy.

        A bot that is not running is taken for its last order alone, as long as that has not ended.
        `feed_now_ms(candle)` is the feed's clock when a candle arrives: the candle's close in a replay, the
        wall clock on a live feed.
        """
        self._log, self._bus, self._exchange, self._observer = log, bus, exchange, observer
        self._feed_now_ms, self._fence, self._actor = feed_now_ms, fence, actor
        self.bot_id = bot_id
        self._working = threading.Lock()  # one step at a time: a candle, or what a stop asks for
        self._waiting_for_end = 0
        self._close_before: Decimal | None = None  # of the candle before the one at hand
        self._owed: Signal | None = (
            None  # what the strategy wants once the venue proves the other order's end
        )
        bot: Bot = log.load(bot_stream(bot_id)).state
        if bot.terms is None:
            raise UnknownBot(bot_id=bot_id)
        self.terms = bot.terms
        self._run = bot.run
        self._venue_account = bot.venue_account
        self._interval_ms = interval_ms(bot.terms.interval)
        self._strategy = make_strategy(bot.terms.strategy, bot.terms.parameters)
        self._market = exchange.market(bot.venue_account, bot.terms.symbol)
        book: Book = log.load(book_stream(bot.book_id)).state
        self._is_kept = not exchange.guarantees.is_candle_driven
        self._fills_at_close = book.venue_terms.get("fill_convention") == CLOSE
        order: Order | None = log.load(order_stream(bot.last_order_id)).state if bot.last_order_id else None
        self._open = self._unfinished(order)
        self._exits = ExitWatch(log, bot, bot.terms)
        self._winds_down = bot.status != RUNNING
        if self.is_done:
            raise BotNotRunning(bot_id=bot_id, status=bot.status)
        is_selling = self._open is not None and self._open.terms.side == SELL
        would_hold = bot.observes and bot.observed_base > 0
        self._in_position = is_selling or would_hold or sellable(book, bot_id, self._market).amount > 0
        self.resumes_at_ms = self._resume_point(bot, order)

    @property
    def winds_down(self) -> bool:
        """Whether it only looks after its last order and trades no more."""
        return self._winds_down

    @property
    def is_done(self) -> bool:
        """Whether it winds down and its last order has ended."""
        return self._winds_down and self._open is None

    def wind_down(self) -> None:
        """Trade no more: the bot was paused or stopped. Its open order is looked after until it ends."""
        self._winds_down = True

    def end_order(self) -> None:
        """Cancel the open order where its run is over: the bot was stopped, or has been started again since.

        May be called at any time, from any thread. Where a step is under way it does nothing: call again. A
        venue that does not prove an end is asked after 1, 2, 4, … and then after every 64 calls.
        Raises what the bus raises when it cannot commit.
        """
        if not self._working.acquire(blocking=False):
            return
        try:
            if self._open is not None and self._is_over(self._open):
                calls = self._waiting_for_end = self._waiting_for_end + 1
                if not calls & (calls - 1) or not calls % 64:
                    self._cancel(self._open)
        finally:
            self._working.release()

    # -- candles -------------------------------------------------------------------------------------------

    def warm_up(self, candles: Iterable[Candle]) -> None:
        """Show the strategy what came before `resumes_at_ms`; nothing of it is traded."""
        resumes_at = self.resumes_at_ms
        if resumes_at is None:
            return
        on_candle = self._strategy.on_candle
        for candle in candles:
            if candle.open_time_ms >= resumes_at:
                break
            on_candle(candle, in_position=False)
            self._exits.follow(candle)
            self._close_before = candle.close

    def on_candle(self, candle: Candle) -> None:
        """A candle closed (and the venue has seen it): take what the venue did, then ask the strategy.

        Candles before `resumes_at_ms` are ignored. Raises what the bus raises when it cannot commit.
        """
        if self.resumes_at_ms is not None and candle.open_time_ms < self.resumes_at_ms:
            return
        with self._working:
            if self._open is not None:
                self._look_after(self._open, candle.open_time_ms, self._feed_now_ms(candle))
            signal = self._strategy.on_candle(candle, in_position=self._in_position)
            signal = self._exits.signal(candle, in_position=self._in_position) or signal
            if signal is None and self._open is None:
                signal = self._owed
            if signal is not None and not (self._winds_down or self._waits()):
                self._trade(signal, candle.open_time_ms, candle.close, self._feed_now_ms(candle))
            self._close_before = candle.close
        self._observer.candle_seen(self.bot_id)

    def close_position(self, last: Candle) -> None:
        """Sell what the bot holds, as if a candle after the last one asked for it (the end of a demo).

        An order that this had placed before the process died is seen through first; what is open of a
        purchase is canceled. A sale under way goes on.
        """
        opens_at = last.open_time_ms + self._interval_ms
        if self._open is not None:
            self._look_after(self._open, opens_at, opens_at)
        if self._open is not None and self._open.terms.side == BUY:
            self._make_way(self._open, SELL, opens_at, opens_at)
        if self._in_position and self._open is None:
            self._trade(Signal(SELL, "the candles end here"), opens_at, last.close, opens_at)

    def _waits(self) -> bool:
        """Whether the bot is paused until fresh candles come: its runner is kept on, and shown old ones."""
        bot: Bot = self._log.load(bot_stream(self.bot_id)).state
        return bot.waits_for_candles

    # -- steps ---------------------------------------------------------------------------------------------

    def _trade(self, signal: Signal, candle_open_time_ms: int, price: Decimal, feed_now_ms: int) -> None:
        order = self._open
        if order is not None and order.terms.side != signal.side:
            self._make_way(order, signal.side, candle_open_time_ms, feed_now_ms)
            if self._open is order and order.is_to_cancel:
                self._owed = signal  # no proof yet that nothing of it is open
                return
        self._owed = None
        signal_id = f"{self.bot_id}:{self._run}:{candle_open_time_ms}"
        command = TradeSignal(
            bot_id=self.bot_id,
            side=signal.side,
            candle_open_time_ms=candle_open_time_ms,
            price=price,
            why=signal.why,
            feed_now_ms=feed_now_ms,
            market=self._market,
            venue=self._exchange.name,
            reference=self._close_before,
        )
        outcome = self._execute(command, f"signal:{signal_id}", signal_id, signal_id)
        result = outcome.unwrap()
        if outcome.replayed:
            self._take_back(result["client_order_id"], candle_open_time_ms, feed_now_ms)
            return
        self._observer.signal_raised(self.bot_id, signal.side)
        client_order_id = result["client_order_id"]
        if not client_order_id:
            if "guardrail" in result:
                self._observer.guardrail_tripped(self.bot_id, result["guardrail"])
            if "observed" in result:
                self._in_position = signal.side == BUY
            return
        terms = OrderTerms(
            symbol=self.terms.symbol,
            side=signal.side,
            order_type=MARKET,
            base_quantity=Decimal(result["base_quantity"]) if signal.side == SELL else None,
            quote_budget=Decimal(result["quote_budget"]) if signal.side == BUY else None,
        )
        self._observer.order_placed(self.bot_id, client_order_id)
        if signal.side == BUY:
            self._exits.entered_by(client_order_id)
        elif self._has_more_to_sell(client_order_id):
            self._owed = signal
        self._open = _OpenOrder(
            client_order_id,
            terms,
            self._run,
            status=INTENDED,
            decided_at_ms=candle_open_time_ms + self._interval_ms,
        )
        self._send(self._open)

    def _has_more_to_sell(self, client_order_id: str) -> bool:
        """Whether one order could not sell all: a venue takes only so much at once."""
        if self._market.most_at_the_market is None:
            return False
        order: Order = self._log.load(order_stream(client_order_id)).state
        book: Book = self._log.load(book_stream(order.book_id)).state
        return sellable(book, self.bot_id, self._market).amount > ZERO

    def _take_back(self, client_order_id: str, candle_open_time_ms: int, feed_now_ms: int) -> None:
        """A signal was traded before, by this run or by a commit whose answer was lost: its order is ours."""
        if not client_order_id or self._open is not None:
            return
        self._open = self._unfinished(self._log.load(order_stream(client_order_id)).state)
        if self._open is not None:
            if self._open.terms.side == BUY:
                self._exits.entered_by(client_order_id)
            self._look_after(self._open, candle_open_time_ms, feed_now_ms)

    def _look_after(self, order: _OpenOrder, candle_open_time_ms: int, feed_now_ms: int) -> None:
        """Ask what became of an order; one that the venue proves it has not is sent, if that still may be.

        Sending it again is safe: the venue opens an id once, however late an earlier request arrives. Of what
        it says, only what was known with this candle counts: a run that catches up on candles the venue has
        seen long ago must decide on each as it would have then.
        """
        if order.is_to_cancel or self._is_over(order):
            self._cancel(order)
            return
        if self._is_kept:
            self._catch_up(order)
            return
        try:
            report = self._exchange.report(self._venue_account, self.terms.symbol, order.client_order_id)
        except VenueOrderNotFound:
            self._send_late(order, candle_open_time_ms, feed_now_ms)
            return
        except VenueOutcomeUnknown:
            return  # asked in vain: the next candle asks again, the funds stay held
        known = tuple(f for f in report.fills if self._known_with(f.traded_at_utc) <= candle_open_time_ms)
        if len(known) < len(report.fills):
            report = replace(report, status="open", fills=known)
        self._record(order, report)

    def _send_late(self, order: _OpenOrder, candle_open_time_ms: int, feed_now_ms: int) -> None:
        """Send an order that was decided on some time ago, unless a guardrail trips by now.

        Its age is measured on the feed's clock, not by the candle at hand: a run that begins again after a
        long time begins with the very candle that the order was decided on.
        """
        command = ConfirmLateOrder(
            client_order_id=order.client_order_id,
            decided_on_candle_ms=order.decided_at_ms - self._interval_ms,
            feed_now_ms=feed_now_ms,
        )
        command_id = f"late:{order.client_order_id}:{candle_open_time_ms}"
        result = self._execute(command, command_id, order.client_order_id, order.client_order_id).unwrap()
        if result["send"]:
            self._send(order)
        else:
            self._stands(order, result["status"])

    def _is_over(self, order: _OpenOrder) -> bool:
        """Whether the run that the order belongs to has ended; a kill switch's sale goes on all the same."""
        if is_closing(order.client_order_id):
            return False
        if order.run != self._run:
            return True
        if not self._winds_down:
            return False
        bot: Bot = self._log.load(bot_stream(self.bot_id)).state
        return bot.status == STOPPED or bot.run != order.run

    def _make_way(self, order: _OpenOrder, side: str, candle_open_time_ms: int, feed_now_ms: int) -> None:
        """Cancel what is open of an order for the opposite one, unless that would not be made."""
        order_id = order.client_order_id
        command = MakeWay(order_id, side, candle_open_time_ms, feed_now_ms)
        outcome = self._execute(command, f"cancel:{order_id}:{candle_open_time_ms}", order_id, order_id)
        if outcome.unwrap()["cancel"]:
            order.is_to_cancel = True
            self._cancel(order)

    def _cancel(self, order: _OpenOrder) -> None:
        """Intend the order's end, then ask the venue for it. What it filled first is booked, too."""
        order_id = order.client_order_id
        if self._is_kept:
            self._catch_up(order)
            if self._open is None:
                return
        if not order.is_to_cancel:
            command = IntendCancel(order_id, "the bot was stopped")
            self._execute(command, f"cancel:{order_id}", order_id, order_id).unwrap()
            order.is_to_cancel = True
        try:
            report = self._exchange.cancel(self._venue_account, self.terms.symbol, order_id)
        except VenueOrderNotFound:
            if not self._is_kept:  # there the keeper finds out what that proves
                self._end_unsent(order)
        except VenueOutcomeUnknown as unknown:
            self._lose_track(order, str(unknown) or "no answer")
        else:
            self._record(order, report)

    def _catch_up(self, order: _OpenOrder) -> None:
        """Take over what the account's keeper has booked of the order since."""
        known: Order = self._log.load(order_stream(order.client_order_id)).state
        order.status = known.status
        order.is_to_cancel = order.is_to_cancel or known.is_to_cancel
        if known.has_ended:
            self._open = None
        if self._open is None or order.terms.side == BUY:
            book: Book = self._log.load(book_stream(known.book_id)).state
            self._in_position = sellable(book, self.bot_id, self._market).amount > ZERO

    def _end_unsent(self, order: _OpenOrder) -> None:
        """The venue does not have the order: it ends, unless its request may be under way."""
        order_id, decided_ms = order.client_order_id, order.decided_at_ms
        command = ConfirmLateOrder(order_id, decided_ms - self._interval_ms, feed_now_ms=decided_ms)
        outcome = self._execute(command, f"late:{order_id}:cancel", order_id, order_id)
        self._stands(order, outcome.unwrap()["status"])

    def _known_with(self, traded_at_utc: datetime) -> int:
        """The candle with which a fill becomes known: the one that it opens or lies in, or closes."""
        traded_ms = _milliseconds(traded_at_utc) - self._fills_at_close
        return traded_ms - traded_ms % self._interval_ms

    def _send(self, order: _OpenOrder) -> None:
        request = OrderRequest(
            client_order_id=order.client_order_id,
            venue_account=self._venue_account,
            terms=order.terms,
            sent_at_utc=_EPOCH + timedelta(milliseconds=order.decided_at_ms),
            price_series=price_series(self.terms.source, self.terms.interval),
        )
        try:
            report = self._exchange.submit(request)
        except VenueRefused as refusal:
            self._end_refused(order, str(refusal))
        except VenueOutcomeUnknown as unknown:
            self._lose_track(order, str(unknown) or "no answer")
        else:
            self._record(order, report)

    def _record(self, order: _OpenOrder, report: OrderReport) -> None:
        known: Order = self._log.load(order_stream(report.client_order_id)).state
        order.is_to_cancel = (
            order.is_to_cancel or known.is_to_cancel
        )  # somebody else's wish is ours to fulfil
        command_id = report_id(report, known)
        if command_id == order.told:
            return
        if self._is_kept and not has_news(report, known):
            self._catch_up(order)
            return
        correlation = report.client_order_id
        outcome = self._execute(RecordReport(report), command_id, correlation, report.client_order_id)
        result = outcome.unwrap()
        order.told = command_id
        if self._is_kept:
            self._observer.order_reported(self.bot_id, correlation, result["status"], result["new_fills"])
            self._catch_up(order)
            return
        self._stands(order, result["status"], 0 if outcome.replayed else result["new_fills"])
        if self._open is None or order.terms.side == BUY:  # a sale under way still is a position
            base_owed = Decimal(result["base_owed"])
            lot = self._market.lot_size
            self._in_position = (floor_to_step(base_owed, lot) if lot else base_owed) > ZERO

    def _end_refused(self, order: _OpenOrder, reason: str) -> None:
        command = RecordVenueRefusal(order.client_order_id, reason)
        order_id = order.client_order_id
        outcome = self._execute(command, f"refused:{order_id}", order_id, order_id)
        self._stands(order, outcome.unwrap()["status"])

    def _lose_track(self, order: _OpenOrder, problem: str) -> None:
        """The venue did not say what it did. A doubt that comes after one was cleared up is a new one."""
        order_id = order.client_order_id
        known: Order = self._log.load(order_stream(order_id)).state
        command_id = f"unknown:{order_id}:{known.doubts_resolved}"
        command = RecordUnknownOutcome(order_id, problem)
        outcome = self._execute(command, command_id, order_id, order_id)
        self._stands(order, outcome.unwrap()["status"])

    def _stands(self, order: _OpenOrder, status: str, new_fills: int = 0) -> None:
        """Tell the observer what is new of an order, once, and let go of it when it has ended."""
        if status != order.status or new_fills:
            order.status = status
            self._observer.order_reported(self.bot_id, order.client_order_id, status, new_fills)
        if self._is_kept:  # it may have been filled before its answer was lost
            self._catch_up(order)
        elif status in ENDED:
            self._open = None

    def _execute(self, command: Command, command_id: str, correlation: str, causation: str) -> Outcome:
        caller = Caller(
            actor=self._actor,
            command_id=command_id,
            correlation_id=correlation,
            causation_id=causation,
            fence=self._fence,
        )
        return self._bus.execute(command, caller)

    def _resume_point(self, bot: Bot, order: Order | None) -> int | None:
        """The first candle to work through: the newest that is known to have done something, once more.

        Candles before it changed nothing that is not in the log; doing it again changes nothing either. An
        order of an earlier run says nothing about this one. One that was to make way for a signal did so on
        that signal's candle, whatever the venue had filled by then.
        """
        points = []
        if bot.last_signal_candle_ms is not None:
            points.append(bot.last_signal_candle_ms)
        if order is not None and order.exists and order.run == bot.run:
            if order.cancel_candle_ms is not None:
                points.append(order.cancel_candle_ms)
            elif order.last_fill_at_utc is not None:
                points.append(self._known_with(order.last_fill_at_utc))
        if bot.after_candle_ms is not None:
            points.append(bot.after_candle_ms + 1)
        return max(points) if points else None

    def _unfinished(self, order: Order | None) -> _OpenOrder | None:
        if order is None or order.terms is None or order.has_ended:
            return None
        return _OpenOrder(
            order.client_order_id,
            order.terms,
            order.run,
            status=order.status,
            decided_at_ms=order.decided_on_candle_ms + self._interval_ms,
            is_to_cancel=order.is_to_cancel,
        )


def _milliseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(milliseconds=1)
