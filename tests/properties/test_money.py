"""The laws of exact amounts."""

from __future__ import annotations

from decimal import Decimal, localcontext

from hypothesis import given
from hypothesis import strategies as st

from domain.money import (
    Money,
    add,
    divide_down,
    floor_to_step,
    multiply_down,
    multiply_up,
    negate,
    parse_amount,
    subtract,
    text,
)

LARGEST = 10**36
amounts = st.integers(-LARGEST, LARGEST).map(lambda n: Decimal(n).scaleb(-18))
positive = st.integers(1, LARGEST).map(lambda n: Decimal(n).scaleb(-18))
scales = st.integers(0, 18)


@given(amounts, amounts, amounts)
def test_sums_commute_associate_and_undo(a: Decimal, b: Decimal, c: Decimal) -> None:
    assert add(a, b) == add(b, a)
    assert add(add(a, b), c) == add(a, add(b, c))
    assert subtract(add(a, b), b) == a
    assert add(a, negate(a)) == 0
    assert negate(negate(a)) == a
    assert subtract(a, b) == add(a, negate(b)) == negate(subtract(b, a))


@given(amounts, amounts)
def test_money_is_ordered_as_its_amounts_are(a: Decimal, b: Decimal) -> None:
    left, right = Money(a, "USDT"), Money(b, "USDT")
    assert (left < right, left <= right, left == right, left >= right, left > right) == (
        a < b,
        a <= b,
        a == b,
        a >= b,
        a > b,
    )
    assert min(left, right).amount == min(a, b)


@given(amounts, amounts, scales)
def test_a_rounded_product_lies_within_one_step_of_the_exact_one(a: Decimal, b: Decimal, scale: int) -> None:
    with localcontext() as context:
        context.prec = 200
        exact, step = a * b, Decimal(1).scaleb(-scale)
        down, up = multiply_down(a, b, scale), multiply_up(a, b, scale)
        assert abs(down) <= abs(exact) <= abs(up)
        assert abs(exact) - abs(down) < step
        assert abs(up) - abs(exact) < step
        assert (down == up) == (exact % step == 0)


@given(positive, positive, scales)
def test_a_quotient_cut_never_gives_more_than_there_is(a: Decimal, b: Decimal, scale: int) -> None:
    with localcontext() as context:
        context.prec = 200
        quotient = divide_down(a, b, scale)
        assert quotient * b <= a < (quotient + Decimal(1).scaleb(-scale)) * b


@given(positive, positive)
def test_a_lot_is_the_largest_multiple_below(value: Decimal, step: Decimal) -> None:
    with localcontext() as context:
        context.prec = 200
        floor = floor_to_step(value, step)
        assert floor % step == 0
        assert floor <= value < floor + step


@given(positive)
def test_an_amount_survives_its_own_text(amount: Decimal) -> None:
    if amount < 10**18:
        assert parse_amount(text(amount)) == amount
    assert text(amount) == text(amount.normalize())
    assert Decimal(text(amount)) == amount
