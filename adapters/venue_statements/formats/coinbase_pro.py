"""Coinbase Pro, account statement: one row a change of one asset, a trade's rows tied by its id."""

from __future__ import annotations

from adapters.venue_statements.cells import Options, Unclear, moment, money, stated_time
from adapters.venue_statements.formats.base import (
    UNKNOWN_KIND,
    Cells,
    TableFormat,
    content,
    place,
    signed,
)
from application.ports.venue_statements import (
    CUSTODY,
    DEPOSIT,
    FEE,
    TRADE,
    WITHDRAWAL,
    Move,
    StatedRow,
)

_UNIT = "Amount/balance unit"


def _read(row: int, cells: Cells, options: Options) -> StatedRow:
    at = moment(cells["Timestamp"], "Timestamp", options.zone)
    said, raw = cells["Type"].strip(), cells["Amount"]
    change = money(raw, "Amount", cells[_UNIT], _UNIT)
    portfolio = cells["Portfolio"].strip()
    account = CUSTODY if portfolio == "default" else place(portfolio, "Portfolio")
    trade, transfer = cells["Trade id"].strip(), cells["Transfer id"].strip()
    fee, group = None, ""
    if said in ("match", "fee", "rebate"):
        if not trade:
            raise Unclear("Trade id", "", f"a {said} without the trade that it belongs to")
        kind = TRADE if said == "match" else FEE
        group = f"trade:{account}:{trade}:{cells['Order id']}"
        if said != "match":
            signed(change.amount, "Amount", raw, wants=-1 if said == "fee" else 1, of=said)
            fee = -change
    elif said in ("deposit", "withdrawal"):
        kind = DEPOSIT if said == "deposit" else WITHDRAWAL
        signed(change.amount, "Amount", raw, wants=1 if kind == DEPOSIT else -1, of=kind)
    else:
        raise Unclear("Type", cells["Type"], "is no type that we know", UNKNOWN_KIND)
    when = stated_time(cells["Timestamp"], "Timestamp")
    parts = (portfolio, said, when, change.amount, change.asset, transfer, trade, cells["Order id"])
    return StatedRow(
        row=row,
        at=at,
        kind=kind,
        moves=(Move(money=change, into=account),),
        fee=fee,
        group=group,
        content=content(*parts),
        venue_id=" ".join(
            (trade or transfer, said, change.asset, *filter(None, (cells["Order id"].strip(), portfolio)))
        )
        if trade or transfer
        else "",
        reference=trade or transfer,
    )


FORMAT = TableFormat(
    "coinbase-pro",
    "coinbase-pro",
    frozenset({"Portfolio", "Type", "Timestamp", "Amount", _UNIT, "Transfer id", "Trade id", "Order id"}),
    _read,
)
