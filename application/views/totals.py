"""What stands on all books of a purse together, by class of account: what the platform owes and owns."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from application.ports.read_models import Rows
from application.views.rows import TotalRow
from domain.ledger.postings import BOT_PREFIX, HELD_PREFIX, Posting
from domain.money import ZERO, add

_ONE_CLASS = {"custody", "in_transit"}
"""Accounts named after one venue account or transfer each; revenue, expense and equity are few kinds."""


def account_class(account: str) -> str:
    """owner:held:{hold} → owner:held, owner:bot:{bot} → owner:bot, custody:{venue account} → custody; the
    others stand for themselves."""
    if account.startswith(HELD_PREFIX):
        return HELD_PREFIX[:-1]
    if account.startswith(BOT_PREFIX):
        return BOT_PREFIX[:-1]
    head = account.partition(":")[0]
    return head if head in _ONE_CLASS else account


def add_to_totals(rows: Rows, purse: str, postings: Iterable[Posting]) -> None:
    """Fold an entry's legs in; a total at zero has no row."""
    sums: dict[tuple[str, str, str], Decimal] = {}
    for posting in postings:
        key = (purse, account_class(posting.account), posting.asset)
        sums[key] = add(sums[key], posting.amount) if key in sums else posting.amount
    for key, summed in sums.items():
        if not summed:
            continue
        row = rows.get(TotalRow, *key)
        amount = add(row.amount if row else ZERO, summed)
        if amount:
            rows.put(TotalRow(purse=purse, account_class=key[1], asset=key[2], amount=amount))
        elif row:
            rows.delete(TotalRow, *key)
