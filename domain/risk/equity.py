"""What a book is worth in one quote asset."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from domain.ledger.book import Book
from domain.ledger.postings import OWNER_PREFIX
from domain.money import ZERO, subtract
from domain.risk.events import Mark
from domain.risk.exposure import worth


def equity(book: Book, quote: str, marks: Mapping[str, Mark]) -> Decimal:
    """All that the owner is owed in the quote asset, what is held and allocated included, and all that has a
    price in it, at that price. What has none is left out: a share of less allows less.
    """
    total = ZERO
    for (account, asset), amount in book.balances.items():
        if not account.startswith(OWNER_PREFIX):
            continue
        if asset == quote:
            total = subtract(total, amount)
        elif (mark := marks.get(f"{asset}/{quote}")) is not None:
            total = subtract(total, worth(amount, mark.price))
    return total
