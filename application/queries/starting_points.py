"""Which candles a run begins on."""

from __future__ import annotations

from application.services import Services
from application.streams import bot_stream
from domain.bots.bot import Bot
from domain.market import interval_ms

BEGINNING, NOW = "beginning", "now"


def after_candle(services: Services, bot_id: str, start_from: str | None, *, resuming: bool) -> int | None:
    """The open time in ms after which candles are traded on; None is from the first candle on.

    Left to us, a live series is traded from now on, and a stored one from its beginning, so that history
    can be replayed; a resumed bot goes on where its run stood. Blocks. A bot that is not there has no
    candles: its command refuses it.
    """
    bot: Bot = services.log.load(bot_stream(bot_id)).state
    if bot.terms is None:
        return None
    live = bot.terms.source in services.live_sources
    if start_from == NOW or (start_from is None and live):
        length = interval_ms(bot.terms.interval)
        now_ms = int(services.clock.now().timestamp() * 1000)
        return now_ms // length * length - length  # the candle that is open now is the first
    if not resuming:
        return None
    seen = [ms for ms in (bot.after_candle_ms, bot.last_signal_candle_ms) if ms is not None]
    return max(seen, default=None)
