"""One order's life at a venue: intent first, and only proof ends it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import assert_never

from domain.errors import InvalidValue
from domain.money import ZERO, Money, add, divide_down, fits, multiply_down, negate, subtract, text
from domain.orders.errors import InvalidFill, InvalidOrder, OrderIdReused, UnknownOrder
from domain.orders.events import (
    CancelIntended,
    OrderAccepted,
    OrderCanceled,
    OrderEvent,
    OrderFilled,
    OrderFlagged,
    OrderIntended,
    OrderPartiallyFilled,
    OrderRefused,
    OrderReviewed,
    OrderTerms,
    OutcomeResolved,
    OutcomeUnknown,
)

BUY, SELL = "buy", "sell"
MARKET, LIMIT = "market", "limit"
STOP, STOP_LIMIT, TAKE_PROFIT, TAKE_PROFIT_LIMIT = "stop", "stop_limit", "take_profit", "take_profit_limit"
ORDER_TYPES = (MARKET, LIMIT, STOP, STOP_LIMIT, TAKE_PROFIT, TAKE_PROFIT_LIMIT)
AT_A_LIMIT = frozenset({LIMIT, STOP_LIMIT, TAKE_PROFIT_LIMIT})
TRIGGERED = frozenset({STOP, STOP_LIMIT, TAKE_PROFIT, TAKE_PROFIT_LIMIT})
GTC, IOC, FOK, POST_ONLY = "GTC", "IOC", "FOK", "PO"
TIMES_IN_FORCE = (GTC, IOC, FOK, POST_ONLY)

NONE, INTENDED, OPEN, PARTIALLY_FILLED, FILLED, CANCELED, REFUSED, UNKNOWN = (
    "none",
    "intended",
    "open",
    "partially_filled",
    "filled",
    "canceled",
    "refused",
    "unknown",
)
ENDED = frozenset({FILLED, CANCELED, REFUSED})

OVERFILL, FILL_AFTER_END, IMPOSSIBLE_FILL, FILL_OF_ANOTHER_ORDER, NO_PROOF = (
    "overfill",
    "fill_after_end",
    "impossible_fill",
    "fill_of_another_order",
    "no_proof",
)
"""What an order is flagged for."""

LARGEST_DIGITS = 18
"""Digits before the point that any figure of a fill may have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fill:
    """One match as the venue reports it."""

    venue_trade_id: str
    base_quantity: Decimal
    price_quote_per_base: Decimal
    quote_amount: Decimal  # quantity × price as the venue booked it
    fee: Money
    traded_at_utc: datetime


def client_order_id(bot_id: str, run: int, candle_open_time_ms: int, *, epoch: int = 0) -> str:
    """The id under which a venue knows the order of one signal: derived, so that a retry finds it again.

    `epoch` grows when a log is restored from an older backup, so that an id is never used twice.
    32 characters of [0-9a-z-], within every venue's limit.
    """
    seed = f"{epoch}|{bot_id}|{run}|{candle_open_time_ms}"
    return f"ek{epoch}-" + hashlib.sha256(seed.encode()).hexdigest()[: 32 - len(f"ek{epoch}-")]


