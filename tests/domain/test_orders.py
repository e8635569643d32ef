"""One order's life: intent first, only proof ends it, every fill is taken once."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal

import pytest

from domain.errors import DomainError
from domain.orders.events import OrderEvent, OrderFilled, OrderPartiallyFilled, OrderTerms
from domain.orders.order import Fill, Order, client_order_id
from tests.builders import at, fill, folded, intended_order, limit_buy, market_buy, market_sell

Step = Callable[[Order], Sequence[OrderEvent]]
STEPS: dict[str, Step] = {
    "intend": lambda o: intend(o),
    "accept": lambda o: o.accept(venue_order_id="v-1", at=at()),
    "partial": lambda o: o.record_fill(fill("t-1", "0.004"), is_last=False),
    "last": lambda o: o.record_fill(fill("t-2", "0.006"), is_last=True),
    "intend cancel": lambda o: o.intend_cancel(reason="asked", candle_open_time_ms=None, at=at()),
    "cancel": lambda o: o.cancel(reason="asked", at=at()),
    "refuse": lambda o: o.refuse(reason="no funds", at=at()),
    "lose": lambda o: o.lose_track(problem="timeout", at=at()),
    "complete": lambda o: o.complete(at=at()),
}


def intend(order: Order, terms: OrderTerms | None = None, *, bot_id: str = "bot-1") -> Sequence[OrderEvent]:
    return order.intend(
        client_order_id="o-1",
        owner_id="acc-1",
        book_id="book-1",
        bot_id=bot_id,
        signal_id="bot-1:1:0",
        venue="paper",
        venue_account="paper",
        terms=terms or market_buy(),
        decision_price=Decimal(50_000),
        at=at(),
    )


def after(*steps: str) -> Order:
    order = Order(client_order_id="o-1")
    for step in steps:
        order = folded(order, STEPS[step](order))
    return order


STATES = {
    "intended": after("intend"),
    "open": after("intend", "accept"),
    "to be canceled": after("intend", "accept", "intend cancel"),
    "partly filled": after("intend", "accept", "partial"),
    "partly filled, never accepted": after("intend", "partial"),
    "filled": after("intend", "accept", "partial", "last"),
    "canceled": after("intend", "accept", "cancel"),
    "refused": after("intend", "refuse"),
    "unknown": after("intend", "lose"),
    "unknown after acceptance": after("intend", "accept", "lose"),
    "unknown after a partial fill": after("intend", "accept", "partial", "lose"),
}
P, F, A, X, C, R, U, Z, G = (
    "OrderPartiallyFilled",
    "OrderFilled",
    "OrderAccepted",
    "CancelIntended",
    "OrderCanceled",
    "OrderRefused",
    "OutcomeUnknown",
    "OutcomeResolved",
    "OrderFlagged",
)
# state: command -> the events it answers with, and the status after
MATRIX: dict[str, dict[str, tuple[list[str], str]]] = {
    "intended": {
        "intend": ([], "intended"),
        "accept": ([A], "open"),
        "partial": ([P], "partially_filled"),
        "last": ([F], "filled"),
        "intend cancel": ([X], "intended"),
        "cancel": ([C], "canceled"),
        "refuse": ([R], "refused"),
        "lose": ([U], "unknown"),
        "complete": ([], "intended"),
    },
    "open": {
        "intend": ([], "open"),
        "accept": ([], "open"),
        "partial": ([P], "partially_filled"),
        "last": ([F], "filled"),
        "intend cancel": ([X], "open"),
        "cancel": ([C], "canceled"),
        "refuse": ([], "open"),
        "lose": ([U], "unknown"),
        "complete": ([], "open"),
    },
    "to be canceled": {
        "intend": ([], "open"),
        "accept": ([], "open"),
        "partial": ([P], "partially_filled"),
        "last": ([F], "filled"),
        "intend cancel": ([], "open"),
        "cancel": ([C], "canceled"),
        "refuse": ([], "open"),
        "lose": ([U], "unknown"),
        "complete": ([], "open"),
    },
    "partly filled": {
        "intend": ([], "partially_filled"),
        "accept": ([], "partially_filled"),
        "partial": ([], "partially_filled"),
        "last": ([F], "filled"),
        "intend cancel": ([X], "partially_filled"),
        "cancel": ([C], "canceled"),
        "refuse": ([], "partially_filled"),
        "lose": ([U], "unknown"),
        "complete": ([Z], "filled"),
    },
    "partly filled, never accepted": {
        "intend": ([], "partially_filled"),
        "accept": ([A], "partially_filled"),
        "partial": ([], "partially_filled"),
        "last": ([F], "filled"),
        "intend cancel": ([X], "partially_filled"),
        "cancel": ([C], "canceled"),
        "refuse": ([], "partially_filled"),
        "lose": ([U], "unknown"),
        "complete": ([Z], "filled"),
    },
    "filled": {
        "intend": ([], "filled"),
        "accept": ([], "filled"),
        "partial": ([], "filled"),
        "last": ([], "filled"),
        "intend cancel": ([], "filled"),
        "cancel": ([], "filled"),
        "refuse": ([], "filled"),
        "lose": ([], "filled"),
        "complete": ([], "filled"),
    },
    "canceled": {
        "intend": ([], "canceled"),
        "accept": ([], "canceled"),
        "partial": ([P, G], "canceled"),
        "last": ([F, G], "filled"),
        "intend cancel": ([], "canceled"),
        "cancel": ([], "canceled"),
        "refuse": ([], "canceled"),
        "lose": ([], "canceled"),
        "complete": ([], "canceled"),
    },
    "refused": {
        "intend": ([], "refused"),
        "accept": ([], "refused"),
        "partial": ([P, G], "refused"),
        "last": ([F, G], "filled"),
        "intend cancel": ([], "refused"),
        "cancel": ([], "refused"),
        "refuse": ([], "refused"),
        "lose": ([], "refused"),
        "complete": ([], "refused"),
    },
    "unknown": {
        "intend": ([], "unknown"),
        "accept": ([Z, A], "open"),
        "partial": ([Z, P], "partially_filled"),
        "last": ([Z, F], "filled"),
        "intend cancel": ([X], "unknown"),
        "cancel": ([Z, C], "canceled"),
        "refuse": ([Z, R], "refused"),
        "lose": ([], "unknown"),
        "complete": ([], "unknown"),
    },
    "unknown after acceptance": {
        "intend": ([], "unknown"),
        "accept": ([Z], "open"),
        "partial": ([Z, P], "partially_filled"),
        "last": ([Z, F], "filled"),
        "intend cancel": ([X], "unknown"),
        "cancel": ([Z, C], "canceled"),
        "refuse": ([], "unknown"),
        "lose": ([], "unknown"),
        "complete": ([], "unknown"),
    },
    "unknown after a partial fill": {
        "intend": ([], "unknown"),
        "accept": ([Z], "partially_filled"),
        "partial": ([], "unknown"),
        "last": ([Z, F], "filled"),
        "intend cancel": ([X], "unknown"),
        "cancel": ([Z, C], "canceled"),
        "refuse": ([], "unknown"),
        "lose": ([], "unknown"),
        "complete": ([Z], "filled"),
    },
}


@pytest.mark.parametrize(("state", "command"), list(itertools.product(STATES, STEPS)))
def test_in_every_state_every_command_answers_with_these_events(state: str, command: str) -> None:
    order = STATES[state]

    events = STEPS[command](order)

    expected, status = MATRIX[state][command]
    assert [type(event).__name__ for event in events] == expected
    assert folded(order, events).status == status


@pytest.mark.parametrize(("state", "command"), list(itertools.product(STATES, STEPS)))
def test_a_command_done_again_changes_nothing(state: str, command: str) -> None:
    once = folded(STATES[state], STEPS[command](STATES[state]))

    assert STEPS[command](once) == []


@pytest.mark.parametrize("command", [step for step in STEPS if step != "intend"])
def test_an_order_that_was_never_intended_is_unknown_by_its_id(command: str) -> None:
    with pytest.raises(DomainError) as refusal:
        STEPS[command](Order(client_order_id="o-1"))

    assert (refusal.value.code, refusal.value.data) == ("unknown_order", {"client_order_id": "o-1"})


def test_an_order_id_is_never_used_for_other_terms() -> None:
    for state, budget, bot_id in (("refused", "999", "bot-1"), ("open", "1000", "bot-2")):
        with pytest.raises(DomainError) as refusal:
            intend(STATES[state], market_buy(budget), bot_id=bot_id)
        assert (refusal.value.code, refusal.value.data) == ("order_id_reused", {"client_order_id": "o-1"})


@pytest.mark.parametrize("state", sorted(STATES))
def test_a_flag_is_raised_once_and_changes_no_status(state: str) -> None:
    order = STATES[state]
    flagged = folded(order, order.flag("no_proof", "not shown", at=at()))

    assert (flagged.status, flagged.needs_review) == (order.status, True)
    assert flagged.flag("no_proof", "not shown", at=at()) == []
    reviewed = folded(flagged, flagged.review(reason="asked the venue", by="acc-2", at=at()))
    assert not reviewed.needs_review
    assert reviewed.review(reason="again", by="acc-2", at=at()) == []


def test_an_overfill_of_a_budget_is_counted_in_quote() -> None:
    bought = after("intend", "accept")
    events = bought.record_fill(fill("t-1", "0.03", "50000"), is_last=True)

    assert [type(event).__name__ for event in events] == ["OrderFilled", "OrderFlagged"]
    assert folded(bought, events).overfilled == Decimal(500)


@pytest.mark.parametrize(
    ("terms", "problem"),
    [
        (replace(market_buy(), side="hold"), "side"),
        (replace(market_buy(), order_type="iceberg"), "order type"),
        (replace(market_buy(), time_in_force="GTD"), "time in force"),
        (replace(market_buy(), time_in_force="PO"), "post only"),
        (replace(market_buy(), trigger_price=Decimal(1)), "trigger_price"),
        (replace(market_sell(), order_type="stop"), "trigger_price"),
        (replace(market_sell(), order_type="stop", trigger_price=Decimal(-1)), "trigger_price"),
        (replace(limit_buy(), order_type="stop_limit"), "trigger_price"),
        (replace(market_sell(), order_type="take_profit_limit", trigger_price=Decimal(1)), "limit_price"),
        (replace(market_buy(), quote_budget=None), "quote_budget"),
        (replace(market_buy(), base_quantity=Decimal(1)), "base_quantity"),
        (replace(market_buy(), quote_budget=Decimal(0)), "quote_budget"),
        (replace(market_buy(), quote_budget=Decimal(-1)), "quote_budget"),
        (replace(market_buy(), quote_budget=Decimal("NaN")), "quote_budget"),
        (replace(market_buy(), quote_budget=Decimal("1e400")), "quote_budget"),
        (replace(market_buy(), limit_price=Decimal(1)), "limit_price"),
        (replace(market_sell(), base_quantity=None), "base_quantity"),
        (replace(market_sell(), base_quantity=Decimal("Infinity")), "base_quantity"),
        (replace(market_sell(), quote_budget=Decimal(1)), "quote_budget"),
        (replace(limit_buy(), limit_price=None), "limit_price"),
        (replace(limit_buy(), limit_price=Decimal(0)), "limit_price"),
        (replace(limit_buy(), limit_price=Decimal(-1)), "limit_price"),
        (replace(limit_buy(), limit_price=Decimal("NaN")), "limit_price"),
        (replace(limit_buy(), quote_budget=Decimal(1)), "quote_budget"),
    ],
)
def test_terms_that_name_no_order_are_refused(terms: OrderTerms, problem: str) -> None:
    with pytest.raises(DomainError) as refusal:
        intend(Order(), terms)

    assert refusal.value.code == "invalid_order"
    assert problem in refusal.value.data["problem"]


@pytest.mark.parametrize(
    ("broken", "problem"),
    [
        (replace(fill(), base_quantity=Decimal(-1)), "base_quantity"),
        (replace(fill(), base_quantity=Decimal(0)), "base_quantity"),
        (replace(fill(), base_quantity=Decimal("1e400")), "base_quantity"),
        (replace(fill(), price_quote_per_base=Decimal(-1)), "price"),
        (replace(fill(), price_quote_per_base=Decimal("NaN")), "price"),
        (replace(fill(), quote_amount=Decimal(-500)), "quote_amount"),
        (replace(fill(), quote_amount=Decimal("Infinity")), "quote_amount"),
        (replace(fill(), fee=replace(fill().fee, amount=Decimal("1e30"))), "fee"),
        (replace(fill(), fee=replace(fill().fee, amount=Decimal("NaN"))), "fee"),
        (replace(fill(), venue_trade_id=""), "trade id"),
    ],
)
def test_a_fill_that_no_market_makes_is_refused_whatever_the_venue_says(broken: Fill, problem: str) -> None:
    for order in (STATES["open"], STATES["canceled"]):
        with pytest.raises(DomainError) as refusal:
            order.record_fill(broken, is_last=True)
        assert refusal.value.code == "invalid_fill"
        assert problem in refusal.value.data["problem"]


def test_a_terminal_order_still_takes_a_late_fill_and_its_quantity() -> None:
    order = STATES["canceled"]

    late = folded(order, order.record_fill(fill("t-9", "0.003"), is_last=False))

    assert (late.status, late.filled_base, late.trade_ids) == (
        "canceled",
        Decimal("0.003"),
        frozenset({"t-9"}),
    )


def test_what_the_venue_filled_beyond_the_order_is_counted_not_dropped() -> None:
    order = intended_order(limit_buy("0.01"))
    order = folded(order, order.record_fill(fill("t-1", "0.01"), is_last=True))

    over = folded(order, order.record_fill(fill("t-2", "0.02"), is_last=True))

    assert over.filled_base == Decimal("0.03")


@pytest.mark.parametrize(
    ("terms", "price", "slippage"),
    [
        (market_buy(), "50500", "100"),
        (market_buy(), "49500", "-100"),
        (market_sell(), "49500", "100"),
        (market_sell(), "50500", "-100"),
        (market_buy(), "50000", "0"),
        (market_buy(), "50000.01", "0.002"),
    ],
)
def test_slippage_is_positive_where_it_cost_us(terms: OrderTerms, price: str, slippage: str) -> None:
    events = intended_order(terms).record_fill(fill(price=price), is_last=True)

    assert isinstance(events[0], OrderFilled)
    assert events[0].slippage_bps == Decimal(slippage)


def test_a_fill_keeps_what_the_venue_said() -> None:
    reported = fill("t-7", "0.004", "50123.45", fee="-0.01 BNB", seconds=5)

    (event,) = STATES["open"].record_fill(reported, is_last=False)

    assert isinstance(event, OrderPartiallyFilled)
    assert (
        event.venue_trade_id,
        event.base_quantity,
        event.price_quote_per_base,
        event.fee,
        event.traded_at_utc,
    ) == (
        "t-7",
        reported.base_quantity,
        reported.price_quote_per_base,
        reported.fee,
        at(5),
    )


def test_a_client_order_id_is_short_plain_and_says_its_epoch() -> None:
    for epoch in (0, 7, 12_345):
        made = client_order_id("bot-" + "x" * 200, 999, 1_700_000_000_000, epoch=epoch)
        assert len(made) == 32 <= 36
        assert set(made) <= set("0123456789abcdefghijklmnopqrstuvwxyz-")
        assert made.startswith(f"ek{epoch}-")


def test_a_client_order_id_is_the_same_again_and_differs_by_bot_run_candle_and_epoch() -> None:
    grid = [
        (bot, run, candle, epoch)
        for bot in ("bot-1", "bot-2", "bot-1|1")
        for run in (1, 2, 11)
        for candle in (0, 1, 3_600_000)
        for epoch in (0, 1)
    ]
    ids = [client_order_id(bot, run, candle, epoch=epoch) for bot, run, candle, epoch in grid]

    assert len(set(ids)) == len(grid)
    assert ids == [client_order_id(bot, run, candle, epoch=epoch) for bot, run, candle, epoch in grid]
    assert client_order_id("bot-1", 1, 0) == "ek0-877be8a9c3d64df321b4920eab2b"
