"""Reading and writing the log in bulk: replay, rebuild, verification, append; against the raw reader."""

from __future__ import annotations

import gc
import sqlite3
import time
from collections import defaultdict
from collections.abc import Callable
from functools import partial
from itertools import count
from statistics import median
from typing import Any

import psycopg
from sqlalchemy import update

from adapters.persistence.database import Database, open_database
from adapters.persistence.envelope import Envelopes
from adapters.persistence.event_log import EventStore, open_event_store
from adapters.persistence.projector import STOPPED, Projector
from adapters.persistence.rebuild import rebuild
from adapters.persistence.tables import projection_positions
from adapters.persistence.verify import verify_log
from adapters.persistence.writer import GroupCommitWriter
from tests.benchmarks.bench import ENGINES, Bench
from tests.benchmarks.history import History, Stored, copy_rows, fill, history
from tests.benchmarks.load import SystemClock, Transfer, caller, open_books
from tests.benchmarks.report import Case, Ratio, Section, ratio

EVENTS = 210_000
QUICK_EVENTS = 20_000
FOLLOWED = 10_000
PAGE = 5_000
BATCHES = (100, 1_000)
RAW = "raw reader"
MUST: dict[tuple[str, str], float] = {
    ("postgresql", "rebuild balances"): 90_000,
    ("postgresql", "rebuild all projections"): 30_000,
}

_COLUMNS = "SELECT notification_id, originator_id, originator_version, topic, state FROM stored_events"
_runs = count(1)


def measure(bench: Bench) -> Section:
    section = Section("log", "the log in bulk, events/s")
    made = history(QUICK_EVENTS if bench.quick else EVENTS, Envelopes())
    gc.freeze()  # so that no collection goes through the made-up log while others are measured
    entries = sum(row.name == "ledger.entry_posted" for row in made.rows)
    section.conditions = [
        f"{len(made.rows):,} events of 1,000 bots, {made.bytes // len(made.rows)} bytes each;",
        f"{entries:,} of them are entries; {len(made.heads):,} streams; written by the product's encoder",
        f"{RAW}: a plain SELECT of all columns, pages of {PAGE:,} by id, binary, nothing done with the rows",
        "rebuilds count the events they fold (of balances only entries); compare, swap and indexes included",
    ]
    for engine in ENGINES:
        with bench.database(engine) as url, open_database(url, statement_timeout_ms=0) as db:
            section.cases += _Engine(bench, engine, db, made).measure()
    return section