@dataclass(frozen=True, slots=True)
class Order:
    """Where an order stands.

    Once intended it ends only on proof: filled, canceled or refused by the venue. A fill is taken in any
    state, ended ones included, once per venue trade id.
    """

    client_order_id: str = ""
    owner_id: str = ""
    book_id: str = ""
    bot_id: str = ""
    signal_id: str = ""
    venue: str = ""
    venue_account: str = ""
    terms: OrderTerms | None = None
    decision_price: Decimal = ZERO
    status: str = NONE
    venue_order_id: str = ""
    intended_at_utc: datetime | None = None
    filled_base: Decimal = ZERO
    filled_quote: Decimal = ZERO  # what its fills came to, fees aside
    trade_ids: frozenset[str] = frozenset()
    last_fill_at_utc: datetime | None = None
    unknown_since_utc: datetime | None = None  # when its outcome was last lost track of
    doubts_resolved: int = 0  # unknown outcomes that were cleared up: what tells a new doubt from the last
    is_to_cancel: bool = False
    cancel_candle_ms: int | None = None  # of the signal that it is to be canceled for
    flags: frozenset[tuple[str, str]] = frozenset()  # kind and detail: once each
    needs_review: bool = False

    @property
    def exists(self) -> bool:
        return self.status != NONE

    @property
    def has_ended(self) -> bool:
        return self.status in ENDED

    @property
    def doubts(self) -> int:
        """How often its outcome was lost track of, by now."""
        return self.doubts_resolved + (self.status == UNKNOWN)

    @property
    def run(self) -> int:
        """The bot's run that its signal was raised in."""
        return int(self.signal_id.rsplit(":", 2)[1])

    @property
    def decided_on_candle_ms(self) -> int:
        """The open time of the candle that its signal was raised on."""
        return int(self.signal_id.rpartition(":")[2])

    # -- commands ------------------------------------------------------------------------------------------

    def intend(
        self,
        *,
        client_order_id: str,
        owner_id: str,
        book_id: str,
        bot_id: str,
        signal_id: str,
        venue: str,
        venue_account: str,
        terms: OrderTerms,
        decision_price: Decimal,
        at: datetime,
    ) -> Sequence[OrderEvent]:
        """Store what we are about to ask for. The same intent again is answered with no events."""
        require_coherent(terms)
        if self.exists:
            if (self.bot_id, self.terms) == (bot_id, terms):
                return []
            raise OrderIdReused(client_order_id=client_order_id)
        return [
            OrderIntended(
                client_order_id=client_order_id,
                owner_id=owner_id,
                book_id=book_id,
                bot_id=bot_id,
                signal_id=signal_id,
                venue=venue,
                venue_account=venue_account,
                terms=terms,
                decision_price=decision_price,
                intended_at_utc=at,
            )
        ]

    def accept(self, *, venue_order_id: str, at: datetime) -> Sequence[OrderEvent]:
        """The venue has the order. Said again it only ends a doubt; of an ended order it says nothing new."""
        self._require_exists()
        if self.has_ended:
            return []
        if self.venue_order_id:
            return self._resolved("open", at)
        accepted = OrderAccepted(
            client_order_id=self.client_order_id, venue_order_id=venue_order_id, accepted_at_utc=at
        )
        return [*self._resolved("open", at), accepted]

    def refuse(self, *, reason: str, at: datetime) -> Sequence[OrderEvent]:
        """The venue proved that it never opened the order. One it had accepted or filled is not refused."""
        self._require_exists()
        if self.has_ended or self.venue_order_id or self.trade_ids:
            return []
        refused = OrderRefused(client_order_id=self.client_order_id, reason=reason, refused_at_utc=at)
        return [*self._resolved("never_opened", at), refused]

    def lose_track(self, *, problem: str, at: datetime) -> Sequence[OrderEvent]:
        """A request's outcome is not known: a timeout, a lost connection, an answer that made no sense."""
        self._require_exists()
        if self.has_ended or self.status == UNKNOWN:
            return []
        return [OutcomeUnknown(client_order_id=self.client_order_id, problem=problem, noticed_at_utc=at)]

    def record_fill(self, fill: Fill, *, is_last: bool) -> Sequence[OrderEvent]:
        """Take one match. A trade id that was taken before is answered with no events.

        Refusals, in order: unknown_order, invalid_fill.
        """
        self._require_exists()
        if fill.venue_trade_id in self.trade_ids:
            return []
        require_possible(fill)
        kind = OrderFilled if is_last else OrderPartiallyFilled
        event = kind(
            client_order_id=self.client_order_id,
            venue_trade_id=fill.venue_trade_id,
            base_quantity=fill.base_quantity,
            price_quote_per_base=fill.price_quote_per_base,
            quote_amount=fill.quote_amount,
            fee=fill.fee,
            slippage_bps=self._slippage_bps(fill.price_quote_per_base),
            traded_at_utc=fill.traded_at_utc,
        )
        resolved = self._resolved("filled" if is_last else "open", fill.traded_at_utc)
        return [*resolved, event, *self._odd(fill, event)]

    def complete(self, *, at: datetime) -> Sequence[OrderEvent]:
        """The venue calls the order filled, and every fill was taken before: nothing of it is open any more.

        Without a single fill that is not believed: the order goes on until its fills come.
        """
        self._require_exists()
        if self.has_ended or not self.trade_ids:
            return []
        return [OutcomeResolved(client_order_id=self.client_order_id, outcome="filled", resolved_at_utc=at)]

    def intend_cancel(
        self, *, reason: str, candle_open_time_ms: int | None, at: datetime
    ) -> Sequence[OrderEvent]:
        """Store that we are about to ask the venue for an end, once; that ends nothing by itself."""
        self._require_exists()
        if self.has_ended or self.is_to_cancel:
            return []
        return [
            CancelIntended(
                client_order_id=self.client_order_id,
                reason=reason,
                candle_open_time_ms=candle_open_time_ms,
                intended_at_utc=at,
            )
        ]

    def cancel(self, *, reason: str, at: datetime) -> Sequence[OrderEvent]:
        """The venue says that nothing of the order is open any more."""
        self._require_exists()
        if self.has_ended:
            return []
        canceled = OrderCanceled(client_order_id=self.client_order_id, reason=reason, canceled_at_utc=at)
        return [*self._resolved("canceled", at), canceled]

    def flag(self, kind: str, detail: str, *, at: datetime) -> Sequence[OrderEvent]:
        """Ask for a person's eye, once for each kind and detail."""
        self._require_exists()
        if (kind, detail) in self.flags:
            return []
        return [
            OrderFlagged(client_order_id=self.client_order_id, kind=kind, detail=detail, flagged_at_utc=at)
        ]

    def review(self, *, reason: str, by: str, at: datetime) -> Sequence[OrderEvent]:
        """Say what came of the order's flags. One that needs no review is answered with no events.

        Refusals, in order: unknown_order, invalid_value (no reason given).
        """
        self._require_exists()
        if not reason.strip():
            raise InvalidValue("reason", "say what came of it; auditors will read it")
        if not self.needs_review:
            return []
        return [
            OrderReviewed(
                client_order_id=self.client_order_id, reason=reason, reviewed_by=by, reviewed_at_utc=at
            )
        ]

    def never_opened(self, *, reason: str, by: str, at: datetime) -> Sequence[OrderEvent]:
        """A person found out at the venue what nothing proves: that it never had the order.

        Refusals, in order: unknown_order, invalid_value (no reason given, or it was never flagged for that,
        the venue has shown it, or it has ended).
        """
        self._require_exists()
        if not reason.strip():
            raise InvalidValue("reason", "say how it was found out; auditors will read it")
        is_flagged = any(kind == NO_PROOF for kind, _ in self.flags)
        if not is_flagged or self.has_ended or self.venue_order_id or self.trade_ids:
            problem = "only an order flagged for no_proof, of which the venue has shown nothing, ends so"
            raise InvalidValue("never_opened", f"{self.client_order_id} is {self.status}; {problem}")
        return self.refuse(reason=f"never opened, found by {by}: {reason}", at=at)

    # -- folding -------------------------------------------------------------------------------------------

    def evolve(self, event: OrderEvent) -> Order:
        """Fold one fact in. Never refuses."""
        match event:
            case OrderIntended():
                return replace(
                    self,
                    client_order_id=event.client_order_id,
                    owner_id=event.owner_id,
                    book_id=event.book_id,
                    bot_id=event.bot_id,
                    signal_id=event.signal_id,
                    venue=event.venue,
                    venue_account=event.venue_account,
                    terms=event.terms,
                    decision_price=event.decision_price,
                    intended_at_utc=event.intended_at_utc,
                    status=INTENDED,
                )
            case OrderAccepted():
                status = status_once_open(event.venue_order_id, self.filled_base)
                return replace(self, status=status, venue_order_id=event.venue_order_id)
            case OrderPartiallyFilled():
                return self._after_fill(event, self.status if self.has_ended else PARTIALLY_FILLED)
            case OrderFilled():
                return self._after_fill(event, FILLED)
            case CancelIntended():
                return replace(self, is_to_cancel=True, cancel_candle_ms=event.candle_open_time_ms)
            case OrderCanceled():
                return replace(self, status=CANCELED)
            case OrderRefused():
                return replace(self, status=REFUSED)
            case OutcomeUnknown():
                return replace(self, status=UNKNOWN, unknown_since_utc=event.noticed_at_utc)
            case OutcomeResolved():
                status = status_once_open(self.venue_order_id, self.filled_base)
                return replace(
                    self,
                    status=FILLED if event.outcome == FILLED else status,
                    doubts_resolved=self.doubts_resolved + 1,
                )
            case OrderFlagged():
                flags = self.flags | {(event.kind, event.detail)}
                return replace(self, flags=flags, needs_review=True)
            case OrderReviewed():
                return replace(self, needs_review=False)
            case _:
                assert_never(event)

    # -- inside --------------------------------------------------------------------------------------------

    def _require_exists(self) -> None:
        if not self.exists:
            raise UnknownOrder(client_order_id=self.client_order_id)

    def _resolved(self, outcome: str, at: datetime) -> list[OrderEvent]:
        if self.status != UNKNOWN:
            return []
        return [OutcomeResolved(client_order_id=self.client_order_id, outcome=outcome, resolved_at_utc=at)]

    def _after_fill(self, event: OrderPartiallyFilled | OrderFilled, status: str) -> Order:
        return replace(
            self,
            status=status,
            filled_base=add(self.filled_base, event.base_quantity),
            filled_quote=add(self.filled_quote, event.quote_amount),
            trade_ids=self.trade_ids | {event.venue_trade_id},
            last_fill_at_utc=event.traded_at_utc,
        )

    def _odd(self, fill: Fill, event: OrderPartiallyFilled | OrderFilled) -> Sequence[OrderEvent]:
        """What is booked and yet should not have been: the venue's word is the truth, and it is looked at."""
        after = self._after_fill(event, self.status)
        flags: list[OrderEvent] = []
        if self.status in (CANCELED, REFUSED):
            detail = f"trade {fill.venue_trade_id} of {text(fill.base_quantity)} after it was {self.status}"
            flags += self.flag(FILL_AFTER_END, detail, at=fill.traded_at_utc)
        if (excess := after.overfilled) > ZERO:
            detail = f"with trade {fill.venue_trade_id}: {text(excess)} more than was ordered"
            flags += self.flag(OVERFILL, detail, at=fill.traded_at_utc)
        return flags

    @property
    def average_price(self) -> Decimal | None:
        """What its fills cost or brought on average, in quote per base; None before the first."""
        return divide_down(self.filled_quote, self.filled_base, 18) if self.filled_base else None

    @property
    def overfilled(self) -> Decimal:
        """What was matched beyond what was asked for: in base, or in quote where that was asked for."""
        if self.terms is None:
            return ZERO
        if self.terms.base_quantity is not None:
            return max(subtract(self.filled_base, self.terms.base_quantity), ZERO)
        return max(subtract(self.filled_quote, self.terms.quote_budget or ZERO), ZERO)

    def _slippage_bps(self, price: Decimal) -> Decimal:
        if not self.decision_price or self.terms is None:
            return ZERO
        worse = subtract(price, self.decision_price)
        if self.terms.side == SELL:
            worse = negate(worse)
        ratio = divide_down(worse, self.decision_price, 12)
        return multiply_down(ratio, Decimal(10_000), 4)


