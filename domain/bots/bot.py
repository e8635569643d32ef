"""What runs: strategy, market, allocation, guardrails, life cycle."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import assert_never

from domain.bots.errors import BotCannotDoThat, BotExists, BotNotRunning, StaleData, UnknownBot
from domain.bots.events import (
    BotCreated,
    BotEvent,
    BotPaused,
    BotResumed,
    BotStarted,
    BotStopped,
    BotTerms,
    GuardrailTripped,
    SignalRaised,
)
from domain.errors import DomainError, InvalidValue
from domain.market import interval_ms, parse_symbol
from domain.money import fits
from domain.orders.order import BUY, SELL, client_order_id

NONE, CREATED, RUNNING, PAUSED, STOPPED = "none", "created", "running", "paused", "stopped"
STALE_GRACE_MS = 10_000
"""How long after its close a candle may still be traded on, beyond one interval."""


@dataclass(frozen=True, slots=True)
class Bot:
    """A bot's terms and where it stands.

    Life: created → running ⇄ paused → stopped → running again, as a new run. A candle raises at most one
    signal per run.
    """

    bot_id: str = ""
    owner_id: str = ""
    book_id: str = ""
    venue_account: str = ""
    terms: BotTerms | None = None
    status: str = NONE
    run: int = 0
    after_candle_ms: int | None = None
    last_signal_candle_ms: int | None = None
    last_order_id: str = ""  # of the last signal that was traded
    order_before_signal: str = ""  # what last_order_id goes back to when a guardrail trips
    entry_order_id: str = ""  # of the last buy that was traded: what the position came from
    entry_before_signal: str = ""

    @property
    def exists(self) -> bool:
        return self.status != NONE

    def signal_id(self, candle_open_time_ms: int) -> str:
        return f"{self.bot_id}:{self.run}:{candle_open_time_ms}"

    # -- commands ------------------------------------------------------------------------------------------

    def create(
        self, *, bot_id: str, owner_id: str, book_id: str, venue_account: str, terms: BotTerms, at: datetime
    ) -> Sequence[BotEvent]:
        if not terms.name.strip() or len(terms.name) > 80:
            raise InvalidValue("name", "give the bot a name of 1 to 80 characters")
        parse_symbol(terms.symbol)
        interval_ms(terms.interval)
        if not fits(terms.allocation.amount) or terms.allocation.amount < 0:
            raise InvalidValue("allocation", "must not be negative, with at most 18 digits before the point")
        _require_exits(terms)
        quote = terms.symbol.partition("/")[2]
        if terms.allocation.asset != quote:
            raise InvalidValue("allocation", f"a bot on {terms.symbol} is given {quote} to spend")
        most = terms.max_order_notional
        if most is not None and (not fits(most) or most <= 0):
            raise InvalidValue("max_order_notional", "must be above zero, or left out for no limit")
        if self.exists:
            if (self.owner_id, self.book_id, self.terms) == (owner_id, book_id, terms):
                return []
            raise BotExists(bot_id=bot_id)
        return [
            BotCreated(
                bot_id=bot_id,
                owner_id=owner_id,
                book_id=book_id,
                venue_account=venue_account,
                terms=terms,
                created_at_utc=at,
            )
        ]

    def start(self, *, after_candle_ms: int | None, at: datetime) -> Sequence[BotEvent]:
        """Begin a run on candles that open after `after_candle_ms` (None: on all of them).

        A running bot answers with no events; a paused one is resumed, not started.
        """
        self._require_exists()
        if self.status == RUNNING:
            return []
        self._require_status("start", CREATED, STOPPED)
        return [BotStarted(run=self.run + 1, after_candle_ms=after_candle_ms, started_at_utc=at)]

    def pause(self, *, reason: str, at: datetime) -> Sequence[BotEvent]:
        self._require_exists()
        if self.status == PAUSED:
            return []
        self._require_status("pause", RUNNING)
        return [BotPaused(reason=reason, paused_at_utc=at)]

    def resume(self, *, after_candle_ms: int | None, at: datetime) -> Sequence[BotEvent]:
        self._require_exists()
        if self.status == RUNNING:
            return []
        self._require_status("resume", PAUSED)
        return [BotResumed(after_candle_ms=after_candle_ms, resumed_at_utc=at)]

    def stop(self, *, reason: str, at: datetime) -> Sequence[BotEvent]:
        self._require_exists()
        if self.status == STOPPED:
            return []
        self._require_status("stop", CREATED, RUNNING, PAUSED)
        return [BotStopped(reason=reason, stopped_at_utc=at)]

    def raise_signal(
        self,
        *,
        side: str,
        candle_open_time_ms: int,
        price: Decimal,
        why: str,
        at: datetime,
        epoch: int = 0,
    ) -> Sequence[BotEvent]:
        """Say what the strategy wants. A candle that has signalled in this run is answered with no events.

        `epoch`: see client_order_id.

        Refusals, in order: unknown_bot, bot_not_running, invalid_value (a side that is neither buy nor sell).
        """
        self._require_exists()
        if self.last_signal_candle_ms is not None and candle_open_time_ms <= self.last_signal_candle_ms:
            return []
        if self.status != RUNNING:
            raise BotNotRunning(bot_id=self.bot_id, status=self.status)
        if side not in (BUY, SELL):
            raise InvalidValue("side", f"{side!r} is neither buy nor sell")
        return [
            SignalRaised(
                signal_id=self.signal_id(candle_open_time_ms),
                run=self.run,
                side=side,
                candle_open_time_ms=candle_open_time_ms,
                client_order_id=client_order_id(self.bot_id, self.run, candle_open_time_ms, epoch=epoch),
                price=price,
                why=why,
                raised_at_utc=at,
            )
        ]

    def trip(self, refusal: DomainError, *, candle_open_time_ms: int, at: datetime) -> Sequence[BotEvent]:
        """Record why a signal is not traded: the bot's last order stays the one before it."""
        return [
            GuardrailTripped(
                signal_id=self.signal_id(candle_open_time_ms),
                guardrail=refusal.code,
                detail=str(refusal),
                tripped_at_utc=at,
                figures=refusal.data,
            )
        ]

    def require_fresh(self, *, candle_open_time_ms: int, feed_now_ms: int) -> None:
        """Raises StaleData when the candle closed more than one interval and the grace ago."""
        if self.terms is None:
            raise UnknownBot(bot_id=self.bot_id)
        length = interval_ms(self.terms.interval)
        age = feed_now_ms - (candle_open_time_ms + length)
        if age > length + STALE_GRACE_MS:
            raise StaleData(age_ms=age, limit_ms=length + STALE_GRACE_MS)

    # -- folding -------------------------------------------------------------------------------------------

    def evolve(self, event: BotEvent) -> Bot:
        """Fold one fact in. Never refuses."""
        match event:
            case BotCreated():
                return replace(
                    self,
                    bot_id=event.bot_id,
                    owner_id=event.owner_id,
                    book_id=event.book_id,
                    venue_account=event.venue_account,
                    terms=event.terms,
                    status=CREATED,
                )
            case BotStarted():
                return replace(
                    self,
                    status=RUNNING,
                    run=event.run,
                    after_candle_ms=event.after_candle_ms,
                    last_signal_candle_ms=None,
                )
            case BotPaused():
                return replace(self, status=PAUSED)
            case BotResumed():
                return replace(self, status=RUNNING, after_candle_ms=event.after_candle_ms)
            case BotStopped():
                return replace(self, status=STOPPED)
            case SignalRaised():
                return replace(
                    self,
                    last_signal_candle_ms=event.candle_open_time_ms,
                    last_order_id=event.client_order_id,
                    order_before_signal=self.last_order_id,
                    entry_order_id=event.client_order_id if event.side == BUY else self.entry_order_id,
                    entry_before_signal=self.entry_order_id,
                )
            case GuardrailTripped():
                return replace(
                    self, last_order_id=self.order_before_signal, entry_order_id=self.entry_before_signal
                )
            case _:
                assert_never(event)

    # -- inside --------------------------------------------------------------------------------------------

    def _require_exists(self) -> None:
        if not self.exists:
            raise UnknownBot(bot_id=self.bot_id)

    def _require_status(self, step: str, *allowed: str) -> None:
        if self.status not in allowed:
            raise BotCannotDoThat(
                bot_id=self.bot_id, status=self.status, step=step, allowed_from=" or ".join(allowed)
            )


def _require_exits(terms: BotTerms) -> None:
    """Raises InvalidValue for an exit at no possible price."""
    most = {"stop_loss_bps": 9_999, "trailing_stop_bps": 9_999, "take_profit_bps": 1_000_000}
    for name, largest in most.items():
        distance: int | None = getattr(terms, name)
        if distance is not None and not 1 <= distance <= largest:
            raise InvalidValue(name, f"must be 1 to {largest} basis points (hundredths of a per cent)")
