"""One cell of a candle file: what counts as a number, what as a time, and what each wrong one is called."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from domain.market import INTERVALS_MS

_WHOLE_DIGITS, _FRACTION_DIGITS = 18, 30
NUMBER_LIMIT = Decimal(10) ** _WHOLE_DIGITS
PLAIN_LENGTH = _FRACTION_DIGITS + 1
"""A text of digits and one point up to this length, below the limit, has no more digits than are read."""

_DECIMAL = re.compile(r"(?P<whole>\d*)\.?(?P<fraction>\d*)", re.ASCII)
_EXPONENT = re.compile(r"(?P<mantissa>(\d+\.?\d*|\.\d+))[eE](?P<exponent>[+-]?\d{1,4})", re.ASCII)
_SIGNED = re.compile(r"-(\d+\.?\d*|\.\d+)([eE]-\d{1,2})?", re.ASCII)
_NOT_FINITE = re.compile(r"[+-]?(nan|null|none|n/?a|inf|infinity|#n/a|#value!|#num!)", re.IGNORECASE)
_WHOLE = re.compile(r"(\d+)(\.0+)?", re.ASCII)
_ISO = re.compile(
    r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?)?( ?(Z|UTC|[+-]\d{2}:?\d{2}))?", re.ASCII
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

FIRST_MS = (datetime(2009, 1, 1, tzinfo=UTC) - _EPOCH) // timedelta(milliseconds=1)
END_MS = (datetime(2101, 1, 1, tzinfo=UTC) - _EPOCH) // timedelta(milliseconds=1)
"""Candles open from the year 2009 (the first bitcoin) to the end of 2100; that tells the time units apart."""

_TIME_DIGITS = 19  # of nanoseconds
UNITS_PER_SECOND = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
UNIT_NAMES = {"s": "seconds", "ms": "milliseconds", "us": "microseconds", "ns": "nanoseconds", "iso": "dates"}


class WrongCell(Exception):
    """A cell cannot be read; `code` and the message become the row's problem."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


def parse_number(text: str, column: str) -> Decimal:
    """A price or volume, exactly as written; raises WrongCell.

    A negative exponent (3.4e-7, as Python and JavaScript write small numbers) loses nothing and is read. A
    positive one (1.06E+05) is how spreadsheets shorten long numbers: the digits are gone, it is refused.
    """
    plain = _DECIMAL.fullmatch(text)
    if plain and (plain["whole"] or plain["fraction"]):
        _require_size(text, len(plain["whole"].lstrip("0")), len(plain["fraction"]), column)
        return Decimal(text)
    if not text:
        raise WrongCell("empty_cell", f"{column} is empty")
    scientific = _EXPONENT.fullmatch(text)
    if scientific:
        if int(scientific["exponent"]) > 0:
            raise WrongCell(
                "mangled_number", f"{column} {text!r} was shortened by a spreadsheet; export the file again"
            )
        value = Decimal(text)
        _require_size(text, 1, -int(value.as_tuple().exponent), column)
        return value
    if _SIGNED.fullmatch(text):
        value = Decimal(text)  # the caller says which rule a number below zero breaks
        _require_size(text, len(text.partition(".")[0]), -int(value.as_tuple().exponent), column)
        return value
    if _NOT_FINITE.fullmatch(text):
        raise WrongCell("not_a_number", f"{column} is {text!r}; a candle has a finite number there")
    raise WrongCell(
        "mangled_number", f"{column} {text[:40]!r} is no number; write digits with one point, such as 4261.48"
    )


def time_unit(text: str) -> str | None:
    """Which unit a time is written in: s, ms, us, ns or iso. None for what is no time."""
    whole = _WHOLE.fullmatch(text)
    if whole:
        if len(whole[1]) > _TIME_DIGITS:
            return None
        number = int(whole[1])
        for unit, per_second in UNITS_PER_SECOND.items():
            if FIRST_MS <= number * 1_000 // per_second < END_MS:
                return unit
        return None
    return "iso" if _ISO.fullmatch(text) else None


def parse_time(text: str, unit: str) -> int:
    """UTC milliseconds of a time written in that unit; raises WrongCell.

    Dates without a zone are UTC. An exponent is always refused: 1.63875E+12 has lost its last digits.
    """
    found = time_unit(text)
    if found is None:
        raise _no_time(text)
    if found != unit:
        raise WrongCell(
            "wrong_time_unit",
            f"the time {text!r} is in {UNIT_NAMES[found]} where the file has {UNIT_NAMES[unit]}",
        )
    if found == "iso":
        return _parse_iso(text)
    number = int(text.partition(".")[0])
    milliseconds, rest = divmod(number * 1_000, UNITS_PER_SECOND[unit])
    if rest:
        raise WrongCell("off_grid", f"the time {text!r} is no whole number of milliseconds")
    return milliseconds


def show_time(milliseconds: int) -> str:
    """2024-01-01T00:00Z; seconds where there are any."""
    moment = _EPOCH + timedelta(milliseconds=milliseconds)
    return moment.strftime("%Y-%m-%dT%H:%MZ" if milliseconds % 60_000 == 0 else "%Y-%m-%dT%H:%M:%SZ")


def known_interval(name: str) -> str | None:
    """The interval as Evenkeel names it; Binance and others write 1D and 1H as well."""
    if name in INTERVALS_MS:
        return name
    lower = name[:-1] + name[-1:].lower() if name[-1:] in "HD" else name
    return lower if lower in INTERVALS_MS else None


def _parse_iso(text: str) -> int:
    try:
        moment = datetime.fromisoformat(text.replace(" UTC", "Z").replace("UTC", "Z").replace(" +", "+"))
    except ValueError:
        raise _no_time(text) from None
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
    milliseconds, rest = divmod(moment - _EPOCH, timedelta(milliseconds=1))
    if rest:
        raise WrongCell("off_grid", f"the time {text!r} is no whole number of milliseconds")
    if not FIRST_MS <= milliseconds < END_MS:
        raise WrongCell("time_out_of_range", f"the time {text!r} is not in the years 2009 to 2100")
    return milliseconds


def _no_time(text: str) -> WrongCell:
    if not text:
        return WrongCell("empty_cell", "the time is empty")
    if _EXPONENT.fullmatch(text):
        return WrongCell(
            "mangled_time",
            f"the time {text!r} was shortened by a spreadsheet, its last digits are lost; export it again",
        )
    if _WHOLE.fullmatch(text):
        return WrongCell(
            "time_out_of_range", f"the time {text[:40]!r} is not in the years 2009 to 2100 in any unit"
        )
    return WrongCell(
        "bad_time",
        f"the time {text[:40]!r} is neither a Unix time nor a date such as 2024-01-31 or 2024-01-31T15:00Z",
    )


def _require_size(text: str, whole: int, fraction: int, column: str) -> None:
    if whole > _WHOLE_DIGITS or fraction > _FRACTION_DIGITS:
        raise WrongCell(
            "mangled_number",
            f"{column} {text[:40]!r} has more than {_WHOLE_DIGITS} digits before or {_FRACTION_DIGITS} after "
            "the point",
        )