def moved_by(fill: Fill, symbol: str, side: str) -> dict[str, Decimal]:
    """What a match did to its account's balances, by asset, its fee included: positive came in."""
    base, _, quote = symbol.partition("/")
    bought = side == BUY
    moved = {
        base: fill.base_quantity if bought else negate(fill.base_quantity),
        quote: negate(fill.quote_amount) if bought else fill.quote_amount,
    }
    moved[fill.fee.asset] = subtract(moved.get(fill.fee.asset, ZERO), fill.fee.amount)
    return {asset: amount for asset, amount in moved.items() if amount}


def status_once_open(venue_order_id: str, filled_base: Decimal) -> str:
    """Where an order stands that has not ended and about which there is no doubt."""
    if filled_base:
        return PARTIALLY_FILLED
    return OPEN if venue_order_id else INTENDED


def require_possible(fill: Fill) -> None:
    """Raises InvalidFill for a match that no market makes (safety §3 #18, hostile venues)."""
    if not fill.venue_trade_id:
        raise InvalidFill(venue_trade_id="", problem="has no trade id, so it cannot be booked just once")
    for name in ("base_quantity", "price_quote_per_base", "quote_amount"):
        value: Decimal = getattr(fill, name)
        if not value.is_finite() or value < 0 or (not value and name != "quote_amount"):
            raise InvalidFill(venue_trade_id=fill.venue_trade_id, problem=f"{name} is {value}")
        if value.adjusted() >= LARGEST_DIGITS:
            raise InvalidFill(venue_trade_id=fill.venue_trade_id, problem=f"{name} is too large")
    fee = fill.fee.amount
    if not fee.is_finite() or fee.adjusted() >= LARGEST_DIGITS:
        raise InvalidFill(venue_trade_id=fill.venue_trade_id, problem=f"fee is {fee}")


