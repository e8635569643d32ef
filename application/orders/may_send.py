"""What stands between a bot and a venue, at every order and not only when its mode was changed."""

from __future__ import annotations

from application.work import Work
from domain.bots.bot import Bot
from domain.bots.modes import LIVE, PAPER
from domain.orders.order import BUY


def require_may_send(work: Work, bot: Bot, side: str) -> None:
    """Raises what keeps a bot's order from being made now; in this order: account_frozen, and not on paper
    venue_account_closed, no_venue_key, and in mode LIVE live_trading_not_approved.

    Neither a frozen account nor a lost approval keeps a bot from selling what it holds: its stops still work
    (adr 0037).
    """
    adds = side == BUY
    if adds:
        work.account(bot.owner_id).require_active()
    if bot.mode == PAPER:
        return
    account = work.venue_account(bot.venue_account)
    account.require_open()
    account.require_key()
    if bot.mode == LIVE and adds:
        work.account(bot.owner_id).require_live()
