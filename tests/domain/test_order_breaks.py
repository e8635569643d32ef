"""Open orders on both sides: what only one has, or has more left of (safety §3 #8, #46)."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from domain.errors import DomainError
from domain.reconciliation.breaks import (
    LOCAL_ONLY,
    MISSING_THERE,
    QUANTITY_DIFFERS,
    VENUE_ONLY,
    compared,
    was_compared,
)
from domain.reconciliation.cases import LOOK, Cases, suggested
from domain.reconciliation.statement import (
    TRADE,
    TRANSFER,
    AccountStatement,
    BookedAccount,
    BookedLine,
    WorkingOrder,
    line_key,
)
from tests.builders import START, folded


def working(order_id: str, left: str | None = "0.01") -> WorkingOrder:
    return WorkingOrder(
        client_order_id=order_id,
        symbol="BTC/USDT",
        base_left=None if left is None else Decimal(left),
        book_id="book-1",
        owner_id="acc-1",
    )


def ours(*orders: WorkingOrder, in_doubt: frozenset[str] = frozenset()) -> BookedAccount:
    return BookedAccount(
        venue_account="main",
        purse="LIVE",
        lines={},
        custody={},
        working={order.client_order_id: order for order in orders},
        in_doubt=in_doubt,
    )


def theirs(*orders: WorkingOrder) -> AccountStatement:
    return AccountStatement(venue_account="main", balances=None, lines=None, working=orders)


@pytest.mark.parametrize(
    ("here", "there", "kinds"),
    [
        ([working("o-1")], [working("o-1")], []),
        ([working("o-1")], [], [LOCAL_ONLY]),
        ([], [working("x-1")], [VENUE_ONLY]),
        ([working("o-1", "0.01")], [working("o-1", "0.004")], [QUANTITY_DIFFERS]),
        ([working("o-1", None)], [working("o-1", "0.004")], []),  # by its budget: what is left is not known
        ([working("o-1"), working("o-2")], [working("o-2"), working("x-1")], [LOCAL_ONLY, VENUE_ONLY]),
    ],
)
def test_what_differs_of_open_orders(
    here: list[WorkingOrder], there: list[WorkingOrder], kinds: list[str]
) -> None:
    found = compared(ours(*here), theirs(*there), is_ours=lambda _: True).breaks
    assert sorted(one.kind for one in found) == kinds
    assert all(suggested("main", one).action == LOOK for one in found)


def test_an_order_in_doubt_is_no_break_on_either_side() -> None:
    found = compared(ours(in_doubt=frozenset({"o-1"})), theirs(working("o-1")), is_ours=lambda _: True).breaks
    assert list(found) == []


def test_the_case_of_an_order_takes_no_money_to_suspense_and_closes_when_both_agree() -> None:
    (found,) = compared(ours(working("o-1")), theirs(), is_ours=lambda _: True).breaks
    cases = Cases(venue_account="main")
    opened = cases.compare(
        (found,), was_compared=lambda one: was_compared(theirs(), one), run_id="r-1", by="op", at=START
    )
    cases = folded(cases, opened)
    (case_id,) = cases.open

    with pytest.raises(DomainError) as refusal:
        cases.post(case_id, reason="x", by="op", at=START)
    assert refusal.value.code == "nothing_to_post"

    def not_asked(one: object) -> bool:
        return was_compared(replace(theirs(), working=None), found)

    assert cases.compare((), was_compared=not_asked, run_id="r-2", by="op", at=START) == []
    closed = cases.compare(
        (), was_compared=lambda one: was_compared(theirs(), one), run_id="r-3", by="op", at=START
    )
    assert not folded(cases, closed).open


def test_a_statement_of_trades_alone_says_nothing_of_transfers() -> None:
    line = BookedLine(
        moved={"USDT": Decimal(1)}, book_id="b", owner_id="acc-1", entry_id="deposit-1", at_utc=START
    )
    booked = replace(ours(), lines={line_key(TRANSFER, "", "deposit-1"): line})
    told = replace(theirs(), lines=[], kinds=frozenset({TRADE}))

    assert list(compared(booked, told, is_ours=lambda _: True).breaks) == []
    everything = replace(told, kinds=frozenset({TRADE, TRANSFER}))
    (missing,) = compared(booked, everything, is_ours=lambda _: True).breaks
    assert missing.kind == MISSING_THERE
    assert not was_compared(told, missing)


def test_dust_is_no_break_and_one_unit_more_is() -> None:
    booked = replace(ours(), custody={"USDT": Decimal("1.00000001")})
    told = replace(theirs(), balances={"USDT": Decimal(1)}, dust={"USDT": Decimal("0.00000001")})
    assert list(compared(booked, told, is_ours=lambda _: True).breaks) == []
    less = replace(told, balances={"USDT": Decimal("0.99999999")})
    assert [one.key for one in compared(booked, less, is_ours=lambda _: True).breaks] == ["balance:USDT"]
