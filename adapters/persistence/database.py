"""One database, on SQLite or PostgreSQL: who may write, how transactions begin, what is refused at the door.

A SQLite file has one writing process (adr 0006) and in it one writing connection, shared under `lock` by all
who write: SQLite before 3.51.3 can corrupt a WAL that two connections write at once (safety §4).
"""

from __future__ import annotations

import logging
import os
import sqlite3
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from pathlib import Path
from typing import Literal
from urllib.parse import quote

import psycopg
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import Connection, Engine, create_engine, exc, text
from sqlalchemy.pool import QueuePool, StaticPool

from adapters.persistence.database_errors import DatabaseInUse as DatabaseInUse
from adapters.persistence.database_errors import DatabaseUnreachable as DatabaseUnreachable
from adapters.persistence.database_errors import InvalidDatabaseUrl as InvalidDatabaseUrl
from adapters.persistence.database_errors import RebuildRunning as RebuildRunning
from adapters.persistence.database_errors import SchemaOutOfDate as SchemaOutOfDate
from adapters.persistence.database_errors import SchemaTooNew as SchemaTooNew
from adapters.persistence.database_url import sqlite_path as sqlite_path
from adapters.persistence.database_url import without_password as without_password
from adapters.persistence.file_lock import claim, holder_of
from adapters.persistence.shard_layout import SCHEMAS, Shard, ShardsDiffer, ShardsNeedPostgres, shards_among
from adapters.persistence.unavailable import disk_failure, translated
from adapters.persistence.unavailable import is_unavailable as is_unavailable
from application.ports.event_log import ReadOnlyLog, StoreUnavailable

SCHEMA_VERSION = "0007"
"""The migration this code was written for; the newest one in migrations/versions."""

SAFE_SQLITE = (3, 51, 3)
BUSY_TIMEOUT_MS = 1_000
READERS = 8

Role = Literal["writer", "reader"]
ONLY_SHARD = Shard()
log = logging.getLogger(__name__)


