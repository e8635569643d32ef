"""`evenkeel ledger reconcile` and `ledger cases`: our books against others', on the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapters.account_reports.report_file import COLUMNS
from tests.entrypoints.conftest import Cli


@pytest.fixture
def book(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> str:
    """A paper account with 100 USDT; what is looked at twice is so at once."""
    monkeypatch.setattr("entrypoints.composition.sleep", lambda _seconds: None)
    cli("users", "create", "ann@example.org")
    opened: str = cli("paper", "open", "--balance", "100 USDT", "--json").json["paper_account_id"]
    return opened


@pytest.fixture
def wrong(book: str, tmp_path: Path) -> Path:
    """A file that says 105."""
    path = tmp_path / "wrong.csv"
    path.write_text(f"{','.join(COLUMNS)}\n{book},balance,,,,,USDT,105\n")
    return path


def test_books_that_agree_with_the_paper_venue_are_reconciled(cli: Cli, book: str) -> None:
    told = cli("ledger", "reconcile")
    assert (told.code, told.out.splitlines()[-1]) == (0, "reconciled: nothing is open")

    made = cli("ledger", "reconcile", "--json")

    assert made.code == 0
    assert (made.json["clean"], made.json["source"], made.json["lines_matched"]) == (True, "paper", 1)
    (total,) = made.json["totals"]
    assert (total["custody"], total["reported"], total["wallets"]) == ("100", "100", "100")
    assert book in cli("ledger", "balances").out
    assert cli("ledger", "cases", "list").out == "there are no such cases\n"
    assert cli("projections", "check", "--json").json["identical"]


def test_a_break_ends_with_code_1_and_is_one_case_until_it_is_dealt_with(
    cli: Cli, book: str, wrong: Path
) -> None:
    ran = cli("ledger", "reconcile", "--statement", str(wrong))
    assert ran.code == 1
    assert "NOT RECONCILED" in ran.out
    assert "open cases, balance: 1" in ran.out
    again = cli("ledger", "reconcile", "--statement", str(wrong), "--json")
    assert (again.code, again.json["cases_opened"], again.json["open_cases"]) == (1, 0, {"balance": 1})

    (case,) = cli("ledger", "cases", "list", "--json").json
    assert (case["kind"], case["subject"], case["book_id"]) == ("balance", "balance:USDT", book)
    assert case["difference"] == [{"amount": "5", "asset": "USDT.PAPER"}]
    listed = cli("ledger", "cases", "list")
    assert "5 USDT.PAPER" in listed.out
    shown = cli("ledger", "cases", "show", case["case_id"])
    assert "until then, post it to suspense" in shown.out
    assert f"custody:{book}" in shown.out


def test_a_case_is_posted_to_suspense(cli: Cli, book: str, wrong: Path) -> None:
    cli("ledger", "reconcile", "--statement", str(wrong))
    (case,) = cli("ledger", "cases", "list", "--json").json

    posted = cli("ledger", "cases", "post", case["case_id"], "--reason", "ticket 4711", "--json")

    assert posted.code == 0, posted.err
    assert posted.json["entries"][0]["postings"] == [
        {"account": f"custody:{book}", "asset": "USDT.PAPER", "amount": "5"},
        {"account": "suspense", "asset": "USDT.PAPER", "amount": "-5"},
    ]
    after = cli("ledger", "reconcile", "--statement", str(wrong), "--json")
    assert (after.code, after.json["open_cases"]) == (1, {"not_cleared": 1})
    again = cli("ledger", "cases", "post", case["case_id"], "--reason", "twice")
    assert (again.code, "is closed" in again.err) == (1, True)
    assert cli("ledger", "trial-balance").code == 0
    entry = cli("ledger", "entries", "--kind", "suspense", "--json").json[0]["entry_id"]
    assert cli("ledger", "reverse", entry, "--book", book, "--reason", "explained").code == 0


def test_a_case_is_resolved(cli: Cli, book: str, wrong: Path) -> None:
    cli("ledger", "reconcile", "--statement", str(wrong))
    (case,) = cli("ledger", "cases", "list", "--json").json

    told = cli("ledger", "cases", "resolve", case["case_id"], "--reason", "shown in another account")

    assert (told.code, told.out) == (0, f"{case['case_id']} is closed: shown in another account\n")
    assert cli("ledger", "reconcile", "--statement", str(wrong)).code == 0
    (closed,) = cli("ledger", "cases", "list", "--status", "all", "--json").json
    assert (closed["outcome"], closed["closed_by"]) == ("accepted", "operator:cli")
    assert book == closed["book_id"]


def test_a_file_that_is_no_statement_changes_nothing(cli: Cli, book: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.csv"
    path.write_text(f"{','.join(COLUMNS)}\n{book},balance,,,,,USDT,1e3\n")

    ran = cli("ledger", "reconcile", "--statement", str(path))

    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith("evenkeel: bad.csv, line 2: amount: '1e3' is not an amount")
