"""A whole database into one file while it is written, and back into an empty place.

SQLite through its backup interface, PostgreSQL through pg_dump and pg_restore. What the file holds is read
from the very state that was copied.
"""

from __future__ import annotations

import os
import secrets
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import quote

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from adapters.persistence.database import (
    SCHEMA_VERSION,
    Database,
    open_database,
)
from adapters.persistence.database_errors import DatabaseUnreachable
from adapters.persistence.database_url import sqlite_path, without_password
from adapters.persistence.file_lock import claim
from adapters.persistence.pg_tools import find_tool
from adapters.persistence.row_store import select
from adapters.persistence.seals import SqlSeals
from application.ports.event_log import SHARD, Position
from domain.errors import DomainError

Engine = Literal["sqlite", "postgresql"]
Progress = Callable[[int, int], None]
SEALED_SINCE = "0003"
"""The schema with the Merkle tree in it; backups of older ones tell nothing of it."""

_PAGES_A_STEP = 2_048
_SCRATCH = "evenkeel_drill_"
_LEFT_SCRATCH = (
    "SELECT datname FROM pg_database WHERE datname ~ %s AND pg_get_userbyid(datdba) = current_user"
)
_ONE_AT_A_TIME = "SELECT pg_advisory_lock(1801807212, -2)"
"""So that nobody takes a database that was made just now for one that was left."""
_END_SESSIONS = "DELETE FROM sessions"
_TABLES = """
    SELECT count(*) FROM pg_class AS it JOIN pg_namespace AS its ON its.oid = it.relnamespace
    WHERE it.relkind IN ('r', 'p', 'v', 'm', 'S', 'f') AND its.nspname <> 'information_schema'
      AND left(its.nspname, 3) <> 'pg_'
      AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = it.oid AND deptype = 'e')
"""


class NotEmpty(DomainError, code="not_empty"):
    """Something is there already, and nothing is ever written over."""

    def __init__(self, *, place: str, problem: str) -> None:
        super().__init__(f"{place} {problem}")
        self.place = place


class NoScratchDatabase(DomainError, code="no_scratch_database"):
    """A database for the time of a drill cannot be made on that server."""

    def __init__(self, *, url: str, problem: str) -> None:
        super().__init__(
            f"no scratch database can be made at {url}: {problem}; name a server and a role that may, "
            "with --scratch-url"
        )
        self.url, self.problem = url, problem


@dataclass(frozen=True, slots=True)
class Contents:
    """What a database holds, in a few words that tell it from every other."""

    schema: str
    newest_position: str
    sealed: int
    root: str  # over the sealed events, in hex
    checkpoint: str | None  # the newest signed note


@dataclass(frozen=True, slots=True)
class Copied:
    """What was copied, and with what."""

    engine_version: str
    tool: str
    contents: Contents


def engine_of(url: str) -> Engine:
    return "postgresql" if sqlite_path(url) is None else "sqlite"


def contents_of(db: Database) -> Contents:
    """Raises SchemaOutOfDate where there is no schema at all, SchemaTooNew."""
    schema = db.schema_version()
    if not schema or schema > SCHEMA_VERSION:
        db.require_schema()
    with db.reading() as connection:
        (head,) = next(select(connection, "SELECT coalesce(max(notification_id), 0) FROM stored_events"))
    position = str(Position(SHARD, int(head)))
    if schema < SEALED_SINCE:
        return Contents(schema, position, 0, "", None)
    seals = SqlSeals(db)
    size = seals.size()
    return Contents(schema, position, size, seals.root(size).hex(), seals.newest())


def copy_out(url: str, target: Path, progress: Progress, *, pg_bin: Path | None) -> Copied:
    """One committed state of the database, whole, into a new file; who writes the database does not wait.

    Errors: those of open_database, PgToolMissing, PgToolFailed, StoreUnavailable.
    """
    path = sqlite_path(url)
    os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))  # it holds who people are
    with open_database(url, role="reader", check_schema=False, statement_timeout_ms=0) as database:
        version = database.describe()["version"]
        if path is not None:
            _copy_sqlite(path, target, progress)
            with open_database(f"sqlite:///{target}", role="reader", check_schema=False) as copy:
                return Copied(version, f"sqlite {sqlite3.sqlite_version}", contents_of(copy))
        tool = find_tool("pg_dump", needed=_server_major(url), folder=pg_bin)
        database.require_shards()
        with database.snapshot() as snapshot:
            contents = contents_of(database)
            arguments = ["--format=custom", "--lock-wait-timeout=60s", f"--snapshot={snapshot}"]
            tool.run(url, [*arguments, f"--file={target}"], lambda: progress(target.stat().st_size, 0))
        return Copied(version, f"pg_dump {tool.major}", contents)


