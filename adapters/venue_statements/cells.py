"""What stands in one cell: amounts and times, exactly as stated or not at all."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from decimal import Decimal

from domain.errors import InvalidValue
from domain.money import Money, fits, parse_asset

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)
_GROUPED = re.compile(r"\d{1,3}(,\d{3})+(\.\d+)?", re.ASCII)
_TIME = re.compile(
    r"(?P<date>\d{4}-\d\d-\d\d)[T ](?P<time>\d\d:\d\d(?P<second>:\d\d(\.\d{1,6})?)?)\s*(?P<zone>\S*)",
    re.ASCII,
)
_AMERICAN = re.compile(r"(\d{1,2})/(\d{1,2})/(\d\d) (\d{1,2}):(\d\d)", re.ASCII)
_OFFSET = re.compile(r"([+-])(\d\d):?(\d\d)", re.ASCII)
_SYMBOLS = {"€": "EUR", "£": "GBP", "¥": "JPY", "$": "", "\ufffd": ""}  # the last: a letter that was lost
WITHOUT_ZONE = "say which zone the file's times are in with --zone, such as --zone UTC or --zone +02:00"
_OWN_SYMBOL = frozenset(_SYMBOLS.values()) - {""}  # of these "$" is none
AS_STATED = "mend the row in the file as the venue states it"
AS_EXPORTED = "export the file again and import it as it came: another program has saved it since"


@dataclass(frozen=True, slots=True)
class Options:
    """What a file does not say itself, and whoever imports it does."""

    zone: tzinfo | None = None  # of times without one
    fiat: str | None = None  # where purchases were paid from: "wallet" or "outside"


class Unclear(Exception):
    """A cell that was not understood."""

    def __init__(self, field: str, value: str, problem: str, way_out: str = AS_STATED) -> None:
        super().__init__(problem)
        self.field, self.value, self.problem, self.way_out = field, value, problem, way_out


def parse_zone(raw: str | None) -> tzinfo | None:
    """ "UTC" or an offset such as "+02:00"; raises InvalidValue for any other zone."""
    if raw is None or raw in ("UTC", "Z"):
        return None if raw is None else UTC
    if (offset := _offset(raw)) is None:
        raise InvalidValue("zone", f"{raw!r} is neither UTC nor an offset such as +02:00")
    return offset


def number(raw: str, field: str) -> Decimal:
    """A plain number of either sign; an exponent is read exactly, a comma is not understood."""
    cell = raw.strip()
    if not _NUMBER.fullmatch(cell):
        raise Unclear(field, raw, "is no number" if cell else "is empty")
    value = Decimal(cell)
    if not fits(value):
        raise Unclear(field, raw, "has more than 18 digits before or after the point")
    return value


def decorated(raw: str, field: str, asset: str) -> Decimal:
    """A number as people write one: "€1,234.50", "-€3", "($0.13)", "(0.5 BTC)". Brackets are a minus."""
    cell, sign = raw.strip(), 1
    if cell.startswith("(") and cell.endswith(")"):
        cell, sign = cell[1:-1].strip(), -1
    if cell.startswith("-"):
        cell, sign = cell[1:], -sign
    cell = cell.removesuffix(f" {asset}")
    if cell[:1] in _SYMBOLS and cell[:1]:
        if _SYMBOLS[cell[0]] not in ("", asset) or (cell[0] == "$" and asset in _OWN_SYMBOL):
            raise Unclear(field, raw, f"is in another currency than {asset}")
        cell = cell[1:]
    if _GROUPED.fullmatch(cell):
        cell = cell.replace(",", "")
    if cell[:1] in ("-", "+"):
        raise Unclear(field, raw, "is no number")
    value = number(cell, field)
    return value.copy_negate() if sign < 0 and value else value


def asset(raw: str, field: str) -> str:
    """An asset's code as the ledger takes it."""
    try:
        return parse_asset(raw.strip())
    except InvalidValue:
        problem = "is no asset code of 1 to 16 capital letters or digits" if raw.strip() else "is empty"
        raise Unclear(field, raw, problem) from None


def money(raw: str, field: str, code: str, code_field: str) -> Money:
    return Money(number(raw, field), asset(code, code_field))


def moment(
    raw: str, field: str, zone: tzinfo | None, *, minutes: bool = False, american: bool = False
) -> datetime:
    """A time in UTC; `zone` is that of times without one. Without any it is not understood.

    A time of `minutes`, or of the `american` form, is one where the venue writes it: elsewhere a program that
    saved the file again has lost what makes the row itself.
    """
    cell = raw.strip()
    try:
        if found := _TIME.fullmatch(cell):
            if not found["second"] and not minutes:
                raise Unclear(field, raw, "has no seconds", AS_EXPORTED)
            naive, named = datetime.fromisoformat(f"{found['date']} {found['time']}"), found["zone"]
        elif american and (found := _AMERICAN.fullmatch(cell)):
            month, day, year, hour, minute = map(int, found.groups())
            naive, named = datetime(2000 + year, month, day, hour, minute), ""  # noqa: DTZ001  # see below
        else:
            raise Unclear(field, raw, "is no time that we know" if cell else "is empty")
        return naive.replace(tzinfo=_zone(named, field, raw, zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise Unclear(field, raw, "is no time that there is") from None


def stated_time(raw: str, field: str) -> str:
    """What a time that can be read says of itself: in UTC where it has a zone, else as it stands.

    So a row stays the same, whatever zone it is read in.
    """
    found = _TIME.fullmatch(raw.strip())
    if found and found["zone"]:
        return plain(moment(raw, field, None, minutes=True))
    return plain(moment(raw, field, UTC, minutes=True, american=True).replace(tzinfo=None))


def plain(value: datetime) -> str:
    return value.isoformat()


def _zone(named: str, field: str, raw: str, assumed: tzinfo | None) -> tzinfo:
    if not named:
        if assumed is None:
            raise Unclear(field, raw, "has no zone", WITHOUT_ZONE)
        return assumed
    if named in ("Z", "UTC"):
        return UTC
    offset = _offset(named)
    if offset is None:
        raise Unclear(
            field, raw, f"has a zone that is not known, {named[:40]}", "write it as UTC or an offset"
        )
    return offset


def _offset(raw: str) -> tzinfo | None:
    found = _OFFSET.fullmatch(raw)
    if found is None or int(found[2]) > 14 or int(found[3]) > 59:
        return None
    away = timedelta(hours=int(found[2]), minutes=int(found[3]))
    return timezone(-away if found[1] == "-" else away)
