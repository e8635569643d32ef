"""hledger and beancount as an accountant runs them, and our books after an export's own mapping."""

from __future__ import annotations

import csv
import io
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import pytest
from beancount import loader
from beancount.core.data import Transaction

from adapters.accounting.names import IN_TRANSIT_PREFIX
from application.ports.event_log import EventLog, Position, RecordedEvent
from application.queries.journal import JournalEntry, journal
from domain.ledger.postings import HELD_PREFIX, OWNER_PREFIX
from domain.money import ZERO, add

Balances = dict[tuple[str, str], Decimal]

HLEDGER = shutil.which("hledger")
needs_hledger = pytest.mark.skipif(
    HLEDGER is None,
    reason="hledger is not installed; on Debian the package has that name",
)


def hledger(path: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [HLEDGER or "hledger", "-f", str(path), *words],
        capture_output=True,
        text=True,
        check=False,
        env={"LC_ALL": "C.UTF-8", "HOME": str(path.parent)},
    )


def bean_check(path: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "beancount.scripts.check", "--no-cache", str(path)],
        capture_output=True,
        text=True,
        check=False,
    )


def hledger_balances(path: Path) -> Balances:
    ran = hledger(path, "balance", "--flat", "--no-total", "--layout", "bare", "-O", "csv")
    assert ran.returncode == 0, ran.stderr
    rows = csv.DictReader(io.StringIO(ran.stdout))
    return nonzero((row["account"], row["commodity"].strip('"'), Decimal(row["balance"])) for row in rows)


def beancount_transactions(path: Path) -> list[Any]:
    """What beancount read, which it has nothing to say against."""
    entries, errors, _ = loader.load_string(path.read_text())
    assert errors == []
    return [entry for entry in entries if isinstance(entry, Transaction)]


def beancount_balances(path: Path) -> Balances:
    return nonzero(
        (leg.account, leg.units.currency, leg.units.number)
        for transaction in beancount_transactions(path)
        for leg in transaction.postings
    )


def nonzero(legs: Iterable[tuple[str, str, Decimal]]) -> Balances:
    sums: Balances = {}
    for account, commodity, amount in legs:
        sums[account, commodity] = add(sums.get((account, commodity), ZERO), amount)
    return {key: amount for key, amount in sums.items() if amount}


@dataclass
class NamesSaid:
    """What an export says about its names, read from its comments alone."""

    accounts: dict[tuple[str, str, str], str] = field(default_factory=dict)
    commodities: dict[tuple[str, str], str] = field(default_factory=dict)

    @classmethod
    def of(cls, path: Path) -> NamesSaid:
        read = cls()
        for line in path.read_text().splitlines():
            word, _, rest = line.removeprefix("; ").partition(" ")
            if line.startswith("; ") and word in ("account", "commodity"):
                name, _, ours = rest.partition(" ")
                said = json.loads(ours)
                if word == "account":
                    read.accounts[said.get("purse", ""), said.get("book", ""), said["account"]] = name
                else:
                    read.commodities[said["purse"], said["asset"]] = name
        return read

    def account(self, purse: str, book_id: str, account: str) -> str:
        for prefix in (HELD_PREFIX, IN_TRANSIT_PREFIX):
            if account.startswith(prefix):
                account = prefix + "*"
        owned = account.startswith(OWNER_PREFIX)
        return self.accounts[purse if owned else "", book_id if owned else "", account]

    def mapped(self, legs: Iterable[tuple[str, str, str, str, Decimal]]) -> Balances:
        """Of legs, or balances: purse, book, account, asset, amount."""
        return nonzero(
            (self.account(purse, book, account), self.commodities[purse, asset], amount)
            for purse, book, account, asset, amount in legs
        )


def legs_of(entries: Iterable[JournalEntry]) -> Iterator[tuple[str, str, str, str, Decimal]]:
    for entry in entries:
        for leg in entry.postings:
            yield entry.purse, entry.book_id, leg.account, leg.asset, leg.amount


@dataclass
class ListedLog:
    """A log that is a list; only `read` is needed here."""

    events: list[RecordedEvent]

    def read(self, *, until: Position, names: Sequence[str]) -> Iterator[RecordedEvent]:
        return (event for event in self.events if event.position <= until and event.name in names)

    @property
    def port(self) -> EventLog:
        return cast(EventLog, self)

    def entries(self) -> list[JournalEntry]:
        return list(journal(self.port, until=self.events[-1].position))


def written(writer: Callable[[Path, str], Any], path: Path, entries: Iterable[JournalEntry]) -> Path:
    made = writer(path, "0-99")
    try:
        for entry in entries:
            made.add(entry)
        made.finish()
    finally:
        made.close()
    return path
