"""Bots, signals, orders, fills and positions: folded together, so that a fill finds its order's row."""

from __future__ import annotations

from typing import Any

from application.ports.event_log import RecordedEvent
from application.ports.read_models import Rows
from application.views import bots, orders
from application.views.rows import BotRow, FillRow, OrderRow, PositionRow, SignalRow


class Trading:
    """One row a bot, a signal, an order, a fill and a position."""

    name = "trading"
    rows: tuple[type, ...] = (BotRow, SignalRow, OrderRow, FillRow, PositionRow)
    names: tuple[str, ...] = (*bots.NAMES, *orders.NAMES)

    def fold(self, rows: Rows, recorded: RecordedEvent) -> None:
        event: Any = recorded.event
        if recorded.name in _BOT_EVENTS:
            bots.fold_bot(rows, recorded, event)
        else:
            orders.fold_order(rows, recorded, event)


_BOT_EVENTS = frozenset(bots.NAMES)
