"""`evenkeel ledger import`: a venue's statement in the books, and in everything that is made of them."""

from __future__ import annotations

import json
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from entrypoints.auditor import verify
from tests.adapters.accounting.ledger_tools import bean_check, hledger, needs_hledger
from tests.entrypoints.conftest import Cli
from tests.entrypoints.test_serve import SERVE, Start, banner

SAMPLES = Path(__file__).parents[1] / "adapters" / "venue_statements" / "samples"
OPENING = "asset,amount,timestamp\nBNB,1,2024-01-01T00:00:00Z\n"
BAD = "7,2024-03-05 10:00:00,Spot,ABC,ETH,-15,\n"


@pytest.fixture
def opening(cli: Cli, tmp_path: Path) -> tuple[str, str]:
    """Somebody to import for, and what their account had before the sample begins."""
    cli("users", "create", "ann@example.org")
    path = tmp_path / "opening.csv"
    path.write_text(OPENING)
    return "--opening", str(path)


def head(cli: Cli) -> str:
    return str(cli("log", "tail", "-n", "1", "--json").json[-1]["position"])


def test_a_dry_run_then_the_import_then_nothing_more(cli: Cli, opening: tuple[str, str]) -> None:
    words = ("ledger", "import", str(SAMPLES / "binance.csv"), *opening)
    before = head(cli)

    planned = cli(*words, "--dry-run", "--json").json
    assert head(cli) == before
    shown = cli(*words, "--dry-run")
    assert "2024-03-01T10:05:00Z  trade  " in shown.out
    assert "nothing was posted: this was a dry run" in shown.out
    done = cli(*words, "--json").json
    would_post = planned.pop("would_post")
    assert (planned.pop("dry_run"), done.pop("dry_run"), planned == done) == (True, False, True)
    posted = cli("ledger", "entries", "--book", done["book_id"], "--json", "-n", "100").json
    assert [one["entry_id"] for one in reversed(posted)] == [one["entry_id"] for one in would_post]
    assert (done["rows"], done["posted"], done["entries"]) == (13, 13, len(posted))
    again = cli(*words)
    assert (again.code, "already there    13" in again.out) == (0, True)
    assert len(cli("ledger", "entries", "--book", done["book_id"], "--json", "-n", "100").json) == len(posted)


def test_what_is_not_understood_is_told_row_by_row_and_posts_nothing(
    cli: Cli, opening: tuple[str, str], tmp_path: Path
) -> None:
    path = tmp_path / "statement.csv"
    path.write_text((SAMPLES / "binance.csv").read_text() + BAD)
    words = ("ledger", "import", str(path), *opening)
    before = head(cli)
    for more in ((), ("--dry-run",)):
        refused = cli(*words, *more)
        assert refused.code == 1
        assert "statement.csv, row 14: Operation 'ABC': is no operation that we know; " in refused.out
        assert "nothing was posted" in refused.out
    report = cli(*words, "--json")
    assert (report.code, report.json["refused"], report.json["posted"]) == (1, True, 0)
    assert head(cli) == before
    partial = cli(*words, "--partial", "--json")
    assert (partial.code, partial.json["posted"], partial.json["not_understood"]) == (1, 13, 1)


