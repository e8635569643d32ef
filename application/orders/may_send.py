"""What stands between a bot and a venue, at every order and not only when its mode was changed."""

from __future__ import annotations

from application.work import Work
from domain.bots.bot import Bot
from domain.bots.modes import LIVE, PAPER


def require_may_send(work: Work, bot: Bot) -> None:
    """Raises what keeps a bot's orders from its venue now. Paper bots are asked nothing here.

    In this order: venue_account_closed, no_venue_key, and in mode LIVE live_trading_not_approved.
    """
    if bot.mode == PAPER:
        return
    account = work.venue_account(bot.venue_account)
    account.require_open()
    account.require_key()
    if bot.mode == LIVE:
        work.account(bot.owner_id).require_live()
