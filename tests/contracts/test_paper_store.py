"""What every PaperStore promises: memory, SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from adapters.exchanges.paper.changes import changed
from application.ports.paper_accounts import CLOSE, PaperTerms
from application.ports.paper_store import (
    CANCELED,
    FILLED,
    AccountHistory,
    AccountState,
    Balance,
    OrderIdTaken,
    PaperOrder,
    PaperStore,
    StaleAccount,
)
from domain.money import Money
from domain.orders.order import Fill
from tests.adapters.exchanges.paper.venues import SYMBOL, at, limit_buy, market_sell, open_store

TERMS = PaperTerms(fill_convention=CLOSE, volume_cap=Decimal("0.1"), seed=7)
ORDER = PaperOrder(
    client_order_id="o-1",
    venue_order_id="paper-1",
    number=1,
    terms=limit_buy("1.5", "100.25"),
    sent_at_ms=1_700_000_000_000,
    locked=Decimal("150.375"),
)
FILL = Fill(
    venue_trade_id="t-1",
    base_quantity=Decimal("0.123456789012345678"),
    price_quote_per_base=Decimal("100.25"),
    quote_amount=Decimal("12.37"),
    fee=Money(Decimal("-0.01"), "USDT"),
    traded_at_utc=at(7),
)


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[PaperStore]:
    url = request.getfixturevalue("empty_postgres_url") if request.param == "postgresql" else ""
    with open_store(request.param, tmp_path, url) as opened:
        yield opened


def loaded(store: PaperStore, account: str = "a") -> AccountState:
    state = store.load(account)
    assert state is not None
    return state


def with_open_order(store: PaperStore) -> AccountState:
    store.create("a", TERMS)
    balances = {"USDT": Balance(Decimal("849.625"), Decimal("150.375"))}
    store.save(changed(loaded(store), balances, {"o-1": ORDER}, new_orders=(ORDER,)))
    return loaded(store)


def test_a_new_account_has_its_terms_and_nothing_else(store: PaperStore) -> None:
    assert store.create("a", TERMS)

    assert store.load("a") == AccountState(venue_account="a", terms=TERMS, version=1)
    assert store.load("b") is None


def test_an_account_is_created_once(store: PaperStore) -> None:
    store.create("a", TERMS)

    assert not store.create("a", PaperTerms())
    assert loaded(store).terms == TERMS


def test_what_was_saved_is_loaded(store: PaperStore) -> None:
    state = with_open_order(store)

    assert state.version == 2
    assert state.orders == {"o-1": ORDER}
    assert state.balances == {"USDT": Balance(Decimal("849.625"), Decimal("150.375"))}
    assert store.accounts_with_open_orders(SYMBOL) == ["a"]
    assert store.accounts() == [state]


def test_fills_are_kept_exactly_and_in_order(store: PaperStore) -> None:
    state = with_open_order(store)
    second = replace(FILL, venue_trade_id="t-2", traded_at_utc=at(8))
    once = replace(ORDER, fills=(FILL,), filled_base=FILL.base_quantity, last_candle_ms=420_000)
    store.save(
        changed(state, state.balances, {"o-1": once}, updated_orders=(once,), new_fills=(("o-1", 1, FILL),))
    )
    assert loaded(store).orders == {"o-1": once}

    state = loaded(store)
    twice = replace(once, fills=(FILL, second), status=FILLED, locked=Decimal(0))
    store.save(changed(state, state.balances, {}, updated_orders=(twice,), new_fills=(("o-1", 2, second),)))

    assert loaded(store).orders == {}
    assert store.order("a", "o-1") == twice
    assert store.accounts_with_open_orders(SYMBOL) == []


def test_an_ended_order_stays_readable(store: PaperStore) -> None:
    state = with_open_order(store)
    ended = replace(ORDER, status=CANCELED, reason="on request", locked=Decimal(0))
    store.save(changed(state, state.balances, {}, updated_orders=(ended,)))

    assert store.order("a", "o-1") == ended
    assert store.order("a", "o-2") is None
    assert store.order("b", "o-1") is None


def test_a_decision_on_a_stale_view_writes_nothing(store: PaperStore) -> None:
    stale = with_open_order(store)
    credited = {"USDT": Balance(Decimal(1000), Decimal("150.375"))}
    store.save(changed(stale, credited, stale.orders))

    with pytest.raises(StaleAccount):
        store.save(changed(stale, {"USDT": Balance(Decimal(0))}, {}))

    assert loaded(store).balances == credited


def test_an_order_id_is_used_once_and_the_whole_save_is_refused(store: PaperStore) -> None:
    state = with_open_order(store)

    with pytest.raises(OrderIdTaken):
        store.save(changed(state, {"USDT": Balance()}, {"o-1": ORDER}, new_orders=(ORDER,)))

    assert loaded(store) == state


def test_two_accounts_may_use_the_same_order_id(store: PaperStore) -> None:
    with_open_order(store)
    store.create("b", PaperTerms())
    sell = replace(ORDER, terms=market_sell("2"))
    store.save(changed(loaded(store, "b"), {}, {"o-1": sell}, new_orders=(sell,)))

    assert store.order("a", "o-1") == ORDER
    assert store.order("b", "o-1") == sell
    assert store.accounts_with_open_orders(SYMBOL) == ["a", "b"]
    assert store.accounts_with_open_orders("ETH/USDT") == []


def test_a_deposit_is_found_by_its_id(store: PaperStore) -> None:
    store.create("a", TERMS)
    amount = Money(Decimal("0.000000000000000001"), "BTC")
    store.save(changed(loaded(store), {"BTC": Balance(amount.amount)}, {}, deposits=(("d-1", amount),)))
    store.create("b", TERMS)

    assert store.deposits([("a", "d-1"), ("a", "d-2"), ("b", "d-1")]) == {("a", "d-1"): amount}
    assert store.deposits([]) == {}
    assert loaded(store).balances == {"BTC": Balance(amount.amount)}


def test_any_number_of_deposits_and_accounts_can_be_looked_for(store: PaperStore) -> None:
    """PostgreSQL takes 65,535 parameters a statement, SQLite 32,766 where it was built as it comes."""
    store.create("a", TERMS)
    amount = Money(Decimal(1), "BTC")
    store.save(changed(loaded(store), {"BTC": Balance(amount.amount)}, {}, deposits=(("d-9", amount),)))
    many = [str(number) for number in range(66_000)]

    assert store.deposits([("a", f"d-{number}") for number in many]) == {("a", "d-9"): amount}
    assert set(store.load_all([*many, "a"])) == {"a"}


def test_changes_of_several_accounts_are_saved_together(store: PaperStore) -> None:
    with_open_order(store)
    store.create("b", TERMS)
    one, other = loaded(store), loaded(store, "b")
    amount = Money(Decimal(3), "BTC")
    credit = {"BTC": Balance(amount.amount)}

    store.save(
        changed(other, credit, {}, deposits=(("d-1", amount), ("d-2", amount))),
        changed(one, {**one.balances, **credit}, one.orders, deposits=(("d-1", amount),)),
    )

    assert set(store.load_all(["a", "b", "c"])) == {"a", "b"}
    assert store.load_all(["b"]) == {"b": loaded(store, "b")}
    assert loaded(store).orders == one.orders
    assert loaded(store, "b").balances == credit
    assert len(store.deposits([("a", "d-1"), ("b", "d-1"), ("b", "d-2")])) == 3


def test_one_stale_account_keeps_the_others_from_being_saved(store: PaperStore) -> None:
    stale = with_open_order(store)
    store.save(changed(stale, stale.balances, stale.orders))
    store.create("b", TERMS)
    other = loaded(store, "b")

    with pytest.raises(StaleAccount):
        store.save(
            changed(other, {"BTC": Balance(Decimal(1))}, {}), changed(stale, stale.balances, stale.orders)
        )

    assert loaded(store, "b") == other


def test_a_history_has_all_that_happened_to_an_account_and_nothing_of_others(store: PaperStore) -> None:
    state = with_open_order(store)
    store.create("b", TERMS)
    other = replace(ORDER, client_order_id="o-2", number=2)
    deposit = ("d-1", Money(Decimal(1000), "USDT"))
    store.save(changed(loaded(store, "b"), {}, {}, new_orders=(other,), deposits=(("d-b", deposit[1]),)))
    ended = replace(ORDER, status=FILLED, locked=Decimal(0), fills=(FILL,), filled_base=FILL.base_quantity)
    store.save(
        changed(
            state,
            state.balances,
            {"o-2": other},
            updated_orders=(ended,),
            new_orders=(other,),
            new_fills=(("o-1", 1, FILL),),
            deposits=(deposit,),
        )
    )

    history = store.history("a")

    assert history is not None
    assert history.version == 3
    assert history.balances == state.balances
    assert dict(history.deposits) == dict((deposit,))
    assert list(history.orders) == [ended, other]
    assert store.history("c") is None


def test_a_new_account_has_a_history_without_anything_in_it(store: PaperStore) -> None:
    store.create("a", TERMS)

    assert store.history("a") == AccountHistory(version=1, balances={}, deposits={}, orders=[])