class Database(ABC):
    """An open database. `lock` guards writing; hold it for anything that spans several transactions.

    Errors inside `transaction` and `reading`: StoreUnavailable when the engine cannot answer now.
    """

    dialect: Literal["sqlite", "postgresql"]

    def __init__(self, url: str, role: Role, shard: Shard = ONLY_SHARD) -> None:
        self.url, self.role, self.shard = url, role, shard
        self.lock = threading.RLock()
        self.folding = threading.RLock()  # one thread at a time moves projections in this process
        self.progress = threading.Condition()  # notified when projections have moved
        self.failed = ""  # why it is no longer used: its disk failed, and the process had better end
        self.on_failure: Callable[[str], None] = lambda _why: None
        """Called once, by the thread that met the failure, with what `failed` says; must be quick."""
        self._thread = threading.local()

    @property
    def is_sqlite(self) -> bool:
        return self.dialect == "sqlite"

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """All of it commits, or nothing does. Inside another one of the same thread: a savepoint of it."""
        if self.role == "reader":
            raise ReadOnlyLog(holder=self.holder())
        self.require_usable()
        with translated():
            if (outer := self._open_in_this_thread()) is not None:
                with outer.begin_nested():
                    yield outer
            else:
                with self._begin() as connection:
                    self._thread.connection = connection
                    try:
                        yield connection
                    finally:
                        self._thread.connection = None

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """One consistent view of what is committed, and of this thread's own open transaction if any."""
        self.require_usable()
        with translated():
            if (outer := self._open_in_this_thread()) is not None:
                yield outer
            else:
                with self._read() as connection:
                    yield connection

    def asking(self) -> AbstractContextManager[Connection]:
        """As `reading`, for one statement alone: it needs no transaction of its own, nor the trips of one."""
        return self.reading()

    def require_usable(self) -> None:
        """Raises StoreUnavailable once the disk has failed."""
        if self.failed:
            raise StoreUnavailable(self.failed)

    def raw_transaction(self, *, commit: bool = True) -> AbstractContextManager[sqlite3.Connection]:  # noqa: ARG002
        """A transaction on the one writing connection, under `lock`; without `commit` it is rolled back."""
        raise TypeError(f"a {self.dialect} database has no SQLite connection")

    @abstractmethod
    def rebuilding(self) -> AbstractContextManager[Callable[[], None]]:
        """Held by the one rebuild or check under way; raises RebuildRunning when there is another.

        What it gives raises StoreUnavailable once it is no longer certain that we are the only one.
        """

    def snapshot(self) -> AbstractContextManager[str]:
        """Within it `reading`, in this thread, sees what is committed now and nothing later.

        The name it gives lets another session of the server see the same (SET TRANSACTION SNAPSHOT).
        """
        raise TypeError(f"a {self.dialect} database exports no snapshot")

    @property
    def sqlite_connection(self) -> sqlite3.Connection:
        """The one writing connection (autocommit mode: say BEGIN IMMEDIATE), for use under `lock`."""
        raise TypeError(f"a {self.dialect} database has no SQLite connection")

    @property
    def dsn(self) -> str:
        """What psycopg.connect takes, time limits included."""
        raise TypeError(f"a {self.dialect} database has no DSN")

    def holder(self) -> str:
        """Who writes here, in words."""
        return "another process writes it"

    @abstractmethod
    def describe(self) -> dict[str, str]:
        """Engine, version and what an operator should know about them."""

    @abstractmethod
    def schema_version(self) -> str:
        """The newest migration applied; "" for none."""

    def shards(self) -> int:
        """How many shards it was created with. Raises ShardsIncomplete."""
        return 1

    @abstractmethod
    def checkpoint(self) -> None:
        """Bring a SQLite file's write-ahead log into the file; elsewhere the server does."""

    @abstractmethod
    def close(self) -> None: ...

    def require_schema(self) -> None:
        """Raises SchemaOutOfDate or SchemaTooNew."""
        found = self.schema_version()
        if found < SCHEMA_VERSION:
            raise SchemaOutOfDate(found=found, needed=SCHEMA_VERSION)
        if found > SCHEMA_VERSION:
            raise SchemaTooNew(found=found, known=SCHEMA_VERSION)

    def require_shards(self) -> None:
        """Raises ShardsDiffer unless it was created with as many as it is opened with, ShardsIncomplete."""
        if (found := self.shards()) != self.shard.of:
            raise ShardsDiffer(found=found, asked=self.shard.of)

    def _open_in_this_thread(self) -> Connection | None:
        return getattr(self._thread, "connection", None)

    @abstractmethod
    def _begin(self) -> AbstractContextManager[Connection]: ...

    @abstractmethod
    def _read(self) -> AbstractContextManager[Connection]: ...

    def __enter__(self) -> Database:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class SqliteDatabase(Database):
    """A SQLite file in WAL mode."""

    dialect = "sqlite"

    def __init__(self, url: str, path: Path, role: Role, synchronous: str) -> None:
        super().__init__(url, role)
        self.path = path
        self._lock_file: int | None = None
        self._writer: Connection | None = None
        self._connection: sqlite3.Connection | None = None
        self._rebuild = threading.Lock()
        if role == "writer":
            self._lock_file = claim(path)
            self._connection = self._open_writing(synchronous)
            engine = create_engine("sqlite://", creator=lambda: self._connection, poolclass=StaticPool)
            # SQLAlchemy's own transaction is never ended: BEGIN and COMMIT are said on the raw connection,
            # so that those who use it directly and those who use Core share one transaction.
            self._writer = engine.connect()
        self._readers = create_engine(
            "sqlite://",
            creator=self._open_reading,
            poolclass=QueuePool,
            pool_size=READERS,
            max_overflow=0,
            pool_timeout=2,
        )

    @property
    def sqlite_connection(self) -> sqlite3.Connection:
        if self._connection is None:
            raise ReadOnlyLog(holder=self.holder())
        self.require_usable()
        return self._connection

    def holder(self) -> str:
        return f"process {holder_of(self.path)} writes {self.path}"

    def describe(self) -> dict[str, str]:
        return {"engine": "sqlite", "version": sqlite3.sqlite_version, "note": sqlite_note()}

    def schema_version(self) -> str:
        if not self.path.exists():
            return ""
        with self.reading() as connection:
            known = connection.execute(
                text("SELECT count(*) FROM sqlite_master WHERE name = 'alembic_version'")
            ).scalar()
            if not known:
                return ""
            return str(connection.execute(text("SELECT version_num FROM alembic_version")).scalar() or "")

    def checkpoint(self) -> None:
        with self.lock:
            self.sqlite_connection.execute("PRAGMA wal_checkpoint(PASSIVE)")

    @contextmanager
    def rebuilding(self) -> Iterator[Callable[[], None]]:
        """No other process writes this file."""
        if not self._rebuild.acquire(blocking=False):
            raise RebuildRunning
        try:
            yield lambda: None
        finally:
            self._rebuild.release()

    def close(self) -> None:
        self._readers.dispose()
        with self.lock:
            if self._writer is not None and self._connection is not None:
                if not self.failed:
                    with suppress(sqlite3.OperationalError):  # someone reads: the next opener will do it
                        self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                self._writer.invalidate()
                self._writer.close()
                self._writer.engine.dispose()
                self._connection.close()
                self._writer = None
            if self._lock_file is not None:
                os.close(self._lock_file)
                self._lock_file = None

    def _open_in_this_thread(self) -> Connection | None:
        # Also when the transaction was begun on the raw connection, which only who holds `lock` may do.
        if (joined := super()._open_in_this_thread()) is not None:
            return joined
        if self._writer is None or not self._raw_transaction_is_ours():
            return None
        return self._writer

    def _raw_transaction_is_ours(self) -> bool:
        if not self.lock._is_owned():  # type: ignore[attr-defined]  # CPython's RLock, as Condition uses it
            return False
        return self.sqlite_connection.in_transaction

    @contextmanager
    def _begin(self) -> Iterator[Connection]:
        if self._writer is None:
            raise ReadOnlyLog(holder=self.holder())
        with self.raw_transaction():
            yield self._writer

    @contextmanager
    def raw_transaction(self, *, commit: bool = True) -> Iterator[sqlite3.Connection]:
        with self.lock:
            raw = self.sqlite_connection
            try:
                # Deferred, a transaction that reads first and then writes can fail at once on a busy file.
                raw.execute("BEGIN IMMEDIATE" if commit else "BEGIN")
                yield raw
                raw.execute("COMMIT" if commit else "ROLLBACK")
            except BaseException as e:
                if failure := disk_failure(e):
                    self._fail(failure)
                elif raw.in_transaction:  # a full disk ends it by itself
                    raw.execute("ROLLBACK")
                raise

    def _fail(self, failure: sqlite3.Error) -> None:
        """For good: what the system could not write it may have forgotten, and asked again it says yes."""
        self.failed = (
            f"{self.path}: {failure} ({failure.sqlite_errorname}); it is no longer used by this process: "
            "see to the disk, then start again"
        )
        log.critical("the disk failed: %s", self.failed)
        self.on_failure(self.failed)

    @contextmanager
    def _read(self) -> Iterator[Connection]:
        with self._readers.connect() as connection:
            connection.exec_driver_sql("BEGIN")  # one snapshot for all statements; the pool rolls it back
            yield connection

    def _open_writing(self, synchronous: str) -> sqlite3.Connection:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        connection = self._connect(f"file:{quote(str(self.path))}?mode=rwc")
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute(f"PRAGMA synchronous={synchronous}")
        connection.execute("PRAGMA wal_autocheckpoint=1000")
        return connection

    def _open_reading(self) -> sqlite3.Connection:
        return self._connect(f"file:{quote(str(self.path))}?mode=ro")

    def _connect(self, uri: str) -> sqlite3.Connection:
        try:
            connection = sqlite3.connect(
                uri,
                uri=True,
                isolation_level=None,
                check_same_thread=False,
                timeout=BUSY_TIMEOUT_MS / 1_000,
                cached_statements=256,
            )
            connection.execute("PRAGMA foreign_keys=ON")
            connection.execute("PRAGMA mmap_size=0")
        except sqlite3.DatabaseError as e:
            raise DatabaseUnreachable(url=self.url, problem=str(e)) from e
        return connection


