"""Statements for tests: texts imported into a store, and what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from typing import Any

from adapters.venue_statements.files import open_statement
from application.ledger.import_report import Target
from application.ledger.import_statement import ImportStatement, target_of
from application.ledger.stated_entries import StatedEntry
from domain.ledger.book import Book
from tests.application.harness import Store
from tests.builders import caller

BINANCE = "User_ID,UTC_Time,Account,Operation,Coin,Change,Remark\n"
OPENING = "asset,amount,timestamp\n"
_numbers = count()


def row(time: str, operation: str, coin: str, change: str, *, account: str = "Spot") -> str:
    """One row of Binance's, of March 2024: time is "day hour:minute"."""
    day, _, hour = time.partition(" ")
    return f"7,2024-03-{int(day):02} {hour}:00,{account},{operation},{coin},{change},\n"


def binance(*rows: str) -> str:
    return BINANCE + "".join(rows)


class Importer:
    """Imports texts for acc-1 into the book of a venue account."""

    def __init__(self, store: Store, venue_account: str = "binance") -> None:
        self.store = store
        self.target: Target = target_of(store.log, "acc-1", venue_account=venue_account)
        self._import = ImportStatement(store.log, store.bus, store.clock)

    def __call__(self, *texts: str, partial: bool = False, **options: str) -> dict[str, Any]:
        """Posted; every text but the last is opening balances."""
        run = next(_numbers)
        report = self._import.post(
            [
                open_statement(text=text, name=f"file {number}", **options)
                for number, text in enumerate(texts)
            ],
            self.target,
            lambda step: caller(f"import-{run}:{step}", None),
            partial=partial,
        )
        return report.told()

    def plan(self, *texts: str, **options: str) -> tuple[dict[str, Any], Sequence[StatedEntry]]:
        entries: list[StatedEntry] = []
        statements = [open_statement(text=text, name="file", **options) for text in texts]
        return self._import.plan(statements, self.target, told=entries.append).told(), entries

    @property
    def book(self) -> Book:
        return self.store.book(self.target.book_id)

    def has(self, asset: str) -> str:
        return str(self.book.owed("owner:available", asset))

    def balances(self) -> dict[tuple[str, str], str]:
        return {key: str(amount.normalize()) for key, amount in sorted(self.book.balances.items())}


def counts(report: dict[str, Any]) -> tuple[int, int, int, int]:
    """Rows posted, there already, with nothing to post, not understood; they add up to all."""
    found = (report["posted"], report["already_there"], report["nothing_to_post"], report["not_understood"])
    assert report["refused"] or sum(found) == report["rows"]
    return found
