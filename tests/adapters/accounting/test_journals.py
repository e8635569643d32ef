"""hledger and beancount themselves accept what is written for them, and come to our balances."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.accounting.beancount import BeancountJournal, TooExactForBeancount
from adapters.accounting.csv_table import CsvTable
from adapters.accounting.hledger import HledgerJournal
from adapters.accounting.names import text_of
from adapters.accounting.parquet_table import ParquetTable
from adapters.accounting.rows import Row
from application.ports.event_log import Position
from application.queries.asset_codes import shown_asset
from application.queries.journal import JournalEntry
from application.streams import book_stream
from domain.ledger.postings import HELD_PREFIX, Posting
from domain.money import Money, negate, text
from tests.adapters.accounting.ledger_tools import (
    Balances,
    ListedLog,
    NamesSaid,
    bean_check,
    beancount_balances,
    beancount_transactions,
    hledger,
    hledger_balances,
    legs_of,
    needs_hledger,
    written,
)
from tests.application.views.histories import OWNERS, a_history

START = datetime(2026, 1, 1, tzinfo=UTC)
BOTH = pytest.mark.parametrize(
    ("writer", "balances"),
    [
        pytest.param(HledgerJournal, hledger_balances, marks=needs_hledger, id="hledger"),
        pytest.param(BeancountJournal, beancount_balances, id="beancount"),
    ],
)


def accepted(path: Path, writer: Any) -> None:
    ran = hledger(path, "check", "--strict") if writer is HledgerJournal else bean_check(path)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")


@BOTH
def test_the_program_comes_to_our_balances(
    tmp_path: Path, writer: Any, balances: Callable[[Path], Balances]
) -> None:
    history = a_history()
    books = [history.state(book_stream(owner)) for owner in OWNERS]
    ours = [
        (book.purse, book.book_id, account, asset, amount)
        for book in books
        for (account, asset), amount in book.balances.items()
    ]

    path = written(writer, tmp_path / "books", ListedLog(history.log).entries())

    accepted(path, writer)
    found = balances(path)
    assert found == NamesSaid.of(path).mapped(ours)
    assert len(found) > len(OWNERS) * 4


@needs_hledger
def test_entries_that_happened_in_the_order_of_the_log_are_in_the_order_of_dates(tmp_path: Path) -> None:
    path = written(HledgerJournal, tmp_path / "books", ListedLog(a_history().log).entries())
    assert hledger(path, "check", "ordereddates").returncode == 0


def posted(
    position: int,
    legs: list[tuple[str, str, str]],
    *,
    book: str = "b-1",
    purse: str = "PAPER",
    days: int = 0,
    **more: Any,
) -> JournalEntry:
    words = {"owner_id": "ann", "entry_id": f"e{position}", "kind": "deposit", "reference": "", **more}
    return JournalEntry(
        position=Position(id=position),
        recorded_at_utc=START,
        effective_at_utc=START + timedelta(days=days, microseconds=position),
        book_id=book,
        purse=purse,
        venue_fee=words.pop("venue_fee", None),
        reverses=words.pop("reverses", ""),
        reason=words.pop("reason", ""),
        metadata=words.pop("metadata", {}),
        postings=tuple(Posting(account, asset, Decimal(amount)) for account, asset, amount in legs),
        **words,
    )


NASTY = [
    "bot of ann",
    "owner:held:x",
    "é–日本",
    "1st",
    "0-a",
    "a" * 3_000,
    'quo"te\\',
    "a, b:c ; [2026-01-01] date:2020-01-01",
    "two\nlines\r\n\t ",
    "100% sure",
    "-u41-",
    "",
]
CODES = ["1INCH", "1000", "ABCDEFGHIJKLMNOP", "1234567890123456", "TRUE", "NULL", "T", "X", "usdt", "a b"]


def nasty_entries() -> list[JournalEntry]:
    entries = []
    for number, name in enumerate(NASTY):
        asset, purse = CODES[number % len(CODES)], ("PAPER", "LIVE")[number % 2]
        entries.append(
            posted(
                number + 1,
                [
                    (f"custody:{name}", asset, "3"),
                    ("owner:available", asset, "-2"),
                    (f"revenue:{name}", asset, "-1"),
                ],
                book=name or "b",
                purse=purse,
                days=-number,
                owner_id=name,
                entry_id=name,
                kind=name,
                reference=name,
                venue_fee=Money(Decimal("-0.5"), asset),
                reverses=name,
                reason=name,
                metadata={"a_key-1": name or "nothing"},
            )
        )
        entries.append(
            posted(
                number + 100,
                [(f"owner:held:{name}", asset, "-1"), ("owner:available", asset, "1")],
                book=name or "b",
                purse=purse,
                reverses=name,
                reason=name,
            )
        )
    return entries


@BOTH
def test_names_that_mean_something_to_the_program_do_no_harm(
    tmp_path: Path, writer: Any, balances: Callable[[Path], Balances]
) -> None:
    entries = nasty_entries()
    path = written(writer, tmp_path / "books", entries)
    accepted(path, writer)
    assert balances(path) == NamesSaid.of(path).mapped(legs_of(entries))


def told(entry: JournalEntry) -> dict[str, str]:
    """An entry's tags, decoded, as they should be found again."""
    said = {
        "position": str(entry.position),
        "entry": entry.entry_id,
        "book": entry.book_id,
        "owner": entry.owner_id,
        "purse": entry.purse,
        "reference": entry.reference,
        "reverses": entry.reverses,
        "reason": entry.reason,
        "kind": entry.kind,
        "effective": entry.effective_at_utc.isoformat().replace("+00:00", "Z"),
        "recorded": entry.recorded_at_utc.isoformat().replace("+00:00", "Z"),
    }
    said |= {"reverses": entry.reverses, "reason": entry.reason}
    said |= {f"meta-{key}": value for key, value in entry.metadata.items()}
    if entry.venue_fee:
        said["venuefee"] = text(entry.venue_fee.amount)
    return {name: value for name, value in said.items() if value}


