"""The order path: from a strategy's signal on a closed candle to its request at the venue."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import psycopg

from tests.benchmarks.bench import Bench
from tests.benchmarks.books import memory
from tests.benchmarks.live_bots import SYMBOL, LiveBots, live_bots
from tests.benchmarks.quantiles import Latencies
from tests.benchmarks.report import Case, Section, ratio
from tests.benchmarks.simulators import Simulators, bare_client, simulators

BOTS, SERIES = 100, 20
PAUSE_S = 0.05
MUST_P50_MS, MUST_P99_MS = 10.0, 50.0
SPREAD, TOGETHER = "spread over time", "all on the same candle"
COMMIT, BARE = "one durable commit", "bare ccxt round trip"


class Paths(NamedTuple):
    """To the venue: from each strategy's signal, and from the candle that it decided on."""

    from_signal: Latencies
    from_close: Latencies


def measure(bench: Bench) -> Section:
    section = Section("orders", f"{BOTS} LIVE bots: from signal to its request at the venue, ms")
    section.conditions = [
        "from the strategy's answer to the request's arrival at the simulator, a process of its own whose",
        "journal is in memory; in between: limits, hold and intent in one durable commit on PostgreSQL, then",
        "ccxt; the worker as in production, the projector beside it, log level WARNING",
        f"{BOTS} owners with a book and a bot each on one pooled account; each buys and then sells",
        f"{SPREAD}: {SERIES} series of {BOTS // SERIES} bots, a signal every {PAUSE_S * 1000:.0f} ms",
        f"{TOGETHER}: one series; all {BOTS} want to trade at its close",
        f"baselines: {COMMIT} (an INSERT by psycopg), {BARE} (create_order until its answer, one by one)",
    ]
    found: dict[str, list[Latencies]] = defaultdict(list)
    with ExitStack() as stack:
        folder = stack.enter_context(TemporaryDirectory(dir=memory(bench)))
        for turn in bench.turns(90):
            venues = stack.enter_context(simulators(Path(folder) / _folder(folder, turn)))
            found[COMMIT].append(_commits(bench))
            for name, series in ((SPREAD, SERIES), (TOGETHER, 1)):
                bench.settle()
                own = stack.enter_context(simulators(Path(folder) / _folder(folder, f"{turn}-{series}")))
                with (
                    bench.database("postgresql") as url,
                    live_bots(bench.data_dir, url, own.urls[0], BOTS, series=series) as bots,
                ):
                    work = _spread if series > 1 else _together
                    path = work(bots, own)
                found[name].append(path.from_signal)
                found[f"{name}, from its close"].append(path.from_close)
            found[BARE].append(asyncio.run(_bare(venues)))
    section.cases += _cases(found)
    return section


def _folder(base: str, name: object) -> str:
    (Path(base) / str(name)).mkdir()
    return str(name)


def _cases(found: dict[str, list[Latencies]]) -> list[Case]:
    together = tuple(
        commit.ms(0.5) + bare.ms(0.5) for commit, bare in zip(found[COMMIT], found[BARE], strict=True)
    )
    cases = []
    for name, runs in found.items():
        for share, must in ((0.5, MUST_P50_MS), (0.99, MUST_P99_MS)):
            samples = tuple(one.ms(share) for one in runs)
            ours = name in (SPREAD, TOGETHER)
            ratios = (ratio("commit + round trip", samples, together),) if ours and share == 0.5 else ()
            notes = {"samples": f"{sum(len(one) for one in runs):,}"}
            label = f"{name}: p{share * 100:.0f}"
            cases.append(
                Case(label, samples, "ms", ratios, must=must if ours else None, at_most=True, notes=notes)
            )
    return cases


def _spread(bots: LiveBots, venues: Simulators) -> Paths:
    """One after the other, at a steady pace; first all buy, then all sell."""
    sources = list(bots.feeds)
    for wave in (1, 2):
        for number, bot_id in enumerate(bots.bot_ids):
            bots.close_candle([bot_id], sources[number % len(sources)])
            time.sleep(PAUSE_S)  # the load itself
        bots.wait_for("orders.order_filled", wave * len(bots.bot_ids))
    return _paths(bots, venues)


def _together(bots: LiveBots, venues: Simulators) -> Paths:
    for wave in (1, 2):
        bots.close_candle(bots.bot_ids)
        bots.wait_for("orders.order_filled", wave * len(bots.bot_ids))
    return _paths(bots, venues)


def _paths(bots: LiveBots, venues: Simulators) -> Paths:
    arrived, ids, turns = venues.stamps(), bots.asked_for(), bots.turns
    at_venue = {key: arrived[ids[key]] for key in turns.decided_ns}
    return Paths(
        Latencies.of((at - turns.decided_ns[key]) / 1e9 for key, at in at_venue.items()),
        Latencies.of((at - turns.closed_ns[key[1]]) / 1e9 for key, at in at_venue.items()),
    )


def _commits(bench: Bench, number: int = 300) -> Latencies:
    took: list[float] = []
    with psycopg.connect(bench.server.url, autocommit=True) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS bench_commit (body bytea)")
        for _ in range(number):
            began = time.perf_counter()
            connection.execute("INSERT INTO bench_commit VALUES (%b)", (b"x" * 200,))
            took.append(time.perf_counter() - began)
        connection.execute("DROP TABLE bench_commit")
    return Latencies.of(took)


async def _bare(venues: Simulators, number: int = 200) -> Latencies:
    client = bare_client(venues.urls[0])
    took: list[float] = []
    try:
        await client.load_markets()
        for _ in range(number):
            began = time.perf_counter()
            await client.create_order(SYMBOL, "market", "buy", 0.001)
            took.append(time.perf_counter() - began)
    finally:
        await client.close()
    return Latencies.of(took)
