"""Bots, signals, orders and fills as the faces show them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from application.ports.candle_store import Series
from application.ports.event_log import EventLog, Position
from application.queries.asset_codes import purse_of, shown_asset
from application.queries.bot_warnings import BotWarnings
from application.streams import bot_stream, order_stream
from application.views.rows import BotRow, FillRow, OrderRow, SignalRow
from domain.bots.bot import Bot
from domain.bots.errors import UnknownBot
from domain.bots.events import BotTerms
from domain.bots.modes import PAPER
from domain.ledger.book import LIVE
from domain.ledger.book import PAPER as PAPER_PURSE
from domain.money import ZERO, add, text
from domain.orders.errors import UnknownOrder
from domain.orders.events import (
    OrderFilled,
    OrderFlagged,
    OrderIntended,
    OrderPartiallyFilled,
    OrderReviewed,
)
from domain.orders.order import Order


@dataclass(frozen=True, slots=True, kw_only=True)
class BotView:
    """A bot's terms and where it stands. `version` counts its stream's events."""

    bot_id: str
    paper_account_id: str  # "" of a bot on a venue account
    venue_account_id: str  # "" of a paper bot
    mode: str  # PAPER; of a bot on a venue account OBSERVE, TESTNET or LIVE
    name: str
    strategy: str
    parameters: Mapping[str, str]
    venue: str
    symbol: str
    interval: str
    source: str
    allocation: str
    allocation_asset: str
    max_order_notional: str | None
    status: str
    run: int
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BotAnswer:
    """A bot right after a command."""

    bot_id: str
    paper_account_id: str
    name: str
    symbol: str
    interval: str
    strategy: str
    status: str
    run: int
    allocation: str  # what it is to have, of the asset below
    allocated: str  # what it has
    allocation_asset: str
    version: int
    venue_account_id: str = ""
    mode: str = PAPER
    warnings: Sequence[str] = ()  # told when it is created: what will keep it from trading, and the way out


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalView:
    position: str
    signal_id: str
    bot_id: str
    side: str
    candle_open_time_ms: int
    price: str
    why: str
    client_order_id: str  # empty when a guardrail tripped
    guardrail: str
    guardrail_detail: str
    raised_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderView:
    position: str  # of its intent
    client_order_id: str
    venue_order_id: str
    bot_id: str
    paper_account_id: str
    venue: str
    symbol: str
    side: str
    order_type: str
    base_quantity: str | None
    quote_budget: str | None
    limit_price: str | None
    trigger_price: str | None
    time_in_force: str
    decision_price: str
    status: str
    status_reason: str
    needs_review: bool  # until an operator has looked at what it is flagged for
    flagged_for: str
    filled_base: str
    filled_quote: str
    fills: int
    intended_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewedOrder:
    client_order_id: str
    needs_review: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class FillView:
    position: str
    venue_trade_id: str
    client_order_id: str
    bot_id: str
    symbol: str
    side: str
    base_quantity: str
    price: str  # quote per base
    fee: str
    fee_asset: str
    slippage_bps: str
    traded_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class BotDetails(BotView):
    """A bot, and what keeps it from trading."""

    warnings: Sequence[str]


def bot_from_answer(result: Mapping[str, Any]) -> BotAnswer:
    """Of what a command on a bot answered, made of that alone."""
    allocation, asset = result["allocation"].split()
    allocated, _ = result["allocated"].split()
    asset = shown_asset(asset, purse_of(result.get("mode", PAPER)))
    amounts = {"allocation": allocation, "allocated": allocated, "allocation_asset": asset}
    return BotAnswer(**{**result, **amounts})


def bot_with_warnings(log: EventLog, warnings: BotWarnings, bot_id: str, owner_id: str) -> BotDetails:
    """As bot_from_stream."""
    view = bot_from_stream(log, bot_id, owner_id)
    of_view = {item.name: getattr(view, item.name) for item in fields(BotView)}
    return BotDetails(**of_view, warnings=warnings(Series(view.source, view.symbol, view.interval)))


def bot_from_stream(log: EventLog, bot_id: str, owner_id: str) -> BotView:
    """One bot, always fresh; raises UnknownBot, foreign ones included."""
    versioned = log.load(bot_stream(bot_id))
    bot: Bot = versioned.state
    if bot.terms is None or bot.owner_id != owner_id:
        raise UnknownBot(bot_id=bot_id)
    return _bot(bot, bot.terms, versioned.version)


def bot_from_row(row: BotRow) -> BotView:
    return BotView(
        bot_id=row.bot_id,
        paper_account_id=row.book_id if row.mode == PAPER else "",
        venue_account_id="" if row.mode == PAPER else row.venue_account,
        mode=row.mode,
        name=row.name,
        strategy=row.strategy,
        parameters=json.loads(row.parameters),
        venue=row.venue,
        symbol=row.symbol,
        interval=row.interval,
        source=row.source,
        allocation=text(row.allocation_amount),
        allocation_asset=shown_asset(row.allocation_asset, purse_of(row.mode)),
        max_order_notional=_maybe(row.max_order_notional),
        status=row.status,
        run=row.run,
        version=row.version,
    )


def signal_from_row(row: SignalRow) -> SignalView:
    return SignalView(
        position=str(Position.of(row.position)),
        signal_id=row.signal_id,
        bot_id=row.bot_id,
        side=row.side,
        candle_open_time_ms=row.candle_open_time_ms,
        price=text(row.price),
        why=row.why,
        client_order_id=row.client_order_id,
        guardrail=row.guardrail,
        guardrail_detail=row.guardrail_detail,
        raised_at=row.raised_at_utc,
    )


def order_from_row(row: OrderRow) -> OrderView:
    return OrderView(
        position=str(Position.of(row.position)),
        client_order_id=row.client_order_id,
        venue_order_id=row.venue_order_id,
        bot_id=row.bot_id,
        paper_account_id=row.book_id,
        venue=row.venue,
        symbol=row.symbol,
        side=row.side,
        order_type=row.order_type,
        base_quantity=_maybe(row.base_quantity),
        quote_budget=_maybe(row.quote_budget),
        limit_price=_maybe(row.limit_price),
        trigger_price=_maybe(row.trigger_price),
        time_in_force=row.time_in_force,
        decision_price=text(row.decision_price),
        status=row.status,
        status_reason=row.status_reason,
        needs_review=bool(row.needs_review),
        flagged_for=row.flagged_for,
        filled_base=text(row.filled_base),
        filled_quote=text(row.filled_quote),
        fills=row.fills,
        intended_at=row.intended_at_utc,
        updated_at=row.updated_at_utc,
    )


def order_from_stream(log: EventLog, client_order_id: str, owner_id: str) -> OrderView:
    """One order, always fresh; raises UnknownOrder, foreign ones included."""
    order, view, quote, fills = Order(), None, ZERO, 0
    for recorded in log.stream(order_stream(client_order_id)):
        event = recorded.event
        order = order.evolve(event)
        if isinstance(event, OrderIntended):
            view = _intended(event, str(recorded.position))
        if isinstance(event, OrderFilled | OrderPartiallyFilled):
            fills += 1
            quote = add(quote, event.quote_amount)
        if view is not None:
            view = replace(view, updated_at=recorded.metadata.recorded_at_utc)
            if isinstance(event, OrderFlagged):
                view = replace(view, flagged_for=f"{event.kind}: {event.detail}")
            elif not isinstance(event, OrderReviewed):
                reason = getattr(event, "reason", "") or getattr(event, "problem", "")
                view = replace(view, status_reason=reason)
    if view is None or order.owner_id != owner_id:
        raise UnknownOrder(client_order_id=client_order_id)
    return replace(
        view,
        status=order.status,
        needs_review=order.needs_review,
        venue_order_id=order.venue_order_id,
        filled_base=text(order.filled_base),
        filled_quote=text(quote),
        fills=fills,
    )


def fill_from_row(row: FillRow) -> FillView:
    return FillView(
        position=str(Position.of(row.position)),
        venue_trade_id=row.venue_trade_id,
        client_order_id=row.client_order_id,
        bot_id=row.bot_id,
        symbol=row.symbol,
        side=row.side,
        base_quantity=text(row.base_quantity),
        price=text(row.price_quote_per_base),
        fee=text(row.fee_amount),
        fee_asset=shown_asset(row.fee_asset, _purse_of_fill(row)) if row.fee_asset else "",
        slippage_bps=text(row.slippage_bps),
        traded_at=row.traded_at_utc,
    )


def _bot(bot: Bot, terms: BotTerms, version: int) -> BotView:
    return BotView(
        bot_id=bot.bot_id,
        paper_account_id=bot.book_id if bot.mode == PAPER else "",
        venue_account_id="" if bot.mode == PAPER else bot.venue_account,
        mode=bot.mode,
        name=terms.name,
        strategy=terms.strategy,
        parameters=dict(terms.parameters),
        venue=terms.venue,
        symbol=terms.symbol,
        interval=terms.interval,
        source=terms.source,
        allocation=text(terms.allocation.amount),
        allocation_asset=shown_asset(terms.allocation.asset, purse_of(bot.mode)),
        max_order_notional=_maybe(terms.max_order_notional),
        status=bot.status,
        run=bot.run,
        version=version,
    )


def _intended(event: OrderIntended, position: str) -> OrderView:
    terms = event.terms
    return OrderView(
        position=position,
        client_order_id=event.client_order_id,
        venue_order_id="",
        bot_id=event.bot_id,
        paper_account_id=event.book_id,
        venue=event.venue,
        symbol=terms.symbol,
        side=terms.side,
        order_type=terms.order_type,
        base_quantity=_maybe(terms.base_quantity),
        quote_budget=_maybe(terms.quote_budget),
        limit_price=_maybe(terms.limit_price),
        trigger_price=_maybe(terms.trigger_price),
        time_in_force=terms.time_in_force,
        decision_price=text(event.decision_price),
        status="intended",
        status_reason="",
        needs_review=False,
        flagged_for="",
        filled_base="0",
        filled_quote="0",
        fills=0,
        intended_at=event.intended_at_utc,
        updated_at=event.intended_at_utc,
    )


def _purse_of_fill(row: FillRow) -> str:
    """A paper account's venue account has the name of its book; no real one's has."""
    return PAPER_PURSE if row.venue_account == row.book_id else LIVE


def _maybe(amount: Decimal | None) -> str | None:
    return None if amount is None else text(amount)
