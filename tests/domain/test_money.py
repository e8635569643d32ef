"""Amounts are exact, or refused by name."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal, localcontext

import pytest

from domain.errors import DomainError, InvalidValue
from domain.money import (
    AmountOutOfRange,
    AssetMismatch,
    Money,
    add,
    divide_down,
    fits,
    floor_to_step,
    multiply_down,
    multiply_up,
    negate,
    parse_amount,
    parse_asset,
    parse_positive_amount,
    subtract,
    text,
)
from tests.builders import btc, usdt

D = Decimal
WIDEST = D("123456789012345678.123456789012345678")


@pytest.mark.parametrize(
    "raw",
    [
        "1e3",
        "1E3",
        "NaN",
        "nan",
        "Infinity",
        "-0",
        "-1",
        "+1",
        " 1",
        "1 ",
        "1\n",
        "1,0",
        "1_0",
        "1.",
        ".1",
        "",
        "0x1",
        "１",
        "١",
        "1.2.3",
        "1" * 19,
        "0." + "1" * 19,
        1,
        1.0,
        0.1,
        True,
        None,
        D(1),
        b"1",
        ["1"],
    ],
)
def test_what_is_no_plain_amount_is_refused(raw: object) -> None:
    with pytest.raises(InvalidValue) as refusal:
        parse_amount(raw, "price")

    assert (refusal.value.code, refusal.value.data["field"]) == ("invalid_value", "price")


@pytest.mark.parametrize(
    "raw", ["0", "1500.25", "007", "1" * 18, "0." + "0" * 17 + "1", "1" * 18 + "." + "1" * 18]
)
def test_a_plain_amount_is_taken_digit_for_digit(raw: str) -> None:
    assert parse_amount(raw) == D(raw)


@pytest.mark.parametrize("raw", ["0", "0.000"])
def test_a_positive_amount_is_not_zero(raw: str) -> None:
    with pytest.raises(InvalidValue):
        parse_positive_amount(raw)
    assert parse_positive_amount("0.001") == D("0.001")


@pytest.mark.parametrize("raw", ["btc", "BTC ", "", "B" * 17, "B-T", "ВТС", "BTC\n", 1, None])
def test_what_is_no_asset_code_is_refused(raw: object) -> None:
    with pytest.raises(InvalidValue):
        parse_asset(raw)


def test_sums_of_two_assets_are_refused() -> None:
    operations: list[Callable[[], object]] = [
        lambda: usdt("1") + btc("1"),
        lambda: usdt("1") - btc("1"),
        lambda: usdt("1") > btc("1"),
        lambda: usdt("1") <= btc("1"),
        lambda: usdt("1") < btc("1"),
        lambda: usdt("1") >= btc("1"),
        lambda: min(usdt("1"), btc("1")),
    ]
    for operation in operations:
        with pytest.raises(AssetMismatch) as refusal:
            operation()
        assert refusal.value.code == "asset_mismatch"
        assert set(refusal.value.data.values()) == {"USDT", "BTC"}


def test_no_digit_of_the_widest_amount_is_lost_whatever_context_the_caller_has() -> None:
    wide = Money(WIDEST, "USDT")
    with localcontext() as context:
        context.prec = 3
        assert (-wide).amount == WIDEST.copy_negate()
        assert negate(WIDEST) == WIDEST.copy_negate()
        assert (wide + wide - wide).amount == WIDEST
        assert str(wide) == f"{WIDEST} USDT"


def test_a_tenth_and_two_tenths_added_a_hundred_thousand_times_are_exact() -> None:
    """Safety #16."""
    total = D(0)
    for _ in range(100_000):
        total = add(add(total, D("0.1")), D("0.2"))
    assert total == D("30000")


@pytest.mark.parametrize("bomb", ["1e60", "1e400", "1e999999", "1e-61", "1e-400"])
def test_a_sum_that_does_not_fit_is_refused_not_rounded(bomb: str) -> None:
    for operation in (add, subtract):
        with pytest.raises(AmountOutOfRange) as refusal:
            operation(D(bomb), D("1.1"))
        assert refusal.value.code == "amount_out_of_range"


