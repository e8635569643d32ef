"""`evenkeel demo`: the main job on a file, audited."""

from __future__ import annotations

import signal
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from tests.entrypoints.conftest import Cli, Running

KEYS = {
    "candles",
    "signals",
    "orders",
    "fills",
    "fees",
    "profit",
    "buy_and_hold",
    "trial_balance",
    "chain_verified",
    "rebuild_identical",
    "seconds",
}


def test_the_books_balance_and_one_object_says_so(cli: Cli, candle_file: Path) -> None:
    ran = cli("demo", "--candles", str(candle_file), "--json")
    assert ran.code == 0, ran.err
    result = ran.json
    assert set(result) >= KEYS
    assert result["candles"] == 600
    assert result["fills"] > 0
    assert result["trial_balance"] == {"BTC.PAPER": "0", "USDT.PAPER": "0"}
    assert set(result["fees"]) == {"USDT.PAPER"}
    assert result["chain_verified"] is result["rebuild_identical"] is True
    assert Decimal(result["equity"]) - Decimal(result["funding"]) == Decimal(result["profit"])
    assert set(result["seconds"]) == {"run", "project", "verify", "rebuild", "total"}


def test_its_help_says_which_database_it_uses(cli: Cli) -> None:
    words = " ".join(cli("demo", "--help").out.replace("│", " ").split())
    assert "Default: a throwaway SQLite file" in words
    assert "EVENKEEL_DATA_DIR" not in words


def test_people_see_conventions_and_that_it_was_not_durable(cli: Cli, candle_file: Path) -> None:
    ran = cli("demo", "--candles", str(candle_file), "--fill", "close", "--fee-asset", "received")
    assert ran.code == 0, ran.err
    for words in (
        "synchronous=OFF",
        "balance to zero",
        "fill convention",
        "close",
        "received",
        "end of data",
    ):
        assert words in ran.out


def test_the_options_reach_the_venue(cli: Cli, candle_file: Path) -> None:
    free = cli("demo", "--candles", str(candle_file), "--fee", "0", "--force-close", "--json").json
    assert set(free["fees"].values()) <= {"0"}
    assert free["open_at_end"] == "nothing"
    assert free["conventions"]["end_of_data"] == "forced close"
    dear = cli("demo", "--candles", str(candle_file), "--taker-fee", "0.01", "--lot", "0.001", "--json").json
    assert Decimal(dear["profit"]) < Decimal(free["profit"])
    assert (dear["conventions"]["taker_fee_rate"], dear["conventions"]["lot_size"]) == ("0.01", "0.001")


def test_a_thin_market_is_told_as_it_ended(cli: Cli, candle_file: Path) -> None:
    """A purchase that is still filling when a sale is wanted makes way for it; what is left open is named."""
    words = (
        "demo",
        "--candles",
        str(candle_file),
        "--fill",
        "close",
        "--force-close",
        "--volume-cap",
        "0.0003",
    )
    thin = cli(*words, "--json").json
    assert thin["orders"] > 1
    assert set(thin["trial_balance"].values()) == {"0"}
    assert "position" in thin["open_at_end"]
    assert thin["conventions"]["end_of_data"] == (
        f"forced close did not end all, left open: {thin['open_at_end']}; marked to the last close"
    )


def test_on_a_named_database_a_second_run_answers_the_same(
    cli: Cli, candle_file: Path, tmp_path: Path
) -> None:
    words = (
        "demo",
        "--candles",
        str(candle_file),
        "--database-url",
        f"sqlite:///{tmp_path}/kept.db",
        "--json",
    )
    first, second = cli(*words).json, cli(*words).json
    for result in (first, second):
        result.pop("seconds")
    assert first == second
    assert cli("log", "verify", "--database-url", f"sqlite:///{tmp_path}/kept.db").code == 0


def test_a_demo_that_was_killed_or_interrupted_resumes(
    cli: Cli, start: Callable[..., Running], candle_file: Path, tmp_path: Path
) -> None:
    unharmed = cli("demo", "--candles", str(candle_file), "--json").json
    words = (
        "demo",
        "--candles",
        str(candle_file),
        "--database-url",
        f"sqlite:///{tmp_path}/kept.db",
        "--json",
    )
    killed = start(*words, EVENKEEL_FAILPOINT="after_append:20")
    assert killed.wait() == -signal.SIGKILL
    resumed = cli(*words).json
    for result in (unharmed, resumed):
        result.pop("seconds")
    assert resumed == unharmed


def test_ctrl_c_says_that_it_can_be_resumed(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, candle_file: Path
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("entrypoints.demo_run.run_demo", interrupted)
    ran = cli("demo", "--candles", str(candle_file))
    assert ran.code == 130
    assert "run the same command again to go on" in ran.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--fast", "30"), "fast"),
        (("--fill", "whenever"), "fill_convention"),
        (("--cash", "-1"), "cash"),
        (("--fee", "many"), "fee"),
        (("--symbol", "BTC"), "symbol"),
    ],
)
def test_a_wrong_option_is_named(cli: Cli, candle_file: Path, words: tuple[str, ...], said: str) -> None:
    ran = cli("demo", "--candles", str(candle_file), *words)
    assert ran.code in (1, 2)
    assert said in ran.err
    assert len(ran.err.splitlines()) == 1
