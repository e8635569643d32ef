"""Whatever is sent and shown: nothing is created or destroyed, and nothing depends on when we were killed."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from adapters.exchanges.paper.memory_store import MemoryPaperStore
from adapters.exchanges.paper.venue import PaperExchange
from application.ports.exchange import OrderReport, VenueOrderNotFound, VenueRefused
from application.ports.paper_accounts import (
    CLOSE,
    FEE_IN_QUOTE,
    FEE_IN_RECEIVED,
    NEXT_OPEN,
    PaperTerms,
    VenueDeposit,
)
from application.ports.paper_store import AccountState
from domain.market import Candle
from domain.money import Money
from domain.orders.events import OrderTerms
from tests.adapters.exchanges.paper.venues import (
    ACCOUNT,
    MINUTE,
    SYMBOL,
    candle,
    limit_buy,
    limit_sell,
    market_buy,
    market_sell,
    request,
    show,
)

DEPOSITS = {"USDT": Decimal("1000.01"), "BTC": Decimal("3.21")}
MINUTES = 12


@dataclass(frozen=True)
class Send:
    """An order sent when a minute begins, before its candle is shown."""

    minute: int
    order_id: str
    terms: OrderTerms


@dataclass(frozen=True)
class Cancel:
    minute: int
    order_id: str


@dataclass(frozen=True)
class Scenario:
    terms: PaperTerms
    candles: Sequence[Candle]
    steps: Sequence[Send | Cancel]


prices = st.integers(1, 400).map(lambda n: Decimal(n) / 4)
amounts = st.integers(1, 90_000).map(lambda n: str(Decimal(n) / 100))
rates = st.sampled_from(["-0.01", "-0.00025", "0", "0.001", "0.0075", "0.3"]).map(Decimal)


@st.composite
def all_terms(draw: st.DrawFn) -> PaperTerms:
    return PaperTerms(
        fill_convention=draw(st.sampled_from([NEXT_OPEN, CLOSE])),
        fee_asset=draw(st.sampled_from([FEE_IN_QUOTE, FEE_IN_RECEIVED])),
        maker_fee_rate=draw(rates),
        taker_fee_rate=draw(rates),
        tick_size=draw(st.sampled_from(["0", "0.25", "0.5"]).map(Decimal)),
        lot_size=draw(st.sampled_from(["0", "0.01"]).map(Decimal)),
        base_scale=draw(st.sampled_from([2, 8, 18])),
        quote_scale=draw(st.sampled_from([0, 2, 18])),
        volume_cap=draw(st.sampled_from([None, Decimal("0.01"), Decimal(1)])),
        slippage_bps=draw(st.sampled_from(["0", "12.5", "500"]).map(Decimal)),
        latency_ms=draw(st.sampled_from([0, 1, 90_000])),
        fill_probability=draw(st.sampled_from(["1", "0.5"]).map(Decimal)),
        seed=draw(st.integers(0, 3)),
    )


@st.composite
def candles_at(draw: st.DrawFn, minute: int) -> Candle:
    first, last, *tips = [draw(prices) for _ in range(4)]
    shown = candle(minute, str(first), str(last), volume=str(draw(st.integers(0, 500))))
    return replace(shown, high=max(first, last, *tips), low=min(first, last, *tips))


orders = st.one_of(
    amounts.map(market_buy),
    st.integers(1, 400).map(lambda hundredths: market_sell(str(Decimal(hundredths) / 100))),
    st.builds(lambda quantity, price: limit_buy(quantity, str(price)), amounts, prices),
    st.builds(lambda quantity, price: limit_sell(quantity, str(price)), amounts, prices),
)


@st.composite
def scenarios(draw: st.DrawFn) -> Scenario:
    steps: list[Send | Cancel] = []
    for number in range(draw(st.integers(1, 6))):
        minute = draw(st.integers(1, MINUTES - 1))
        steps.append(Send(minute, f"o-{number}", draw(orders)))
        if draw(st.booleans()):
            steps.append(Cancel(draw(st.integers(minute + 1, MINUTES)), f"o-{number}"))
    return Scenario(draw(all_terms()), [draw(candles_at(minute)) for minute in range(MINUTES)], steps)


def opened(terms: PaperTerms, store: MemoryPaperStore) -> PaperExchange:
    venue = PaperExchange(store)
    venue.open_account(ACCOUNT, terms)
    for asset, amount in DEPOSITS.items():
        venue.deposit([VenueDeposit(ACCOUNT, f"deposit-{asset}", Money(amount, asset))])
    return venue


def take(venue: PaperExchange, step: Send | Cancel) -> None:
    with suppress(VenueRefused, VenueOrderNotFound):
        if isinstance(step, Send):
            venue.submit(request(step.terms, step.order_id, minute=step.minute))
        else:
            venue.cancel(ACCOUNT, SYMBOL, step.order_id)


def play(venue: PaperExchange, scenario: Scenario, *, minutes: range = range(MINUTES)) -> None:
    for minute in minutes:
        for step in scenario.steps:
            if step.minute == minute:
                take(venue, step)
        show(venue, scenario.candles[minute])


def reports(store: MemoryPaperStore, scenario: Scenario) -> list[OrderReport | None]:
    venue = PaperExchange(store)
    found: list[OrderReport | None] = []
    for step in scenario.steps:
        try:
            found.append(venue.report(ACCOUNT, SYMBOL, step.order_id))
        except VenueOrderNotFound:
            found.append(None)
    return found


def require_sound(store: MemoryPaperStore, scenario: Scenario) -> AccountState:
    """Never negative; locked is what open orders lock; deposits and trades are all there, fees included."""
    state = store.load(ACCOUNT)
    assert state is not None
    locked: dict[str, Decimal] = {}
    for order in state.orders.values():
        asset = "USDT" if order.terms.side == "buy" else "BTC"
        locked[asset] = locked.get(asset, Decimal(0)) + order.locked
    traded = dict(DEPOSITS)
    for step in scenario.steps:
        stored = store.order(ACCOUNT, step.order_id) if isinstance(step, Send) else None
        for fill in stored.fills if stored else ():
            assert fill.base_quantity > 0
            assert fill.quote_amount > 0
            sign = 1 if stored and stored.terms.side == "buy" else -1
            traded["BTC"] += sign * fill.base_quantity
            traded["USDT"] -= sign * fill.quote_amount
    for asset, balance in state.balances.items():
        assert balance.free >= 0
        assert balance.locked >= 0
        assert balance.locked == locked.get(asset, 0)
        assert balance.free + balance.locked + balance.fees == traded[asset]
    return state


@given(scenarios())
def test_balances_are_never_negative_and_nothing_is_created_or_destroyed(scenario: Scenario) -> None:
    """Safety #13-#16: whatever the filters, fee assets, rebates and partial fills."""
    store = MemoryPaperStore()
    venue = opened(scenario.terms, store)

    for minute in range(MINUTES):
        play(venue, scenario, minutes=range(minute, minute + 1))
        require_sound(store, scenario)


