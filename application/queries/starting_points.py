"""Which candles a run begins on: the same for every face."""

from __future__ import annotations

from application.ports.candle_store import Series
from application.services import Services
from application.streams import bot_stream
from domain.bots.bot import Bot
from domain.errors import InvalidValue
from domain.market import interval_ms

BEGINNING, NOW = "beginning", "now"


def after_candle(services: Services, bot_id: str, start_from: str | None, *, resuming: bool) -> int | None:
    """The open time in ms after which candles are traded on; None is from the first candle on.

    Left to us, a live series is traded from now on, whatever was missed, and a stored one from its beginning,
    so that history can be replayed, or, resumed, from where its run stood. Now is the feed's: the wall clock
    of a venue, the newest candle of whatever moves in candle time. Blocks. A bot that is not there has no
    candles: its command refuses it.
    Refusals: invalid_value (start_from is neither beginning nor now).
    """
    if start_from not in (None, BEGINNING, NOW):
        raise InvalidValue("start_from", f"must be {BEGINNING} or {NOW}")
    bot: Bot = services.log.load(bot_stream(bot_id)).state
    if bot.terms is None:
        return None
    series = Series(bot.terms.source, bot.terms.symbol, bot.terms.interval)
    if start_from == NOW or (start_from is None and series.source in services.live_sources):
        return newest_closed_ms(services, series)
    if start_from == BEGINNING or not resuming:
        return None
    seen = [ms for ms in (bot.after_candle_ms, bot.last_signal_candle_ms) if ms is not None]
    return max(seen, default=None)


def newest_closed_ms(services: Services, series: Series) -> int:
    """The open time of the newest candle that has closed by the feed's clock.

    A feed without a candle begins at the wall clock.
    """
    if series.source not in services.wall_clock_sources:
        for summary in services.candles.series():
            if summary.series == series:
                return summary.last_open_time_ms
    length = interval_ms(series.interval)
    now_ms = int(services.clock.now().timestamp() * 1000)
    return now_ms // length * length - length  # the candle that is open now is the first
