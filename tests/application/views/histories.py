"""Histories to fold: what real aggregates answer to drawn commands, invalid ones included."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

from hypothesis import strategies as st

from adapters.persistence.read_models import MemoryReadModels
from application.ports.event_log import Metadata, Position, RecordedEvent
from application.streams import (
    account_stream,
    book_stream,
    bot_stream,
    cases_stream,
    empty_state,
    hold_stream,
    order_stream,
    reconciliation_stream,
    venue_account_stream,
)
from application.views.projections import PROJECTIONS
from domain.accounts.account import ADMIN, TRADER
from domain.bots.events import BotTerms, PreflightCheck
from domain.errors import DomainError
from domain.ledger.book import PAPER, Settlement
from domain.ledger.postings import AVAILABLE, Posting, bot_account
from domain.money import Money, negate
from domain.orders.events import OrderTerms
from domain.orders.order import BUY, MARKET, SELL, Fill
from domain.reconciliation.breaks import MISSING_HERE, Break
from domain.reconciliation.cases import Cases
from domain.reconciliation.events import PurseTotal, ReconciliationRecorded
from domain.venue_accounts.rights import KeyRights

START = datetime(2026, 1, 1, tzinfo=UTC)
OWNERS = ("ann", "bob")

NAMES = {
    "AccountRegistered": "accounts.account_registered",
    "RoleGranted": "accounts.role_granted",
    "AccountFrozen": "accounts.account_frozen",
    "AccountUnfrozen": "accounts.account_unfrozen",
    "LiveTradingRequested": "accounts.live_trading_requested",
    "LiveTradingApproved": "accounts.live_trading_approved",
    "LiveTradingRevoked": "accounts.live_trading_revoked",
    "BotCreated": "bots.bot_created",
    "BotStarted": "bots.bot_started",
    "BotPaused": "bots.bot_paused",
    "BotResumed": "bots.bot_resumed",
    "BotStopped": "bots.bot_stopped",
    "SignalRaised": "bots.signal_raised",
    "GuardrailTripped": "bots.guardrail_tripped",
    "OrderObserved": "bots.order_observed",
    "PreflightRecorded": "bots.preflight_recorded",
    "BotModeChanged": "bots.mode_changed",
    "HoldPlaced": "holds.hold_placed",
    "HoldSettled": "holds.hold_settled",
    "HoldReleased": "holds.hold_released",
    "BookOpened": "ledger.book_opened",
    "EntryPosted": "ledger.entry_posted",
    "BookClosed": "ledger.book_closed",
    "OrderIntended": "orders.order_intended",
    "OrderAccepted": "orders.order_accepted",
    "OrderPartiallyFilled": "orders.order_partially_filled",
    "OrderFilled": "orders.order_filled",
    "CancelIntended": "orders.cancel_intended",
    "OrderCanceled": "orders.order_canceled",
    "OrderRefused": "orders.order_refused",
    "OutcomeUnknown": "orders.outcome_unknown",
    "OutcomeResolved": "orders.outcome_resolved",
    "OrderFlagged": "orders.order_flagged",
    "OrderReviewed": "orders.order_reviewed",
    "CaseOpened": "reconciliation.case_opened",
    "CaseChanged": "reconciliation.case_changed",
    "CaseClosed": "reconciliation.case_closed",
    "ReconciliationRecorded": "reconciliation.recorded",
    "VenueAccountConnected": "venue_accounts.venue_account_connected",
    "PooledAccountOpened": "venue_accounts.pooled_account_opened",
    "VenueKeyImported": "venue_accounts.venue_key_imported",
    "VenueKeyRotated": "venue_accounts.venue_key_rotated",
    "VenueKeyRevoked": "venue_accounts.venue_key_revoked",
    "VenueAccountClosed": "venue_accounts.venue_account_closed",
}


@dataclass
class History:
    """Aggregates by stream, and the log that their answers make."""

    states: dict[str, Any] = field(default_factory=dict)
    versions: dict[str, int] = field(default_factory=dict)
    log: list[RecordedEvent] = field(default_factory=list)
    refused: int = 0

    @property
    def now(self) -> datetime:
        return START + timedelta(seconds=len(self.log), microseconds=len(self.log) * 7)

    def state(self, stream: str) -> Any:
        return self.states.get(stream, empty_state(stream))

    def record(self, stream: str, events: Sequence[Any]) -> None:
        for event in events:
            self.states[stream] = self.state(stream).evolve(event)
            version = self.versions[stream] = self.versions.get(stream, 0) + 1
            self.log.append(
                RecordedEvent(
                    position=Position(id=len(self.log) + 1),
                    stream=stream,
                    version=version,
                    name=NAMES[type(event).__name__],
                    event=event,
                    metadata=Metadata(
                        recorded_at_utc=self.now,
                        actor="system:test",
                        command_id=f"c-{len(self.log)}",
                        correlation_id="x",
                        causation_id="x",
                    ),
                )
            )

    def attempt(self, stream: str, decide: Callable[[Any], Sequence[Any]]) -> bool:
        """Whether the aggregate took it; a refusal changes nothing."""
        try:
            self.record(stream, decide(self.state(stream)))
        except DomainError:
            self.refused += 1
            return False
        return True


def amounts(at_most: int = 2_000) -> st.SearchStrategy[Decimal]:
    return st.decimals(min_value=Decimal(-1), max_value=at_most, places=8, allow_nan=False)


def _register(history: History, owner: str, _amount: Decimal, _n: int) -> None:
    history.attempt(
        account_stream(owner),
        lambda a: a.register(account_id=owner, roles=(TRADER,), identity_commitment="c0", at=history.now),
    )


def _role(history: History, owner: str, _amount: Decimal, n: int) -> None:
    role = (ADMIN, "emperor")[n % 2]
    history.attempt(account_stream(owner), lambda a: a.grant_role(role, by="root", at=history.now))


def _freeze(history: History, owner: str, _amount: Decimal, n: int) -> None:
    step = "freeze" if n % 2 else "unfreeze"
    history.attempt(
        account_stream(owner), lambda a: getattr(a, step)(reason="why", by="root", at=history.now)
    )


def _open(history: History, owner: str, _amount: Decimal, _n: int) -> None:
    history.attempt(
        book_stream(owner),
        lambda b: b.open(
            book_id=owner, owner_id=owner, purse=PAPER, venue_account=f"paper-{owner}", at=history.now
        ),
    )


def _close(history: History, owner: str, _amount: Decimal, n: int) -> None:
    if n == 0:
        history.attempt(book_stream(owner), lambda b: b.close(reason="reset", at=history.now))


def _deposit(history: History, owner: str, amount: Decimal, n: int) -> None:
    history.attempt(
        book_stream(owner),
        lambda b: b.credit_deposit(Money(amount, "USDT"), entry_id=f"d{n}", at=history.now),
    )


def _create_bot(history: History, owner: str, amount: Decimal, n: int) -> None:
    terms = BotTerms(
        name=f"bot of {owner}",
        strategy="ema_crossover",
        parameters={"slow": "26", "fast": str(n)},
        venue="paper",
        symbol="BTC/USDT",
        interval="1h",
        source="synthetic",
        allocation=Money(amount, "USDT"),
    )
    history.attempt(
        bot_stream(owner),
        lambda b: b.create(
            bot_id=owner,
            owner_id=owner,
            book_id=owner,
            venue_account=f"paper-{owner}",
            terms=terms,
            at=history.now,
        ),
    )


def _lead_bot(history: History, owner: str, _amount: Decimal, n: int) -> None:
    steps: tuple[Callable[[Any], Sequence[Any]], ...] = (
        lambda b: b.start(after_candle_ms=None, at=history.now),
        lambda b: b.pause(reason="look", at=history.now),
        lambda b: b.resume(after_candle_ms=None, at=history.now),
        lambda b: b.stop(reason="done", at=history.now),
    )
    history.attempt(bot_stream(owner), steps[n % 4])


def _allocate(history: History, owner: str, amount: Decimal, n: int) -> None:
    history.attempt(
        book_stream(owner),
        lambda b: b.allocate(Money(amount, "USDT"), bot_id=owner, entry_id=f"a{n}", at=history.now),
    )


def _signal(history: History, owner: str, amount: Decimal, n: int) -> None:
    """A signal, and then a guardrail or an intended order with its hold."""
    side = SELL if n % 3 == 0 else BUY
    bot = history.state(bot_stream(owner))
    before = len(history.log)
    candle = 3_600_000 * (len(history.log) + 1)
    history.attempt(
        bot_stream(owner),
        lambda b: b.raise_signal(
            side=side, candle_open_time_ms=candle, price=Decimal(100), why="crossed", at=history.now
        ),
    )
    if len(history.log) == before:
        return
    order_id = history.log[-1].event.client_order_id
    asset = "USDT" if side == BUY else "BTC"
    try:
        events = history.state(book_stream(owner)).place_hold(
            order_id, Money(amount, asset), source=bot_account(owner), at=history.now
        )
    except DomainError as error:
        refusal = error
        history.attempt(
            bot_stream(owner), lambda b: b.trip(refusal, candle_open_time_ms=candle, at=history.now)
        )
        return
    history.record(book_stream(owner), events)
    terms = OrderTerms(
        symbol="BTC/USDT",
        side=side,
        order_type=MARKET,
        base_quantity=amount if side == SELL else None,
        quote_budget=amount if side == BUY else None,
    )
    history.attempt(
        order_stream(order_id),
        lambda o: o.intend(
            client_order_id=order_id,
            owner_id=owner,
            book_id=owner,
            bot_id=bot.bot_id,
            signal_id=f"{owner}:{candle}",
            venue="paper",
            venue_account=f"paper-{owner}",
            terms=terms,
            decision_price=Decimal(100),
            at=history.now,
        ),
    )


def _orders(history: History, owner: str) -> list[str]:
    return [
        stream
        for stream, state in history.states.items()
        if stream.startswith("order:") and state.owner_id == owner
    ]


def _venue(history: History, owner: str, _amount: Decimal, n: int) -> None:
    """What a venue, or its silence, says about the newest order."""
    if not (streams := _orders(history, owner)):
        return
    steps: tuple[Callable[[Any], Sequence[Any]], ...] = (
        lambda o: o.accept(venue_order_id=f"v-{o.client_order_id}", at=history.now),
        lambda o: o.lose_track(problem="timeout", at=history.now),
        lambda o: o.flag("no_proof", f"look {len(history.log)}", at=history.now),
        lambda o: o.review(reason="looked at", by="acc-op", at=history.now),
        lambda o: o.refuse(reason="no", at=history.now),
        lambda o: o.cancel(reason="old", at=history.now),
        lambda o: o.intend_cancel(reason="old", candle_open_time_ms=n or None, at=history.now),
    )
    history.attempt(streams[-1], steps[n % len(steps)])
    order = history.state(streams[-1])
    if order.has_ended:
        history.attempt(
            book_stream(owner),
            lambda b: b.release_hold(order.client_order_id, to=bot_account(owner), at=history.now),
        )


def _fill(history: History, owner: str, amount: Decimal, n: int) -> None:
    """A fill of any order, ended ones included; some are reported twice."""
    if not (streams := _orders(history, owner)) or amount <= 0:
        return
    order = history.state(streams[n % len(streams)])
    quantity, price = amount / 1000, Decimal("99.5") + n
    fee = Money(*((Decimal("0.01"), "USDT"), (Decimal("0.00001"), "BTC"), (Decimal("-0.02"), "BNB"))[n % 3])
    fill = Fill(
        venue_trade_id=f"{owner}-{n}",
        base_quantity=quantity,
        price_quote_per_base=price,
        quote_amount=quantity * price,
        fee=fee,
        traded_at_utc=history.now,
    )
    known = fill.venue_trade_id in order.trade_ids
    if any(fill.venue_trade_id in history.state(s).trade_ids for s in streams) and not known:
        return  # a venue never gives one trade id to two orders
    history.attempt(streams[n % len(streams)], lambda o: o.record_fill(fill, is_last=n % 2 == 0))
    base, quote = Money(quantity, "BTC"), Money(fill.quote_amount, "USDT")
    if not known:
        buys = order.terms.side == BUY
        history.attempt(
            book_stream(owner),
            lambda b: b.settle_fill(
                Settlement(
                    trade_id=fill.venue_trade_id,
                    order_id=order.client_order_id,
                    bot_id=owner,
                    received=base if buys else quote,
                    paid=quote if buys else base,
                    venue_fee=fee,
                    platform_fee=Money(Decimal("0.005"), "USDT"),
                    traded_at_utc=history.now,
                )
            ),
        )


def _give_back(history: History, owner: str, amount: Decimal, n: int) -> None:
    history.attempt(
        book_stream(owner),
        lambda b: b.deallocate(Money(amount, "USDT"), bot_id=owner, entry_id=f"g{n}", at=history.now),
    )
    with suppress(DomainError):
        assert history.state(book_stream(owner)).owed(AVAILABLE, "USDT").amount >= 0


def _compare(history: History, owner: str, amount: Decimal, n: int) -> None:
    """One line is missing here, for some amount or not at all."""
    found = [
        Break(
            key=f"transfer:{n % 2}",
            kind=MISSING_HERE,
            here=(),
            there=(Money(amount, "USDT"),),
            purse=PAPER,
            book_id=owner,
            owner_id=owner,
        )
    ]
    history.attempt(
        cases_stream(f"paper-{owner}"),
        lambda c: c.compare(
            found if n % 3 and amount else (),
            was_compared=lambda _: True,
            run_id=f"run-{n}",
            by="root",
            at=history.now,
        ),
    )


def _close_case(history: History, owner: str, _amount: Decimal, n: int) -> None:
    stream = cases_stream(f"paper-{owner}")
    for case_id in list(history.state(stream).open):
        step = "accept" if n % 2 else "post"
        history.attempt(stream, partial(_close_by_hand, step=step, case_id=case_id, at=history.now))


def _close_by_hand(cases: Cases, *, step: str, case_id: str, at: datetime) -> Sequence[Any]:
    closed: Sequence[Any] = getattr(cases, step)(case_id, reason="why", by="root", at=at)
    return closed


def _reconcile(history: History, _owner: str, amount: Decimal, n: int) -> None:
    outcome = ReconciliationRecorded(
        run_id=f"run-{n}",
        source="paper",
        by="root",
        accounts=2,
        not_compared=0,
        unanswered=n % 2,
        lines_matched=n,
        fills_booked=0,
        breaks={MISSING_HERE: n % 3},
        cases_opened=1,
        cases_closed=0,
        totals=(
            PurseTotal(
                purse=PAPER,
                asset="USDT",
                **dict.fromkeys(("holds", "due", "revenue", "expense", "clearing", "other"), Decimal(0)),
                **dict.fromkeys(("wallets", "custody", "compared", "reported"), amount),
            ),
        ),
        started_at_utc=history.now,
        ended_at_utc=history.now,
    )
    history.attempt(reconciliation_stream(f"run-{n}"), lambda r: r.record(outcome))


def _hold(history: History, owner: str, amount: Decimal, n: int) -> None:
    """A hold placed, or what is done with it next; and now and then the last settlement taken back."""
    hold_id, book = f"hold-{owner}-{n % 3}", book_stream(owner)
    stream, money = hold_stream(hold_id), Money(amount, "USDT")
    hold, left = history.state(stream), history.state(book).owed(f"owner:held:{hold_id}", "USDT")
    if not hold.exists:
        if history.attempt(book, lambda b: b.place_hold(hold_id, money, source=AVAILABLE, at=history.now)):
            history.record(
                stream,
                hold.place(
                    hold_id=hold_id,
                    book_id=owner,
                    owner_id=owner,
                    amount=money,
                    reason="a dispute",
                    expires_at=history.now + timedelta(hours=1) if n % 2 else None,
                    at=history.now,
                ),
            )
        return
    if hold.has_ended:
        return
    entry_id, part = f"settlement:{hold_id}:{hold.settlements + 1}", min(amount, left.amount)
    if n % 4 and history.attempt(
        book,
        lambda b: b.settle_hold(
            hold_id,
            Money(part, "USDT"),
            to="suspense",
            entry_id=entry_id,
            at=history.now,
            reason="lost",
            metadata={"n": str(n)},
        ),
    ):
        rest = left - Money(part, "USDT")
        history.record(
            stream,
            hold.settled(Money(part, "USDT"), to="suspense", left=rest, entry_id=entry_id, at=history.now),
        )
    elif history.attempt(book, lambda b: b.release_hold(hold_id, to=AVAILABLE, at=history.now)):
        history.record(stream, hold.released(left, because="released", reason="", at=history.now))


def _adjust(history: History, owner: str, amount: Decimal, n: int) -> None:
    """Something given, with metadata, and taken back again."""
    legs = Posting("equity:adjustment", "USDT", amount), Posting(AVAILABLE, "USDT", negate(amount))
    entry_id = f"adjustment:{len(history.log)}:{n}"
    if history.attempt(
        book_stream(owner),
        lambda b: b.adjust(
            legs, entry_id=entry_id, reason="a gift", at=history.now, metadata={"a": "1", "n": str(n)}
        ),
    ):
        given = history.log[-1].event
        if n % 2:
            history.attempt(
                book_stream(owner), lambda b: b.reverse(given, reason="a mistake", at=history.now)
            )


def _live(history: History, owner: str, _amount: Decimal, n: int) -> None:
    steps: tuple[Callable[[Any], Sequence[Any]], ...] = (
        lambda a: a.request_live(reason="why", at=history.now),
        lambda a: a.approve_live(reason="why", by="root", at=history.now),
        lambda a: a.revoke_live(reason="why", by="root", at=history.now),
    )
    history.attempt(account_stream(owner), steps[n % 3])


def _mode(history: History, owner: str, amount: Decimal, n: int) -> None:
    """A bot that observes, with a pre-flight, and what it would have ordered on its last signal."""
    bot = history.state(bot_stream(owner))
    if bot.mode == "PAPER":
        history.record(bot_stream(owner), bot.begin_observing(by="root", asked_from="cli", at=history.now))
    check = PreflightCheck(name="clock", verdict=("PASS", "WARN", "FAIL")[n % 3], message="", figures={})
    steps: tuple[Callable[[Any], Sequence[Any]], ...] = (
        lambda b: b.record_preflight(
            preflight_id=f"p-{n}", for_mode="LIVE", checks=(check,), by="root", at=history.now
        ),
        lambda b: b.change_mode(
            ("LIVE", "OBSERVE")[n // 4 % 2],
            reason="why",
            by="root",
            asked_from="cli",
            preflight_id=b.preflight.preflight_id if b.preflight else "",
            step_up_id="",
            at=history.now,
        ),
    )
    history.attempt(bot_stream(owner), steps[n % 2])
    last = next((r for r in reversed(history.log) if r.stream == bot_stream(owner)), None)
    if last is not None and last.name == "bots.signal_raised":
        _observe(history, owner, amount, last.event)


def _observe(history: History, owner: str, amount: Decimal, signal: Any) -> None:
    history.attempt(
        bot_stream(owner),
        lambda b: b.observe(
            side=signal.side,
            candle_open_time_ms=signal.candle_open_time_ms,
            base_quantity=amount if signal.side == SELL else None,
            quote_budget=amount if signal.side == BUY else None,
            price=signal.price,
            at=history.now,
        ),
    )


def _venue_account(history: History, owner: str, _amount: Decimal, n: int) -> None:
    stream = venue_account_stream(f"binance.{owner}")
    rights = KeyRights(may_read=True, may_trade=bool(n % 2), may_take_out=n % 5 == 0, is_ip_restricted=True)
    steps: tuple[Callable[[Any], Sequence[Any]], ...] = (
        lambda v: v.connect(
            venue_account_id=f"binance.{owner}",
            owner_id=owner,
            venue="binance",
            name="main",
            book_id=owner,
            at=history.now,
        ),
        lambda v: v.take_key(
            key_id=f"k-{n}",
            fingerprint=f"f-{n}",
            rights=rights,
            venue_uid=str(n % 3 or ""),
            replacing=v.key is not None,
            by=owner,
            at=history.now,
        ),
        lambda v: v.revoke_key(reason="why", by=owner, at=history.now),
        lambda v: v.close(reason="why", by=owner, at=history.now),
        lambda v: v.open_pooled(
            venue_account_id=f"binance.{owner}", venue="binance", name="main", by="root", at=history.now
        ),
    )
    history.attempt(stream, steps[(0, 1, 1, 2, 1, 0, 1, 4, 1, 0, 1, 3)[n % 12]])


Step = Callable[[History, str, Decimal, int], None]

STEPS: tuple[Step, ...] = (
    _register,
    _role,
    _freeze,
    _open,
    _close,
    _deposit,
    _create_bot,
    _lead_bot,
    _allocate,
    _signal,
    _signal,
    _venue,
    _fill,
    _fill,
    _give_back,
    _compare,
    _close_case,
    _reconcile,
    _hold,
    _hold,
    _adjust,
    _live,
    _mode,
    _venue_account,
    _venue_account,
)
BEGIN: tuple[Step, ...] = (_register, _open, _deposit, _create_bot, _allocate, _lead_bot)


@st.composite
def histories(draw: st.DrawFn, most: int = 40) -> History:
    """Two owners who have begun, and then any steps in any order."""
    history = History()
    for owner in OWNERS:
        for step in BEGIN:
            step(history, owner, Decimal(1_000), 4)
    steps = st.tuples(st.sampled_from(STEPS), st.sampled_from(OWNERS), amounts(), st.integers(0, 11))
    for step, owner, amount, n in draw(st.lists(steps, max_size=most)):
        step(history, owner, amount, n)
    return history


def a_history(rounds: int = 3) -> History:
    """A fixed one in which everything happens: about fifty events a round."""
    history = History()
    for owner in OWNERS:
        for begin in BEGIN:
            begin(history, owner, Decimal(1_000), 4)
    for n in range(rounds * len(STEPS) * 2):
        for step in (_signal, _fill, STEPS[n // 2 % len(STEPS)]):
            if step is not _close:
                step(history, OWNERS[n % 2], Decimal(n + 1), n)
        if n % 3:
            _lead_bot(history, OWNERS[n % 2], Decimal(0), 0)
            _venue(history, OWNERS[n % 2], Decimal(0), n)
    return history


def folded(history: History) -> MemoryReadModels:
    """The log, folded in memory: what every database must come to."""
    rows = MemoryReadModels()
    for recorded in history.log:
        for projection in PROJECTIONS:
            if recorded.name in projection.names:
                projection.fold(rows, recorded)
    return rows