@given(scenarios())
def test_an_order_never_takes_more_than_it_was_given(scenario: Scenario) -> None:
    store = MemoryPaperStore()
    play(opened(scenario.terms, store), scenario)

    for step in scenario.steps:
        order = store.order(ACCOUNT, step.order_id) if isinstance(step, Send) else None
        if order is None:
            continue
        spent = sum(
            (f.quote_amount + (f.fee.amount if f.fee.asset == "USDT" else 0) for f in order.fills), Decimal(0)
        )
        if order.terms.quote_budget is not None:
            assert spent <= order.terms.quote_budget
        if order.terms.base_quantity is not None:
            assert order.filled_base <= order.terms.base_quantity


@given(scenarios(), st.data())
def test_candles_shown_again_in_any_prefix_change_nothing(scenario: Scenario, data: st.DataObject) -> None:
    once, again = MemoryPaperStore(), MemoryPaperStore()
    play(opened(scenario.terms, once), scenario)

    venue = opened(scenario.terms, again)
    for minute in range(MINUTES):
        play(venue, scenario, minutes=range(minute, minute + 1))
        start = data.draw(st.integers(0, minute))
        show(venue, *scenario.candles[start : minute + 1])

    assert again.load(ACCOUNT) == once.load(ACCOUNT)
    assert reports(again, scenario) == reports(once, scenario)


@given(scenarios(), st.integers(0, MINUTES - 1), st.integers(0, MINUTES - 1))
def test_killed_at_any_point_and_shown_the_candles_again_the_fills_are_the_same(
    scenario: Scenario, killed_at: int, shown_from: int
) -> None:
    """What the venue had in memory is gone; its store, the requests and the candles come again."""
    once, restarted = MemoryPaperStore(), MemoryPaperStore()
    play(opened(scenario.terms, once), scenario)

    play(opened(scenario.terms, restarted), scenario, minutes=range(killed_at))
    venue = opened(scenario.terms, restarted)
    show(venue, *scenario.candles[min(shown_from, max(killed_at - 1, 0)) : killed_at])
    for step in scenario.steps:
        if isinstance(step, Send) and step.minute < killed_at:
            with suppress(VenueOrderNotFound):  # a retry of what the venue already has
                venue.report(ACCOUNT, SYMBOL, step.order_id)
                take(venue, step)
    play(venue, scenario, minutes=range(killed_at, MINUTES))

    assert reports(restarted, scenario) == reports(once, scenario)
    assert require_sound(restarted, scenario) == once.load(ACCOUNT)


def test_an_order_sent_long_after_the_candles_fills_at_none_of_them() -> None:
    store = MemoryPaperStore()
    venue = opened(PaperTerms(), store)
    late = request(market_buy("10"))
    venue.submit(replace(late, sent_at_utc=late.sent_at_utc + timedelta(days=365)))

    show(venue, candle(1, "100"), candle(2, "100"))

    assert venue.report(ACCOUNT, SYMBOL, "o-1").status == "open"
    assert store.accounts_with_open_orders(SYMBOL) == [ACCOUNT]
    assert MINUTE == 60_000