def copy_in(
    file: Path,
    url: str,
    progress: Progress,
    *,
    tool: str,
    pg_bin: Path | None,
    accept: Callable[[Contents], None],
) -> Contents:
    """What copy_out wrote with that tool, into a place that is empty. `accept` raises on other contents.

    Nobody is signed in there: sessions that were ended since the copy was taken would live again.
    After an error there is no SQLite file. Errors: NotEmpty, DatabaseInUse, PgToolMissing, PgToolFailed,
    those of open_database.
    """
    require_empty(url)
    if (path := sqlite_path(url)) is None:
        needed = max(_server_major(url), int(tool.rpartition(" ")[2]))
        restore = find_tool("pg_restore", needed=needed, folder=pg_bin)
        arguments = ["--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges", str(file)]
        restore.run(url, arguments, lambda: progress(0, 0))
        with _session(url) as session:
            session.execute(_END_SESSIONS)
            session.execute("ANALYZE")  # a dump has no statistics: the first queries would read whole tables
        contents = _contents_at(url)
        accept(contents)
        return contents
    lock = claim(path)  # no server starts on it meanwhile
    draft = path.with_name(f".{path.name}.restoring")
    try:
        require_empty(url)
        _copy_bytes(file, draft, progress)
        contents = _contents_at(f"sqlite:///{draft}")
        accept(contents)
        with closing(sqlite3.connect(draft, isolation_level=None)) as connection:
            connection.execute(_END_SESSIONS)
        draft.replace(path)
        sync_folder(path.parent)
        return contents
    finally:
        draft.unlink(missing_ok=True)
        os.close(lock)


def require_empty(url: str) -> None:
    """Raises NotEmpty unless there is no such file, or the database has no table; DatabaseUnreachable."""
    if (path := sqlite_path(url)) is not None:
        for one in (path, path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}-journal")):
            if one.exists() or one.is_symlink():
                raise NotEmpty(place=str(one), problem="exists; name a file that does not")
        return
    with _session(url) as session:
        row = session.execute(_TABLES).fetchone()
    if row and row[0]:
        raise NotEmpty(place=without_password(url), problem=f"has {row[0]} tables; name an empty database")


def damage(url: str) -> str:
    """What SQLite itself finds wrong in a file's structure; "" for nothing, and on PostgreSQL."""
    if (path := sqlite_path(url)) is None:
        return ""
    with closing(sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True)) as connection:
        try:
            (found,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
        except sqlite3.DatabaseError as e:
            return str(e)
    return "" if found == "ok" else str(found)


@contextmanager
def scratch_database(url: str) -> Iterator[str]:
    """A new, empty PostgreSQL database on that server, by its URL; gone afterwards, whatever happens.

    Those that killed processes left are dropped first: nobody is connected to them. Raises NoScratchDatabase.
    """
    name = f"{_SCRATCH}{os.getpid()}_{secrets.token_hex(4)}"
    named, there = sql.Identifier(name), _renamed(url, name)
    with ExitStack() as held:
        try:
            with _session(url) as session:
                session.execute(_ONE_AT_A_TIME)
                _drop_left(session)
                session.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(named))
                held.enter_context(_session(there)).execute("SET idle_session_timeout = 0")
        except (psycopg.Error, DatabaseUnreachable) as e:
            words = str(e).strip().partition("\n")[0]
            raise NoScratchDatabase(url=without_password(url), problem=words) from e
        try:
            yield there
        finally:
            with _session(url) as session:
                session.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(named))


def _drop_left(session: psycopg.Connection) -> None:
    for (name,) in session.execute(_LEFT_SCRATCH, [f"^{_SCRATCH}[0-9]+_[0-9a-f]{{8}}$"]).fetchall():
        with suppress(psycopg.Error):  # a drill that runs is connected to it
            session.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(sql.Identifier(name)))


def sync_folder(folder: Path) -> None:
    """Make what was renamed in it durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _copy_sqlite(source: Path, target: Path, progress: Progress) -> None:
    with (
        closing(sqlite3.connect(f"file:{quote(str(source))}?mode=ro", uri=True)) as reading,
        closing(sqlite3.connect(target, isolation_level=None)) as writing,
    ):
        reading.isolation_level = None
        writing.execute("PRAGMA synchronous=OFF")  # synced once, at the end
        reading.execute("BEGIN")
        reading.execute("SELECT count(*) FROM sqlite_master").fetchone()
        # The transaction pins one state: without it the copy would start over at every commit of the server.
        reading.backup(
            writing,
            pages=_PAGES_A_STEP,
            progress=lambda _status, left, total: progress(total - left, total),
        )
        reading.execute("ROLLBACK")
        writing.execute("PRAGMA journal_mode=DELETE")  # one file, complete without a -wal beside it


def _copy_bytes(source: Path, target: Path, progress: Progress) -> None:
    total, done = source.stat().st_size, 0
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with source.open("rb") as reading, os.fdopen(descriptor, "wb") as writing:
        while part := reading.read(1 << 22):
            writing.write(part)
            done += len(part)
            progress(done, total)
        writing.flush()
        os.fsync(writing.fileno())


def _contents_at(url: str) -> Contents:
    with open_database(url, role="reader", check_schema=False, statement_timeout_ms=0) as database:
        return contents_of(database)


def _server_major(url: str) -> int:
    with _session(url) as session:
        return session.info.server_version // 10_000


def _renamed(url: str, name: str) -> str:
    """The URL of another database on the same server, as psycopg and open_database read it."""
    given = {key: str(value) for key, value in conninfo_to_dict(url).items() if value is not None}
    user, password = given.pop("user", ""), given.pop("password", "")
    given.pop("dbname", None)
    who = quote(user, safe="") + (f":{quote(password, safe='')}" if password else "")
    query = "&".join(f"{key}={quote(value, safe='')}" for key, value in given.items())
    return f"postgresql://{who}{'@' if who else ''}/{quote(name, safe='')}?{query}"


@contextmanager
def _session(url: str) -> Iterator[psycopg.Connection]:
    try:
        session = psycopg.connect(make_conninfo(url, connect_timeout=5), autocommit=True)
    except psycopg.OperationalError as e:
        raise DatabaseUnreachable(url=without_password(url), problem=str(e).strip()) from e
    with closing(session):
        yield session