def require_coherent(terms: OrderTerms) -> None:
    """Raises InvalidOrder unless the terms name one order that a venue can take."""
    if terms.side not in (BUY, SELL):
        raise InvalidOrder(problem=f"side {terms.side!r} is neither buy nor sell")
    if terms.order_type not in ORDER_TYPES:
        raise InvalidOrder(problem=f"order type {terms.order_type!r} is none of {', '.join(ORDER_TYPES)}")
    if terms.time_in_force not in TIMES_IN_FORCE:
        known = ", ".join(TIMES_IN_FORCE)
        raise InvalidOrder(problem=f"time in force {terms.time_in_force!r} is none of {known}")
    if terms.order_type != LIMIT and terms.time_in_force == POST_ONLY:
        raise InvalidOrder(problem="only a limit order can be post only")
    by_budget = terms.order_type == MARKET and terms.side == BUY
    wanted, unwanted = ("quote_budget", "base_quantity") if by_budget else ("base_quantity", "quote_budget")
    amount: Decimal | None = getattr(terms, wanted)
    if amount is None or not fits(amount) or amount <= 0:
        raise InvalidOrder(problem=f"a {terms.order_type} {terms.side} needs a {wanted} above zero")
    if getattr(terms, unwanted) is not None:
        raise InvalidOrder(problem=f"a {terms.order_type} {terms.side} takes no {unwanted}")
    for name, types in (("limit_price", AT_A_LIMIT), ("trigger_price", TRIGGERED)):
        price: Decimal | None = getattr(terms, name)
        if (terms.order_type in types) != (price is not None):
            has = "needs a" if terms.order_type in types else "has no"
            raise InvalidOrder(problem=f"a {terms.order_type} order {has} {name}")
        if price is not None and (not fits(price) or price <= 0):
            raise InvalidOrder(problem=f"{name} must be above zero")
