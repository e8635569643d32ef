"""What sealing costs the write path, and how far it is behind it."""

from __future__ import annotations

import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from statistics import median, quantiles

from adapters.checkpoints.file_sink import CheckpointFile
from adapters.persistence.database import Database, open_database
from adapters.persistence.event_log import open_event_store
from adapters.persistence.seals import SqlSeals
from adapters.persistence.writer import GroupCommitWriter
from adapters.secrets.signing_key import FileSigner, create_key
from application.ports.commands import Caller, Command
from application.sealing.seal_log import SealLog
from entrypoints.running import settle_memory
from entrypoints.sealing import EVERY_S
from tests.benchmarks.bench import ENGINES, Bench
from tests.benchmarks.load import ClosedLoop, SteadyLoop, SystemClock, open_books, transfers
from tests.benchmarks.report import Case, Section, ratio

OWNERS, CLIENTS, SECONDS = 1_000, 64, 3.0
HALF_LOADS = 2
"""Pairs a round: a latency varies more than a throughput."""
MUST_SHARE, MUST_P50, MUST_LAG_S, MUST_CATCH_UP_S = 0.85, 1.05, 1.0, 10.0
WITHOUT, WITH = "without a sealer", "with the sealer"


def measure(bench: Bench) -> Section:
    section = Section("seal", "sealing beside the write path")
    section.conditions = [
        f"saturated: {CLIENTS} clients in a closed loop, {OWNERS:,} owners, transfers/s as in `writer`",
        "half load: half of what was answered without a sealer, asked for at a steady rate; latencies are",
        f"from when each was due; the sealer signs every {EVERY_S} s in a thread of the same process",
        "an event's lag: from its answer to the checkpoint that has it, stored and in a file;",
        "caught up: from the end of the saturated load to all sealed. With and without go first in turns,",
        "and what one run has left unsealed is sealed before the next one begins",
    ]
    for engine in ENGINES:
        with bench.database(engine) as url, open_database(url) as db:
            section.cases += _Beside(bench, engine, db).measure()
    return section


class _Sealing:
    """A sealer in a thread, and how long each event waited for its checkpoint."""

    def __init__(self, bench: Bench, db: Database, bus: GroupCommitWriter) -> None:
        key = bench.data_dir / f"{time.monotonic_ns()}.key"
        create_key(key, "bench")
        self._seals = SqlSeals(db, bus.fresh_leaves())
        sink = CheckpointFile(key.with_suffix(".checkpoints"))
        self._seal = SealLog(self._seals, FileSigner(key), [sink], "bench")
        self._committed: deque[tuple[float, int]] = deque()  # when, up to which id
        self.lags: list[float] = []
        self._stop = threading.Event()
        bus.listeners.append(lambda newest: self._committed.append((time.perf_counter(), newest)))

    @contextmanager
    def running(self) -> Iterator[None]:
        """Lags are those of this block."""
        self._committed.clear()
        self.lags.clear()
        self._stop.clear()
        thread = threading.Thread(target=self._every_so_often)
        thread.start()
        try:
            yield
        finally:
            self._stop.set()
            thread.join()

    def once(self) -> None:
        """Seal all that is there."""
        if (checkpoint := self._seal()) is None:
            return
        sealed_at, last = time.perf_counter(), self._seals.position_of(checkpoint.size - 1).id
        while self._committed and self._committed[0][1] <= last:
            self.lags.append(sealed_at - self._committed.popleft()[0])

    def _every_so_often(self) -> None:
        while not self._stop.wait(EVERY_S):
            self.once()


class _Beside:
    def __init__(self, bench: Bench, engine: str, db: Database) -> None:
        self.bench, self.engine, self.db = bench, engine, db
        self.label = "PG" if engine == "postgresql" else "SQLite"
        self.books = [f"owner-{number}" for number in range(OWNERS)]
        self.saturated: dict[str, list[float]] = defaultdict(list)  # answers a second
        self.p50s: dict[str, list[float]] = defaultdict(list)  # ms, at half load
        self.lags_s: list[float] = []  # the slowest of a hundred, at half load
        self.caught_up_s: list[float] = []

    def measure(self) -> list[Case]:
        with open_event_store(self.db, clock=SystemClock()) as store:
            assert isinstance(store.bus, GroupCommitWriter)
            bus = store.bus
            open_books(bus, self.books)
            ClosedLoop(bus, self._transfers("warm"), CLIENTS).run(0.5)
            settle_memory()
            sealing = _Sealing(self.bench, self.db, bus)
            for turn in self.bench.turns(80):
                for name in _in_turn(turn):
                    self._begin(sealing)
                    self._saturate(bus, sealing if name == WITH else None, f"{turn}-{name}")
                half = median(self.saturated[WITHOUT]) / 2
                for pair in range(HALF_LOADS):
                    for name in _in_turn(turn + pair):
                        self._begin(sealing)
                        run = f"{turn}-{name}-half-{pair}"
                        self._half_load(bus, sealing if name == WITH else None, run, half)
        return self._cases()

    def _begin(self, sealing: _Sealing) -> None:
        """No run pays for what the one before it left to be sealed, or to be written to the disk."""
        sealing.once()
        self.bench.settle()

    def _saturate(self, bus: GroupCommitWriter, sealing: _Sealing | None, run: str) -> None:
        loop = ClosedLoop(bus, self._transfers(run), CLIENTS)
        with sealing.running() if sealing else nullcontext():
            found = loop.run(self.bench.seconds(SECONDS))
        self.saturated[WITH if sealing else WITHOUT].append(found.rate)
        if sealing:
            began = time.perf_counter()
            sealing.once()
            self.caught_up_s.append(time.perf_counter() - began)

    def _half_load(self, bus: GroupCommitWriter, sealing: _Sealing | None, run: str, rate: float) -> None:
        loop = SteadyLoop(bus, self._transfers(run), rate)
        with sealing.running() if sealing else nullcontext():
            found = loop.run(self.bench.seconds(SECONDS))
        self.p50s[WITH if sealing else WITHOUT].append(found.quantile_ms(0.5))
        if sealing:
            sealing.once()
            self.lags_s.append(quantiles(sealing.lags, n=100)[98])

    def _transfers(self, run: str) -> Callable[[], tuple[Command, Caller]]:
        return transfers(self.books, run=f"{self.engine}-{run}")

    def _cases(self) -> list[Case]:
        share = ratio(WITHOUT, self.saturated[WITH], self.saturated[WITHOUT], must=MUST_SHARE)
        p50 = ratio(WITHOUT, self.p50s[WITH], self.p50s[WITHOUT], must=MUST_P50, at_most=True)
        return [
            Case(f"{self.label}, saturated, {WITHOUT}", tuple(self.saturated[WITHOUT])),
            Case(f"{self.label}, saturated, {WITH}", tuple(self.saturated[WITH]), ratios=(share,)),
            Case(f"{self.label}, half load, p50 {WITHOUT}", tuple(self.p50s[WITHOUT]), unit="ms"),
            Case(f"{self.label}, half load, p50 {WITH}", tuple(self.p50s[WITH]), unit="ms", ratios=(p50,)),
            Case(
                f"{self.label}, half load, lag p99",
                tuple(self.lags_s),
                unit="s",
                must=MUST_LAG_S,
                at_most=True,
            ),
            Case(
                f"{self.label}, caught up after",
                tuple(self.caught_up_s),
                unit="s",
                must=MUST_CATCH_UP_S,
                at_most=True,
            ),
        ]


def _in_turn(turn: int) -> tuple[str, str]:
    return (WITH, WITHOUT) if turn % 2 else (WITHOUT, WITH)
