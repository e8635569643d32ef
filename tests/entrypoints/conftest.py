"""The command line, in this process and as a real one."""

from __future__ import annotations

import json
import logging
import os
import queue
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import structlog
from typer.testing import CliRunner

from adapters.market_data.synthetic import generate
from entrypoints.cli.commands import app
from tests.architecture.tree import program

START_MS = 1_700_000_400_000


@dataclass(frozen=True, slots=True)
class Ran:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Cli = Callable[..., Ran]


@pytest.fixture
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder of its own, and no setting from outside."""
    for name in [name for name in os.environ if name.startswith("EVENKEEL_") and name != "EVENKEEL_SHARED"]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("EVENKEEL_DATA_DIR", str(tmp_path / "data"))
    return tmp_path / "data"


@pytest.fixture
def cli(data_dir: Path) -> Iterator[Cli]:
    """`evenkeel …` in this process."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level

    def run(*arguments: str, stdin: str | None = None) -> Ran:
        result = CliRunner().invoke(app, list(arguments), input=stdin)
        return Ran(result.exit_code, result.stdout, result.stderr)

    yield run
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()


@pytest.fixture
def candle_file(tmp_path: Path) -> Path:
    """Six hundred generated candles, named as a venue's export would be."""
    path = tmp_path / "binance_BTCUSDT_1h_test.csv"
    lines = ["timestamp,open,high,low,close,volume"]
    for candle in generate("BTC/USDT", "1h", START_MS // 3_600_000 * 3_600_000, 600, 3):
        numbers = (candle.open_time_ms, candle.open, candle.high, candle.low, candle.close, candle.volume)
        lines.append(",".join(map(str, numbers)))
    path.write_text("\n".join(lines) + "\n")
    return path


class Running:
    """A real `evenkeel` process whose output is read as it comes."""

    def __init__(self, *arguments: str, cwd: Path, **variables: str) -> None:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("EVENKEEL_")}
        self.process = subprocess.Popen(
            [program("evenkeel"), *arguments],
            cwd=cwd,
            env={**inherited, **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.log: list[str] = []
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._logged: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._threads = [
            threading.Thread(target=self._read_out, daemon=True),
            threading.Thread(target=self._read_log, daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    def line(self, containing: str, timeout_s: float = 60) -> str:
        """Wait for a line of standard output."""
        return self._wait(self._lines, containing, timeout_s)

    def logged(self, containing: str, timeout_s: float = 60) -> str:
        """Wait for a line of the log."""
        return self._wait(self._logged, containing, timeout_s)

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.wait()

    def wait(self) -> int:
        code = self.process.wait(timeout=60)
        for thread in self._threads:
            thread.join(timeout=10)
        return code

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(timeout=10)
        for thread in self._threads:
            thread.join(timeout=10)
        for stream in (self.process.stdout, self.process.stderr):
            if stream is not None:
                stream.close()

    def _wait(self, lines: queue.SimpleQueue[str | None], containing: str, timeout_s: float) -> str:
        while (line := lines.get(timeout=timeout_s)) is not None:
            if containing in line:
                return line
        raise AssertionError(f"it ended without saying {containing!r}:\n" + "".join(self.log[-20:]))

    def _read_out(self) -> None:
        for line in self.process.stdout or ():
            self._lines.put(line)
        self._lines.put(None)

    def _read_log(self) -> None:
        for line in self.process.stderr or ():
            self.log.append(line)
            self._logged.put(line)
        self._logged.put(None)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Running]]:
    """Start `evenkeel …` in an empty folder; whatever still runs at the end is killed."""
    running: list[Running] = []

    def start_one(*arguments: str, **variables: str) -> Running:
        running.append(Running(*arguments, cwd=tmp_path, **variables))
        return running[-1]

    yield start_one
    for one in running:
        one.close()
