"""BittyTax records: what other bookkeeping is commonly turned into, one row a transaction, many wallets."""

from __future__ import annotations

from adapters.venue_statements.cells import Options, Unclear, moment, money, stated_time
from adapters.venue_statements.formats.base import UNKNOWN_KIND, Cells, TableFormat, content, place
from application.ports.venue_statements import (
    DEPOSIT,
    PAYMENT,
    REWARD,
    TRADE,
    WITHDRAWAL,
    Move,
    StatedRow,
)
from domain.money import Money

_KINDS = {
    "Airdrop": REWARD,
    "Charity-Sent": PAYMENT,
    "Deposit": DEPOSIT,
    "Dividend": REWARD,
    "Gift-Received": DEPOSIT,
    "Gift-Sent": PAYMENT,
    "Income": REWARD,
    "Interest": REWARD,
    "Mining": REWARD,
    "Spend": PAYMENT,
    "Staking": REWARD,
    "Trade": TRADE,
    "Withdrawal": WITHDRAWAL,
}
_SIDES = {DEPOSIT: (True, False), REWARD: (True, False), PAYMENT: (False, True), WITHDRAWAL: (False, True)}


def _read(row: int, cells: Cells, options: Options) -> StatedRow:
    said = cells["Type"].strip()
    at = moment(cells["Timestamp"], "Timestamp", options.zone, minutes=True)
    if said not in _KINDS:
        raise Unclear("Type", cells["Type"], "is no type that we know", UNKNOWN_KIND)
    kind = _KINDS[said]
    account = place(cells["Wallet"], "Wallet")
    bought, sold, fee = (_side(cells, name) for name in ("Buy", "Sell", "Fee"))
    if (bought is not None, sold is not None) != _SIDES.get(kind, (True, True)):
        raise Unclear("Type", said, "does not go with what was bought and sold")
    changes = [bought, -sold if sold else None, -fee if fee else None]
    moves = tuple(Move(money=change, into=account) for change in changes if change is not None)
    told = [str(side) if side else "" for side in (bought, sold, fee)]
    return StatedRow(
        row=row,
        at=at,
        kind=kind,
        moves=moves,
        fee=fee,
        content=content(said, stated_time(cells["Timestamp"], "Timestamp"), cells["Wallet"], *told),
    )


def _side(cells: Cells, name: str) -> Money | None:
    """What was bought, sold or charged; nothing where the cell is empty or zero."""
    quantity, code = f"{name} Quantity", f"{name} Asset"
    if not cells[quantity].strip():
        if cells[code].strip():
            raise Unclear(quantity, "", f"is empty, but {code} is not")
        return None
    stated = money(cells[quantity], quantity, cells[code], code)
    if stated.amount < 0:
        raise Unclear(quantity, cells[quantity], "is below zero; its column says which way it went")
    return stated if stated.amount else None


FORMAT = TableFormat(
    "bittytax",
    "records",
    frozenset(
        {"Type", "Buy Quantity", "Buy Asset", "Sell Quantity", "Sell Asset", "Fee Quantity", "Fee Asset"}
        | {"Wallet", "Timestamp"}
    ),
    _read,
)
