"""The main job on a file of candles, ledger on, as `evenkeel demo` runs it: candles (bars) a second."""

from __future__ import annotations

import csv
import gzip
import time
from collections import defaultdict
from collections.abc import Iterable
from contextlib import ExitStack
from decimal import Decimal
from itertools import islice
from pathlib import Path
from statistics import median

from sqlalchemy import text

from adapters.market_data.files import read_candles
from adapters.market_data.synthetic import generate
from adapters.persistence.database import open_database
from application.demo import DemoResult
from entrypoints.demo_run import DemoOrder, run_demo
from entrypoints.settings import Settings
from tests.benchmarks.bench import ENGINES, Bench
from tests.benchmarks.report import Case, Section, ratio
from tests.shared_data import SHARED

FILE = "candles/binance_BTCUSDT_1h_2017-08_2024-04.csv.gz"
BARS, QUICK_BARS = 58_419, 6_000
DURABLE_SHARE = 4
MUST_BARS_A_SECOND = 20_000
START_MS = 1_502_942_400_000
READING = "reading candles"


def measure(bench: Bench) -> Section:
    section = Section("demo", "EMA 12/26 on BTC/USDT 1h through bot runner, paper venue and ledger, bars/s")
    count = QUICK_BARS if bench.quick else BARS
    found = SHARED / FILE
    whole, durable = _Part(bench, count, found), _Part(bench, count // DURABLE_SHARE, found)
    section.conditions = [
        f"{found.name}" if found.exists() else f"SYNTHETIC candles: {FILE} is absent",
        f"throwaway: SQLite, synchronous=OFF, {whole.bars:,} bars; durable: the first {durable.bars:,}",
        "run: candles through venue and bot; total: with folding, verifying the chain and rebuilding too",
    ]
    reading: list[float] = []
    results: dict[str, list[DemoResult]] = defaultdict(list)
    commits: dict[str, list[int]] = defaultdict(list)
    for _ in bench.turns(100):
        bench.settle()
        began = time.perf_counter()
        candles = sum(1 for _ in read_candles(str(whole.path)).candles)
        reading.append(candles / (time.perf_counter() - began))
        results["throwaway"].append(_run(whole, Settings(), throwaway=True))
        for engine in ENGINES:
            with bench.database(engine) as url:
                results[engine].append(_run(durable, Settings(database_url=url), throwaway=False))
                commits[engine].append(_commits(url))
    for name, found_results in results.items():
        section.cases += _cases(name, found_results, reading, commits.get(name))
    section.cases.append(Case(READING, tuple(reading)))
    return section


class _Part:
    """The first so many candles, in a file of their own; synthetic ones where there is no real file."""

    def __init__(self, bench: Bench, bars: int, found: Path) -> None:
        self.path = bench.data_dir / f"{'binance' if found.exists() else 'synthetic'}_BTCUSDT_1h_{bars}.csv"
        with ExitStack() as opened, self.path.open("w", newline="") as file:
            rows: Iterable[Iterable[object]]
            if found.exists():
                rows = islice(csv.reader(opened.enter_context(gzip.open(found, "rt"))), bars + 1)
            else:
                made = generate("BTC/USDT", "1h", START_MS, bars, seed=1)
                header = ("timestamp_ms", "open", "high", "low", "close", "volume")
                rows = [header, *((c.open_time_ms, c.open, c.high, c.low, c.close, c.volume) for c in made)]
            csv.writer(file).writerows(rows)
        self.bars = bars


def _run(part: _Part, settings: Settings, *, throwaway: bool) -> DemoResult:
    order = DemoOrder(
        candles=part.path,
        symbol="BTC/USDT",
        interval="1h",
        cash=Decimal(10_000),
        parameters={"fast": "12", "slow": "26"},
        terms={},
        force_close=False,
    )
    result, _ = run_demo(order, settings, throwaway=throwaway, progress=lambda _done, _total: None)
    assert result.balances_and_checks_hold
    assert result.candles == part.bars
    return result


def _commits(url: str) -> int:
    """Commands that wrote: each was one commit of the log. The venue's own commits are not among them."""
    with open_database(url, role="reader") as db, db.reading() as connection:
        return int(
            connection.execute(text("SELECT count(*) FROM command_keys WHERE scope <> 'fact'")).scalar() or 0
        )


def _cases(
    name: str, results: list[DemoResult], reading: list[float], commits: list[int] | None
) -> list[Case]:
    label = {"throwaway": "throwaway", "postgresql": "durable, PG", "sqlite": "durable, SQLite"}[name]
    runs = [result.candles / result.seconds["run"] for result in results]
    totals = [result.candles / result.seconds["total"] for result in results]
    notes = {"fills": f"{results[0].fills:,}", "events": f"{results[0].log_events:,}"}
    if commits is not None:
        rates = [n / result.seconds["run"] for n, result in zip(commits, results, strict=True)]
        notes["log commits"] = f"{median(rates):,.0f}/s"
    must = MUST_BARS_A_SECOND if name == "throwaway" else None
    return [
        Case(
            f"{label}: run", tuple(runs), "bars/s", (ratio(READING, runs, reading),), must=must, notes=notes
        ),
        Case(f"{label}: total", tuple(totals), "bars/s", (ratio(READING, totals, reading),)),
    ]