@pytest.mark.parametrize(
    "operation",
    [
        lambda: add(D("Infinity"), D("-Infinity")),
        lambda: subtract(D("Infinity"), D("Infinity")),
        lambda: multiply_down(D("1e999999"), D("1e999999"), 18),
        lambda: multiply_up(D("Infinity"), D(0), 18),
        lambda: multiply_down(D("1e200"), D(1), 18),
        lambda: divide_down(D(1), D(0), 18),
        lambda: divide_down(D("1e999999"), D("1e-999999"), 18),
        lambda: floor_to_step(D("1e999"), D("1e-999")),
        lambda: floor_to_step(D(1), D(0)),
    ],
)
def test_what_is_no_amount_is_a_refusal_never_a_crash(operation: Callable[[], object]) -> None:
    with pytest.raises(DomainError) as refusal:
        operation()
    assert refusal.value.code == "amount_out_of_range"


def test_38_digits_times_38_digits_are_multiplied_before_they_are_cut() -> None:
    """Safety #17."""
    left, right = D("9" * 20 + "." + "9" * 18), D("1." + "0" * 36 + "1")
    with localcontext() as context:
        context.prec = 200
        exact = left * right
        assert multiply_down(left, right, 18) <= exact <= multiply_up(left, right, 18)
        assert multiply_up(left, right, 18) - multiply_down(left, right, 18) == D("1e-18")


@pytest.mark.parametrize(
    ("operation", "expected"),
    [
        (lambda: multiply_down(D("0.333"), D("1"), 2), "0.33"),
        (lambda: multiply_down(D("-0.339"), D("1"), 2), "-0.33"),
        (lambda: multiply_up(D("0.331"), D("1"), 2), "0.34"),
        (lambda: multiply_up(D("-0.331"), D("1"), 2), "-0.34"),
        (lambda: multiply_up(D("0.33"), D("1"), 2), "0.33"),
        (lambda: divide_down(D("2"), D("3"), 4), "0.6666"),
        (lambda: divide_down(D("-2"), D("3"), 4), "-0.6666"),
        (lambda: divide_down(D("1"), D("3"), 18), "0." + "3" * 18),
        (lambda: floor_to_step(D("0.01999"), D("0.005")), "0.015"),
        (lambda: floor_to_step(D("0.015"), D("0.005")), "0.015"),
        (lambda: floor_to_step(D("0.004"), D("0.005")), "0"),
    ],
)
def test_rounding_goes_the_way_its_name_says(operation: Callable[[], Decimal], expected: str) -> None:
    assert operation() == D(expected)


def test_three_fills_of_a_third_leave_the_residue_to_the_rounding_account() -> None:
    """Safety #13."""
    third = divide_down(D(1), D(3), 18)
    assert add(add(add(third, third), third), D("1e-18")) == 1


@pytest.mark.parametrize(
    ("amount", "expected"),
    [
        ("0", "0"),
        ("-0", "0"),
        ("0E+5", "0"),
        ("1E+3", "1000"),
        ("100", "100"),
        ("1.50", "1.5"),
        ("-1.0", "-1"),
        ("1E-18", "0." + "0" * 17 + "1"),
    ],
)
def test_equal_amounts_have_equal_text(amount: str, expected: str) -> None:
    assert text(D(amount)) == expected


@pytest.mark.parametrize(
    ("amount", "expected"),
    [
        ("0", True),
        ("999999999999999999.999999999999999999", True),
        ("-1", True),
        ("1.0000000000000000000000", True),
        ("1e18", False),
        ("1e-19", False),
        ("NaN", False),
        ("Infinity", False),
    ],
)
def test_an_amount_has_at_most_18_digits_on_either_side(amount: str, expected: bool) -> None:
    assert fits(D(amount)) is expected
