"""What happens to one owner's risk: limits, and what is measured against them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from domain.kill_switch.events import KillSwitchEngaged, KillSwitchFlat, KillSwitchReleased
from domain.money import Money
from domain.risk.limits import Limits


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountLimitsSet:
    """What all bots of the owner together may do; these are in place of all that were set before."""

    limits: Limits
    hard_bounds_on_paper: bool  # paper books keep the hard bounds and the platform's limits, too
    reason: str
    set_by: str
    set_at_utc: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class BotLimitsSet:
    """What one bot may do; these are in place of all that were set before."""

    bot_id: str
    limits: Limits
    reason: str
    set_by: str
    set_at_utc: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderCounted:
    """An order that adds to a position was intended, in the same commit."""

    client_order_id: str
    bot_id: str
    book_id: str
    purse: str
    strategy: str
    symbol: str
    notional: Decimal  # quote, fees included
    price: Decimal  # what it was decided on
    lot_size: Decimal  # less than this is dust, not a position; zero where the market has no lots
    ended: tuple[str, ...]  # orders counted before that have ended since
    counted_at_utc: datetime  # the feed's clock on paper, ours with real money


@dataclass(frozen=True, slots=True, kw_only=True)
class FillCounted:
    """What a fill made of a bot's position, in the same commit: fees in either asset are in the changes."""

    client_order_id: str
    bot_id: str
    book_id: str
    purse: str
    symbol: str
    base_change: Decimal  # above zero for a buy
    quote_change: Decimal  # below zero for a buy
    traded_at_utc: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeCounted:
    """An order that reduced a position has ended: what its sale came to against what that had cost."""

    client_order_id: str
    bot_id: str
    profit: Money
    losses_in_a_row: int  # this one included; zero after a gain
    ended_at_utc: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A price at which positions are valued, and until when it is one."""

    price: Decimal
    good_until_utc: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class EquityMarked:
    """What a book was worth at these prices, in one quote asset, and its profit so far on counted trades."""

    book_id: str
    purse: str
    quote: str
    marks: dict[str, Mark]  # by symbol; others stay as they were
    equity: Decimal
    profit: Decimal  # realised and not, since counting began
    marked_at_utc: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitTripped:
    """A limit was reached by what happened, rather than by an order that was asked for, and what followed."""

    limit: str  # max_losses_in_a_row, max_drawdown_bps
    layer: str
    figure: str
    bound: str
    bot_id: str  # empty where it is the account's
    action: str  # bot_paused or account_stopped
    tripped_at_utc: datetime


RiskEvent = (
    AccountLimitsSet
    | BotLimitsSet
    | OrderCounted
    | FillCounted
    | TradeCounted
    | EquityMarked
    | LimitTripped
    | KillSwitchEngaged
    | KillSwitchFlat
    | KillSwitchReleased
)
