"""What every benchmark is given: where its files go, how long it may take, and its databases."""

from __future__ import annotations

import os
import platform
import shutil
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import psutil
import psycopg

from adapters.persistence.migrations import upgrade
from tests import postgres

CHECKOUT = Path(__file__).resolve().parents[2]
SETTINGS = (
    postgres.ALWAYS
    | postgres.DURABLE
    | {"autovacuum": "on", "max_connections": "320", "shared_buffers": "256MB", "max_wal_size": "2GB"}
)
ROUNDS = 3
SHOWN = ("server_version", "fsync", "synchronous_commit", "full_page_writes", "shared_buffers")
ENGINES = ("postgresql", "sqlite")


@dataclass
class Bench:
    """A run: its directory on a disk, its servers, its rounds. Everything goes away with `close`."""

    data_dir: Path
    quick: bool = False
    _opened: ExitStack = field(default_factory=ExitStack)
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))
    _server: postgres.Server | None = None

    def turns(self, budget_s: float) -> Iterator[int]:
        """Rounds, 0, 1, 2: fewer where another one would not end within the budget."""
        began = last = time.monotonic()
        for turn in range(1 if self.quick else ROUNDS):
            now = time.monotonic()
            if turn and now - began + (now - last) > budget_s:
                return
            last = now
            yield turn

    def seconds(self, usual: float) -> float:
        """How long one sample takes."""
        return usual / 3 if self.quick else usual

    @property
    def server(self) -> postgres.Server:
        """A PostgreSQL of our own with fsync on, started when first asked for."""
        if self._server is None:
            if url := os.environ.get("TEST_DATABASE_URL"):
                self._server = postgres.Server(psycopg.conninfo.make_conninfo(url))
            else:
                self.data_dir.chmod(0o711)
                running = self._opened.enter_context(postgres._running(self.data_dir, SETTINGS))
                socket = str(running.data)
                dsn = psycopg.conninfo.make_conninfo(host=socket, user="postgres", dbname="postgres")
                self._server = postgres.Server(dsn)
        return self._server

    @contextmanager
    def database(self, engine: str) -> Iterator[str]:
        """A new migrated database for the length of the block: its URL."""
        name = f"bench_{os.getpid()}_{next(self._numbers)}"
        if engine == "postgresql":
            url = self.server.create_database(name)
            try:
                upgrade(url)
                yield url
            finally:
                self.server.drop_database(name)
        else:
            directory = self.data_dir / name
            directory.mkdir()
            try:
                url = f"sqlite:///{directory / 'log.db'}"
                upgrade(url)
                yield url
            finally:
                shutil.rmtree(directory, ignore_errors=True)

    def settle(self) -> None:
        """Bring what earlier cases left to be written to the disk, so that no later one pays for it."""
        if self._server is not None:
            with psycopg.connect(self._server.url, autocommit=True) as connection:
                connection.execute("CHECKPOINT")

    def facts(self) -> dict[str, str]:
        """The machine and the software, as far as they bear on the numbers."""
        found = {
            "machine": f"{os.cpu_count()} cores, {psutil.virtual_memory().total / 2**30:.0f} GB, "
            f"load {os.getloadavg()[0]:.1f} at the start",
            "python": f"{platform.python_version()}, SQLite {sqlite3.sqlite_version}, "
            f"psycopg {psycopg.__version__} ({psycopg.pq.__impl__})",
            "files": f"{_file_system(self.data_dir)}; SQLite WAL with synchronous=FULL unless said otherwise",
        }
        with psycopg.connect(self.server.url) as connection:
            found["postgresql"] = ", ".join(f"{name} {_setting(connection, name)}" for name in SHOWN)
        return found

    def close(self) -> None:
        self._opened.close()


@contextmanager
def opened(data_dir: Path | None, *, quick: bool) -> Iterator[Bench]:
    """A bench in a directory of its own below `data_dir`, by default the checkout: where its disk is."""
    base = Path(tempfile.mkdtemp(prefix=".bench-", dir=data_dir or CHECKOUT))
    bench = Bench(base, quick)
    try:
        (base / ".gitignore").write_text("*\n")
        yield bench
    finally:
        bench.close()
        shutil.rmtree(base, ignore_errors=True)


def pgbench() -> Path | None:
    """The load generator that comes with PostgreSQL: baselines are driven by it, at next to no cost."""
    beside = postgres.find_binaries() / "pgbench"
    found = shutil.which("pgbench")
    return beside if beside.exists() else Path(found) if found else None


def run_pgbench(url: str, script: Path, *, clients: int, seconds: float) -> float:
    """Transactions a second of a script at so many connections."""
    program = pgbench()
    if program is None:
        return 0.0
    command = [str(program), "-n", "-M", "prepared", "-c", str(clients), "-j", str(min(2, clients))]
    command += ["-T", str(max(1, round(seconds))), "-f", str(script), url]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    (line,) = (line for line in done.stdout.splitlines() if line.startswith("tps ="))
    return float(line.split()[2])


def _file_system(path: Path) -> str:
    holding = [part for part in psutil.disk_partitions(all=True) if path.is_relative_to(part.mountpoint)]
    kind = max(holding, key=lambda part: len(part.mountpoint)).fstype if holding else "unknown file system"
    return f"{kind} (memory: nothing here is durable!)" if kind in ("tmpfs", "ramfs") else f"{kind} on a disk"


def _setting(connection: psycopg.Connection[tuple[str]], name: str) -> str:
    row = connection.execute(f"SHOW {name}").fetchone()
    return row[0] if row else "?"
