"""One owner's risk: limits, kill switches, and what is counted against the limits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TypeVar, assert_never

from domain.errors import InvalidValue
from domain.kill_switch.events import HeldAtVenue, KillSwitchEngaged, KillSwitchFlat, KillSwitchReleased
from domain.kill_switch.switches import ACCOUNT, BOT, BY_LIMIT, STOP, Switch, Switches
from domain.ledger.book import PAPER
from domain.money import ZERO, Money, add, subtract
from domain.risk.events import (
    AccountLimitsSet,
    BotLimitsSet,
    EquityMarked,
    FillCounted,
    LimitTripped,
    Mark,
    OrderCounted,
    RiskEvent,
    TradeCounted,
)
from domain.risk.exposure import Curve, Exposure
from domain.risk.limits import NO_LIMITS, Limits, layers_of, require_within_hard_bounds

S = TypeVar("S")
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
BOT_PAUSED, ACCOUNT_STOPPED = "bot_paused", "account_stopped"


@dataclass(frozen=True, slots=True)
class CountedOrder:
    """One order that added to a position, for as long as it may count."""

    bot_id: str
    strategy: str
    is_real: bool  # with real money, not on paper
    quote: str
    notional: Decimal
    at_utc: datetime


@dataclass(frozen=True, slots=True)
class Risk:
    """Everything that an order's limits are measured against, folded from events of this stream alone.

    Real money and paper never count for each other. Paper is counted from the moment its owner sets limits:
    see `follows`.
    """

    owner_id: str = ""
    limits: Limits = NO_LIMITS
    hard_bounds_on_paper: bool = False
    bot_limits: Mapping[str, Limits] = field(default_factory=dict)
    switches: Switches = field(default_factory=Switches)  # of this account and its bots
    orders: Mapping[str, CountedOrder] = field(default_factory=dict)  # of the last day, by client order id
    open_orders: Mapping[str, CountedOrder] = field(default_factory=dict)  # not known to have ended
    exposures: Mapping[str, Exposure] = field(default_factory=dict)  # by bot
    real_books: frozenset[str] = frozenset()
    marks: Mapping[str, Mapping[str, Mark]] = field(default_factory=dict)  # by book and symbol
    curves: Mapping[str, Mapping[str, Curve]] = field(default_factory=dict)  # by book and quote asset
    losses_in_a_row: Mapping[str, int] = field(default_factory=dict)  # by bot
    selling: Mapping[str, Decimal] = field(default_factory=dict)  # what sales under way realised, by order

    # -- queries -------------------------------------------------------------------------------------------

    def follows(self, purse: str) -> bool:
        """Whether trades of a purse are counted: with real money always, on paper once limits are set."""
        return (
            purse != PAPER or self.hard_bounds_on_paper or not self.limits.is_empty or bool(self.bot_limits)
        )

    def layers(
        self, *, bot_id: str, strategy: str, purse: str, platform: Limits
    ) -> Mapping[str, Mapping[str, int | Decimal]]:
        """Of each limit that binds an order of the bot, who sets it to what; see layers_of."""
        return layers_of(
            hard=purse != PAPER or self.hard_bounds_on_paper,
            platform=platform,
            account=self.limits,
            bot=self.bot_limits.get(bot_id, NO_LIMITS),
            strategy=strategy,
        )

    def curve(self, book_id: str, quote: str) -> Curve:
        return self.curves.get(book_id, {}).get(quote, Curve())

    def price(self, book_id: str, symbol: str) -> Mark | None:
        return self.marks.get(book_id, {}).get(symbol)

    def profit(self, book_id: str, quote: str, marks: Mapping[str, Mark]) -> Decimal:
        """Of all bots of a book that trade for a quote asset, at these prices and else the last known."""
        total = ZERO
        for exposure in self.of_book(book_id, quote):
            mark = marks.get(exposure.symbol) or self.price(book_id, exposure.symbol)
            total = add(total, exposure.profit_at(None if mark is None else mark.price))
        return total

    def of_book(self, book_id: str, quote: str) -> list[Exposure]:
        """What the bots of a book hold that trade for a quote asset."""
        return [
            exposure
            for exposure in self.exposures.values()
            if exposure.book_id == book_id and exposure.symbol.partition("/")[2] == quote
        ]

    def is_real(self, exposure: Exposure) -> bool:
        return exposure.book_id in self.real_books

    # -- limits --------------------------------------------------------------------------------------------

    def set_limits(
        self, limits: Limits, *, hard_bounds_on_paper: bool, reason: str, by: str, at: datetime
    ) -> Sequence[RiskEvent]:
        """The account's limits, in place of those before. The same again is answered with no events.

        Refusals, in order: invalid_value, above_hard_bound, invalid_value (no reason given).
        """
        require_within_hard_bounds(limits)
        _require_reason(reason)
        if (limits, hard_bounds_on_paper) == (self.limits, self.hard_bounds_on_paper):
            return []
        return [
            AccountLimitsSet(
                limits=limits,
                hard_bounds_on_paper=hard_bounds_on_paper,
                reason=reason,
                set_by=by,
                set_at_utc=at,
            )
        ]

    def set_bot_limits(
        self, bot_id: str, limits: Limits, *, reason: str, by: str, at: datetime
    ) -> Sequence[RiskEvent]:
        """As set_limits, of one bot. What it lost is measured for the account alone, and limited there."""
        for name in ("max_daily_loss_bps", "max_drawdown_bps"):
            if getattr(limits, name) is not None:
                raise InvalidValue(name, "is measured for the whole account; set it there")
        require_within_hard_bounds(limits)
        _require_reason(reason)
        if limits == self.bot_limits.get(bot_id, NO_LIMITS):
            return []
        return [BotLimitsSet(bot_id=bot_id, limits=limits, reason=reason, set_by=by, set_at_utc=at)]

    # -- kill switches -------------------------------------------------------------------------------------

    def require_trading(self, bot_id: str, *, to_sell: bool = False) -> None:
        """Raises KillSwitchIsEngaged: of the account, then of the bot. To sell, one by a limit is none."""
        self.switches.require_free(ACCOUNT, self.owner_id, to_sell=to_sell)
        self.switches.require_free(BOT, bot_id, to_sell=to_sell)

    def engage_kill_switch(
        self, *, bot_id: str, mode: str, reason: str, rank: str, switch_id: str, by: str, at: datetime
    ) -> Sequence[RiskEvent]:
        """Stop one bot, or (no bot named) all of the owner's; see Switches.engage."""
        return self.switches.engage(
            scope=BOT if bot_id else ACCOUNT,
            target=bot_id or self.owner_id,
            mode=mode,
            reason=reason,
            rank=rank,
            switch_id=switch_id,
            by=by,
            at=at,
        )

    def release_kill_switch(
        self, *, bot_id: str, reason: str, rank: str, by: str, at: datetime
    ) -> Sequence[RiskEvent]:
        """Let the bot, or the account, trade again; drawdown is measured anew from here for the account."""
        return self.switches.release(
            scope=BOT if bot_id else ACCOUNT,
            target=bot_id or self.owner_id,
            reason=reason,
            rank=rank,
            by=by,
            at=at,
        )

    def prove_flat(self, switch: Switch, *, held: Sequence[HeldAtVenue], at: datetime) -> Sequence[RiskEvent]:
        """Record that nothing is left of what the kill switch was to close. Raises NoSuchKillSwitch."""
        return self.switches.prove_flat(
            scope=switch.scope, target=switch.target, switch_id=switch.switch_id, held=held, at=at
        )

    # -- counting ------------------------------------------------------------------------------------------

    def count_trade(self, client_order_id: str, *, bot_id: str, at: datetime) -> Sequence[RiskEvent]:
        """An order of the bot has ended: of one that sold something, what that came to. Once an order."""
        exposure = self.exposures.get(bot_id)
        if client_order_id not in self.selling or exposure is None:
            return []
        profit = self.selling[client_order_id]
        losses = self.losses_in_a_row.get(bot_id, 0) + 1 if profit < ZERO else 0
        quote = exposure.symbol.partition("/")[2]
        return [
            TradeCounted(
                client_order_id=client_order_id,
                bot_id=bot_id,
                profit=Money(profit, quote),
                losses_in_a_row=losses,
                ended_at_utc=at,
            )
        ]

    def trip_losses(
        self, bot_id: str, limits: Mapping[str, int | Decimal], *, at: datetime
    ) -> Sequence[RiskEvent]:
        """That the bot lost too often in a row, if it did, by the tightest layer; it counts anew then."""
        found = _tightest(limits, self.losses_in_a_row.get(bot_id, 0))
        return _tripped("max_losses_in_a_row", found, bot_id, BOT_PAUSED, at) if found else []

    def trip_drawdown(
        self,
        book_id: str,
        quote: str,
        limits: Mapping[str, int | Decimal],
        *,
        switch_id: str,
        at: datetime,
    ) -> Sequence[RiskEvent]:
        """That the account lost too much from its peak, if it did, and its kill switch with it: once."""
        drawdown = self.curve(book_id, quote).drawdown_bps
        found = _tightest(limits, drawdown)
        if not found or self.switches.find(ACCOUNT, self.owner_id) is not None:
            return []
        layer, figure, bound = found
        stopped = self.switches.engage(
            scope=ACCOUNT,
            target=self.owner_id,
            mode=STOP,
            reason=f"{figure} bps lost from the peak in {quote}; the {layer} limit is {bound} bps",
            rank=BY_LIMIT,
            switch_id=switch_id,
            by="system:risk",
            at=at,
        )
        return [*_tripped("max_drawdown_bps", found, "", ACCOUNT_STOPPED, at), *stopped]

    # -- folding -------------------------------------------------------------------------------------------

    def evolve(self, event: RiskEvent) -> Risk:
        """Fold one fact in. Never refuses."""
        match event:
            case AccountLimitsSet():
                return replace(self, limits=event.limits, hard_bounds_on_paper=event.hard_bounds_on_paper)
            case BotLimitsSet():
                kept = {name: limits for name, limits in self.bot_limits.items() if name != event.bot_id}
                own = {} if event.limits.is_empty else {event.bot_id: event.limits}
                return replace(self, bot_limits={**kept, **own})
            case OrderCounted():
                return self._after_order(event)
            case FillCounted():
                return self._after_fill(event)
            case TradeCounted():
                return replace(
                    self,
                    losses_in_a_row={**self.losses_in_a_row, event.bot_id: event.losses_in_a_row},
                    selling=_without(self.selling, (event.client_order_id,)),
                )
            case EquityMarked():
                return self._after_mark(event)
            case LimitTripped():
                if event.action != BOT_PAUSED:
                    return self
                return replace(self, losses_in_a_row={**self.losses_in_a_row, event.bot_id: 0})
            case KillSwitchReleased():
                freed = replace(self, switches=self.switches.evolve(event))
                return freed._from_here() if event.scope == ACCOUNT else freed
            case KillSwitchEngaged() | KillSwitchFlat():
                return replace(self, switches=self.switches.evolve(event))
            case _:
                assert_never(event)

    # -- inside --------------------------------------------------------------------------------------------

    def _after_order(self, event: OrderCounted) -> Risk:
        quote = event.symbol.partition("/")[2]
        is_real = event.purse != PAPER
        counted = CountedOrder(
            event.bot_id, event.strategy, is_real, quote, event.notional, event.counted_at_utc
        )
        since = event.counted_at_utc - DAY
        recent = {
            order_id: order
            for order_id, order in self.orders.items()
            if order.is_real != is_real or order.at_utc > since
        }
        still_open = _without(self.open_orders, event.ended)
        before = self.exposures.get(event.bot_id)
        blank = Exposure(event.book_id, event.symbol, event.strategy)
        exposure = replace(before or blank, lot_size=event.lot_size)
        return replace(
            self,
            orders={**recent, event.client_order_id: counted},
            open_orders={**still_open, event.client_order_id: counted},
            exposures={**self.exposures, event.bot_id: exposure},
            real_books=self.real_books | {event.book_id} if is_real else self.real_books,
        )

    def _after_fill(self, event: FillCounted) -> Risk:
        before = self.exposures.get(event.bot_id) or Exposure(event.book_id, event.symbol, "")
        after = before.after(event.base_change, event.quote_change)
        selling = self.selling
        if event.base_change < ZERO:
            gained = subtract(after.realised_quote, before.realised_quote)
            so_far = selling.get(event.client_order_id, ZERO)
            selling = {**selling, event.client_order_id: add(so_far, gained)}
        return replace(
            self,
            exposures={**self.exposures, event.bot_id: after},
            selling=selling,
            real_books=self.real_books | {event.book_id} if event.purse != PAPER else self.real_books,
        )

    def _after_mark(self, event: EquityMarked) -> Risk:
        curves = self.curves.get(event.book_id, {})
        curve = curves.get(event.quote, Curve()).after(
            equity=event.equity, profit=event.profit, day=event.marked_at_utc.date().isoformat()
        )
        marks = {**self.marks.get(event.book_id, {}), **event.marks}
        return replace(
            self,
            marks={**self.marks, event.book_id: marks},
            curves={**self.curves, event.book_id: {**curves, event.quote: curve}},
        )

    def _from_here(self) -> Risk:
        return replace(
            self,
            curves={
                book_id: {quote: curve.from_here() for quote, curve in curves.items()}
                for book_id, curves in self.curves.items()
            },
        )


def _tightest(limits: Mapping[str, int | Decimal], figure: int) -> tuple[str, int, int] | None:
    """The layer whose limit is reached, the smallest first: layer, figure, limit."""
    reached = [(int(limit), layer) for layer, limit in limits.items() if figure >= limit]
    if not reached or not figure:
        return None
    limit, layer = min(reached)
    return layer, figure, limit


def _tripped(
    limit: str, found: tuple[str, int, int], bot_id: str, action: str, at: datetime
) -> list[RiskEvent]:
    layer, figure, bound = found
    return [
        LimitTripped(
            limit=limit,
            layer=layer,
            figure=str(figure),
            bound=str(bound),
            bot_id=bot_id,
            action=action,
            tripped_at_utc=at,
        )
    ]


def _without(orders: Mapping[str, S], ended: Iterable[str]) -> dict[str, S]:
    gone = set(ended)
    return {order_id: order for order_id, order in orders.items() if order_id not in gone}


def _require_reason(reason: str) -> None:
    if not reason.strip():
        raise InvalidValue("reason", "say why the limits change; auditors will read it")