_ONE_REBUILD = "SELECT pg_advisory_lock(1801807212, {})"
"""The first number is that of the appends' lock (log_tables), the second below any shard's: -1 for the first
shard, -2 for the next."""


class PostgresDatabase(Database):
    """A PostgreSQL database, through a pool of psycopg connections with time limits."""

    dialect = "postgresql"

    def __init__(
        self,
        url: str,
        role: Role,
        *,
        statement_timeout_ms: int,
        lock_timeout_ms: int,
        pool_size: int,
        shard: Shard,
    ) -> None:
        super().__init__(url, role, shard)
        limits = {
            "lock_timeout": lock_timeout_ms,
            "statement_timeout": statement_timeout_ms,
            "idle_in_transaction_session_timeout": 60_000,
        }
        options = " ".join(f"-c {name}={value}" for name, value in limits.items()) + " -c timezone=UTC"
        if role == "reader":
            options += " -c default_transaction_read_only=on"
        given = conninfo_to_dict(url)
        if shard.schema:  # and no other: a table that is missing here must not be found in another shard
            options += f" -c search_path={shard.schema}"
        options = f"{given.get('options') or ''} {options}".strip()
        self._dsn = psycopg.conninfo.make_conninfo(url, options=options, connect_timeout=5)
        self.engine: Engine = create_engine(
            "postgresql+psycopg://",
            creator=lambda: psycopg.connect(self._dsn),
            pool_size=pool_size,
            max_overflow=pool_size,
            pool_timeout=2,
            use_native_hstore=False,
        )
        self._asking = self.engine.execution_options(isolation_level="AUTOCOMMIT")  # of the same pool
        try:
            with self.engine.connect():
                pass
        except exc.OperationalError as e:
            raise DatabaseUnreachable(url=without_password(url), problem=str(e.orig).strip()) from e

    @property
    def dsn(self) -> str:
        return self._dsn

    def checkpoint(self) -> None:
        """The server's own business."""

    def describe(self) -> dict[str, str]:
        with self.reading() as connection:
            version = str(connection.execute(text("SHOW server_version")).scalar())
        return {"engine": "postgresql", "version": version, "note": ""}

    def schema_version(self) -> str:
        with self.reading() as connection:
            if connection.execute(text("SELECT to_regclass('alembic_version')")).scalar() is None:
                return ""
            return str(connection.execute(text("SELECT version_num FROM alembic_version")).scalar() or "")

    def shards(self) -> int:
        with self.reading() as connection:
            return shards_among(connection.exec_driver_sql(SCHEMAS).scalars())

    @contextmanager
    def rebuilding(self) -> Iterator[Callable[[], None]]:
        """A session's lock: it ends with its connection, however the process ends.

        Waited for as long as for any lock: what a killed process held is free a moment later.
        """
        with translated():
            session = psycopg.connect(self._dsn, autocommit=True)
        with closing(session):

            def confirm() -> None:
                with translated():
                    session.execute("SELECT 1")

            try:
                with translated():
                    session.execute("SET idle_session_timeout = 0")  # it has nothing else to say
                    session.execute(_ONE_REBUILD.format(-1 - self.shard.number))
            except StoreUnavailable as e:
                if isinstance(e.__cause__, psycopg.errors.LockNotAvailable):
                    raise RebuildRunning from e
                raise
            yield confirm

    @contextmanager
    def snapshot(self) -> Iterator[str]:
        with translated(), self.engine.connect() as connection:
            connection.execution_options(isolation_level="REPEATABLE READ")
            connection.exec_driver_sql("SET LOCAL idle_in_transaction_session_timeout = 0")
            name = str(connection.exec_driver_sql("SELECT pg_export_snapshot()").scalar())
            self._thread.connection = connection
            try:
                yield name
            finally:
                self._thread.connection = None

    def close(self) -> None:
        self.engine.dispose()

    @contextmanager
    def asking(self) -> Iterator[Connection]:
        with translated():
            if (outer := self._open_in_this_thread()) is not None:
                yield outer
            else:
                with self._asking.connect() as connection:
                    yield connection

    @contextmanager
    def _begin(self) -> Iterator[Connection]:
        with self.engine.begin() as connection:
            yield connection

    @contextmanager
    def _read(self) -> Iterator[Connection]:
        with self.engine.connect() as connection:
            yield connection


