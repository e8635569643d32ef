"""Values every book whose risk is followed, now and then, so that a limit trips without an order."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from application.ports.candle_store import CandleStore, Series
from application.ports.clock import Clock
from application.ports.commands import Caller, CommandBus, Result
from application.ports.read_models import ReadModels
from application.risk.entries import mark_equity, mark_of
from application.risk.prices import newest_candle
from application.views.rows import BotRow, PositionRow
from application.work import Work
from domain.errors import DomainError
from domain.ledger.book import PAPER
from domain.market import interval_ms
from domain.money import ZERO
from domain.risk.events import Mark

log = logging.getLogger("evenkeel.risk")
ACTOR = "system:risk"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class MarkBook:
    """Value the bot's book with these prices, and stop its account where the drawdown asks for it.

    Paper without limits is not valued, nor are prices that say nothing new, or are too old to say anything.
    Refusals: unknown_bot.
    """

    bot_id: str
    marks: tuple[tuple[str, Mark], ...]  # by symbol
    feed_now: datetime

    def decide(self, work: Work) -> Result:
        bot = work.bot(self.bot_id)
        book, risk = work.book(bot.book_id), work.risk(bot.owner_id)
        now = self.feed_now if book.purse == PAPER else work.now
        good = {symbol: mark for symbol, mark in self.marks if mark.good_until_utc >= now}
        known = risk.marks.get(bot.book_id, {})
        news = {symbol: mark for symbol, mark in good.items() if known.get(symbol) != mark}
        if not news or not risk.follows(book.purse):
            return {"marked": False}
        mark_equity(work, bot, news, now)
        return {"marked": True}


@dataclass(frozen=True, slots=True)
class WatchRisk:
    """One look, at the newest stored close of every pair that is held. Two processes at once do no harm."""

    views: ReadModels
    candles: CandleStore
    bus: CommandBus
    clock: Clock
    wall_clock_sources: frozenset[str]

    def __call__(self) -> int:
        """How many books were valued anew; a refused one is logged and looked at again the next time."""
        valued = 0
        for bots in self._by_book().values():
            first = bots[0]
            marks, now = self._marks(bots)
            if not marks:
                continue
            command = MarkBook(first.bot_id, tuple(marks), now)
            newest = max(mark.good_until_utc for _, mark in marks)
            name = f"mark:{first.book_id}:{newest.isoformat()}:{len(marks)}:{self.clock.now().isoformat()}"
            caller = Caller(actor=ACTOR, command_id=name, correlation_id=name, scope=ACTOR)
            try:
                valued += bool(self.bus.execute(command, caller).unwrap()["marked"])
            except DomainError as refusal:
                log.warning("a book was not valued: %s", refusal, extra={"book_id": first.book_id})
        return valued

    def _by_book(self) -> dict[tuple[str, str], list[BotRow]]:
        """The bots that hold something, by book and quote asset."""
        found: dict[tuple[str, str], list[BotRow]] = {}
        for row in self.views.where(PositionRow):
            bot = self.views.get(BotRow, row.bot_id) if row.base_quantity > ZERO else None
            if bot is not None:
                found.setdefault((bot.book_id, row.symbol.partition("/")[2]), []).append(bot)
        return found

    def _marks(self, bots: Iterable[BotRow]) -> tuple[Sequence[tuple[str, Mark]], datetime]:
        """Each pair's newest close, and the feed's clock: the wall clock, or the newest candle's close."""
        marks, latest, is_live = {}, _EPOCH, False
        for bot in bots:
            candle = newest_candle(self.candles, Series(bot.source, bot.symbol, bot.interval))
            if candle is None:
                continue
            closed_ms = candle.open_time_ms + interval_ms(bot.interval)
            marks[bot.symbol] = mark_of(candle.close, closed_ms, bot.interval)
            latest = max(latest, _EPOCH + timedelta(milliseconds=closed_ms))
            is_live = is_live or bot.source in self.wall_clock_sources
        return sorted(marks.items()), self.clock.now() if is_live else latest
