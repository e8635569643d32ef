"""What sealing costs the write path, how fast it is, and how fast an outsider checks what it gave."""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
import time
from collections import defaultdict
from pathlib import Path
from statistics import median

from adapters.checkpoints.file_sink import CheckpointFile
from adapters.persistence.database import Database, open_database
from adapters.persistence.envelope import Envelopes
from adapters.persistence.event_log import open_event_store
from adapters.persistence.seals import SqlSeals
from adapters.persistence.writer import GroupCommitWriter
from adapters.secrets.signing_key import FileSigner, create_key
from application.sealing.seal_log import SealLog
from entrypoints.log_export import VERIFIER, export_log
from entrypoints.running import settle_memory
from tests.benchmarks.bench import ENGINES, Bench
from tests.benchmarks.history import fill, history
from tests.benchmarks.load import ClosedLoop, SystemClock, open_books, transfers
from tests.benchmarks.report import Case, Section, ratio

OWNERS, CLIENTS, SECONDS = 1_000, 64, 3.0
EVENTS, QUICK_EVENTS = 210_000, 20_000
MUST_SHARE, MUST_VERIFY = 0.85, 25_000.0


def measure(bench: Bench) -> Section:
    section = Section("seal", "sealing beside the write path, and checking from outside")
    section.conditions = [
        f"commits: {CLIENTS} clients, {OWNERS:,} owners, transfers/s as in `writer`; with and without a",
        "sealer that signs every second in a thread of the same process; lag: from the stop to all sealed",
        "verify.py: a process of its own, chains, tree, signatures and meaning",
    ]
    for engine in ENGINES:
        with bench.database(engine) as url, open_database(url) as db:
            section.cases += _beside(bench, engine, db)
    with bench.database("sqlite") as url, open_database(url) as db:
        section.cases += _outside(bench, db)
    return section


def _sealer(bench: Bench, db: Database) -> SealLog:
    key = bench.data_dir / f"{time.monotonic_ns()}.key"
    create_key(key, "bench")
    sink = CheckpointFile(key.with_suffix(".checkpoints"))
    return SealLog(SqlSeals(db), FileSigner(key), [sink], "bench")


def _beside(bench: Bench, engine: str, db: Database) -> list[Case]:
    label, rates, lags = "PG" if engine == "postgresql" else "SQLite", defaultdict[str, list[float]](list), []
    with open_event_store(db, clock=SystemClock()) as store:
        assert isinstance(store.bus, GroupCommitWriter)
        books = [f"owner-{number}" for number in range(OWNERS)]
        open_books(store.bus, books)
        ClosedLoop(store.bus, transfers(books, run=f"{engine}-warm"), CLIENTS).run(0.5)
        settle_memory()
        seal = _sealer(bench, db)
        seal()
        for turn in bench.turns(40):
            for name in ("without", "with the sealer"):
                stop = threading.Event()
                sealing = threading.Thread(target=_every_second, args=(seal, stop))
                if name != "without":
                    sealing.start()
                run = f"{engine}-{turn}-{name}"
                found = ClosedLoop(store.bus, transfers(books, run=run), CLIENTS).run(bench.seconds(SECONDS))
                rates[name].append(found.rate)
                stop.set()
                if sealing.ident is not None:
                    sealing.join()
                began = time.perf_counter()
                seal()
                if name != "without":
                    lags.append(time.perf_counter() - began)
    share = ratio("without", rates["with the sealer"], rates["without"], must=MUST_SHARE)
    return [
        Case(f"{label}, commits without a sealer", tuple(rates["without"])),
        Case(
            f"{label}, commits with the sealer",
            tuple(rates["with the sealer"]),
            ratios=(share,),
            notes={"lag at the stop": f"{median(lags) * 1_000:.0f} ms"},
        ),
    ]


def _every_second(seal: SealLog, stop: threading.Event) -> None:
    while not stop.wait(1.0):
        seal()


def _outside(bench: Bench, db: Database) -> list[Case]:
    made = history(QUICK_EVENTS if bench.quick else EVENTS, Envelopes())
    fill(db, made, 0, len(made.rows))
    events, seal = len(made.rows), _sealer(bench, db)
    began = time.perf_counter()
    seal()
    sealed = events / (time.perf_counter() - began)
    folder = bench.data_dir / "export"
    began = time.perf_counter()
    export_log(db, SqlSeals(db), seal.signer.key, folder, lambda _done, _all: None)
    exported = events / (time.perf_counter() - began)
    cases = [Case("sealing alone", (sealed,)), Case("log export", (exported,))]
    if VERIFIER.exists():
        began = time.perf_counter()
        _verify(folder)
        cases.append(
            Case("verify.py, all checks", (events / (time.perf_counter() - began),), must=MUST_VERIFY)
        )
    shutil.rmtree(folder)
    return cases


def _verify(folder: Path) -> None:
    command = [
        sys.executable,
        "-I",
        str(folder / VERIFIER.name),
        str(folder),
        "--key",
        str(folder / "log.pub"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise AssertionError(done.stdout + done.stderr)
