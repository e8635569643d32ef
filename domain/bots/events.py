"""What happens to a bot."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from domain.money import Money


@dataclass(frozen=True, slots=True, kw_only=True)
class BotTerms:
    """What a bot trades, how, and within which limits."""

    name: str
    strategy: str  # ema_crossover
    parameters: Mapping[str, str]  # as text; the strategy names and reads them
    venue: str
    symbol: str
    interval: str
    source: str  # the candle series it follows: binance, synthetic, …
    allocation: Money  # what it may use of the free balance, in the quote asset; zero is allowed
    max_order_notional: Decimal | None = None  # quote; None is no limit
    stop_loss_bps: int | None = None  # below the average cost of its position: it sells there
    take_profit_bps: int | None = None  # above it
    trailing_stop_bps: int | None = None  # below the highest price since it has the position


@dataclass(frozen=True, slots=True, kw_only=True)
class BotCreated:
    bot_id: str
    owner_id: str
    book_id: str
    venue_account: str
    terms: BotTerms
    created_at_utc: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class BotStarted:
    run: int  # counts from 1; a signal is unique within its run
    after_candle_ms: int | None  # it trades on candles that open after this one; None: on all of them
    started_at_utc: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class BotPaused:
    """It raises no signals until it is resumed; its open orders live on."""

    reason: str
    paused_at_utc: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class BotResumed:
    after_candle_ms: int | None  # it trades on candles that open after this one again
    resumed_at_utc: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class BotStopped:
    reason: str
    stopped_at_utc: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalRaised:
    """The strategy wants to enter or leave, on the candle that opened then."""

    signal_id: str
    run: int
    side: str  # buy or sell
    candle_open_time_ms: int
    client_order_id: str  # the order that follows unless a guardrail trips
    price: Decimal  # the candle's close, quote per base
    why: str
    raised_at_utc: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardrailTripped:
    """A signal was not traded, and why: the refusal's code, words and figures."""

    signal_id: str
    guardrail: str
    detail: str
    tripped_at_utc: datetime
    figures: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderObserved:
    """What the bot would have ordered on its signal, had its mode let it. Nothing was held, nothing sent."""

    signal_id: str
    side: str
    base_quantity: Decimal | None  # of a sale
    quote_budget: Decimal | None  # of a purchase
    price: Decimal  # what the decision rests on, quote per base
    why_not_sent: str
    observed_at_utc: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PreflightCheck:
    """One check of a pre-flight: PASS, WARN or FAIL, in words, with its figures."""

    name: str
    verdict: str
    message: str
    figures: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class PreflightRecorded:
    """All that was checked before a bot may send orders. One FAIL and it is NO-GO."""

    preflight_id: str
    for_mode: str
    verdict: str  # GO or NO-GO
    checks: tuple[PreflightCheck, ...]
    run_by: str
    run_at_utc: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class BotModeChanged:
    """Whether the bot only observes, or sends orders, and where: who changed it, why, and from where."""

    from_mode: str  # "" when the bot was created
    to_mode: str
    reason: str  # as it was typed
    changed_by: str
    asked_from: str  # "api" and the session's id, or "cli"; the address is with the step-up, outside the log
    step_up_id: str  # the password entered again; "" where none was needed
    preflight_id: str
    warnings: tuple[str, ...]  # what the pre-flight warned of and was accepted
    changed_at_utc: datetime


BotEvent = (
    BotCreated
    | BotStarted
    | BotPaused
    | BotResumed
    | BotStopped
    | SignalRaised
    | GuardrailTripped
    | OrderObserved
    | PreflightRecorded
    | BotModeChanged
)
