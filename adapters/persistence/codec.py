"""Which class an event name stands for, today and in every earlier schema.

A name is never a module path, and neither a name nor a schema number is used again for something else. A
changed event is a new schema and an upcaster from the old dict; stored bytes are never rewritten.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Context, Decimal
from typing import Any

from domain.accounts.events import (
    AccountFrozen,
    AccountRegistered,
    AccountUnfrozen,
    LiveTradingApproved,
    LiveTradingRequested,
    LiveTradingRevoked,
    RoleGranted,
)
from domain.bots.events import (
    BotCreated,
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
from domain.holds.events import HoldPlaced, HoldReleased, HoldSettled
from domain.kill_switch.events import KillSwitchEngaged, KillSwitchFlat, KillSwitchReleased
from domain.ledger.events import BookClosed, BookOpened, EntryPosted
from domain.orders.events import (
    CancelIntended,
    OrderAccepted,
    OrderCanceled,
    OrderFilled,
    OrderFlagged,
    OrderIntended,
    OrderPartiallyFilled,
    OrderRefused,
    OrderReviewed,
    OutcomeResolved,
    OutcomeUnknown,
)
from domain.platform.events import (
    LiabilitiesPublished,
    LossAccepted,
    PlatformLimitsSet,
    SigningKeyRotated,
)
from domain.reconciliation.events import CaseChanged, CaseClosed, CaseOpened, ReconciliationRecorded
from domain.risk.events import (
    AccountLimitsSet,
    BotLimitsSet,
    EquityMarked,
    FillCounted,
    LimitTripped,
    OrderCounted,
    TradeCounted,
)
from domain.transfers.events import TransferCompleted, TransferReturned, TransferSent
from domain.venue_accounts.events import (
    PooledAccountOpened,
    VenueAccountClosed,
    VenueAccountConnected,
    VenueKeyImported,
    VenueKeyRevoked,
    VenueKeyRotated,
)
from domain.venues.events import VenueLeftAlone, VenueReached

_AMOUNTS = Context(prec=60)


def _with_quote_amount(fill: dict[str, Any]) -> dict[str, Any]:
    """Before venues' own amounts were kept, what a fill moved was quantity × price."""
    quantity, price = Decimal(fill["base_quantity"]), Decimal(fill["price_quote_per_base"])
    return {**fill, "quote_amount": format(_AMOUNTS.multiply(quantity, price), "f")}


def _reverses_nothing(entry: dict[str, Any]) -> dict[str, Any]:
    """Before there were reversals, no entry took another back."""
    return {**entry, "reverses": "", "reason": ""}


def _says_nothing_more(entry: dict[str, Any]) -> dict[str, Any]:
    """Before entries had metadata, none had any."""
    return {**entry, "metadata": {}}


def _without_exits(created: dict[str, Any]) -> dict[str, Any]:
    """Before bots had stops and targets, none had any."""
    exits = {"stop_loss_bps": None, "take_profit_bps": None, "trailing_stop_bps": None}
    return {**created, "terms": {**created["terms"], **exits}}


def _without_trigger(intended: dict[str, Any]) -> dict[str, Any]:
    """Before orders could wait for a price, none did."""
    return {**intended, "terms": {**intended["terms"], "trigger_price": None}}


def _without_figures(tripped: dict[str, Any]) -> dict[str, Any]:
    """Before guardrails told their figures, there were words alone."""
    return {**tripped, "figures": {}}


def _of_the_platform(switched: dict[str, Any]) -> dict[str, Any]:
    """Before kill switches had scopes, there was one: an operator's, of the platform, that stops."""
    return switched  # the event's defaults say so


def _without_uid(key: dict[str, Any]) -> dict[str, Any]:
    """Before the venue was asked whose a key is, nobody knew."""
    return {**key, "venue_uid": ""}


Upcast = Callable[[dict[str, Any]], dict[str, Any]]
"""From one schema's data to the next one's; it may change the dict it is given."""


class UnknownEvent(Exception):
    """The log holds a name or a schema that this version of the program does not know: it is too old."""


@dataclass(frozen=True, slots=True)
class EventType:
    """One event: its stable name, its class, the schema written today, and the way from each earlier one."""

    name: str
    cls: type
    schema: int = 1
    upcasters: Mapping[int, Upcast] = field(default_factory=dict)  # by the schema they start from

    def __post_init__(self) -> None:
        if sorted(self.upcasters) != list(range(1, self.schema)):
            raise ValueError(f"{self.name}: schema {self.schema} needs an upcaster from each earlier one")


