"""The roles as processes of their own, on one PostgreSQL database."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.architecture.tree import program
from tests.entrypoints.conftest import Cli, Running


@pytest.mark.slow
def test_api_worker_and_projector_make_a_platform(
    start: Callable[..., Running], postgres_url: str, tmp_path: Path
) -> None:
    def evenkeel(*words: str) -> Any:
        command = [program("evenkeel"), *words, "--json", "--database-url", postgres_url]
        ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120)
        assert ran.returncode == 0, ran.stdout + ran.stderr
        return json.loads(ran.stdout)

    common = {"EVENKEEL_DATABASE_URL": postgres_url, "EVENKEEL_SYNTHETIC_CANDLES_PER_S": "200"}
    api = start("api", "--port", "0", "--metrics-port", "0", **common)
    address = f"http://127.0.0.1:{json.loads(api.logged('serving'))['port']}"
    checks = httpx.get(f"{address}/readyz", timeout=20, trust_env=False)
    assert checks.status_code == 503
    failed = {check["name"] for check in checks.json()["checks"] if check["status"] == "failed"}
    assert failed == {"worker"}

    projector = start("projector", "--metrics-port", "0", **common)
    projector.logged("starting")
    worker = start("worker", "--metrics-port", "0", **common)
    worker.logged("starting")
    evenkeel("users", "create", "ann@example.org")
    evenkeel("paper", "open", "--balance", "1000 USDT")
    bot = evenkeel(
        "bots",
        "create",
        "BTC/USDT",
        "--interval",
        "1m",
        "--allocation",
        "500 USDT",
        "-p",
        "fast=5",
        "-p",
        "slow=13",
    )
    evenkeel("bots", "start", bot["bot_id"])
    worker.logged('"fills": 1')
    assert httpx.get(f"{address}/readyz", timeout=20, trust_env=False).status_code == 200
    assert [running.stop() for running in (worker, projector, api)] == [0, 0, 0]
    assert evenkeel("ledger", "trial-balance")["balanced"] is True
    assert evenkeel("log", "verify")["intact"] is True
    assert evenkeel("projections", "check")["identical"] is True


def test_the_demo_brings_an_empty_database_its_tables(
    cli: Cli, candle_file: Path, empty_postgres_url: str
) -> None:
    ran = cli("demo", "--candles", str(candle_file), "--database-url", empty_postgres_url, "--json")
    assert ran.code == 0, ran.err
    assert ran.json["rebuild_identical"] is True
    assert cli("log", "verify", "--database-url", empty_postgres_url).code == 0
