"""What a person watching their account sees: everything first, then what changed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from application.ports.event_log import EventLog
from application.ports.read_models import ReadModels
from application.queries.activity import LogLine
from application.queries.books import WalletView, wallets_in, wallets_of
from application.queries.trading import BotView, OrderView, bot_from_stream, order_from_stream
from application.streams import PLATFORM, book_stream, bot_stream
from application.views.rows import BotRow
from domain.bots.bot import Bot
from domain.bots.errors import UnknownBot
from domain.ledger.book import Book
from domain.orders.errors import UnknownOrder
from domain.platform.platform import Platform

CATCH_UP_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class KillSwitchView:
    engaged: bool
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveState:
    """An owner's bots, balances and open orders."""

    bots: Sequence[BotView]
    balances: Sequence[WalletView]
    open_orders: Sequence[OrderView]
    kill_switch: KillSwitchView


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveChange:
    """What changed, as it stands now: replace what you have of the same id. `events` say what happened."""

    bots: Sequence[BotView] = field(default_factory=tuple)
    balances: Sequence[WalletView] = field(default_factory=tuple)
    orders: Sequence[OrderView] = field(default_factory=tuple)
    kill_switch: KillSwitchView | None = None
    events: Sequence[LogLine] = field(default_factory=tuple)


def kill_switch(log: EventLog) -> KillSwitchView:
    platform: Platform = log.load(PLATFORM).state
    return KillSwitchView(engaged=platform.is_stopped, reason=platform.kill_switch_reason)


def live_state(log: EventLog, views: ReadModels, owner_id: str) -> LiveState:
    """Everything an owner watches. Which bots there are comes from the read models, their states do not."""
    views.wait_for(log.of(owner_id).head().number, timeout_s=CATCH_UP_S)
    bot_ids = [row.bot_id for row in views.where(BotRow, owner_id=owner_id)]
    orders: list[OrderView] = []
    for bot_id in bot_ids:
        bot: Bot = log.load(bot_stream(bot_id)).state  # a bot has one order at a time
        if bot.last_order_id:
            order = order_from_stream(log, bot.last_order_id, owner_id)
            if order.status not in ("filled", "canceled", "refused"):
                orders.append(order)
    return LiveState(
        bots=[bot_from_stream(log, bot_id, owner_id) for bot_id in bot_ids],
        balances=wallets_of(log, views, owner_id),
        open_orders=orders,
        kill_switch=kill_switch(log),
    )


def live_change(
    log: EventLog, owner_id: str, streams: Iterable[str], events: Sequence[LogLine]
) -> LiveChange:
    """The streams' newest states; streams of no interest to a watcher are passed over."""
    bots: list[BotView] = []
    balances: list[WalletView] = []
    orders: list[OrderView] = []
    switch = None
    for stream in streams:
        kind, _, name = stream.partition(":")
        try:
            if kind == "bot":
                bots.append(bot_from_stream(log, name, owner_id))
            elif kind == "order":
                orders.append(order_from_stream(log, name, owner_id))
            elif kind == "book":
                book: Book = log.load(book_stream(name)).state
                balances += wallets_in(book)
            elif stream == PLATFORM:
                switch = kill_switch(log)
        except (UnknownBot, UnknownOrder):
            continue
    return LiveChange(bots=bots, balances=balances, orders=orders, kill_switch=switch, events=events)