REGISTRY = (
    EventType("accounts.account_registered", AccountRegistered),
    EventType("accounts.role_granted", RoleGranted),
    EventType("accounts.account_frozen", AccountFrozen),
    EventType("accounts.account_unfrozen", AccountUnfrozen),
    EventType("accounts.live_trading_requested", LiveTradingRequested),
    EventType("accounts.live_trading_approved", LiveTradingApproved),
    EventType("accounts.live_trading_revoked", LiveTradingRevoked),
    EventType("bots.bot_created", BotCreated, 2, {1: _without_exits}),
    EventType("bots.bot_started", BotStarted),
    EventType("bots.bot_paused", BotPaused),
    EventType("bots.bot_resumed", BotResumed),
    EventType("bots.bot_stopped", BotStopped),
    EventType("bots.signal_raised", SignalRaised),
    EventType("bots.guardrail_tripped", GuardrailTripped, 2, {1: _without_figures}),
    EventType("bots.order_observed", OrderObserved),
    EventType("bots.preflight_recorded", PreflightRecorded),
    EventType("bots.mode_changed", BotModeChanged),
    EventType("holds.hold_placed", HoldPlaced),
    EventType("holds.hold_settled", HoldSettled),
    EventType("holds.hold_released", HoldReleased),
    EventType("ledger.book_opened", BookOpened),
    EventType("ledger.entry_posted", EntryPosted, 3, {1: _reverses_nothing, 2: _says_nothing_more}),
    EventType("ledger.book_closed", BookClosed),
    EventType("orders.order_intended", OrderIntended, 2, {1: _without_trigger}),
    EventType("orders.order_accepted", OrderAccepted),
    EventType("orders.order_partially_filled", OrderPartiallyFilled, 2, {1: _with_quote_amount}),
    EventType("orders.order_filled", OrderFilled, 2, {1: _with_quote_amount}),
    EventType("orders.cancel_intended", CancelIntended),
    EventType("orders.order_canceled", OrderCanceled),
    EventType("orders.order_refused", OrderRefused),
    EventType("orders.outcome_unknown", OutcomeUnknown),
    EventType("orders.outcome_resolved", OutcomeResolved),
    EventType("orders.order_flagged", OrderFlagged),
    EventType("orders.order_reviewed", OrderReviewed),
    EventType("platform.kill_switch_engaged", KillSwitchEngaged, 2, {1: _of_the_platform}),
    EventType("platform.kill_switch_released", KillSwitchReleased, 2, {1: _of_the_platform}),
    EventType("platform.kill_switch_flat", KillSwitchFlat),
    EventType("platform.limits_set", PlatformLimitsSet),
    EventType("platform.loss_accepted", LossAccepted),
    EventType("platform.signing_key_rotated", SigningKeyRotated),
    EventType("reconciliation.case_opened", CaseOpened),
    EventType("reconciliation.case_changed", CaseChanged),
    EventType("reconciliation.case_closed", CaseClosed),
    EventType("reconciliation.recorded", ReconciliationRecorded),
    EventType("risk.account_limits_set", AccountLimitsSet),
    EventType("risk.bot_limits_set", BotLimitsSet),
    EventType("risk.order_counted", OrderCounted),
    EventType("risk.fill_counted", FillCounted),
    EventType("risk.trade_counted", TradeCounted),
    EventType("risk.equity_marked", EquityMarked),
    EventType("risk.limit_tripped", LimitTripped),
    EventType("platform.liabilities_published", LiabilitiesPublished),
    EventType("transfers.transfer_sent", TransferSent),
    EventType("transfers.transfer_completed", TransferCompleted),
    EventType("transfers.transfer_returned", TransferReturned),
    EventType("venue_accounts.venue_account_connected", VenueAccountConnected),
    EventType("venue_accounts.pooled_account_opened", PooledAccountOpened),
    EventType("venue_accounts.venue_key_imported", VenueKeyImported, 2, {1: _without_uid}),
    EventType("venue_accounts.venue_key_rotated", VenueKeyRotated, 2, {1: _without_uid}),
    EventType("venue_accounts.venue_key_revoked", VenueKeyRevoked),
    EventType("venue_accounts.venue_account_closed", VenueAccountClosed),
    EventType("venues.venue_left_alone", VenueLeftAlone),
    EventType("venues.venue_reached", VenueReached),
)
"""One line an event."""


class Codec:
    """Event types by name and by class."""

    def __init__(self, types: Iterable[EventType] = REGISTRY) -> None:
        self.by_name: dict[str, EventType] = {}
        self.by_class: dict[type, EventType] = {}
        for kind in types:
            if kind.name in self.by_name or kind.cls in self.by_class:
                raise ValueError(f"{kind.name} ({kind.cls.__name__}) is registered twice")
            self.by_name[kind.name] = self.by_class[kind.cls] = kind

    def of(self, event: object) -> EventType:
        """The type of an event; raises UnknownEvent for a class without a line in the registry."""
        try:
            return self.by_class[type(event)]
        except KeyError:
            raise UnknownEvent(f"{type(event).__name__} has no line in the registry of events") from None

    def named(self, name: str) -> EventType:
        """The type of that name; raises UnknownEvent."""
        try:
            return self.by_name[name]
        except KeyError:
            raise UnknownEvent(
                f"no event is named {name!r}; was the log written by a newer version?"
            ) from None
