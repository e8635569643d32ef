"""How a bot did: position at average cost, profit realised and not, equity against what it was given."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from application.ports.candle_store import CandleStore, Series
from application.ports.event_log import EventLog, Position
from application.ports.read_models import ReadModels
from application.queries.asset_codes import shown_asset
from application.queries.moments import Moment, state_at
from application.streams import book_stream, bot_stream
from application.views.positions import after_fill, no_position
from application.views.rows import EntryRow, FillRow, OrderRow, PositionRow, PostingRow
from domain.bots.bot import Bot
from domain.bots.errors import UnknownBot
from domain.bots.exits import Exits
from domain.ledger.book import Book
from domain.ledger.postings import bot_account, held_account
from domain.market import interval_ms
from domain.money import DEFAULT_SCALE, ZERO, add, divide_down, multiply_down, subtract, text


@dataclass(frozen=True, slots=True, kw_only=True)
class Performance:
    """In the quote asset unless it says otherwise. Figures after a mark price are None without one.

    equity = quote and base of the bot, held ones included, base at the mark; profit = equity − allocated.
    """

    bot_id: str
    symbol: str
    quote_asset: str
    allocated: str  # given to the bot and not taken back, base at the mark
    position_base: str
    average_cost: str | None  # per base, fees in quote included
    position_since: datetime | None  # since when there is one
    stop_price: str | None  # where the bot sells at the latest; a trailing stop may stand higher by now
    target_price: str | None
    realised: str
    mark_price: str | None
    mark_from: str | None  # "candle", or "last_fill" where no candle is stored
    mark_candle_open_time_ms: int | None
    unrealised: str | None
    equity: str | None
    profit: str | None
    fees: Mapping[str, str]  # by asset; rebates subtracted
    buys: int
    sells: int


@dataclass(frozen=True, slots=True)
class BotPerformance:
    """Reads one bot's performance. Errors: UnknownBot, foreign ones included."""

    log: EventLog
    views: ReadModels
    candles: CandleStore

    def __call__(self, bot_id: str, owner_id: str, moment: Moment | None) -> Performance:
        bot: Bot = state_at(self.log, bot_stream(bot_id), moment)
        if bot.terms is None or bot.owner_id != owner_id:
            raise UnknownBot(bot_id=bot_id)
        symbol = bot.terms.symbol
        base, _, quote = symbol.partition("/")
        fills = self._fills(bot_id, moment)
        position = self._position(bot_id, symbol, fills, moment)
        held, cost = (position.base_quantity, position.cost_quote) if position else (ZERO, ZERO)
        book: Book = state_at(self.log, book_stream(bot.book_id), moment)
        orders = [row.client_order_id for row in self.views.where(OrderRow, bot_id=bot_id)]
        in_base, in_quote = (owed_to_bot(book, bot_id, orders, asset) for asset in (base, quote))
        given_base, given_quote = (self._given(bot, asset, moment) for asset in (base, quote))
        price, mark_from, opened_ms = self._mark(bot, fills, moment)
        unrealised = equity = profit = None
        allocated = given_quote
        if price is not None:
            unrealised = text(subtract(_worth(held, price), cost))
            allocated = add(given_quote, _worth(given_base, price))
            worth = add(in_quote, _worth(in_base, price))
            equity, profit = text(worth), text(subtract(worth, allocated))
        elif not in_base and not given_base:
            equity, profit = text(in_quote), text(subtract(in_quote, given_quote))
        average, exits = divide_down(cost, held, 8) if held else None, Exits.of(bot.terms)
        return Performance(
            bot_id=bot_id,
            symbol=symbol,
            quote_asset=shown_asset(quote, book.purse),
            allocated=text(allocated),
            position_base=text(held),
            average_cost=text(average) if average is not None else None,
            position_since=position.opened_at_utc if position else None,
            stop_price=_shown(exits.stop_price(average, average) if average is not None else None),
            target_price=_shown(exits.target_price(average) if average is not None else None),
            realised=text(position.realised_quote) if position else "0",
            mark_price=None if price is None else text(price),
            mark_from=mark_from,
            mark_candle_open_time_ms=opened_ms,
            unrealised=unrealised,
            equity=equity,
            profit=profit,
            fees={shown_asset(asset, book.purse): text(fee) for asset, fee in sorted(_fees(fills).items())},
            buys=position.buys if position else 0,
            sells=position.sells if position else 0,
        )

    def _fills(self, bot_id: str, moment: Moment | None) -> list[FillRow]:
        rows = self.views.where(FillRow, bot_id=bot_id)
        until = None if moment is None else moment.position.number
        return sorted(
            (row for row in rows if until is None or row.position <= until), key=lambda row: row.position
        )

    def _position(
        self, bot_id: str, symbol: str, fills: list[FillRow], moment: Moment | None
    ) -> PositionRow | None:
        """As it stands, or as it stood once these fills were booked; None before the first."""
        if moment is None:
            return self.views.get(PositionRow, bot_id, symbol)
        position = None
        for fill in fills:
            position = after_fill(position or no_position(fill), fill)
        return position

    def _given(self, bot: Bot, asset: str, moment: Moment | None) -> Decimal:
        """What was allocated to the bot of an asset, less what it gave back."""
        account, given = bot_account(bot.bot_id), ZERO
        for entry in self.views.where(EntryRow, book_id=bot.book_id, reference=bot.bot_id):
            if moment is not None and entry.position > moment.position.number:
                continue
            for leg in self.views.where(PostingRow, position=entry.position):
                if leg.account == account and leg.asset == asset:
                    given = subtract(given, leg.amount)
        return given

    def _mark(
        self, bot: Bot, fills: list[FillRow], moment: Moment | None
    ) -> tuple[Decimal | None, str | None, int | None]:
        """The close of the last stored candle of the bot's series, as of the moment."""
        if bot.terms is not None:
            series = Series(bot.terms.source, bot.terms.symbol, bot.terms.interval)
            length = interval_ms(bot.terms.interval)
            summary = next((s for s in self.candles.series() if s.series == series), None)
            until_ms = self._closed_by(moment)
            if summary is not None:
                last = summary.last_open_time_ms
                if until_ms is not None:
                    last = min(last, (until_ms - length) // length * length)
                # one gap in the series must not hide the candle before it
                candle = None
                for candle in self.candles.read(series, from_ms=last - 500 * length, until_ms=last + 1):  # noqa: B007
                    pass
                if candle is not None:
                    return candle.close, "candle", candle.open_time_ms
        if fills:
            return fills[-1].price_quote_per_base, "last_fill", None
        return None, None, None

    def _closed_by(self, moment: Moment | None) -> int | None:
        if moment is None:
            return None
        time: datetime | None = moment.time
        if time is None:
            after = Position(moment.position.shard, max(moment.position.id - 100, 0))
            for recorded in self.log.read(after=after, until=moment.position):
                time = recorded.metadata.recorded_at_utc
        return None if time is None else int(time.timestamp() * 1000)


def owed_to_bot(book: Book, bot_id: str, order_ids: Iterable[str], asset: str) -> Decimal:
    """What a bot has of an asset, what its orders hold included."""
    total = book.owed(bot_account(bot_id), asset).amount
    for order_id in order_ids:
        total = add(total, book.owed(held_account(order_id), asset).amount)
    return total


def _shown(price: Decimal | None) -> str | None:
    return None if price is None else text(price)


def _worth(base: Decimal, price: Decimal) -> Decimal:
    return multiply_down(base, price, DEFAULT_SCALE)


def _fees(fills: Iterable[FillRow]) -> dict[str, Decimal]:
    fees: dict[str, Decimal] = {}
    for fill in fills:
        if fill.fee_asset:
            fees[fill.fee_asset] = add(fees.get(fill.fee_asset, ZERO), fill.fee_amount)
    return fees
