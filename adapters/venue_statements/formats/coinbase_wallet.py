"""Coinbase, report of one wallet (2013 to 2018): one row a change, with what was paid for it."""

from __future__ import annotations

import re
from decimal import Decimal

from adapters.venue_statements.cells import Options, Unclear, moment, money, number, stated_time
from adapters.venue_statements.formats.base import (
    FROM_OUTSIDE,
    WALLET,
    WHERE_FROM,
    Cells,
    TableFormat,
    content,
    paid,
)
from application.ports.venue_statements import DEPOSIT, FEE, TRADE, WITHDRAWAL, Move, StatedRow
from domain.money import Money

_TOTAL, _CURRENCY, _METHOD = "Transfer Total", "Transfer Total Currency", "Transfer Payment Method"
_FROM_OUTSIDE = re.compile(r"(?i)\b(visa|mastercard|maestro|debit|credit|card|bank|checking|sepa|paypal)\b")
_ID = re.compile(r"Coinbase ID\b")


def _read(row: int, cells: Cells, options: Options) -> StatedRow:
    at = moment(cells["Timestamp"], "Timestamp", options.zone, minutes=True, american=True)
    fee, amount = None, cells["Amount"].strip()
    moves: tuple[Move, ...]
    if not amount and cells["Notes"].strip() == "Coinbase Fee":
        kind, moves = FEE, _price(-1, cells, options)
    else:
        change = money(amount, "Amount", cells["Currency"], "Currency")
        if not change.amount:
            raise Unclear("Amount", cells["Amount"], "moves nothing")
        kind = DEPOSIT if change.amount > 0 else WITHDRAWAL
        moves = (Move(money=change),)
        if cells[_TOTAL].strip():
            kind, fee = TRADE, _fee(cells)
            moves = (*moves, *_price(-1 if change.amount > 0 else 1, cells, options))
    parts: list[str | Decimal] = [stated_time(cells["Timestamp"], "Timestamp")]
    for name in ("Balance", "Amount", _TOTAL, "Transfer Fee"):
        parts.append(number(cells[name], name) if cells[name].strip() else "")
    parts += [cells[name] for name in ("Currency", "To", _CURRENCY, "Transfer ID")]
    parts += [cells[name] for name in sorted(cells) if _ID.match(name)]
    transfer = cells["Transfer ID"].strip()
    return StatedRow(
        row=row,
        at=at,
        kind=kind,
        moves=moves,
        fee=fee,
        group=f"transfer:{transfer}" if transfer else "",
        content=content(*parts),
        reference=transfer,
    )


def _price(sign: int, cells: Cells, options: Options) -> tuple[Move, ...]:
    total = money(cells[_TOTAL], _TOTAL, cells[_CURRENCY], _CURRENCY)
    if total.amount <= 0:
        raise Unclear(_TOTAL, cells[_TOTAL], "a price is above zero")
    return paid(total if sign > 0 else -total, _source(cells, options))


def _source(cells: Cells, options: Options) -> str:
    method = cells[_METHOD].strip()
    if _FROM_OUTSIDE.search(method):
        return FROM_OUTSIDE
    if method.lower().endswith("wallet"):
        return WALLET
    if options.fiat is None:
        problem = "does not say where the price came from or went to"
        raise Unclear(_METHOD, cells[_METHOD], problem, WHERE_FROM)
    return options.fiat


def _fee(cells: Cells) -> Money | None:
    if not cells["Transfer Fee"].strip():
        return None
    return money(
        cells["Transfer Fee"], "Transfer Fee", cells["Transfer Fee Currency"], "Transfer Fee Currency"
    )


FORMAT = TableFormat(
    "coinbase-wallet",
    "coinbase",
    frozenset(
        {"Timestamp", "Balance", "Amount", "Currency", "To", "Notes", _TOTAL, _CURRENCY, "Transfer Fee"}
        | {"Transfer Fee Currency", _METHOD, "Transfer ID"}
    ),
    _read,
)
