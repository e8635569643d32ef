"""Bots whose candles stay away are paused, and go on when there are candles again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from application.connectors import Heard
from application.orders.trade_signal import require_trading
from application.ports.commands import Caller, Command, CommandBus, Result
from application.ports.read_models import ReadModels
from application.streams import bot_stream
from application.views.rows import BotRow
from application.work import Work
from domain.bots.bot import PAUSED, RUNNING, STALE_FEED, Bot, is_for_stale_feed
from domain.errors import DomainError
from domain.market import interval_ms
from domain.orders.order import SELL

SETTLING = timedelta(seconds=3)
"""A candle is known a little after its close, even where all is well."""


@dataclass(frozen=True, slots=True)
class PauseForStaleFeed:
    """No signals until the candles come again. A bot that does not run is answered as it stands."""

    bot_id: str
    detail: str

    def decide(self, work: Work) -> Result:
        bot = work.bot(self.bot_id)
        if bot.status == RUNNING:
            paused = bot.pause(reason=f"{STALE_FEED}: {self.detail}", at=work.now)
            work.record(bot_stream(self.bot_id), paused)
        return _status(work, self.bot_id)


@dataclass(frozen=True, slots=True)
class ResumeFromStaleFeed:
    """On candles that open after the newest one known. A bot paused for another reason, or that a kill switch
    stops, is answered as it stands.
    """

    bot_id: str
    after_candle_ms: int

    def decide(self, work: Work) -> Result:
        bot = work.bot(self.bot_id)
        if bot.waits_for_candles and _may_trade(work, bot):
            resumed = bot.resume(after_candle_ms=self.after_candle_ms, at=work.now)
            work.record(bot_stream(self.bot_id), resumed)
        return _status(work, self.bot_id)


def _may_trade(work: Work, bot: Bot) -> bool:
    """What may sell, at the least: of a frozen account, and under a limit's kill switch (adr 0037)."""
    try:
        require_trading(work, bot, SELL)
    except DomainError:
        return False
    return True


def _status(work: Work, bot_id: str) -> Result:
    bot: Bot = work.bot(bot_id)
    return {"bot_id": bot_id, "status": bot.status}


@dataclass(frozen=True, slots=True)
class StaleFeeds:
    """Looked at by whoever follows the feeds; any number of times."""

    bus: CommandBus
    views: ReadModels
    stale_after: timedelta
    actor: str

    def waiting(self) -> list[BotRow]:
        """Bots that are paused until their candles come again."""
        rows = self.views.where(BotRow, status=PAUSED)
        return [row for row in rows if is_for_stale_feed(row.status_reason)]

    def look(
        self, now: datetime, heard_of: Callable[[BotRow], Heard | None], running: Mapping[str, BotRow]
    ) -> None:
        """`heard_of`: what is heard of a bot's candles, None where they are not followed here or not live."""
        for row in running.values():
            heard = heard_of(row)
            if heard is not None and (late := self._late_by(heard, row, now)) is not None:
                series = f"{row.source} {row.symbol} {row.interval}"
                detail = f"no candle of {series} for {late.total_seconds():.0f} s longer than usual"
                self._run(PauseForStaleFeed(row.bot_id, detail), f"stale:{row.bot_id}:{row.version}")
        for row in self.waiting():
            heard = heard_of(row)
            if heard is not None and heard.last_candle_at is not None:
                self.resume(row, heard.last_candle_at, now)

    def resume(self, row: BotRow, closed_at: datetime, now: datetime) -> None:
        """A candle that closed then has come: a bot that waits goes on after it, unless that is stale itself.

        A runner that is still there is told before it works on the candle, so that it does so as ever.
        """
        if self._late(closed_at, row, now) is None:
            opened_at = closed_at - timedelta(milliseconds=interval_ms(row.interval))
            newest_ms = int(opened_at.timestamp() * 1_000)
            self._run(ResumeFromStaleFeed(row.bot_id, newest_ms), f"fresh:{row.bot_id}:{row.version}")

    def _late_by(self, heard: Heard, row: BotRow, now: datetime) -> timedelta | None:
        """None while the next candle is not missed."""
        return None if heard.last_candle_at is None else self._late(heard.last_candle_at, row, now)

    def _late(self, closed_at: datetime, row: BotRow, now: datetime) -> timedelta | None:
        due = closed_at + timedelta(milliseconds=interval_ms(row.interval)) + SETTLING
        return now - due if now - due > self.stale_after else None

    def _run(self, command: Command, command_id: str) -> None:
        caller = Caller(actor=self.actor, command_id=command_id, correlation_id=command_id)
        self.bus.execute(command, caller)
