"""How fast, and in how much memory, an outsider gets the log and checks it."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from adapters.checkpoints.file_sink import CheckpointFile
from adapters.persistence.database import Database, open_database
from adapters.persistence.envelope import Envelopes
from adapters.persistence.seals import SqlSeals
from adapters.secrets.signing_key import FileSigner, create_key
from application.sealing.seal_log import SealLog
from entrypoints.log_export import VERIFIER, export_log
from tests.benchmarks.bench import Bench
from tests.benchmarks.history import fill, history
from tests.benchmarks.report import Case, Section

EVENTS, QUICK_EVENTS = 1_000_000, 20_000
_LAUNCHER = """
import resource, subprocess, sys
done = subprocess.run(sys.argv[1:], stdout=sys.stderr)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(done.returncode)
"""
"""Between us and the verifier: a child is counted as large as its parent was when it was forked."""
MUST_VERIFY, MUST_END_TO_END_S, MUST_MEGABYTES = 25_000.0, 90.0, 300.0


def measure(bench: Bench) -> Section:
    section = Section("audit", "the log in an outsider's hands")
    with bench.database("sqlite") as url, open_database(url) as db:
        events = _fill(bench, db)
        section.conditions = [
            f"{events:,} events in a SQLite file: a year of 1,000 owners' bots, as the product encodes it",
            "verify.py: a process of its own; chains, tree, signatures, meaning; its largest memory",
        ]
        section.cases = _cases(bench, db, events)
    return section


def _fill(bench: Bench, db: Database) -> int:
    made = history(QUICK_EVENTS if bench.quick else EVENTS, Envelopes())
    fill(db, made, 0, len(made.rows))
    return len(made.rows)


def _cases(bench: Bench, db: Database, events: int) -> list[Case]:
    key, folder = bench.data_dir / "audit.key", bench.data_dir / "export"
    create_key(key, "bench")
    seal = SealLog(SqlSeals(db), FileSigner(key), [CheckpointFile(key.with_suffix(".checkpoints"))], "bench")
    sealed_s = _seconds(seal)
    exported_s = _seconds(
        lambda: export_log(db, SqlSeals(db), seal.signer.key, folder, lambda _done, _all: None)
    )
    verified_s, megabytes = _verify(folder)
    shutil.rmtree(folder)
    return [
        Case("sealing alone", (events / sealed_s,)),
        Case("log export", (events / exported_s,)),
        Case("verify.py, all checks", (events / verified_s,), must=MUST_VERIFY),
        Case(
            "export and verify.py", (exported_s + verified_s,), unit="s", must=MUST_END_TO_END_S, at_most=True
        ),
        Case("verify.py, memory", (megabytes,), unit="MB", must=MUST_MEGABYTES, at_most=True),
    ]


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _verify(folder: Path) -> tuple[float, float]:
    """Seconds, and megabytes at its largest."""
    command = [
        sys.executable,
        "-I",
        str(folder / VERIFIER.name),
        str(folder),
        "--key",
        str(folder / "log.pub"),
    ]
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", _LAUNCHER, *command], capture_output=True, text=True, check=False
    )
    seconds = time.perf_counter() - began
    if done.returncode != 0:
        raise AssertionError(done.stdout + done.stderr)
    return seconds, int(done.stdout) / 1024
