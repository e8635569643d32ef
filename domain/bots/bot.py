"""What runs: strategy, market, allocation, guardrails, life cycle."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import assert_never

from domain.bots.errors import (
    BotCannotDoThat,
    BotExists,
    BotNotRunning,
    ModeNotPossible,
    PreflightFailed,
    PreflightNeeded,
    StaleData,
    UnknownBot,
)
from domain.bots.events import (
    BotCreated,
    BotEvent,
    BotModeChanged,
    BotPaused,
    BotResumed,
    BotStarted,
    BotStopped,
    BotTerms,
    GuardrailTripped,
    OrderObserved,
    PreflightCheck,
    PreflightRecorded,
    SignalRaised,
)
from domain.bots.modes import (
    FAIL,
    GO,
    NO_GO,
    OBSERVE,
    OBSERVES,
    ON_VENUES,
    PAPER,
    PREFLIGHT_VALID,
    WARN,
)
from domain.errors import DomainError, InvalidValue
from domain.market import interval_ms, parse_symbol
from domain.money import DEFAULT_SCALE, ZERO, add, divide_down, fits
from domain.orders.order import BUY, SELL, client_order_id

NONE, CREATED, RUNNING, PAUSED, STOPPED = "none", "created", "running", "paused", "stopped"
NEWEST_GRACE_MS = 3_000
"""How long after its close a real venue's candle may become known, where all is well."""
STALE_GRACE_MS = 10_000
"""How long after its close a candle may still be traded on, beyond one interval."""

STALE_FEED = "stale_feed"
"""What the reason of a pause begins with that ends by itself, when candles come again."""


