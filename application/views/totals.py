"""What stands on all books of a purse together, by class of account: what the platform owes and owns."""

from __future__ import annotations

from collections.abc import Iterable

from application.ports.read_models import Rows
from application.views.rows import TotalRow
from domain.ledger.postings import BOT_PREFIX, HELD_PREFIX, Posting

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
    for posting in postings:
        rows.increase(TotalRow, (purse, account_class(posting.account), posting.asset), posting.amount)
