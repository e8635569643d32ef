"""What `evenkeel serve` says once it answers requests."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from typing import Any

from adapters.market_data.synthetic import SOURCE as SYNTHETIC
from adapters.persistence.database_url import without_password
from domain.market import interval_ms
from entrypoints.demo_account import DemoAccount
from entrypoints.settings import Settings


def for_people(address: str, metrics: int, settings: Settings, account: DemoAccount | None) -> list[str]:
    lines = [
        "",
        f"Evenkeel is running at     {address}",
        f"  API in Swagger UI        {address}/schema",
        f"  ready?                   {address}/readyz",
        f"  metrics                  http://{settings.metrics_host}:{metrics}/metrics",
        f"  database                 {without_password(settings.database)}",
    ]
    where = _where(settings)
    if account is None:
        return [
            *lines,
            "",
            "In a second terminal, try:",
            "",
            f"  {_program()} users create you@example.org{where}",
            f"  {_program()} doctor{where}",
            "",
            "Ctrl-C stops; the next start goes on where it was.",
            "",
        ]
    series = account.series
    return [
        *lines,
        "",
        "Sign in with",
        f"  e-mail                   {account.email}",
        f"  password                 {account.password}",
        f"  (kept in                 {account.sign_in_file})",
        "",
        f"Its bot {account.bot_id} trades paper money on",
        f"  {series.source} {series.symbol} {series.interval} candles.",
        *_about_candles(settings, account),
        "  The first trades come within a minute or so. In a second terminal, try:",
        "",
        f"  {_program()} bots performance {account.bot_id}{where}",
        f"  {_program()} bots fills {account.bot_id}{where}",
        f"  {_program()} ledger trial-balance{where}",
        f"  {_program()} log verify{where}",
        f'  {_program()} kill-switch engage --reason "just trying"{where}',
        "",
        "Ctrl-C stops; the next start goes on where it was.",
        "",
    ]


def for_machines(
    address: str, metrics: int, settings: Settings, account: DemoAccount | None
) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "address": address,
        "swagger_ui": f"{address}/schema",
        "metrics": f"http://{settings.metrics_host}:{metrics}/metrics",
        "database": without_password(settings.database),
    }
    if account is not None:
        shown["demo"] = {
            "email": account.email,
            "password": account.password,
            "bot_id": account.bot_id,
            "source": account.series.source,
        }
        synthetic = account.series.source == SYNTHETIC
        shown["candles"] = {
            "symbol": account.series.symbol,
            "interval": account.series.interval,
            "synthetic": synthetic,
            "seconds_per_candle": 1 / settings.synthetic_candles_per_s if synthetic else None,
            "candle_time_is_wall_time": False,
        }
    return shown


def _about_candles(settings: Settings, account: DemoAccount) -> list[str]:
    if account.series.source != SYNTHETIC:
        return [f"  They are replayed ({settings.replay_speed}): candle time is not wall time."]
    pause_s = 1 / settings.synthetic_candles_per_s
    times = interval_ms(account.series.interval) / 1_000 / pause_s
    return [
        f"  They are synthetic, no market's: one candle every {pause_s:g} s. Candle time is not wall time:",
        f"  it passes {times:g} times as fast and runs ahead of the clock on the wall.",
    ]


def _program() -> str:
    """How this command was called: `.venv/bin/evenkeel` where it is not on the PATH."""
    return "evenkeel" if shutil.which("evenkeel") else os.path.relpath(sys.argv[0])


def _where(settings: Settings) -> str:
    """What a second terminal has to say, which may know nothing of this one's variables."""
    if settings.database == Settings.model_construct().database:
        return ""
    return f" --database-url {shlex.quote(without_password(settings.database))}"