def is_for_stale_feed(reason: str) -> bool:
    return reason.startswith(f"{STALE_FEED}:")


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
    pause_reason: str = ""  # of its newest pause
    mode: str = PAPER
    preflight: PreflightRecorded | None = None  # the last one
    observed_base: Decimal = ZERO  # what it would hold, had its observed orders been sent and filled

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

    @property
    def waits_for_candles(self) -> bool:
        """Whether it is paused until candles come again, and for nothing else."""
        return self.status == PAUSED and is_for_stale_feed(self.pause_reason)

    def pause(self, *, reason: str, at: datetime) -> Sequence[BotEvent]:
        """A paused bot is answered with no events; one whose pause would end by itself is paused anew."""
        self._require_exists()
        if self.status == PAUSED and (not self.waits_for_candles or is_for_stale_feed(reason)):
            return []
        if self.status == PAUSED:
            return [BotPaused(reason=reason, paused_at_utc=at)]
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

    def signal_close(
        self, *, client_order_id: str, price: Decimal, why: str, at: datetime
    ) -> Sequence[BotEvent]:
        """A kill switch sells what the bot holds, whatever the bot's status: as its last order, so that
        whoever hosts the bot looks after it. It stands between candles, after the last that signalled.
        """
        self._require_exists()
        before = self.last_signal_candle_ms
        candle_ms = (self.after_candle_ms or 0 if before is None else before) + 1
        return [
            SignalRaised(
                signal_id=self.signal_id(candle_ms),
                run=self.run,
                side=SELL,
                candle_open_time_ms=candle_ms,
                client_order_id=client_order_id,
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

    # -- modes ---------------------------------------------------------------------------------------------

    @property
    def observes(self) -> bool:
        """Whether what it would order is written down, and not sent."""
        return self.mode == OBSERVE

    def begin_observing(self, *, by: str, asked_from: str, at: datetime) -> Sequence[BotEvent]:
        """What a bot on a venue account begins with, right after its creation."""
        return [
            BotModeChanged(
                from_mode="",
                to_mode=OBSERVE,
                reason="a bot on a venue account begins by observing",
                changed_by=by,
                asked_from=asked_from,
                step_up_id="",
                preflight_id="",
                warnings=(),
                changed_at_utc=at,
            )
        ]

    def observe(
        self,
        *,
        side: str,
        candle_open_time_ms: int,
        base_quantity: Decimal | None,
        quote_budget: Decimal | None,
        price: Decimal,
        at: datetime,
    ) -> Sequence[BotEvent]:
        """Write down what a signal would have ordered; the bot's last order stays the one before it."""
        return [
            OrderObserved(
                signal_id=self.signal_id(candle_open_time_ms),
                side=side,
                base_quantity=base_quantity,
                quote_budget=quote_budget,
                price=price,
                why_not_sent=OBSERVES,
                observed_at_utc=at,
            )
        ]

    def record_preflight(
        self, *, preflight_id: str, for_mode: str, checks: tuple[PreflightCheck, ...], by: str, at: datetime
    ) -> Sequence[BotEvent]:
        """What was checked, for a bot on a venue account. Refusals: unknown_bot, bot_mode_not_possible."""
        self._require_on_venue(for_mode)
        failed = any(check.verdict == FAIL for check in checks)
        return [
            PreflightRecorded(
                preflight_id=preflight_id,
                for_mode=for_mode,
                verdict=NO_GO if failed or not checks else GO,
                checks=checks,
                run_by=by,
                run_at_utc=at,
            )
        ]

    def change_mode(
        self,
        to_mode: str,
        *,
        reason: str,
        by: str,
        asked_from: str,
        preflight_id: str,
        step_up_id: str,
        at: datetime,
    ) -> Sequence[BotEvent]:
        """Observe, or send orders. Back to OBSERVE at any time; the same mode again changes nothing.

        Refusals, in order: unknown_bot, bot_mode_not_possible, invalid_value (no reason); of a mode that
        sends orders also bot_wrong_state (it runs), preflight_needed, preflight_failed.
        """
        self._require_on_venue(to_mode)
        if not reason.strip():
            raise InvalidValue("reason", "type why the mode is changed; auditors will read it")
        if to_mode == self.mode:
            return []
        warnings: tuple[str, ...] = ()
        if to_mode != OBSERVE:
            self._require_status(f"switching to {to_mode}", CREATED, PAUSED, STOPPED)
            warnings = self._cleared(preflight_id, to_mode, at)
        return [
            BotModeChanged(
                from_mode=self.mode,
                to_mode=to_mode,
                reason=reason,
                changed_by=by,
                asked_from=asked_from,
                step_up_id=step_up_id,
                preflight_id=preflight_id if to_mode != OBSERVE else "",
                warnings=warnings,
                changed_at_utc=at,
            )
        ]

    def _cleared(self, preflight_id: str, to_mode: str, at: datetime) -> tuple[str, ...]:
        """What the named pre-flight warned of; raises PreflightNeeded, PreflightFailed."""
        found = self.preflight
        if found is None or not preflight_id:
            raise PreflightNeeded(bot_id=self.bot_id, problem=f"no pre-flight for {to_mode} was named")
        if found.preflight_id != preflight_id:
            raise PreflightNeeded(bot_id=self.bot_id, problem=f"{preflight_id} is not its last pre-flight")
        if found.for_mode != to_mode:
            raise PreflightNeeded(
                bot_id=self.bot_id, problem=f"{preflight_id} was for {found.for_mode}, not for {to_mode}"
            )
        if at - found.run_at_utc > PREFLIGHT_VALID:
            raise PreflightNeeded(bot_id=self.bot_id, problem=f"{preflight_id} is too old")
        if found.verdict != GO:
            failed = ", ".join(check.name for check in found.checks if check.verdict == FAIL)
            raise PreflightFailed(bot_id=self.bot_id, preflight_id=preflight_id, failed=failed)
        return tuple(f"{check.name}: {check.message}" for check in found.checks if check.verdict == WARN)

    def _require_on_venue(self, wanted: str) -> None:
        self._require_exists()
        if wanted not in ON_VENUES:
            problem = f"there are {', '.join(ON_VENUES)}; a paper bot is created on a paper account"
            raise ModeNotPossible(bot_id=self.bot_id, mode=self.mode, wanted=wanted, problem=problem)
        if self.mode == PAPER:
            problem = "a paper bot trades paper money for good; create one on a venue account"
            raise ModeNotPossible(bot_id=self.bot_id, mode=self.mode, wanted=wanted, problem=problem)

    def require_fresh(self, *, candle_open_time_ms: int, feed_now_ms: int) -> None:
        """Raises StaleData when the candle closed more than one interval and the grace ago.

        At a real venue the grace is short: a candle that another one has followed by now is not traded on,
        so that a run which works through what it missed trades on the newest alone.
        """
        if self.terms is None:
            raise UnknownBot(bot_id=self.bot_id)
        length = interval_ms(self.terms.interval)
        age = feed_now_ms - (candle_open_time_ms + length)
        limit = length + (STALE_GRACE_MS if self.mode == PAPER else NEWEST_GRACE_MS)
        if age > limit:
            raise StaleData(age_ms=age, limit_ms=limit)

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
                return replace(self, status=PAUSED, pause_reason=event.reason)
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
            case OrderObserved():
                return replace(
                    self,
                    last_order_id=self.order_before_signal,
                    entry_order_id=self.entry_before_signal,
                    observed_base=self._would_hold(event),
                )
            case PreflightRecorded():
                return replace(self, preflight=event)
            case BotModeChanged():
                return replace(self, mode=event.to_mode, observed_base=ZERO)
            case _:
                assert_never(event)

    # -- inside --------------------------------------------------------------------------------------------

    def _would_hold(self, event: OrderObserved) -> Decimal:
        """At the price that was decided on, without fees."""
        if event.quote_budget is None or not event.price:
            return ZERO
        return add(self.observed_base, divide_down(event.quote_budget, event.price, DEFAULT_SCALE))

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
