"""Coinbase, transaction report (2020 to 2025): one row a transaction, the price beside it."""

from __future__ import annotations

import re
from decimal import Decimal

from adapters.venue_statements.cells import Options, Unclear, asset, decorated, moment, number, stated_time
from adapters.venue_statements.formats.base import (
    FIAT,
    UNKNOWN_KIND,
    WALLET,
    WHERE_FROM,
    Cells,
    TableFormat,
    content,
    paid,
)
from application.ports.venue_statements import (
    CONVERSION,
    DEPOSIT,
    REWARD,
    TRADE,
    WITHDRAWAL,
    Move,
    StatedRow,
)
from domain.money import Money, negate, text

_QUANTITY, _TYPE, _NOTES = "Quantity Transacted", "Transaction Type", "Notes"
_TOTAL, _FEES = "Total (inclusive of fees and/or spread)", "Fees and/or Spread"
_BUYS = {"Buy": "", "Advanced Trade Buy": WALLET, "Advance Trade Buy": WALLET}
_SELLS = {"Sell": "", "Advanced Trade Sell": WALLET, "Advance Trade Sell": WALLET}
_INTO = {
    "Coinbase Earn": REWARD,
    "Deposit": DEPOSIT,
    "Inflation Reward": REWARD,
    "Learning Reward": REWARD,
    "Receive": DEPOSIT,
    "Reward Income": REWARD,
    "Rewards Income": REWARD,
    "Staking Income": REWARD,
}
_OUT_OF = {"Send": WITHDRAWAL, "Withdrawal": WITHDRAWAL}
_WITHIN = frozenset({"Retail Eth2 Deprecation", "Retail Staking Transfer", "Retail Unstaking Transfer"})
_CONVERTED = re.compile(r"Converted (\S+) (\S+) to (\S+) (\S+)")
_TRADED = re.compile(r"(?:Bought|Sold) (\S+) (\S+) for (\S+) ([A-Z]+)(?: on \S+)?")


def _read(row: int, cells: Cells, options: Options) -> StatedRow:
    at = moment(cells["Timestamp"], "Timestamp", options.zone)
    said = cells[_TYPE].strip()
    code = asset(cells["Asset"], "Asset")
    stated = number(cells[_QUANTITY], _QUANTITY)
    fee = None
    moves: tuple[Move, ...]
    if said in _WITHIN:
        kind, moves = CONVERSION, (Move(money=Money(stated, code)),)
    elif said in _INTO or said in _OUT_OF:
        kind = _INTO.get(said) or _OUT_OF[said]
        moves = (Move(money=_directed(stated, code, cells, out=said in _OUT_OF)),)
    elif said in _BUYS or said in _SELLS or said == "Convert":
        kind = TRADE
        given = _directed(stated, code, cells, out=said not in _BUYS)
        other = _converted(given, cells) if said == "Convert" else _priced(given, said, cells, options)
        moves, fee = (Move(money=given), *other), _fee(cells)
    else:
        raise Unclear(_TYPE, cells[_TYPE], "is no type that we know", UNKNOWN_KIND)
    venue_id = cells.get("ID", "").strip()
    told = [f"{text(move.money.amount.copy_abs())} {move.money.asset}" for move in moves[1:]]
    when = stated_time(cells["Timestamp"], "Timestamp")
    return StatedRow(
        row=row,
        at=at,
        kind=kind,
        moves=moves,
        fee=fee,
        content=content(when, said, code, stated, *told, str(fee) if fee else ""),
        group=CONVERSION if kind == CONVERSION else "",
        venue_id=venue_id,
        reference=venue_id,
    )


def _directed(stated: Decimal, code: str, cells: Cells, *, out: bool) -> Money:
    """What moved, signed: older reports have no minus, newer ones one where something left."""
    if not stated or (stated < 0 and not out):
        raise Unclear(_QUANTITY, cells[_QUANTITY], f"contradicts that it is a {cells[_TYPE].strip()}")
    return Money(negate(stated.copy_abs()) if out else stated, code)


def _converted(given: Money, cells: Cells) -> tuple[Move, ...]:
    """What was received stands in the notes alone."""
    notes = cells[_NOTES]
    found = _CONVERTED.fullmatch(notes.strip())
    if found is None:
        raise Unclear(_NOTES, notes, "do not say what was received; 'Converted 1 A to 2 B' is understood")
    if (number(found[1], _NOTES), found[2]) != (given.amount.copy_abs(), given.asset):
        raise Unclear(_NOTES, notes, f"tell another amount than {_QUANTITY}")
    received = Money(number(found[3], _NOTES), asset(found[4], _NOTES))
    if received.amount <= 0:
        raise Unclear(_NOTES, notes, "say that nothing was received")
    return (Move(money=received),)


def _priced(given: Money, said: str, cells: Cells, options: Options) -> tuple[Move, ...]:
    currency = _currency(cells)
    if currency == given.asset:
        raise Unclear("Asset", cells["Asset"], f"is bought or sold for itself, {currency}")
    total = Money(decorated(cells[_TOTAL], _TOTAL, currency).copy_abs(), currency)
    if not total.amount:
        raise Unclear(_TOTAL, cells[_TOTAL], "a trade has a price")
    _check_notes(given, total, cells)
    source = _BUYS.get(said) or _SELLS.get(said) or (options.fiat if currency in FIAT else WALLET)
    if source is None:
        raise Unclear(
            _TYPE, said, f"the report does not say where the {currency} came from or went to", WHERE_FROM
        )
    return paid(-total if given.amount > 0 else total, source)


def _check_notes(given: Money, total: Money, cells: Cells) -> None:
    """The notes tell the trade again, in words: they may not tell another one."""
    notes = cells[_NOTES].strip()
    found = _TRADED.fullmatch(notes)
    if not notes:
        return
    if found is None:
        raise Unclear(_NOTES, cells[_NOTES], "are not understood; 'Bought 1 A for 2 B' is, and so are none")
    if (number(found[1], _NOTES), found[2]) != (given.amount.copy_abs(), given.asset):
        raise Unclear(_NOTES, cells[_NOTES], f"tell another amount than {_QUANTITY}")
    if (decorated(found[3], _NOTES, found[4]).copy_abs(), found[4]) != (total.amount, total.asset):
        raise Unclear(_NOTES, cells[_NOTES], f"tell another price than {_TOTAL}")


def _fee(cells: Cells) -> Money | None:
    if not cells[_FEES].strip():
        return None
    currency = _currency(cells)
    charged = decorated(cells[_FEES], _FEES, currency)
    return Money(charged, currency) if charged else None


def _currency(cells: Cells) -> str:
    field = "Price Currency" if "Price Currency" in cells else "Spot Price Currency"
    return asset(cells[field], field)


FORMAT = TableFormat(
    "coinbase",
    "coinbase",
    frozenset({"Timestamp", _TYPE, "Asset", _QUANTITY, "Subtotal", _TOTAL, _FEES, _NOTES}),
    _read,
)
