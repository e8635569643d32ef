"""Opening balances: what stood there before the first row of a statement."""

from __future__ import annotations

from adapters.venue_statements.cells import Options, Unclear, moment, money, stated_time
from adapters.venue_statements.formats.base import Cells, TableFormat, content
from application.ports.venue_statements import (
    CUSTODY,
    OPENING,
    OPENING_BALANCE,
    OWNER,
    Move,
    StatedRow,
)

_SIDES = {"": (CUSTODY, OWNER), CUSTODY: (CUSTODY,), OWNER: (OWNER,)}


def _read(row: int, cells: Cells, options: Options) -> StatedRow:
    at = moment(cells["timestamp"], "timestamp", options.zone, minutes=True)
    stood = money(cells["amount"], "amount", cells["asset"], "asset")
    account = cells.get("account", "").strip()
    if stood.amount <= 0:
        raise Unclear("amount", cells["amount"], "an opening balance is above zero")
    if account not in _SIDES:
        problem = f"is neither {CUSTODY} nor {OWNER}, nor empty for both"
        raise Unclear("account", cells["account"], problem)
    sides = {CUSTODY: Move(money=stood, into=CUSTODY, out_of=OPENING)}
    sides[OWNER] = Move(money=stood, into=OPENING, out_of=OWNER)
    when = stated_time(cells["timestamp"], "timestamp")
    return StatedRow(
        row=row,
        at=at,
        kind=OPENING_BALANCE,
        moves=tuple(sides[side] for side in _SIDES[account]),
        content=content(stood.amount),
        venue_id=" ".join(part for part in (when, stood.asset, account) if part),
    )


FORMAT = TableFormat("opening", "records", frozenset({"asset", "amount", "timestamp"}), _read)