def hold_of(account: str) -> str:
    return account.removeprefix(HELD_PREFIX) if account.startswith(HELD_PREFIX) else ""


def decoded(tags: dict[str, str], kind: str) -> dict[str, str]:
    known = {name: text_of(value) for name, value in {**tags, "kind": kind}.items() if value}
    return {name: value for name, value in known.items() if name != "feecommodity"}


@needs_hledger
def test_hledger_finds_every_tag_again(tmp_path: Path) -> None:
    entries = nasty_entries()
    path = written(HledgerJournal, tmp_path / "books", entries)
    read = json.loads(hledger(path, "print", "-O", "json").stdout)
    found = {one["tcode"]: one for one in read}
    for entry in entries:
        one = found[str(entry.position)]
        assert decoded(dict(one["ttags"]), one["tdescription"]) == told(entry)
        holds = [text_of(dict(leg["ptags"]).get("hold", "")) for leg in one["tpostings"]]
        assert holds == [hold_of(leg.account) for leg in entry.postings]


def test_beancount_finds_every_tag_again(tmp_path: Path) -> None:
    entries = nasty_entries()
    path = written(BeancountJournal, tmp_path / "books", entries)
    found = {one.meta["position"]: one for one in beancount_transactions(path)}
    for entry in entries:
        one = found[str(entry.position)]
        tags = {name: value for name, value in one.meta.items() if name not in ("filename", "lineno")}
        assert decoded(tags, one.narration) == told(entry)
        holds = [text_of(leg.meta.get("hold", "")) for leg in one.postings]
        assert holds == [hold_of(leg.account) for leg in entry.postings]


WORDS = st.text(max_size=20)
AMOUNTS = st.decimals(min_value=Decimal("1e-18"), max_value=Decimal(10**8), places=18, allow_nan=False)


@st.composite
def entries_of_any_names(draw: st.DrawFn) -> list[JournalEntry]:
    entries = []
    for position in range(1, draw(st.integers(1, 6)) + 1):
        asset, amount = draw(st.sampled_from(CODES) | WORDS), draw(AMOUNTS)
        legs = [
            (f"custody:{draw(WORDS)}", asset, str(amount)),
            (
                f"owner:{draw(st.sampled_from(['bot:', 'held:', '']))}{draw(WORDS)}",
                asset,
                str(negate(amount)),
            ),
        ]
        book, purse = draw(WORDS), draw(st.sampled_from(["PAPER", "LIVE"]))
        more = {name: draw(WORDS) for name in ("owner_id", "entry_id", "kind", "reference")}
        entries.append(posted(position, legs, book=book, purse=purse, days=draw(st.integers(-9, 9)), **more))
    return entries


@BOTH
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(entries=entries_of_any_names())
def test_any_names_and_eighteen_decimals_are_accepted(
    tmp_path: Path, writer: Any, balances: Callable[[Path], Balances], entries: list[JournalEntry]
) -> None:
    path = written(writer, tmp_path / "books", entries)
    assert balances(path) == NamesSaid.of(path).mapped(legs_of(entries))
    if writer is HledgerJournal:
        accepted(path, writer)


@BOTH
def test_the_last_digit_of_an_amount_or_a_balance_counts(tmp_path: Path, writer: Any, balances: Any) -> None:
    amount = "1234567890.123456789012345678"
    entry = posted(1, [("custody:v", "USDT", amount), ("owner:available", "USDT", f"-{amount}")])
    path = written(writer, tmp_path / "books", [entry])
    accepted(path, writer)
    whole = path.read_text()
    spots = [at for at in range(len(whole)) if whole.startswith(amount, at)]
    assert len(spots) == 4  # two legs, two balances
    for at in spots:
        end = at + len(amount)
        path.write_text(whole[: end - 1] + "9" + whole[end:])
        with pytest.raises(AssertionError):
            accepted(path, writer)


