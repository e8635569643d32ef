"""What an import of statements came to: every row accounted for, and per asset the difference explained."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import reduce
from typing import Any

from application.ledger.stated_entries import Judged, StatedEntry, owner_change, stated_change
from application.ports.venue_statements import RowProblem
from application.queries.moments import iso_utc
from domain.ledger.book import Book
from domain.ledger.postings import OWNER_PREFIX
from domain.money import ZERO, add, subtract, text

PROBLEMS_KEPT = 1_000
Changes = Mapping[str, Mapping[str, Decimal]]
"""What entries change of what an owner has: by asset and kind of entry."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where to: the book, whose it is, and what it is called at the venue. The book need not be there yet."""

    book_id: str
    owner_id: str
    venue_account: str


@dataclass(slots=True)
class Report:
    """What an import came to, or would.

    rows = posted + already_there + nothing_to_post + not_understood.
    """

    target: Target
    dry_run: bool
    rows: int = 0
    posted: int = 0  # rows whose entries were posted, or would be
    entries: int = 0
    already_there: int = 0
    nothing_to_post: int = 0
    not_understood: int = 0
    refused: bool = False  # something was not understood, so nothing was posted
    problems: list[tuple[str, RowProblem]] = field(
        default_factory=list
    )  # with their file; the first thousand
    changes: dict[str, dict[str, Decimal]] = field(default_factory=dict)  # by asset and kind of entry
    before: dict[str, Decimal] = field(default_factory=dict)
    after: dict[str, Decimal] = field(default_factory=dict)
    low: dict[str, Decimal] = field(default_factory=dict)
    standing: dict[str, Decimal] = field(default_factory=dict)

    def take(self, file: str, found: Judged) -> None:
        self.rows += found.already + found.nothing
        self.already_there += found.already
        self.nothing_to_post += found.nothing
        for problem in found.problems:
            self.problem(file, problem)
        for entry in found.entries:
            self.rows += len(entry.rows)
            self.posted += len(entry.rows)
            self.entries += 1
            for asset, change in owner_change(entry).items():
                of_asset = self.changes.setdefault(asset, {})
                of_asset[entry.kind] = add(of_asset.get(entry.kind, ZERO), change)

    def problem(self, file: str, problem: RowProblem) -> None:
        self.rows += 1
        self.not_understood += 1
        if len(self.problems) < PROBLEMS_KEPT:
            self.problems.append((file, problem))

    def add(self, part: Report) -> None:
        """What one more part came to."""
        for name in ("rows", "posted", "entries", "already_there", "nothing_to_post", "not_understood"):
            setattr(self, name, getattr(self, name) + getattr(part, name))
        self.problems += part.problems[: PROBLEMS_KEPT - len(self.problems)]
        for asset, by_kind in part.changes.items():
            of_asset = self.changes.setdefault(asset, {})
            for kind, change in by_kind.items():
                of_asset[kind] = add(of_asset.get(kind, ZERO), change)

    def follow(self, free: Mapping[str, Decimal], found: Judged) -> None:
        """How low each balance would go from what is `free` before, were there enough for every row.

        Looked at after each moment: within one, the order of rows means nothing.
        """
        changes = [owner_change(entry) for entry in found.entries]
        changes += [stated_change(said) for said in found.short]
        for change in changes:
            for asset, amount in change.items():
                self.standing[asset] = add(self.standing.get(asset, free.get(asset, ZERO)), amount)
        for asset, amount in self.standing.items():
            if amount < self.low.get(asset, ZERO):
                self.low[asset] = amount

    def opening_needed(self) -> dict[str, str]:
        return {asset: text(subtract(ZERO, low)) for asset, low in sorted(self.low.items())}

    def told(self) -> dict[str, Any]:
        """As JSON values, amounts as text."""
        to = self.target
        return {
            "book_id": to.book_id,
            "owner_id": to.owner_id,
            "venue_account": to.venue_account,
            "dry_run": self.dry_run,
            "refused": self.refused,
            "rows": self.rows,
            "posted": 0 if self.refused else self.posted,
            "entries": 0 if self.refused else self.entries,
            "already_there": self.already_there,
            "nothing_to_post": self.nothing_to_post,
            "not_understood": self.not_understood,
            "problems": [
                {
                    "file": file,
                    "row": one.row,
                    "field": one.field,
                    "value": one.value,
                    "problem": one.problem,
                    "way_out": one.way_out,
                }
                for file, one in self.problems
            ],
            "opening_needed": self.opening_needed(),
            "totals": self.totals(),
        }

    def totals(self) -> list[dict[str, Any]]:
        return totals_of(self.before, self.after, {} if self.refused else self.changes)


def owned(book: Book) -> dict[str, Decimal]:
    """What a book owes its owner, by asset."""
    amounts: dict[str, Decimal] = {}
    for (account, asset), amount in book.balances.items():
        if account.startswith(OWNER_PREFIX):
            amounts[asset] = subtract(amounts.get(asset, ZERO), amount)
    return amounts


def totals_of(
    before: Mapping[str, Decimal], after: Mapping[str, Decimal], changes: Changes
) -> list[dict[str, Any]]:
    """Per asset what the owner had and has, and the difference by kind; somebody else did the rest."""
    lines = []
    for asset in sorted({*before, *after, *changes}):
        by_kind = {kind: change for kind, change in sorted(changes.get(asset, {}).items()) if change}
        had, has = before.get(asset, ZERO), after.get(asset, ZERO)
        difference = subtract(has, had)
        lines.append(
            {
                "asset": asset,
                "before": text(had),
                "after": text(has),
                "difference": text(difference),
                "explained": {kind: text(change) for kind, change in by_kind.items()},
                "unexplained": text(subtract(difference, reduce(add, by_kind.values(), ZERO))),
            }
        )
    return lines


def entry_told(entry: StatedEntry) -> dict[str, Any]:
    """An entry that would be posted, as JSON values."""
    fee = entry.venue_fee
    return {
        "entry_id": entry.entry_id,
        "kind": entry.kind,
        "effective_at": iso_utc(entry.at),
        "reference": entry.reference,
        "venue_fee": text(fee.amount) if fee else "",
        "venue_fee_asset": fee.asset if fee else "",
        "rows": list(entry.rows),
        "postings": [
            {"account": leg.account, "asset": leg.asset, "amount": text(leg.amount)} for leg in entry.postings
        ],
    }
