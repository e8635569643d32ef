"""`evenkeel simulator` as a process: killed at any moment, it goes on where its journal says it was."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from decimal import Decimal
from pathlib import Path
from threading import Timer
from typing import Any

import httpx
import pytest

from tests.adapters.simulator.clients import Plain
from tests.architecture.tree import ROOT, program
from tests.simulators import Simulator


@contextmanager
def process(folder: Path, *options: str) -> Iterator[tuple[subprocess.Popen[str], Simulator, dict[str, Any]]]:
    """A running simulator with an account `k`, and what it said at its start."""
    command = [
        program("evenkeel"), "simulator", "--port", "0", "--journal", str(folder / "journal"), "--json",
        "--account", "k:s:BTC=10,USDT=1000000", *options,
    ]  # fmt: skip
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as running:
        try:
            assert running.stdout is not None
            said = _first_value(running)
            assert "address" in said, said
            simulator = Simulator(said["address"], key="k", secret="s")
            with simulator.client:
                yield running, simulator, said
        finally:
            running.kill()


def _first_value(running: subprocess.Popen[str]) -> dict[str, Any]:
    assert running.stdout is not None
    text = ""
    for line in running.stdout:
        text += line
        try:
            value: dict[str, Any] = json.loads(text)
        except ValueError:
            continue
        return value
    assert running.stderr is not None
    raise AssertionError(running.stderr.read())


def test_killed_at_any_moment_it_goes_on_where_it_was(tmp_path: Path) -> None:
    """Orders, fills, balances, trade ids and sequence numbers: what was answered is kept, as it was."""
    with process(tmp_path, "--still") as (running, sim, _):
        plain = Plain(sim, key="k", secret="s")
        sim.price("BTCUSDT", "60000")
        open_id = plain.place(price="50000", newClientOrderId="open").json()["orderId"]
        filled = plain.place(price="60000.05", newClientOrderId="filled").json()
        before, ids = sim.get("journal"), sim.get("state")["ids"]
        running.send_signal(signal.SIGKILL)
        running.wait(10)
    with process(tmp_path, "--still") as (_, sim, _):
        plain = Plain(sim, key="k", secret="s")
        assert sim.get("journal") == before
        assert sim.get("state")["ids"] == ids
        later = plain.place(price="60000.05", newClientOrderId="later").json()
        assert later["orderId"] > filled["orderId"] > open_id
        assert later["fills"][0]["tradeId"] == filled["fills"][-1]["tradeId"] + 1
        again = plain.place(newClientOrderId="open")
        assert again.json()["code"] == -2010


def test_killed_under_load_nothing_that_was_answered_is_lost(tmp_path: Path) -> None:
    """Safety §4 row 1: the answers that a client holds are all in the journal, each once."""
    answered: list[int] = []
    with process(tmp_path, "--speed", "20", "--order-limit", "100000") as (running, sim, _):
        plain = Plain(sim, key="k", secret="s")
        killing = Timer(0.3, running.kill)
        killing.start()
        with suppress(httpx.TransportError):
            while True:
                order = plain.place(quantity="0.001", timeInForce="IOC")
                answered.append(order.json()["orderId"])
        killing.join()
    assert answered
    with process(tmp_path, "--speed", "20") as (_, sim, _):
        kept = [order["orderId"] for order in sim.account("k")["orders"]]
        assert kept[: len(answered)] == answered
        assert len(set(kept)) == len(kept)
        truth = sim.get("journal")
        assert {asset: Decimal(total) for asset, total in truth["totals"].items() if Decimal(total)} == {
            "BTC": 10,
            "USDT": 1_000_000,
        }


def test_it_says_what_to_set_and_stops_in_order(tmp_path: Path) -> None:
    with process(tmp_path) as (running, sim, said):
        assert said["setting"] == f"EVENKEEL_SIMULATORS=simulator={sim.url}"
        assert said["keys"] == [{"account": "k", "key": "k", "secret": "s"}]
        candles = Plain(sim).open("/api/v3/klines", symbol="BTCUSDT", interval="1m", limit=1000).json()
        assert len(candles) > 400  # a market that moves has a past
        running.send_signal(signal.SIGTERM)
        assert running.wait(10) == 0


def test_the_market_moves_by_itself_and_by_its_seed(tmp_path: Path) -> None:
    def first_prices(name: str, seed: str) -> list[str]:
        folder = tmp_path / name
        folder.mkdir()
        with process(folder, "--seed", seed) as (_, sim, _):
            while sim.get("state")["ids"]["trades"] < 3:
                pass
        lines = (folder / "journal").read_text().splitlines()
        moves = [json.loads(line) for line in lines if "MoveMarket" in line]
        return [move["with"]["price"] for move in moves[:3]]

    assert first_prices("one", "7") == first_prices("two", "7") != first_prices("three", "8")


def test_one_journal_has_one_writer(tmp_path: Path) -> None:
    with (
        process(tmp_path, "--still"),
        pytest.raises(AssertionError, match="another simulator writes it"),
        process(tmp_path),
    ):
        pass


def test_a_port_that_is_taken_is_told_in_one_line(tmp_path: Path) -> None:
    with process(tmp_path, "--still") as (_, sim, _):
        other = [program("evenkeel"), "simulator", "--journal", str(tmp_path / "other"), "--port"]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        refused = subprocess.run(
            [*other, sim.url.rpartition(":")[2]], capture_output=True, text=True, env=environment, check=False
        )
    assert refused.returncode == 3
    (line,) = refused.stderr.splitlines()
    assert "address already in use" in line
