"""A file of reported balances and statement lines, CSV or JSON: docs/reconciliation.md has the shape.

Nothing is guessed: what does not read in one way is refused, with the place in the file.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from functools import partial
from io import StringIO
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from application.ports.exchange import OrderReport, VenueOrderNotFound
from application.ports.maintenance import Progress
from application.queries.asset_codes import parse_paper_asset
from application.queries.moments import parse_time
from domain.errors import DomainError, InvalidValue
from domain.market import parse_symbol
from domain.money import ZERO, add, parse_amount
from domain.reconciliation.statement import KINDS, TRADE, TRANSFER, AccountLine, AccountStatement

T = TypeVar("T")
BALANCE = "balance"
COLUMNS = ("venue_account", "kind", "id", "symbol", "client_order_id", "at", "asset", "amount")
_ACCOUNT_FIELDS = frozenset({"venue_account", "from", "until", "balances", "lines"})
_LINE_FIELDS = frozenset({"kind", "id", "symbol", "client_order_id", "at", "moved"})
_ID = re.compile(r"[\x21-\x7e]{1,200}")
_TOLD_EVERY = 10_000


class StatementRefused(DomainError, code="statement_refused"):
    """The file is no statement of the documented shape; nothing was compared."""

    def __init__(self, *, file: str, place: str, problem: str) -> None:
        super().__init__(f"{file}, {place}: {problem}")
        self.file, self.place, self.problem = file, place, problem


@dataclass(frozen=True, slots=True)
class FileStatements:
    """A source that proves nothing but what it says: no fill is booked by it."""

    name: str
    of: Mapping[str, AccountStatement]
    is_complete: bool = False
    names_orders: bool = False

    def accounts(self) -> Sequence[str]:
        return sorted(self.of)

    def statement(self, venue_account: str, purse: str) -> AccountStatement | None:  # noqa: ARG002
        return self.of.get(venue_account)

    def report(self, venue_account: str, symbol: str, client_order_id: str) -> OrderReport:  # noqa: ARG002
        raise VenueOrderNotFound(f"{self.name} says nothing of order {client_order_id} on {venue_account}")


def read_statements(
    path: str,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    progress: Progress = lambda _done, _total: None,
) -> FileStatements:
    """Every account in the file: JSON where its name ends so, else CSV.

    The period is what lines are complete for, where the file itself does not say. Errors: StatementRefused.
    """
    file = Path(path)
    try:
        text = file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as e:
        raise StatementRefused(file=file.name, place=f"byte {e.start}", problem="is no UTF-8 text") from e
    except OSError as e:
        raise StatementRefused(file=file.name, place="it", problem=e.strerror or "cannot be read") from e
    read = _from_json if file.suffix.lower() == ".json" else _from_csv
    drafts = read(text, file.name, progress)
    if not drafts:
        raise StatementRefused(file=file.name, place="it", problem="has no account in it")
    return FileStatements(
        file.name, {id: draft.statement(since, until) for id, draft in sorted(drafts.items())}
    )


@dataclass(slots=True)
class _Draft:
    """An account as it is read."""

    venue_account: str
    balances: dict[str, Decimal] | None = None
    lines: dict[str, AccountLine] | None = None
    since: datetime | None = None
    until: datetime | None = None

    def add_line(self, line: AccountLine) -> None:
        """Parts of one line, a row each, add up."""
        self.lines = {} if self.lines is None else self.lines
        known = self.lines.get(line.key)
        if known is None:
            self.lines[line.key] = line
            return
        if (known.client_order_id, known.at_utc) != (line.client_order_id, line.at_utc):
            raise InvalidValue("id", f"{line.line_id} stands in another row with another order or time")
        moved = dict(known.moved)
        for asset, amount in line.moved.items():
            moved[asset] = add(moved.get(asset, ZERO), amount)
        self.lines[line.key] = replace(known, moved=moved)

    def add_balance(self, asset: str, amount: Decimal) -> None:
        self.balances = {} if self.balances is None else self.balances
        if asset in self.balances:
            raise InvalidValue("asset", f"{asset} has a balance already")
        self.balances[asset] = amount

    def statement(self, since: datetime | None, until: datetime | None) -> AccountStatement:
        return AccountStatement(
            venue_account=self.venue_account,
            balances=self.balances,
            lines=None if self.lines is None else list(self.lines.values()),
            since_utc=self.since or since,
            until_utc=self.until or until,
        )


def _from_csv(text: str, name: str, progress: Progress) -> dict[str, _Draft]:
    rows = csv.reader(StringIO(text, newline=""), strict=True)
    found: dict[str, _Draft] = {}
    try:
        head = [cell.strip() for cell in next(rows, [])]
        if head != list(COLUMNS):
            _refuse(name, "line 1", f"the columns must be {','.join(COLUMNS)}")
        for row in rows:
            place = f"line {rows.line_num}"
            if rows.line_num % _TOLD_EVERY == 0:
                progress(rows.line_num, 0)
            if not row:
                continue
            if len(row) != len(COLUMNS):
                _refuse(name, place, f"has {len(row)} cells, not {len(COLUMNS)}")
            cells = dict(zip(COLUMNS, (cell.strip() for cell in row), strict=True))
            _checked(name, place, partial(_take_row, found, cells))
    except csv.Error as e:
        _refuse(name, f"line {rows.line_num}", f"is no CSV: {e}")
    return found


def _take_row(found: dict[str, _Draft], cells: Mapping[str, str]) -> None:
    account = _id(cells["venue_account"], "venue_account")
    draft = found.setdefault(account, _Draft(account))
    asset, amount = parse_paper_asset(cells["asset"]), _amount(cells["amount"])
    if cells["kind"] == BALANCE:
        for name in ("id", "symbol", "client_order_id", "at"):
            if cells[name]:
                raise InvalidValue(name, "a balance has none")
        draft.add_balance(asset, amount)
    else:
        draft.add_line(_line(cells, {asset: amount}))


def _from_json(text: str, name: str, progress: Progress) -> dict[str, _Draft]:
    try:
        whole = json.loads(text, object_pairs_hook=_once)
    except (ValueError, RecursionError) as e:
        _refuse(name, "it", f"is no JSON: {e}")
    if not isinstance(whole, dict) or set(whole) != {"accounts"} or not isinstance(whole["accounts"], list):
        _refuse(name, "it", 'must be one object {"accounts": [...]}')
    found: dict[str, _Draft] = {}
    for number, account in enumerate(whole["accounts"], 1):
        place = f"account {number}"
        progress(number - 1, len(whole["accounts"]))
        _fields(name, place, account, _ACCOUNT_FIELDS)
        draft = _checked(name, place, partial(_account, account))
        if draft.venue_account in found:
            _refuse(name, place, f"{draft.venue_account} stands there twice")
        found[draft.venue_account] = draft
        for line_number, line in enumerate(_list(name, place, account, "lines"), 1):
            where = f"{place}, line {line_number}"
            _fields(name, where, line, _LINE_FIELDS)
            _checked(name, where, partial(_take_line, draft, line))
    return found


def _account(given: Mapping[str, Any]) -> _Draft:
    draft = _Draft(_id(given.get("venue_account"), "venue_account"))
    draft.since, draft.until = _time(given, "from"), _time(given, "until")
    if "lines" in given:
        draft.lines = {}
    if "balances" in given:
        draft.balances = {}
        for asset, amount in _by_asset(given["balances"], "balances"):
            draft.add_balance(asset, amount)
    return draft


def _take_line(draft: _Draft, given: Mapping[str, Any]) -> None:
    draft.add_line(_line(given, dict(_by_asset(given.get("moved"), "moved"))))


def _once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """An object in which no name comes twice."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice in one object")
    return found


def _line(given: Mapping[str, Any], moved: Mapping[str, Decimal]) -> AccountLine:
    kind = given.get("kind")
    if kind not in KINDS:
        raise InvalidValue("kind", f"{kind!r} is not one of {', '.join((*KINDS, BALANCE))}")
    symbol = str(given.get("symbol") or "")
    if kind == TRADE:
        parse_symbol(symbol)
    elif symbol:
        raise InvalidValue("symbol", f"a {TRANSFER} has none")
    order = given.get("client_order_id")
    return AccountLine(
        kind=str(kind),
        line_id=_id(given.get("id"), "id"),
        symbol=symbol,
        client_order_id=_id(order, "client_order_id") if order else "",
        moved={asset: amount for asset, amount in moved.items() if amount},
        at_utc=_time(given, "at"),
    )


def _by_asset(given: object, field: str) -> Iterator[tuple[str, Decimal]]:
    if not isinstance(given, dict):
        raise InvalidValue(field, 'must be an object of amounts by asset, such as {"USDT": "1000.5"}')
    for asset, amount in given.items():
        yield parse_paper_asset(asset, field), _amount(amount, field)


def _amount(raw: object, field: str = "amount") -> Decimal:
    """Of either sign, as a string of digits."""
    if isinstance(raw, str) and raw.startswith("-"):
        return parse_amount(raw[1:], field).copy_negate()
    return parse_amount(raw, field)


def _time(given: Mapping[str, Any], field: str) -> datetime | None:
    raw = given.get(field)
    return parse_time(str(raw), field) if raw else None


def _id(raw: object, field: str) -> str:
    if not isinstance(raw, str) or not _ID.fullmatch(raw):
        raise InvalidValue(field, f"{raw!r} is no id: 1 to 200 letters, digits and signs")
    return raw


def _fields(name: str, place: str, given: object, known: frozenset[str]) -> None:
    if not isinstance(given, dict):
        _refuse(name, place, "must be an object")
    if unknown := sorted(set(given) - known):
        _refuse(name, place, f"{unknown[0]!r} is not a field here; there are {', '.join(sorted(known))}")


def _list(name: str, place: str, given: Mapping[str, Any], field: str) -> list[Any]:
    found = given.get(field, [])
    if not isinstance(found, list):
        _refuse(name, place, f"{field} must be a list")
    return found


def _checked(name: str, place: str, read: Callable[[], T]) -> T:
    try:
        return read()
    except DomainError as e:
        _refuse(name, place, str(e))


def _refuse(name: str, place: str, problem: str) -> NoReturn:
    raise StatementRefused(file=name, place=place, problem=problem)
