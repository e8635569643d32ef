"""Bots and their signals."""

from __future__ import annotations

import json
from typing import assert_never

from application.ports.event_log import RecordedEvent
from application.ports.read_models import Rows
from application.views.changed import changed
from application.views.missing import the
from application.views.rows import BotRow, SignalRow
from domain.bots.bot import CREATED, PAUSED, RUNNING, STOPPED
from domain.bots.events import (
    BotCreated,
    BotEvent,
    BotModeChanged,
    BotPaused,
    BotResumed,
    BotStarted,
    BotStopped,
    GuardrailTripped,
    OrderObserved,
    PreflightRecorded,
    SignalRaised,
)
from domain.bots.modes import PAPER
from domain.money import text

NAMES = (
    "bots.bot_created",
    "bots.bot_started",
    "bots.bot_paused",
    "bots.bot_resumed",
    "bots.bot_stopped",
    "bots.signal_raised",
    "bots.guardrail_tripped",
    "bots.order_observed",
    "bots.preflight_recorded",
    "bots.mode_changed",
)
OBSERVED = "observed"
"""In a signal's `guardrail`: nothing tripped, the bot only observes."""


def fold_bot(rows: Rows, recorded: RecordedEvent, event: BotEvent) -> None:
    if isinstance(event, BotCreated):
        rows.put(_created(recorded, event))
        return
    bot = the(rows, BotRow, recorded.stream.removeprefix("bot:"))
    version = recorded.version
    match event:
        case BotStarted():
            rows.put(changed(bot, version=version, status=RUNNING, status_reason="", run=event.run))
        case BotPaused():
            rows.put(changed(bot, version=version, status=PAUSED, status_reason=event.reason))
        case BotResumed():
            rows.put(changed(bot, version=version, status=RUNNING, status_reason=""))
        case BotStopped():
            rows.put(changed(bot, version=version, status=STOPPED, status_reason=event.reason))
        case SignalRaised():
            rows.put(_raised(recorded, event, bot))
            signals = bot.signals + 1
            rows.put(changed(bot, version=version, signals=signals, last_signal_at_utc=event.raised_at_utc))
        case GuardrailTripped():
            signal = the(rows, SignalRow, event.signal_id)
            rows.put(
                changed(
                    signal,
                    client_order_id="",
                    guardrail=event.guardrail,
                    guardrail_detail=event.detail,
                )
            )
            rows.put(changed(bot, version=version, guardrails_tripped=bot.guardrails_tripped + 1))
        case OrderObserved():
            signal = the(rows, SignalRow, event.signal_id)
            detail = f"{_would_be(event)}; {event.why_not_sent}"
            rows.put(changed(signal, client_order_id="", guardrail=OBSERVED, guardrail_detail=detail))
            rows.put(changed(bot, version=version))
        case PreflightRecorded():
            rows.put(changed(bot, version=version))
        case BotModeChanged():
            rows.put(changed(bot, version=version, mode=event.to_mode))
        case _:
            assert_never(event)


def _would_be(event: OrderObserved) -> str:
    """ "buy for 500 at 50000", in the pair's quote asset."""
    if event.quote_budget is not None:
        amount = f"for {text(event.quote_budget)}"
    else:
        amount = text(event.base_quantity) if event.base_quantity is not None else ""
    return f"{event.side} {amount} at {text(event.price)}"


def _created(recorded: RecordedEvent, event: BotCreated) -> BotRow:
    terms = event.terms
    return BotRow(
        bot_id=event.bot_id,
        position=recorded.position.number,
        version=recorded.version,
        owner_id=event.owner_id,
        book_id=event.book_id,
        venue_account=event.venue_account,
        name=terms.name,
        strategy=terms.strategy,
        parameters=json.dumps(dict(terms.parameters), sort_keys=True),
        venue=terms.venue,
        symbol=terms.symbol,
        interval=terms.interval,
        source=terms.source,
        allocation_asset=terms.allocation.asset,
        allocation_amount=terms.allocation.amount,
        max_order_notional=terms.max_order_notional,
        status=CREATED,
        status_reason="",
        run=0,
        signals=0,
        guardrails_tripped=0,
        last_signal_at_utc=None,
        created_at_utc=event.created_at_utc,
        mode=PAPER,
    )


def _raised(recorded: RecordedEvent, event: SignalRaised, bot: BotRow) -> SignalRow:
    return SignalRow(
        signal_id=event.signal_id,
        position=recorded.position.number,
        bot_id=bot.bot_id,
        owner_id=bot.owner_id,
        side=event.side,
        candle_open_time_ms=event.candle_open_time_ms,
        price=event.price,
        why=event.why,
        client_order_id=event.client_order_id,
        guardrail="",
        guardrail_detail="",
        raised_at_utc=event.raised_at_utc,
    )