class _Engine:
    def __init__(self, bench: Bench, engine: str, db: Database, made: History) -> None:
        self.bench, self.engine, self.db, self.made = bench, engine, db, made
        self.label = "PG" if engine == "postgresql" else "SQLite"
        self.rates: dict[str, list[float]] = defaultdict(list)
        self.raw: dict[str, list[float]] = defaultdict(list)  # the baseline of the same round, by case
        self.cpu_us: dict[str, list[float]] = defaultdict(list)  # of this process, an event

    def measure(self) -> list[Case]:
        with open_event_store(self.db, clock=SystemClock(), inline=True) as store:
            self._fill()
            for round in self.bench.turns(65):
                self.bench.settle()
                raw = self._timed(RAW, self._read_raw)
                for name, case in self._cases(store, round).items():
                    self._timed(name, case)
                    self.raw[name].append(raw)
            self._append(store)
        return [self._case(name, rates) for name, rates in self.rates.items()]

    def _cases(self, store: EventStore, round: int) -> dict[str, Callable[[], int]]:
        envelopes = Envelopes()
        return {
            "decode (from memory)": lambda: self._decode(envelopes),
            "replay (EventLog.read)": lambda: sum(1 for _ in store.log.read()),
            "verify_log": self._verify,
            "rebuild balances": lambda: self._rebuild(["balances"], identical=round > 0),
            "rebuild all projections": lambda: self._rebuild(None, identical=round > 0),
        }

    def _fill(self) -> None:
        """The log; its beginning is folded by the followers' own projector, which then stands still.

        The first rebuild has nothing to compare with and brings them up to date.
        """
        projector, everything = Projector(self.db), len(self.made.rows)
        fill(self.db, self.made, 0, FOLLOWED)

        def follow() -> int:
            projector.catch_up()
            return FOLLOWED

        self._timed("projector, catching up", follow)
        fill(self.db, self.made, FOLLOWED, everything)
        with self.db.transaction() as connection:
            connection.execute(update(projection_positions).values(state=STOPPED))

    def _decode(self, envelopes: Envelopes) -> int:
        for row in self.made.rows:
            envelopes.read(row.name, row.state)
        return len(self.made.rows)

    def _verify(self) -> int:
        report = verify_log(self.db)
        assert report.ok, report.first_bad
        return report.events

    def _rebuild(self, names: list[str] | None, *, identical: bool) -> int:
        report = rebuild(self.db, names)
        assert report.identical or not identical, report.difference
        return report.events

    def _read_raw(self) -> int:
        with self.db.reading() as connection:
            raw: Any = connection.connection.driver_connection
            mark = "?" if isinstance(raw, sqlite3.Connection) else "%s"
            statement = f"{_COLUMNS} WHERE notification_id > {mark} ORDER BY notification_id LIMIT {PAGE}"
            last = rows = 0
            while True:
                if isinstance(raw, sqlite3.Connection):
                    page = raw.execute(statement, (last,)).fetchall()
                else:
                    page = raw.cursor(binary=True).execute(statement, (last,)).fetchall()
                if not page:
                    return rows
                rows += len(page)
                last = page[-1][0]

    # -- appending -----------------------------------------------------------------------------------------

    def _append(self, store: EventStore) -> None:
        """Whole transfers in commits of so many, and the same number of bare event rows in one commit."""
        assert isinstance(store.bus, GroupCommitWriter)
        books = [f"owner-{number}" for number in range(1_000)]
        store.bus.commit_batch([])
        open_books(store.bus, books)
        for _ in self.bench.turns(12):
            for size in BATCHES:
                bare = self._repeated(partial(self._append_bare, size), size)
                ours = self._repeated(partial(self._append_batch, store.bus, books, size), size)
                self.rates[f"append, bare rows, {size:,} a commit"].append(bare)
                self.rates[f"append, whole transfers, {size:,} a commit"].append(ours)

    def _repeated(self, once: Callable[[], Any], size: int) -> float:
        began, done = time.perf_counter(), 0
        until = began + self.bench.seconds(1.0)
        while time.perf_counter() < until:
            once()
            done += size
        return done / (time.perf_counter() - began)

    def _append_batch(self, bus: Any, books: list[str], size: int) -> None:
        run = next(_runs)
        asked = []
        for number in range(size):
            entry_id = f"append-{run}-{number}"
            asked.append((Transfer(books[(run * 7 + number) % len(books)], entry_id), caller(entry_id)))
        for answer in bus.commit_batch(asked):
            answer.unwrap()

    def _append_bare(self, size: int) -> None:
        """Streams of their own; the event table's columns only."""
        run = next(_runs)
        state = self.made.rows[-1].state
        rows = [Stored(0, f"bare:{run}", number + 1, "bare", state) for number in range(size)]
        if self.db.is_sqlite:
            with self.db.transaction() as connection:
                raw: Any = connection.connection.driver_connection
                columns = "originator_id, originator_version, topic, state"
                raw.executemany(
                    f"INSERT INTO stored_events ({columns}) VALUES (?, ?, ?, ?)", [row[1:] for row in rows]
                )
        else:
            with psycopg.connect(self.db.dsn) as session, session.cursor() as cursor:
                copy_rows(
                    cursor,
                    "COPY stored_events (originator_id, originator_version, topic, state)"
                    " FROM STDIN (FORMAT BINARY)",
                    rows,
                )

    # -- results -------------------------------------------------------------------------------------------

    def _timed(self, name: str, run: Callable[[], int]) -> float:
        began, cpu = time.perf_counter(), time.process_time()
        done = run()
        rate = done / (time.perf_counter() - began)
        self.rates[name].append(rate)
        self.cpu_us[name].append((time.process_time() - cpu) * 1e6 / done)
        return rate

    def _case(self, name: str, rates: list[float]) -> Case:
        ratios: tuple[Ratio, ...] = ()
        if name in self.raw:
            ratios = (ratio(RAW, rates, self.raw[name]),)
        elif "whole transfers" in name:
            bare = self.rates[name.replace("whole transfers", "bare rows")]
            ratios = (ratio("bare rows", rates, bare),)
        notes = {"own CPU": f"{median(self.cpu_us[name]):.1f} µs"} if name in self.cpu_us else {}
        must = MUST.get((self.engine, name))
        return Case(f"{self.label}, {name}", tuple(rates), ratios=ratios, must=must, notes=notes)
