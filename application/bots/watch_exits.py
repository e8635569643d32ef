"""One bot's stop, target and trailing stop, watched candle by candle."""

from __future__ import annotations

from application.ports.event_log import EventLog
from application.streams import order_stream
from domain.bots.bot import Bot
from domain.bots.events import BotTerms
from domain.bots.exits import Exits
from domain.market import Candle
from domain.money import ZERO
from domain.orders.order import FILLED, SELL, Order
from domain.strategies.base import Signal


class ExitWatch:
    """Where the position came from is what the log says of the last buy that was traded, so that a runner
    that takes over watches the same exits.
    """

    def __init__(self, log: EventLog, bot: Bot, terms: BotTerms) -> None:
        self._log, self._exits = log, Exits.of(terms)
        self._entry_order_id, self._highest = bot.entry_order_id, ZERO
        self._filled_entry: Order | None = None

    def entered_by(self, client_order_id: str) -> None:
        """A buy was traded: from here on its price counts."""
        if client_order_id != self._entry_order_id:
            self._entry_order_id, self._highest = client_order_id, ZERO

    def signal(self, candle: Candle, *, in_position: bool) -> Signal | None:
        """The sale that the first exit reached asks for. Each candle once, oldest first."""
        if not self._exits.are_set:
            return None
        why, entry = "", self._entry() if in_position else None
        price = entry.average_price if entry is not None and _is_since(entry, candle) else None
        if price is not None:
            why = self._exits.reached(candle, entry_price=price, highest=max(self._highest, price))
        self.follow(candle)
        return Signal(SELL, why) if why else None

    def follow(self, candle: Candle) -> None:
        """The highest price since the entry was decided on, for a trailing stop."""
        entry = self._entry() if self._exits.trailing_stop_bps is not None else None
        if entry is not None and _is_since(entry, candle):
            self._highest = max(self._highest, candle.high)

    def _entry(self) -> Order | None:
        """The order that the position came from; read once, when it is filled: what it cost stands then."""
        known = self._filled_entry
        if known is not None and known.client_order_id == self._entry_order_id:
            return known
        if not self._entry_order_id:
            return None
        order: Order = self._log.load(order_stream(self._entry_order_id)).state
        if order.status == FILLED and order.average_price is not None:
            self._filled_entry = order
        return order if order.exists else None


def _is_since(entry: Order, candle: Candle) -> bool:
    """Whether a candle comes after the one that the entry was decided on."""
    return candle.open_time_ms > entry.decided_on_candle_ms
