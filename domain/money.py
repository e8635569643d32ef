"""Exact amounts of one asset. Sums never round; rounding happens by name, to the asset's scale."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import (
    ROUND_DOWN,
    ROUND_HALF_EVEN,
    ROUND_UP,
    Context,
    Decimal,
    DivisionByZero,
    Inexact,
    InvalidOperation,
    Overflow,
)

from domain.errors import DomainError, InvalidValue

EXACT = Context(
    prec=60, rounding=ROUND_HALF_EVEN, traps=[Inexact, Overflow, InvalidOperation, DivisionByZero]
)
"""The one context of sums and products: what does not fit exactly is refused, never rounded."""

_WIDE = Context(prec=120, rounding=ROUND_DOWN, traps=[Overflow, InvalidOperation, DivisionByZero])
"""Holds the intermediate result of a named rounding; its own quotients are cut, so they never round up."""

ZERO = Decimal(0)
DEFAULT_SCALE = 18
"""Decimal places of an asset where its market says nothing else."""

_AMOUNT = re.compile(r"\d{1,18}(\.\d{1,18})?", re.ASCII)
_ASSET = re.compile(r"[A-Z0-9]{1,16}", re.ASCII)


class AssetMismatch(DomainError, code="asset_mismatch"):
    """Two amounts of different assets have no sum and no order."""

    def __init__(self, left: str, right: str) -> None:
        super().__init__(f"{left} and {right} are different assets")
        self.left, self.right = left, right


class AmountOutOfRange(DomainError, code="amount_out_of_range"):
    """The exact result needs more digits than an amount may have; it is refused, not rounded."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem


@dataclass(frozen=True, slots=True, order=False)
class Money:
    """An exact amount of one asset, of either sign. Arithmetic on two assets raises AssetMismatch."""

    amount: Decimal
    asset: str  # "BTC", "USDT"

    def __add__(self, other: Money) -> Money:
        self._same_asset(other)
        return Money(add(self.amount, other.amount), self.asset)

    def __sub__(self, other: Money) -> Money:
        self._same_asset(other)
        return Money(subtract(self.amount, other.amount), self.asset)

    def __neg__(self) -> Money:
        return Money(negate(self.amount), self.asset)

    def __gt__(self, other: Money) -> bool:
        self._same_asset(other)
        return self.amount > other.amount

    def __le__(self, other: Money) -> bool:
        return not self > other

    def __str__(self) -> str:
        return f"{text(self.amount)} {self.asset}"

    def _same_asset(self, other: Money) -> None:
        if self.asset != other.asset:
            raise AssetMismatch(self.asset, other.asset)


def add(left: Decimal, right: Decimal) -> Decimal:
    """The exact sum, or AmountOutOfRange."""
    try:
        return EXACT.add(left, right)
    except (Inexact, Overflow, InvalidOperation) as e:
        raise AmountOutOfRange(f"{left} + {right} needs more than {EXACT.prec} digits") from e


def subtract(left: Decimal, right: Decimal) -> Decimal:
    """The exact difference, or AmountOutOfRange."""
    try:
        return EXACT.subtract(left, right)
    except (Inexact, Overflow, InvalidOperation) as e:
        raise AmountOutOfRange(f"{left} - {right} needs more than {EXACT.prec} digits") from e


def negate(amount: Decimal) -> Decimal:
    """Minus the amount, exactly: a plain unary minus rounds to the 28 digits of Python's own context."""
    return EXACT.minus(amount)


def fits(value: Decimal) -> bool:
    """Whether a number is finite with at most 18 digits before and 18 after the point, as every amount is."""
    if not value.is_finite():
        return False
    return not value or (
        value.adjusted() < DEFAULT_SCALE and len(text(value).partition(".")[2]) <= DEFAULT_SCALE
    )


def multiply_down(left: Decimal, right: Decimal, scale: int) -> Decimal:
    """left × right, cut to `scale` places (toward zero)."""
    return _to_scale(_product(left, right), scale, ROUND_DOWN)


def multiply_up(left: Decimal, right: Decimal, scale: int) -> Decimal:
    """left × right, rounded away from zero to `scale` places."""
    return _to_scale(_product(left, right), scale, ROUND_UP)


def divide_down(dividend: Decimal, divisor: Decimal, scale: int) -> Decimal:
    """dividend / divisor, cut to `scale` places (toward zero)."""
    try:
        quotient = _WIDE.divide(dividend, divisor)
    except (Overflow, InvalidOperation, DivisionByZero) as e:
        raise AmountOutOfRange(f"{dividend} / {divisor} is no amount") from e
    return _to_scale(quotient, scale, ROUND_DOWN)


def floor_to_step(value: Decimal, step: Decimal) -> Decimal:
    """The largest multiple of a positive `step` (a lot or a tick) that is not above `value` ≥ 0."""
    try:
        return _WIDE.multiply(_WIDE.divide_int(value, step), step)
    except (Overflow, InvalidOperation, DivisionByZero) as e:
        raise AmountOutOfRange(f"{value} is no multiple of steps of {step}") from e


def text(amount: Decimal) -> str:
    """Plain notation without an exponent or trailing zeros: equal amounts have equal text ("0", "-1.5")."""
    if not amount:
        return "0"
    plain = format(amount, "f")
    return plain.rstrip("0").rstrip(".") if "." in plain else plain


def parse_amount(raw: object, field: str = "amount") -> Decimal:
    """A non-negative amount as people and programs write it: digits, at most 18 before and after one point.

    Refuses (InvalidValue) floats, exponents, signs, spaces, separators, NaN and full-width digits.
    """
    if not isinstance(raw, str) or not _AMOUNT.fullmatch(raw):
        raise InvalidValue(
            field, f"{raw!r} is not an amount; write it as a string of digits such as '1500.25'"
        )
    return Decimal(raw)


def parse_positive_amount(raw: object, field: str = "amount") -> Decimal:
    """As parse_amount, and above zero."""
    amount = parse_amount(raw, field)
    if not amount:
        raise InvalidValue(field, "must be above zero")
    return amount


def parse_asset(raw: object, field: str = "asset") -> str:
    """An asset code: 1 to 16 capital letters or digits, such as BTC or USDT."""
    if not isinstance(raw, str) or not _ASSET.fullmatch(raw):
        raise InvalidValue(
            field, f"{raw!r} is not an asset code; write 1 to 16 capital letters or digits such as 'BTC'"
        )
    return raw


def _product(left: Decimal, right: Decimal) -> Decimal:
    try:
        return _WIDE.multiply(left, right)
    except (Overflow, InvalidOperation) as e:
        raise AmountOutOfRange(f"{left} × {right} is no amount") from e


def _to_scale(value: Decimal, scale: int, rounding: str) -> Decimal:
    try:
        return value.quantize(Decimal(1).scaleb(-scale), rounding, _WIDE)
    except InvalidOperation as e:
        raise AmountOutOfRange(f"{value} does not fit {scale} decimal places") from e
