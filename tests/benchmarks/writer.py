"""Durable transfers a second through the group-commit writer, against its two baselines.

(a) one commit per command: the same writer, recorder and clients, but a batch is one command;
(b) one-row commits: a plain INSERT of a 200-byte row in a transaction of its own, from as many connections.
"""

from __future__ import annotations

import sqlite3
import time
from collections import defaultdict
from collections.abc import Callable
from itertools import count
from pathlib import Path
from statistics import median

import psycopg

from adapters.persistence.database import open_database, sqlite_path
from adapters.persistence.event_log import EventStore, open_event_store
from adapters.persistence.writer import MAX_BATCH, GroupCommitWriter
from entrypoints.running import settle_memory
from tests.benchmarks.bench import Bench, run_pgbench
from tests.benchmarks.load import ClosedLoop, Measured, SystemClock, open_books, transfers
from tests.benchmarks.report import Case, Section, ratio

OWNERS = 1_000
CLIENTS = (1, 16, 64, 256)
QUICK_CLIENTS = (1, 64)
SECONDS = 1.2
ROW = "x" * 200
MUST = {  # at so many clients on PostgreSQL: (of a: must, aim), (of b: must, aim)
    16: ((None, None), (0.25, 0.35)),
    64: ((8.0, 15.0), (0.35, 0.5)),
}
ALONE, ROWS = "(a) commit a command", "(b) one-row commit"

_numbers = count(1)


def measure(bench: Bench) -> Section:
    section = Section("writer", "durable transfers/s, CommandBus.submit in a closed loop")
    section.conditions = [
        "a transfer: an entry of 3 legs, balance-checked, kill switch read; its key, chain, head, balances",
        "and one outbox row in the same commit; own CPU is this process's, clients included",
        f"{OWNERS:,} owners, or one hot owner; (b) on PostgreSQL by pgbench, prepared, as many connections;",
        "(b) on SQLite by one connection, since a file has one writer",
    ]
    for engine in ("postgresql", "sqlite"):
        with (
            bench.database(engine) as url,
            open_database(url) as db,
            open_event_store(db, clock=SystemClock()) as store,
        ):
            section.cases += _Engine(bench, engine, url, store).measure()
    return section


class _Engine:
    def __init__(self, bench: Bench, engine: str, url: str, store: EventStore) -> None:
        assert isinstance(store.bus, GroupCommitWriter)
        self.bench, self.engine, self.url, self.store, self.bus = bench, engine, url, store, store.bus
        self.books = [f"owner-{number}" for number in range(OWNERS)]
        self.clients = QUICK_CLIENTS if bench.quick else CLIENTS
        self.rates: dict[tuple[str, int], list[float]] = defaultdict(list)
        self.loops: dict[tuple[str, int], list[Measured]] = defaultdict(list)
        open_books(self.bus, self.books)

    def measure(self) -> list[Case]:
        one_row = self._one_row()
        self._loop("warm-up", 64, self.books)
        self._loop("warm-up", 64, self.books, batch=1)
        settle_memory()  # as every process that serves does once it is up
        for _ in self.bench.turns(75):
            self.bench.settle()
            for clients in self.clients:
                self.rates[ROWS, clients].append(one_row(clients))
                self._loop(ALONE, clients, self.books, batch=1)
                self._loop("many", clients, self.books)
                self._loop("hot", clients, self.books[:1])
        return [case for clients in self.clients for case in self._cases(clients)]

    def _loop(self, name: str, clients: int, books: list[str], batch: int = MAX_BATCH) -> None:
        run = f"{self.engine}-{next(_numbers)}"
        self.bus._max_batch = batch
        measured = ClosedLoop(self.bus, transfers(books, run=run), clients).run(self.bench.seconds(SECONDS))
        assert not measured.refused
        self.rates[name, clients].append(measured.rate)
        self.loops[name, clients].append(measured)

    def _cases(self, clients: int) -> list[Case]:
        must_a, must_b = MUST.get(clients, ((None, None), (None, None))) if self._judged else _NO_TARGETS
        alone, rows = self.rates[ALONE, clients], self.rates[ROWS, clients]
        cases = []
        for name, words in (("many", f"{OWNERS:,} owners"), ("hot", "one hot owner")):
            rates = self.rates[name, clients]
            ratios = (
                ratio(ALONE, rates, alone, must=must_a[0], aim=must_a[1]),
                ratio(ROWS, rates, rows, must=must_b[0], aim=must_b[1]),
            )
            notes = self._latency(name, clients)
            cases.append(Case(f"{self._label}, {clients}: {words}", tuple(rates), ratios=ratios, notes=notes))
        cases.append(
            Case(
                f"{self._label}, {clients}: {ALONE}",
                tuple(alone),
                notes=self._latency(ALONE, clients),
            )
        )
        if any(rows):
            cases.append(Case(f"{self._label}, {clients}: {ROWS}", tuple(rows)))
        return cases

    @property
    def _judged(self) -> bool:
        return self.engine == "postgresql"

    @property
    def _label(self) -> str:
        return "PG" if self.engine == "postgresql" else "SQLite"

    def _latency(self, name: str, clients: int) -> dict[str, str]:
        loops = self.loops[name, clients]
        shares = {f"p{share}": median(loop.quantile_ms(share / 100) for loop in loops) for share in (50, 99)}
        cpu_us = median(loop.cpu_s / loop.answered * 1e6 for loop in loops)
        return {name: f"{ms:.1f} ms" for name, ms in shares.items()} | {"own CPU": f"{cpu_us:.0f} µs"}

    def _one_row(self) -> Callable[[int], float]:
        seconds = self.bench.seconds(SECONDS)
        if self.engine == "sqlite":
            path = sqlite_path(self.url)
            assert path is not None
            return lambda _clients: _sqlite_rows(path.with_name("rows.db"), seconds)
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute("CREATE TABLE bench_rows (id bigserial PRIMARY KEY, body text NOT NULL)")
        script = self.bench.data_dir / "one-row.sql"
        script.write_text(f"INSERT INTO bench_rows (body) VALUES ('{ROW}');\n")
        return lambda clients: run_pgbench(self.url, script, clients=clients, seconds=seconds)


_NO_TARGETS: tuple[tuple[float | None, float | None], ...] = ((None, None), (None, None))


def _sqlite_rows(path: Path, seconds: float) -> float:
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute(
            "CREATE TABLE IF NOT EXISTS bench_rows (id INTEGER PRIMARY KEY, body TEXT NOT NULL)"
        )
        began, done = time.perf_counter(), 0
        while time.perf_counter() - began < seconds:
            connection.execute("INSERT INTO bench_rows (body) VALUES (?)", (ROW,))
            done += 1
        return done / (time.perf_counter() - began)
    finally:
        connection.close()
