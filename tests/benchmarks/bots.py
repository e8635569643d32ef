"""Hundreds of running bots on one worker, with a candle every second: processor time, memory, lag.

`python -m tests.benchmarks.bots DATABASE_URL SIMULATOR_URL FOLDER BOTS SECONDS` is the worker: a process of
its own, so that its memory is its own; it prints what it found as JSON.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections import defaultdict
from itertools import cycle, islice
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil

from tests.benchmarks.bench import CHECKOUT, Bench
from tests.benchmarks.books import memory
from tests.benchmarks.live_bots import live_bots
from tests.benchmarks.quantiles import Latencies
from tests.benchmarks.report import Case, Section, ratio
from tests.benchmarks.simulators import simulators

BOTS, FEWER, SERIES = 500, 50, 10
SECONDS = 30.0
ORDERS_A_SECOND = 5
MIB = 2**20


def measure(bench: Bench) -> Section:
    section = Section("bots", f"{BOTS} running bots on one worker, a candle of one second every second")
    section.conditions = [
        f"LIVE bots on {SERIES} series that close at the same moment, on PostgreSQL, log level WARNING",
        "the worker is a process of its own, and so are projector and simulator",
        "each bot has bought before the time begins and minds its stop-loss from then on;",
        f"{ORDERS_A_SECOND} of them want to trade on each candle (sell, and buy again)",
        f"lag: from a candle's close to the last bot's decision on it; baseline: {FEWER} bots",
    ]
    found: dict[int, list[dict[str, float]]] = defaultdict(list)
    for _ in bench.turns(90):
        for number in (FEWER, BOTS):
            found[number].append(_worked(bench, number))
    for number, runs in found.items():
        for name, unit in (("cpu", "% of a core"), ("rss", "MiB"), ("lag p50", "ms"), ("lag p99", "ms")):
            samples = tuple(run[name] for run in runs)
            fewer = [run[name] for run in found[FEWER]]
            ratios = (ratio(f"{FEWER} bots", samples, fewer),) if number != FEWER else ()
            notes = {"candles": f"{runs[0]['candles']:.0f}", "orders": f"{runs[0]['orders']:.0f}"}
            section.cases.append(Case(f"{number} bots: {name}", samples, unit, ratios, notes=notes))
    return section


def _worked(bench: Bench, number: int) -> dict[str, float]:
    with (
        TemporaryDirectory(dir=memory(bench)) as folder,
        simulators(Path(folder)) as venues,
        bench.database("postgresql") as database,
    ):
        bench.settle()
        program = [sys.executable, "-m", "tests.benchmarks.bots", database, venues.urls[0]]
        options = [str(bench.data_dir), str(number), str(bench.seconds(SECONDS))]
        done = subprocess.run(
            [*program, *options], cwd=CHECKOUT, stdout=subprocess.PIPE, text=True, check=True, timeout=240
        )
    found: dict[str, float] = json.loads(done.stdout)
    return found


# -- the worker --------------------------------------------------------------------------------------------


def main(database: str, url: str, folder: str, number: int, seconds: float) -> None:
    process = psutil.Process()
    with live_bots(Path(folder), database, url, number, series=SERIES, interval="1s") as bots:
        bots.close_candle(bots.bot_ids)
        bots.wait_for("orders.order_filled", number)
        turns = cycle(bots.bot_ids)
        began, cpu = time.monotonic(), time.process_time()
        candles = []
        while (now := time.monotonic()) < began + seconds:
            candles.append(bots.close_candle(list(islice(turns, ORDERS_A_SECOND))))
            time.sleep(max(0.0, now + 1 - time.monotonic()))  # the load itself
        took, used = time.monotonic() - began, time.process_time() - cpu
        rss = process.memory_info().rss / MIB
        bots.wait_until_seen(candles[-1])
        seen, closed = bots.turns.last_seen_ns, bots.turns.closed_ns
        lags = Latencies.of((seen[open_ms] - closed[open_ms]) / 1e9 for open_ms in candles)
        orders = sum(1 for order_id in bots.asked_for().values() if order_id) - number
    found = {"cpu": used / took * 100, "rss": rss, "lag p50": lags.ms(0.5), "lag p99": lags.ms(0.99)}
    print(json.dumps(found | {"candles": len(candles), "orders": orders}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), float(sys.argv[5]))
