"""Several writing processes on one PostgreSQL database: nothing is lost, doubled or left unbalanced."""

from __future__ import annotations

import multiprocessing
from collections import defaultdict
from decimal import Decimal
from itertools import count
from multiprocessing.connection import Connection
from typing import Any

import psycopg

from adapters.persistence.database import open_database
from adapters.persistence.event_log import open_event_store
from adapters.persistence.verify import verify_log
from entrypoints.running import settle_memory
from tests.benchmarks.bench import Bench
from tests.benchmarks.load import FUNDS, NET, ClosedLoop, SystemClock, open_books, transfers
from tests.benchmarks.report import Case, Section, ratio

PROCESSES = (1, 2, 4)
CLIENTS = 64
OWNERS = 1_000
SECONDS = 2.0


class BooksDisagree(AssertionError):
    """What the log holds is not what the processes were told."""


def measure(bench: Bench) -> Section:
    title = f"transfers/s by 1, 2 and 4 writing processes on PostgreSQL, {CLIENTS} clients in all"
    section = Section("processes", title)
    section.conditions = [
        f"shared: every process writes to all {OWNERS:,} owners, each batch meets others' writes;",
        "routed: each has owners of its own",
        "after each sample: events, keys and outbox counted, all balances summed, verify_log passed",
    ]
    rates: dict[tuple[str, int], list[float]] = defaultdict(list)
    conflicts: dict[tuple[str, int], list[int]] = defaultdict(list)
    runs = count(1)
    with bench.database("postgresql") as url:
        books = [f"owner-{number}" for number in range(OWNERS)]
        with open_database(url) as db, open_event_store(db, clock=SystemClock()) as store:
            open_books(store.bus, books)
        total = 0
        for _ in bench.turns(90):
            bench.settle()
            for processes in PROCESSES[: 2 if bench.quick else None]:
                for way in ("shared", "routed") if processes > 1 else ("shared",):
                    parts = [books[i::processes] if way == "routed" else books for i in range(processes)]
                    answered, rate, met = _run(url, parts, bench.seconds(SECONDS), f"run-{next(runs)}")
                    total += answered
                    _check_books(url, total)
                    rates[way, processes].append(rate)
                    conflicts[way, processes].append(met)
    one = rates["shared", 1]
    for (way, processes), found in rates.items():
        name = "1 process" if processes == 1 else f"{processes} processes, {way} owners"
        all_met = ", ".join(map(str, conflicts[way, processes]))
        section.cases.append(
            Case(name, tuple(found), ratios=(ratio("1 process", found, one),), notes={"conflicts": all_met})
        )
    return section


def _run(url: str, parts: list[list[str]], seconds: float, run: str) -> tuple[int, float, int]:
    """Transfers answered, their rate, and conflicts met, over all processes at once."""
    context = multiprocessing.get_context("spawn")
    pipes: list[Any] = []
    children = []
    for number, books in enumerate(parts):
        ours, theirs = context.Pipe()
        child = context.Process(
            target=_write,
            args=(theirs, url, books, CLIENTS // len(parts), seconds, f"{run}-{number}"),
            daemon=True,
        )
        child.start()
        theirs.close()
        pipes.append(ours)
        children.append(child)
    try:
        for pipe in pipes:
            assert pipe.recv() == "ready"
        for pipe in pipes:
            pipe.send("go")
        found = [pipe.recv() for pipe in pipes]
    finally:
        for child in children:
            child.join(30)
            child.kill()
    return sum(n for n, _, _ in found), sum(n / s for n, s, _ in found), sum(met for *_, met in found)


class _Conflicts:
    """Counts what the writer tells."""

    def __init__(self) -> None:
        self.met = 0

    def batch(self, *, size: int, queue_age_s: float, commit_s: float) -> None: ...

    def conflict(self) -> None:
        self.met += 1

    def refused(self, *, code: str) -> None: ...


def _write(pipe: Connection, url: str, books: list[str], clients: int, seconds: float, run: str) -> None:
    """In a child process."""
    observer = _Conflicts()
    with open_database(url) as db, open_event_store(db, clock=SystemClock(), observer=observer) as store:
        ClosedLoop(store.bus, transfers(books, run=f"{run}-warm"), 1).run(0)  # one transfer a client: counted
        warm = 1
        settle_memory()
        pipe.send("ready")
        pipe.recv()
        measured = ClosedLoop(store.bus, transfers(books, run=run), clients).run(seconds)
        pipe.send((measured.answered + warm, measured.seconds, observer.met))


def _check_books(url: str, transfers: int) -> None:
    with psycopg.connect(url) as connection:

        def one(statement: str) -> Any:
            row = connection.execute(statement.encode()).fetchone()
            return row and row[0]

        facts = {
            "events": one("SELECT count(*) FROM stored_events WHERE topic = 'ledger.entry_posted'") - OWNERS,
            "keys": one("SELECT count(*) FROM command_keys") - OWNERS,
            "outbox": one("SELECT count(*) FROM outbox"),
            "to bots": -one("SELECT sum(amount) FROM balances WHERE account = 'owner:bot:bot-1'") / NET,
            "from owners": FUNDS * OWNERS
            + one("SELECT sum(amount) FROM balances WHERE account = 'owner:available'"),
        }
        left_over = one("SELECT sum(amount) FROM balances")
    for what, number in facts.items():
        if Decimal(number) != transfers:
            raise BooksDisagree(f"{transfers} transfers were answered, {what} say {number}")
    if left_over:
        raise BooksDisagree(f"all accounts sum to {left_over}")
    with open_database(url, role="reader") as db:
        report = verify_log(db)
    if not report.ok:
        raise BooksDisagree(str(report.first_bad))
