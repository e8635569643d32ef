"""`evenkeel ledger export`: the books of a demo, in the accountants' own programs."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from adapters.accounting.names import asset_of
from domain.ledger.postings import HELD_PREFIX
from tests.adapters.accounting.ledger_tools import (
    Balances,
    NamesSaid,
    bean_check,
    beancount_balances,
    hledger,
    hledger_balances,
    needs_hledger,
    nonzero,
)
from tests.entrypoints.conftest import Cli


@pytest.fixture
def books(cli: Cli, candle_file: Path, tmp_path: Path) -> str:
    """A demo's database."""
    url = f"sqlite:///{tmp_path / 'demo.db'}"
    assert cli("demo", "--candles", str(candle_file), "--database-url", url).code == 0
    return url


def ours(cli: Cli, url: str, said: NamesSaid, *at: str) -> Balances:
    """What `ledger balances` shows, by the export's own mapping."""
    shown = cli("ledger", "balances", "--database-url", url, *at, "--json").json["balances"]
    codes = {commodity: asset_of(commodity) for commodity in said.commodities.values()}
    names = {asset: commodity for commodity, asset in codes.items()}
    return nonzero(
        (
            said.account("PAPER", row["book"], row["account"]),
            names[row["asset"]],
            Decimal(row["amount"]),
        )
        for row in shown
    )


@pytest.mark.parametrize(
    ("name", "check", "balances"),
    [
        pytest.param("hledger", lambda f: hledger(f, "check", "-s"), hledger_balances, marks=needs_hledger),
        ("beancount", bean_check, beancount_balances),
    ],
)
def test_a_journal_of_a_demo_is_accepted_and_comes_to_our_balances(
    cli: Cli, books: str, tmp_path: Path, name: str, check: Any, balances: Callable[[Path], Balances]
) -> None:
    path = tmp_path / "books"
    words = ("ledger", "export", "--format", name, "--output", str(path), "--database-url", books)

    done = cli(*words, "--json").json

    checked = check(path)
    assert (checked.returncode, checked.stderr) == (0, "")
    assert balances(path) == ours(cli, books, NamesSaid.of(path))
    assert done["entries"] > 20
    middle = ("--at", f"0-{int(done['position'].removeprefix('0-')) // 2}")
    assert cli(*words, *middle, "--json").json["entries"] < done["entries"]  # the file is replaced
    assert check(path).returncode == 0
    assert balances(path) == ours(cli, books, NamesSaid.of(path), *middle)


def test_a_table_of_a_demo_sums_to_our_balances(cli: Cli, books: str, tmp_path: Path) -> None:
    path = tmp_path / "books.parquet"
    done = cli(
        "ledger", "export", "--format", "parquet", "--output", str(path), "--database-url", books, "--json"
    ).json
    rows = pq.read_table(path).to_pylist()
    assert len(rows) == done["postings"]
    shown = cli("ledger", "balances", "--database-url", books, "--json").json["balances"]
    assert nonzero((row["account"], row["asset"], Decimal(row["amount"])) for row in rows) == {
        (row["account"], row["asset"]): Decimal(row["amount"]) for row in shown
    }


def test_one_book_is_exported_by_its_id(cli: Cli, tmp_path: Path) -> None:
    cli("users", "create", "ann@example.org")
    first, second = (cli("paper", "open", "--balance", "100 USDT", "--json").json for _ in range(2))
    path = tmp_path / "books.csv"
    words = ("ledger", "export", "--format", "csv", "--output", str(path))
    assert cli(*words, "--json").json["entries"] == 2
    assert cli(*words, "--book", second["paper_account_id"], "--json").json["entries"] == 1
    text = path.read_text()
    assert second["paper_account_id"] in text
    assert first["paper_account_id"] not in text
    assert HELD_PREFIX not in text


@pytest.mark.parametrize("name", ["hledger", "beancount", "csv", "parquet"])
def test_an_export_that_breaks_off_leaves_what_was_there(
    cli: Cli, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    cli("users", "create", "ann@example.org")
    cli("paper", "open", "--balance", "100 USDT")
    path = tmp_path / "out" / "books"
    path.parent.mkdir()
    path.write_text("last year's")

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("os.fsync", interrupted)
    ran = cli("ledger", "export", "--format", name, "--output", str(path))

    assert ran.code == 130
    assert path.read_text() == "last year's"
    assert list(path.parent.iterdir()) == [path]


def test_what_is_no_file_is_never_replaced(cli: Cli, tmp_path: Path) -> None:
    cli("users", "create", "ann@example.org")
    device = tmp_path / "out"
    device.symlink_to("/dev/null")
    ran = cli("ledger", "export", "--format", "csv", "--output", str(device))
    assert (ran.code, "is no file" in ran.err) == (2, True)
    assert device.is_symlink()


def test_amounts_that_beancount_would_round_are_not_written_for_it(cli: Cli, tmp_path: Path) -> None:
    cli("users", "create", "ann@example.org")
    cli("paper", "open", "--balance", "12345678901.123456789012345678 USDT")
    path = tmp_path / "books"
    ran = cli("ledger", "export", "--format", "beancount", "--output", str(path), "--json")
    assert (ran.code, ran.json["error"]["code"], path.exists()) == (1, "not_in_this_format", False)
    assert "at 0-" in ran.json["error"]["message"]
    assert cli("ledger", "export", "--format", "hledger", "--output", str(path)).code == 0
