"""What `evenkeel serve` says at its start: all of it is true, and can be typed again."""

from __future__ import annotations

from pathlib import Path

import pytest

from application.ports.candle_store import Series
from entrypoints.cli.banner import for_machines, for_people
from entrypoints.demo_account import SYNTHETIC_SERIES, DemoAccount
from entrypoints.settings import Settings, load_settings
from tests.entrypoints.conftest import Cli


def account(series: Series = SYNTHETIC_SERIES) -> DemoAccount:
    return DemoAccount(
        email="demo@example.org",
        password="a secret",
        sign_in_file=Path("var/demo-sign-in.json"),
        series=series,
        bot_id="bot-1",
    )


def said(settings: Settings, series: Series = SYNTHETIC_SERIES) -> str:
    return "\n".join(for_people("http://127.0.0.1:8000", 9090, settings, account(series)))


def test_candle_time_is_said_to_run_ahead_of_the_wall_clock() -> None:
    settings = Settings.model_construct()
    assert "synthetic, no market's: one candle every 0.5 s. Candle time is not wall time" in said(settings)
    assert "120 times as fast and runs ahead" in said(settings)
    shown = for_machines("http://127.0.0.1:8000", 9090, settings, account())["candles"]
    assert (shown["synthetic"], shown["seconds_per_candle"]) == (True, 0.5)
    assert shown["candle_time_is_wall_time"] is False
    assert "replayed (max)" in said(settings, Series("binance", "BTC/USDT", "1h"))


@pytest.mark.usefixtures("data_dir")
def test_a_second_terminal_is_told_the_database_but_no_password() -> None:
    assert "--database-url" not in said(Settings.model_construct())
    elsewhere = said(load_settings(database_url="sqlite:////tmp/my folder/a.db"))
    assert "log verify --database-url 'sqlite:////tmp/my folder/a.db'" in elsewhere
    assert "hush" not in said(load_settings(database_url="postgresql://ann:hush@localhost/evenkeel"))
    assert "--database-url sqlite:////" in said(load_settings())  # it is our variable that says where


def test_a_banner_without_a_demo_names_commands_only(cli: Cli) -> None:
    lines = for_people("http://127.0.0.1:8000", 9090, Settings.model_construct(), None)
    for line in lines:
        words = line.split()
        if words[1:2] in (["users"], ["doctor"]):
            assert cli(*words[1:2], "--help").code == 0
