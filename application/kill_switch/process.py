"""The kill switch at work: looked at again and again until nothing of its scope is open, whatever fails."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from application.kill_switch.close_position import ClosePosition, ProveFlat, can_be_sold, last_price
from application.kill_switch.engaged import Engaged, EngagedSwitches
from application.kill_switch.scope import Position, covered, custody_of, positions, unfinished
from application.orders.cancel_order import IntendCancel
from application.orders.not_found import RecordNotFound, expires_at
from application.orders.record_report import (
    RecordReport,
    RecordUnknownOutcome,
    RecordVenueRefusal,
    report_id,
)
from application.orders.whose_trade import OVERLAP, may_be_of
from application.ports.clock import Clock
from application.ports.commands import Caller, Command, CommandBus, Outcome
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
from application.ports.read_models import ReadModels
from application.streams import bot_stream, order_stream
from application.views.rows import BotRow
from application.work import Work
from domain.bots.bot import Bot
from domain.errors import DomainError
from domain.kill_switch.closing import closing_order_id, is_closing
from domain.kill_switch.events import HeldAtVenue
from domain.kill_switch.switches import CLOSE_ALL, Switch
from domain.ledger.postings import custody_account
from domain.market import interval_ms
from domain.orders.order import SELL, Order
from domain.platform.platform import Platform

log_ = logging.getLogger("evenkeel.kill_switch")
ACTOR = "system:kill-switch"
CAUGHT_UP_S = 1.0
LONGEST_PAUSE = timedelta(minutes=5)
"""Between two attempts to sell what a venue would not take; they begin a second apart."""

ONCE_FLAT = timedelta(seconds=30)
"""Between two looks at what was proven flat: a fill that a venue told late is sold, too."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class KillSwitchProcess:
    """One look at every engaged kill switch; call it every second or so.

    It cancels what is open, sells what is held where all is to be closed, and records the proof. Everything
    it knows is in the log, so it may stop at any point and begin again anywhere: ids are derived, and an
    order is sent by whoever stored its intent, once; after that it is only looked for. What a venue does not
    answer is tried again at the next look, and every other bot's turn comes all the same. Two processes at
    once do no harm.
    """

    log: EventLog
    bus: CommandBus
    views: ReadModels
    exchange_of: Callable[[str, str], Exchange]
    """By venue and owner; may raise whatever keeps it from connecting."""
    clock: Clock
    engaged: EngagedSwitches
    problems: dict[str, str] = field(default_factory=dict)  # by bot: what its last step failed with
    _not_before: dict[str, datetime] = field(default_factory=dict)  # by bot: the next attempt to sell
    _again_at: dict[tuple[str, str], datetime] = field(default_factory=dict)  # of what was proven flat

    def __call__(self) -> None:
        """Raises what the store raises when it cannot be read."""
        self.problems.clear()
        now = self.clock.now()
        for each in self.engaged():
            key = (each.switch.scope, each.switch.target)
            if each.switch.flat_at_utc is not None:
                if now < self._again_at.get(key, now):
                    continue
                self._again_at[key] = now + ONCE_FLAT
            self._work_on(each)

    # -- one switch ----------------------------------------------------------------------------------------

    def _work_on(self, engaged: Engaged) -> None:
        switch = engaged.switch
        is_caught_up = all(
            self.views.wait_for(part.head().number, timeout_s=CAUGHT_UP_S) for part in self.log.parts()
        )
        bots = {bot.bot_id: bot for bot in covered(self.views, switch)}
        orders = unfinished(self.log, self.views, bots.values())
        for order in orders:
            self._guarded(order.bot_id, lambda order=order: self._end(order, bots[order.bot_id], switch))  # type: ignore[misc]
        if switch.mode != CLOSE_ALL:
            return
        busy = {order.bot_id for order in unfinished(self.log, self.views, bots.values())}
        left = [each for each in positions(self.log, bots.values()) if each.bot.bot_id not in busy]
        to_sell = [each for each in left if self._is_more_than_dust(each)]
        for each in to_sell:
            self._guarded(each.bot.bot_id, lambda each=each: self._close(each.bot, switch))  # type: ignore[misc]
        is_done = not busy and not to_sell and not self.problems.keys() & bots.keys()
        if is_caught_up and is_done and switch.flat_at_utc is None:
            self._guarded(switch.target, lambda: self._prove(engaged, list(bots.values())))

    def _guarded(self, name: str, step: Callable[[], None]) -> None:
        """One bot's failure, of its venue or of the step, keeps no other from its turn."""
        try:
            step()
        except Exception as problem:  # noqa: BLE001 - told, and tried again at the next look
            self.problems[name] = str(problem) or type(problem).__name__
            log_.warning("kill switch: %s", self.problems[name], extra={"of": name})

    # -- what is open --------------------------------------------------------------------------------------

    def _end(self, order: Order, bot: BotRow, switch: Switch) -> None:
        """Cancel an order; one that closes the position, or leaves it where that is let, is seen through."""
        is_sale = order.terms is not None and order.terms.side == SELL
        goes_on = (switch.lets_sell and is_sale) or (
            switch.mode == CLOSE_ALL and is_closing(order.client_order_id)
        )
        if goes_on and not order.is_to_cancel:
            self._ask(order, bot)
        else:
            self._cancel(order, bot, switch)

    def _cancel(self, order: Order, bot: BotRow, switch: Switch) -> None:
        order_id = order.client_order_id
        if not order.is_to_cancel:
            reason = f"the kill switch of the {switch.scope}: {switch.reason}"
            self._execute(IntendCancel(order_id, reason), f"kill-switch-cancel:{order_id}", order_id).unwrap()
        exchange = self.exchange_of(bot.venue, bot.owner_id)
        asked_at = self.clock.now()
        try:
            report = exchange.cancel(order.venue_account, bot.symbol, order_id)
        except VenueOrderNotFound:
            self._not_found(exchange, order, bot, asked_at)
        except VenueOutcomeUnknown as unknown:
            self._lose_track(order, str(unknown) or "no answer")
            raise
        else:
            self._record(report)

    def _ask(self, order: Order, bot: BotRow) -> None:
        exchange, asked_at = self.exchange_of(bot.venue, bot.owner_id), self.clock.now()
        try:
            report = exchange.report(order.venue_account, bot.symbol, order.client_order_id)
        except VenueOrderNotFound:
            self._not_found(exchange, order, bot, asked_at)
        else:
            self._record(report)

    def _not_found(self, exchange: Exchange, order: Order, bot: BotRow, asked_at: datetime) -> None:
        """What that proves; on paper whoever hosts the bot ends the order, or sends it."""
        if exchange.guarantees.is_candle_driven or order.intended_at_utc is None:
            return
        order_id = order.client_order_id
        since = order.intended_at_utc - OVERLAP
        trades = exchange.trades_since(order.venue_account, bot.symbol, since)
        has_trades = any(may_be_of(self.views, trade, order) for trade in trades)
        command = RecordNotFound(order_id, asked_at, has_trades, exchange.guarantees)
        self._execute(command, f"not-found:{order_id}:{asked_at.isoformat()}", order_id).unwrap()

    def _record(self, report: OrderReport) -> None:
        known: Order = self.log.load(order_stream(report.client_order_id)).state
        self._execute(RecordReport(report), report_id(report, known), report.client_order_id)

    def _lose_track(self, order: Order, problem: str) -> None:
        known: Order = self.log.load(order_stream(order.client_order_id)).state
        command_id = f"unknown:{order.client_order_id}:{known.doubts_resolved}"
        command = RecordUnknownOutcome(order.client_order_id, problem)
        self._execute(command, command_id, order.client_order_id)

    # -- what is held --------------------------------------------------------------------------------------

    def _is_more_than_dust(self, position: Position) -> bool:
        """Whether an order could sell it. Where the venue cannot be asked for its market: yes."""
        bot = position.bot
        try:
            market = self.exchange_of(bot.venue, bot.owner_id).market(bot.venue_account, bot.symbol)
        except Exception as problem:  # noqa: BLE001 - as in _guarded
            self.problems[bot.bot_id] = str(problem) or type(problem).__name__
            return True
        work = Work(load=self.log.load, now=self.clock.now())
        return can_be_sold(position.quantity, last_price(work, work.bot(bot.bot_id)), market)

    def _close(self, bot: BotRow, switch: Switch) -> None:
        """Store the intent of a sale, and send it: only whoever stored it does, and only then."""
        now, bot_id = self.clock.now(), bot.bot_id
        if now < self._not_before.get(bot_id, now):
            return
        exchange = self.exchange_of(bot.venue, bot.owner_id)
        attempt = self._next_attempt(switch, bot_id)
        pause = min(timedelta(seconds=2 ** min(attempt, 9)), LONGEST_PAUSE)
        self._not_before[bot_id] = now + pause
        command = ClosePosition(
            bot_id=bot_id,
            scope=switch.scope,
            target=switch.target,
            switch_id=switch.switch_id,
            attempt=attempt,
            market=exchange.market(bot.venue_account, bot.symbol),
        )
        command_id = f"close:{switch.switch_id}:{bot_id}:{attempt}"
        outcome = self._execute(command, command_id, switch.switch_id)
        order_id = outcome.unwrap()["client_order_id"]
        if order_id and not outcome.replayed:
            self._send(exchange, self.log.load(order_stream(order_id)).state, bot)

    def _next_attempt(self, switch: Switch, bot_id: str) -> int:
        platform: Platform = Work(load=self.log.load, now=self.clock.now()).platform()
        attempt = 0
        while True:
            order_id = closing_order_id(switch.switch_id, bot_id, attempt, epoch=platform.epoch)
            order: Order = self.log.load(order_stream(order_id)).state
            if not order.has_ended:
                return attempt
            attempt += 1

    def _send(self, exchange: Exchange, order: Order, row: BotRow) -> None:
        bot: Bot = self.log.load(bot_stream(row.bot_id)).state
        if order.terms is None or order.intended_at_utc is None or bot.terms is None:
            return
        sent_at = self.clock.now()
        if exchange.guarantees.is_candle_driven:  # its market is the candles that it is shown, at their times
            closed_ms = order.decided_on_candle_ms + interval_ms(bot.terms.interval)
            sent_at = _EPOCH + timedelta(milliseconds=closed_ms)
        request = OrderRequest(
            client_order_id=order.client_order_id,
            venue_account=order.venue_account,
            terms=order.terms,
            sent_at_utc=sent_at,
            expires_at_utc=expires_at(order.intended_at_utc),
            price_series=price_series(bot.terms.source, bot.terms.interval),
        )
        try:
            report = exchange.submit(request)
        except VenueRefused as refusal:
            command = RecordVenueRefusal(order.client_order_id, str(refusal))
            self._execute(command, f"refused:{order.client_order_id}", order.client_order_id)
            raise
        except VenueOutcomeUnknown as unknown:
            self._lose_track(order, str(unknown) or "no answer")
            raise
        else:
            self._record(report)

    # -- proof ---------------------------------------------------------------------------------------------

    def _prove(self, engaged: Engaged, bots: Sequence[BotRow]) -> None:
        """Our books against the venues, asset by asset of what was to be sold; no proof where they differ."""
        switch, held = engaged.switch, []
        mine = {bot.bot_id for bot in bots}
        owners = {(bot.venue, bot.venue_account): bot.owner_id for bot in bots}
        places = sorted(
            {(bot.venue, bot.venue_account, bot.symbol.partition("/")[0]) for bot in bots if bot.run}
        )
        for venue, venue_account in sorted({place[:2] for place in places}):
            exchange = self.exchange_of(venue, owners[venue, venue_account])
            for open_order in exchange.open_orders(venue_account):
                order: Order = self.log.load(order_stream(open_order.report.client_order_id)).state
                if order.bot_id in mine:
                    raise NotFlat(f"{venue} still shows order {order.client_order_id}")
            balances = exchange.balances(venue_account)
            for _, _, asset in (place for place in places if place[:2] == (venue, venue_account)):
                ours = custody_of(self.log, self.views, venue_account, asset)
                theirs = balances[asset].total if asset in balances else ours * 0
                if ours != theirs:
                    where = custody_account(venue_account)
                    raise NotFlat(f"{where} has {ours} {asset} by our books and {theirs} by {venue}")
                held.append(HeldAtVenue(venue_account=venue_account, asset=asset, ours=ours, theirs=theirs))
        command = ProveFlat(switch.scope, switch.target, switch.switch_id, engaged.owner_id, tuple(held))
        name = f"flat:{switch.scope}:{switch.target}:{switch.switch_id}"
        self._execute(command, name, switch.switch_id).unwrap()

    def _execute(self, command: Command, command_id: str, correlation: str) -> Outcome:
        caller = Caller(actor=ACTOR, command_id=command_id, correlation_id=correlation, scope=ACTOR)
        return self.bus.execute(command, caller)


class NotFlat(DomainError, code="not_flat"):
    """Something of the kill switch's scope is still open or held, or books and venue differ."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem
