"""Gemini, transaction history: one row a transaction, three columns a currency."""

from __future__ import annotations

import re
from datetime import UTC

from adapters.venue_statements.cells import Options, Unclear, asset, decorated, moment, plain
from adapters.venue_statements.formats.base import UNKNOWN_KIND, Cells, TableFormat, content
from application.ports.venue_statements import DEPOSIT, TRADE, WITHDRAWAL, Move, StatedRow
from domain.money import Money, text

_AMOUNT = re.compile(r"(?P<code>\S+) Amount (?P=code)")
_FEE = re.compile(r"Fee (\((?P<named>\S+)\) )?(?P<code>\S+)")
_KINDS = {"Buy": TRADE, "Sell": TRADE, "Credit": DEPOSIT, "Debit": WITHDRAWAL}


def _read(row: int, cells: Cells, _options: Options) -> StatedRow:
    said = cells["Type"].strip()
    at = moment(f"{cells['Date'].strip()} {cells['Time (UTC)'].strip()}", "Time (UTC)", UTC)
    if said not in _KINDS:
        raise Unclear("Type", cells["Type"], "is no type that we know", UNKNOWN_KIND)
    kind = _KINDS[said]
    amounts, fees = _amounts(cells, _AMOUNT), _amounts(cells, _FEE)
    if len(fees) > 1:
        raise Unclear("Type", said, "has fees in two currencies")
    _check(said, kind, amounts)
    moves = tuple(Move(money=change) for change in (*amounts, *fees))
    ids = [cells.get(name, "") for name in ("Trade ID", "Order ID", "Order Date", "Order Time", "Tx Hash")]
    told = [f"{text(change.amount)} {change.asset}" for change in (*amounts, *fees)]
    return StatedRow(
        row=row,
        at=at,
        kind=kind,
        moves=moves,
        fee=-fees[0] if fees else None,
        content=content(plain(at), said, cells["Symbol"], *told, *ids),
        venue_id=ids[0].strip(),
        reference=ids[0].strip() or ids[4].strip(),
    )


def _amounts(cells: Cells, column: re.Pattern[str]) -> list[Money]:
    """What stands in those columns and is not zero."""
    found = []
    for name, raw in cells.items():
        if (known := column.fullmatch(name)) and raw.strip():
            code = asset(known["code"], name)
            if value := decorated(raw, name, code):
                found.append(Money(value, code))
    return found


def _check(said: str, kind: str, amounts: list[Money]) -> None:
    signs = sorted(change.amount > 0 for change in amounts)
    if kind == TRADE and signs != [False, True]:
        raise Unclear("Type", said, "a trade has one amount that comes in and one that goes out")
    if kind == DEPOSIT and signs != [True]:
        raise Unclear("Type", said, "a credit has one amount, above zero")
    if kind == WITHDRAWAL and signs != [False]:
        raise Unclear("Type", said, "a debit has one amount, below zero")


FORMAT = TableFormat(
    "gemini",
    "gemini",
    frozenset({"Date", "Time (UTC)", "Type", "Symbol", "Specification", "Liquidity Indicator"}),
    _read,
)
