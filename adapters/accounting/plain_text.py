"""What the two journals have in common: the entries first go to a file of their own, for what stands above
them (names, digits, dates) is known only when the last one is written.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path

from adapters.accounting.names import Chart, value_of
from application.queries.journal import JournalEntry
from application.queries.moments import iso_utc
from domain.money import text


class TextJournal(ABC):
    """A journal in the making. In memory are the accounts with their balances, never the entries."""

    def __init__(self, path: Path, as_of: str) -> None:
        self._path, self._as_of = path, as_of
        self._body = tempfile.TemporaryFile("w+", encoding="utf-8", dir=path.parent)  # noqa: SIM115 - till close
        self.chart = Chart()
        self.balances: dict[tuple[str, str], Decimal] = {}
        self.first: date = date.max
        self.last: date = date.min

    def add(self, entry: JournalEntry) -> None:
        day = entry.effective_at_utc.date()
        self.first, self.last = min(self.first, day), max(self.last, day)
        self._body.write(self.transaction(entry, day))

    def finish(self) -> None:
        """Write the file whole."""
        with self._path.open("w", encoding="utf-8") as whole:
            whole.writelines(line + "\n" for line in self._above())
            self._body.seek(0)
            shutil.copyfileobj(self._body, whole, 1 << 20)
            if self.balances:
                whole.writelines(line + "\n" for line in self.below())

    def close(self) -> None:
        self._body.close()

    @abstractmethod
    def transaction(self, entry: JournalEntry, day: date) -> str: ...

    @abstractmethod
    def above(self) -> Iterator[str]:
        """What must be declared."""
        ...

    @abstractmethod
    def below(self) -> Iterator[str]:
        """Every account's balance, for the program to find out whether it comes to the same."""
        ...

    def _above(self) -> Iterator[str]:
        yield f"; The books of Evenkeel up to log position {self._as_of}. Debit is positive, credit negative."
        yield "; Names that stand for ours, and ours as JSON; * is the tag on the posting."
        for name, ours in self.chart.mapping():
            yield f"; account {name} {json.dumps(ours)}"
        for name, ours in self.chart.assets():
            yield f"; commodity {name} {json.dumps(ours)}"
        yield from self.above()
        yield ""


def details(entry: JournalEntry) -> Iterator[tuple[str, str]]:
    """An entry's tags: those with a value."""
    yield "position", str(entry.position)
    yield "effective", iso_utc(entry.effective_at_utc)
    yield "recorded", iso_utc(entry.recorded_at_utc)
    yield "entry", value_of(entry.entry_id)
    if entry.reference:
        yield "reference", value_of(entry.reference)
    yield "book", value_of(entry.book_id)
    yield "owner", value_of(entry.owner_id)
    yield "purse", value_of(entry.purse)
    if entry.reverses:
        yield "reverses", value_of(entry.reverses)
    if entry.reason:
        yield "reason", value_of(entry.reason)
    for name, value in entry.metadata.items():
        yield f"meta-{name}", value_of(value)


def fee(entry: JournalEntry, chart: Chart) -> Iterator[tuple[str, str]]:
    """What the venue charged, as two tags."""
    if entry.venue_fee is not None:
        yield "venuefee", text(entry.venue_fee.amount)
        yield "feecommodity", chart.commodity(entry.purse, entry.venue_fee.asset)
