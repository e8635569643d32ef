"""What a kill switch covers, and what of it is open or held."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from application.ports.event_log import EventLog
from application.ports.read_models import ReadModels
from application.streams import book_stream, order_stream
from application.views.rows import BookRow, BotRow, OrderRow
from domain.kill_switch.switches import ACCOUNT, BOT, VENUE, Switch
from domain.ledger.book import Book
from domain.ledger.postings import bot_account
from domain.money import ZERO, add
from domain.orders.order import INTENDED, OPEN, PARTIALLY_FILLED, UNKNOWN, Order

UNFINISHED = (INTENDED, OPEN, PARTIALLY_FILLED, UNKNOWN)


@dataclass(frozen=True, slots=True)
class Position:
    """What one bot holds of its base asset, beyond what is on order."""

    bot: BotRow
    base: str
    quantity: Decimal


def covered(views: ReadModels, switch: Switch) -> Sequence[BotRow]:
    """The bots of the scope."""
    if switch.scope == BOT:
        row = views.get(BotRow, switch.target)
        return [] if row is None else [row]
    if switch.scope == ACCOUNT:
        return views.where(BotRow, owner_id=switch.target)
    if switch.scope == VENUE:
        return views.where(BotRow, venue=switch.target)
    return views.where(BotRow)


def unfinished(log: EventLog, views: ReadModels, bots: Iterable[BotRow]) -> Sequence[Order]:
    """Their orders that have not ended: by the read model which, by the log how they stand."""
    of = {bot.bot_id for bot in bots}
    orders = []
    for status in UNFINISHED:
        for row in views.where(OrderRow, status=status):
            if row.bot_id in of:
                order: Order = log.load(order_stream(row.client_order_id)).state
                orders += [order] if not order.has_ended else []
    return sorted(orders, key=lambda order: order.client_order_id)


def positions(log: EventLog, bots: Iterable[BotRow]) -> Sequence[Position]:
    """What they hold, by their books."""
    books: dict[str, Book] = {}
    found = []
    for bot in bots:
        if bot.book_id not in books:
            books[bot.book_id] = log.load(book_stream(bot.book_id)).state
        if not books[bot.book_id].is_open:
            continue  # a paper account that was reset: nothing of it trades any more
        base = bot.symbol.partition("/")[0]
        held = books[bot.book_id].owed(bot_account(bot.bot_id), base).amount
        if held > ZERO:
            found.append(Position(bot, base, held))
    return found


def custody_of(log: EventLog, views: ReadModels, venue_account: str, asset: str) -> Decimal:
    """What the venue account holds of an asset, by all books that keep money there."""
    total = ZERO
    for row in views.where(BookRow, venue_account=venue_account):
        book: Book = log.load(book_stream(row.book_id)).state
        total = add(total, book.balances.get((book.custody, asset), ZERO))
    return total