def test_imported_books_go_wherever_books_go(cli: Cli, opening: tuple[str, str], tmp_path: Path) -> None:
    """Statements, trial balance, projections, the sealed log and its verifier agree."""
    cli("log", "create-key")
    for name in ("binance.csv", "coinbase-pro.csv", "bittytax.csv", "gemini.csv", "coinbase-wallet.csv"):
        more = opening if name == "binance.csv" else ()
        ran = cli("ledger", "import", str(SAMPLES / name), *more, "--json")
        assert (ran.code, ran.json["not_understood"]) == (0, 0), ran.out
    book = cli("ledger", "import", str(SAMPLES / "coinbase-wallet.csv"), "--partial", "--json").json[
        "book_id"
    ]

    trial = cli("ledger", "trial-balance", "--json").json
    assert (trial["balanced"], set(trial["trial_balance"].values())) == (True, {"0"})
    period = ("--from", "2017-01-01T00:00:00Z", "--to", "2018-01-01T00:00:00Z", "--by", "effective")
    made = cli("ledger", "statement", "--book", book, *period, "--json").json
    assert (made["purse"], made["adds_up"], made["venue_fees"]) == ("CONNECTED", True, {"GBP": "1.09"})
    assert cli("projections", "check").code == cli("projections", "rebuild").code == 0
    assert cli("log", "verify").code == 0
    assert cli("log", "seal").code == 0
    assert cli("log", "export", "--output", str(tmp_path / "log")).code == 0
    auditor = [sys.executable, "-I", verify.__file__, str(tmp_path / "log"), "--json"]
    key = next((tmp_path / "log").glob("*.pub"))
    checked = subprocess.run([*auditor, "--key", str(key)], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert set(json.loads(checked.stdout)["totals"]) == {"CONNECTED"}


@needs_hledger
def test_the_accountants_programs_accept_imported_books(
    cli: Cli, opening: tuple[str, str], tmp_path: Path
) -> None:
    cli("ledger", "import", str(SAMPLES / "binance.csv"), *opening)
    cli("ledger", "import", str(SAMPLES / "bittytax.csv"))
    for name, check in (("hledger", lambda path: hledger(path, "check", "-s")), ("beancount", bean_check)):
        path = tmp_path / f"books.{name}"
        assert cli("ledger", "export", "--format", name, "--output", str(path)).code == 0
        checked: Any = check(path)
        assert (checked.returncode, checked.stderr) == (0, "")


def test_each_venue_account_has_a_book_of_its_own(cli: Cli, opening: tuple[str, str]) -> None:
    words = ("ledger", "import", str(SAMPLES / "coinbase-pro.csv"), "--json")
    first = cli(*words).json
    second = cli(*words, "--venue-account", "coinbase-pro-2").json
    assert first["book_id"] != second["book_id"]
    assert (second["venue_account"], second["posted"]) == ("coinbase-pro-2", 5)
    into = cli(*words, "--book", second["book_id"]).json
    assert (into["book_id"], into["already_there"]) == (second["book_id"], 5)
    cli("users", "create", "bob@example.org")
    foreign = cli(*words, "--book", second["book_id"], "--user", "bob@example.org")
    assert (foreign.code, foreign.json["error"]["code"]) == (1, "unknown_book")
    paper = cli("paper", "open", "--balance", "1 BTC", "--user", "bob@example.org", "--json").json
    refused = cli(*words, "--book", paper["paper_account_id"])
    assert (refused.code, refused.json["error"]["code"]) == (1, "book_not_connected")
    own = cli("ledger", "balances", "--user", "bob@example.org", "--json").json["balances"]
    assert {line["asset"] for line in own} == {"BTC.PAPER"}
    assert opening


def test_a_shortage_is_told_in_the_book_s_own_money(
    cli: Cli, opening: tuple[str, str], tmp_path: Path
) -> None:
    path = tmp_path / "in.csv"
    path.write_text("asset,amount,timestamp\nBTC,1,2024-01-01T00:00:00Z\n")
    out = tmp_path / "out.csv"
    header = (SAMPLES / "binance.csv").read_text().splitlines()[0]
    out.write_text(f"{header}\n7,2024-03-04 12:00:00,Spot,Withdraw,BTC,-1,\n")
    book = cli("ledger", "import", str(path), "--venue-account", "binance", "--json").json["book_id"]
    cli("ledger", "import", str(out))
    entry = cli("ledger", "entries", "--kind", "opening", "--json").json[0]["entry_id"]
    refused = cli("ledger", "reverse", entry, "--book", book, "--reason", "x")
    assert (refused.code, "required 1 BTC, available 0 BTC" in refused.err) == (1, True)
    assert opening


def test_an_import_goes_through_the_server_that_holds_the_file(
    start: Start, cli: Cli, data_dir: Path, opening: tuple[str, str]
) -> None:
    running = start(*SERVE, EVENKEEL_DATA_DIR=str(data_dir))
    banner(running)
    words = ("ledger", "import", str(SAMPLES / "binance.csv"), *opening, "--json")
    planned, done, again = cli(*words, "--dry-run"), cli(*words), cli(*words)
    assert (planned.code, planned.json["posted"]) == (0, 13)
    assert (done.code, done.json["posted"], again.json["already_there"]) == (0, 13, 13)
    assert Decimal(done.json["totals"][-1]["after"]) == Decimal(500)
    assert running.stop() == 0


def test_a_dry_run_is_refused_as_the_import_is(cli: Cli, opening: tuple[str, str]) -> None:
    words = ("ledger", "import", str(SAMPLES / "coinbase-pro.csv"), "--json")
    cli("users", "freeze", "--reason", "looked into")
    for more in (("--dry-run",), ()):
        refused = cli(*words, *more)
        assert (refused.code, refused.json["error"]["code"]) == (1, "account_frozen")
    assert opening