@needs_hledger
def test_hledger_takes_as_many_digits_as_there_are(tmp_path: Path) -> None:
    amount = "123456789012345678.123456789012345678901234567890123456"
    entry = posted(1, [("custody:v", "USDT", amount), ("owner:available", "USDT", f"-{amount}")])
    path = written(HledgerJournal, tmp_path / "books", [entry])
    accepted(path, HledgerJournal)
    assert hledger_balances(path)["Assets:Custody:V", "USDT.PAPER"] == Decimal(amount)


@pytest.mark.parametrize(
    "amounts", [["12345678901.123456789012345678"], ["1000000000000", "0.00000000000000001"]]
)
def test_what_beancount_would_round_is_refused(tmp_path: Path, amounts: list[str]) -> None:
    entries = [
        posted(number, [("custody:v", "USDT", amount), ("owner:available", "USDT", f"-{amount}")])
        for number, amount in enumerate(amounts, start=1)
    ]
    with pytest.raises(TooExactForBeancount, match=f"at 0-{len(amounts)} an amount"):
        written(BeancountJournal, tmp_path / "books", entries)


@BOTH
def test_books_without_entries_are_accepted(tmp_path: Path, writer: Any, balances: Any) -> None:
    path = written(writer, tmp_path / "books", [])
    accepted(path, writer)
    assert balances(path) == {}


def rows_expected(entries: list[JournalEntry]) -> list[tuple[Any, ...]]:
    """Without the two names of the journals and the metadata."""
    return [
        (
            str(entry.position),
            number,
            entry.recorded_at_utc,
            entry.effective_at_utc,
            entry.book_id,
            entry.owner_id,
            entry.purse,
            entry.entry_id,
            entry.kind,
            entry.reference,
            entry.reverses,
            entry.reason,
            text(entry.venue_fee.amount) if entry.venue_fee and number == 1 else "",
            shown_asset(entry.venue_fee.asset, entry.purse) if entry.venue_fee and number == 1 else "",
            leg.account,
            shown_asset(leg.asset, entry.purse),
            text(leg.amount),
        )
        for entry in entries
        for number, leg in enumerate(entry.postings, start=1)
    ]


def csv_rows(path: Path) -> list[Row]:
    with path.open(newline="", encoding="utf-8") as file:
        head, *rows = csv.reader(file)
    assert tuple(head) == Row._fields
    return [
        Row(row[0], int(row[1]), datetime.fromisoformat(row[2]), datetime.fromisoformat(row[3]), *row[4:])
        for row in rows
    ]


def test_what_somebody_wrote_is_no_formula_for_a_spreadsheet(tmp_path: Path) -> None:
    """Safety §2 item 52: a reason, and the reference of an adjusting entry."""
    legs = [("custody:v", "USDT", "-1"), ("owner:available", "USDT", "1")]
    entry = posted(1, legs, kind="adjustment", reference="@SUM(A1)", reason='=HYPERLINK("http://x")')
    found = csv_rows(written(CsvTable, tmp_path / "books", [entry]))
    assert [row.reason for row in found] == ['\'=HYPERLINK("http://x")'] * 2
    assert [row.reference for row in found] == ["'@SUM(A1)"] * 2
    assert [row.amount for row in found] == ["-1", "1"]


def parquet_rows(path: Path) -> list[Row]:
    table = pq.read_table(path)
    assert tuple(table.column_names) == Row._fields
    assert table.schema.metadata[b"evenkeel.position"] == b"0-99"
    return [Row(**row) for row in table.to_pylist()]


@pytest.mark.parametrize(("writer", "rows"), [(CsvTable, csv_rows), (ParquetTable, parquet_rows)])
def test_a_table_is_read_back_equal(
    tmp_path: Path, writer: Any, rows: Callable[[Path], list[Row]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adapters.accounting.parquet_table._ROWS", 7)
    entries = [*ListedLog(a_history().log).entries(), *nasty_entries()]
    found = rows(written(writer, tmp_path / "books", entries))
    as_written = [
        row._replace(reason=row.reason.removeprefix("'"), reference=row.reference.removeprefix("'"))
        for row in found
    ]
    assert [tuple(row)[:-3] for row in as_written] == rows_expected(entries)
    metadata = [
        json.dumps(dict(entry.metadata), ensure_ascii=False) for entry in entries for _ in entry.postings
    ]
    assert [row.metadata or "{}" for row in found] == metadata
    names = {(row.book, row.account): row.journal_account for row in found}
    assert names["ann", "owner:available"] == "Liabilities:Paper:Ann:Available"


def test_a_journal_holds_names_in_memory_and_no_entries(tmp_path: Path) -> None:
    """However many orders there are, they are one account."""
    entry = posted(1, [("owner:held:o", "USDT", "-1"), ("owner:available", "USDT", "1")])
    journal = HledgerJournal(tmp_path / "books", "0-1")
    for number in range(1_000):
        held, free = entry.postings
        journal.add(replace(entry, postings=(replace(held, account=f"owner:held:o-{number}"), free)))
    assert (len(journal.chart.accounts), len(journal.balances)) == (2, 2)
    journal.close()