def open_database(
    url: str,
    *,
    role: Role = "writer",
    synchronous: Literal["FULL", "NORMAL", "OFF"] = "FULL",
    statement_timeout_ms: int = 5_000,
    lock_timeout_ms: int = 1_000,
    pool_size: int = 5,
    check_schema: bool = True,
    shard: Shard = ONLY_SHARD,
) -> Database:
    """Open sqlite:///file.db (or a plain path) or postgresql://user@host/database.

    A writer of a SQLite file excludes every other writing process (DatabaseInUse). `synchronous` below FULL
    may lose acknowledged commits at a power cut: OFF is for throwaway demo files only.
    `shard` is which one of how many; of a SQLite file there is one.
    Errors: InvalidDatabaseUrl, DatabaseUnreachable, DatabaseInUse, SchemaOutOfDate, SchemaTooNew,
    ShardsDiffer, ShardsIncomplete, ShardsNeedPostgres.
    """
    path = sqlite_path(url)
    if path is not None and shard.of > 1:
        raise ShardsNeedPostgres(asked=shard.of)
    if path is not None and check_schema and not path.exists():
        raise SchemaOutOfDate(found="", needed=SCHEMA_VERSION)
    database: Database
    if path is not None:
        database = SqliteDatabase(url, path, role, synchronous)
    else:
        database = PostgresDatabase(
            url,
            role,
            statement_timeout_ms=statement_timeout_ms,
            lock_timeout_ms=lock_timeout_ms,
            pool_size=pool_size,
            shard=shard,
        )
    if check_schema:
        try:
            database.require_shards()
            database.require_schema()
        except BaseException:
            database.close()
            raise
    return database


def sqlite_note() -> str:
    """What an operator should know about the SQLite that Python was linked with; "" for nothing."""
    if sqlite3.sqlite_version_info >= SAFE_SQLITE:
        return ""
    return (
        f"SQLite {sqlite3.sqlite_version} can corrupt its log when two connections write at once (fixed in "
        f"{'.'.join(map(str, SAFE_SQLITE))}); Evenkeel writes through one connection of one process"
    )
