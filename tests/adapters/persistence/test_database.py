"""Opening a database: who may write, what is refused, how transactions nest."""

from __future__ import annotations

import os
import select
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from adapters.persistence.database import (
    Database,
    DatabaseInUse,
    DatabaseUnreachable,
    InvalidDatabaseUrl,
    open_database,
    sqlite_path,
    without_password,
)
from adapters.persistence.migrations import upgrade
from application.ports.event_log import ReadOnlyLog, StoreUnavailable
from tests.architecture.tree import ROOT


def note(connection: Connection, topic: str) -> None:
    connection.execute(
        text(
            "INSERT INTO outbox (message_id, topic, recipient, body, position) "
            "VALUES (:topic, :topic, '', '', 0)"
        ),
        {"topic": topic},
    )


def notes(db: Database) -> list[str]:
    with db.reading() as connection:
        return list(connection.execute(text("SELECT topic FROM outbox ORDER BY topic")).scalars())


class Oops(Exception):
    pass


def note_in_vain(db: Database, topic: str) -> None:
    with db.transaction() as connection:
        note(connection, topic)
        raise Oops


def test_a_transaction_is_whole_or_nothing(db: Database) -> None:
    with db.transaction() as connection:
        note(connection, "kept")
    with pytest.raises(Oops):
        note_in_vain(db, "lost")
    assert notes(db) == ["kept"]


def test_a_nested_transaction_is_part_of_the_outer_one(db: Database) -> None:
    with db.transaction() as outer:
        note(outer, "a")
        with pytest.raises(Oops):
            note_in_vain(db, "b")
        with db.transaction() as inner:
            assert inner is outer
            note(inner, "c")
            assert notes(db) == ["a", "c"]  # this thread sees its own
    assert notes(db) == ["a", "c"]


def test_what_a_nested_transaction_wrote_goes_with_the_outer_one(db: Database) -> None:
    def nest_in_vain() -> None:
        with db.transaction():
            with db.transaction() as inner:
                note(inner, "d")
            raise Oops

    with pytest.raises(Oops):
        nest_in_vain()
    assert notes(db) == []


def test_others_see_only_what_is_committed(db: Database) -> None:
    seen: list[list[str]] = []
    with db.transaction() as connection:
        note(connection, "a")
        other = threading.Thread(target=lambda: seen.append(notes(db)))
        other.start()
        other.join()
    assert seen == [[]]


def test_threads_take_turns(db: Database) -> None:
    def write(n: int) -> None:
        for i in range(20):
            with db.transaction() as connection:
                note(connection, f"{n}-{i}")

    threads = [threading.Thread(target=write, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(notes(db)) == 80


def test_a_transaction_begun_on_the_raw_connection_is_joined(tmp_path: Path) -> None:
    url = str(tmp_path / "a.db")
    upgrade(url)
    with open_database(url) as db:
        with db.lock:
            db.sqlite_connection.execute("BEGIN IMMEDIATE")
            with db.transaction() as connection:
                note(connection, "a")
            assert notes(db) == ["a"]
            db.sqlite_connection.execute("ROLLBACK")
        assert notes(db) == []


def test_a_second_writing_process_is_refused_with_the_first_ones_pid(tmp_path: Path) -> None:
    url = str(tmp_path / "a.db")
    upgrade(url)
    program = (
        "import sys; from adapters.persistence.database import open_database; "
        "db = open_database(sys.argv[1]); print('open', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, url], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        assert child.stdin is not None
        assert child.stdout.readline() == b"open\n"
        with pytest.raises(DatabaseInUse) as refused:
            open_database(url)
        assert refused.value.data["pid"] == str(child.pid)
        with open_database(url, role="reader") as reader:
            assert notes(reader) == []
            assert str(child.pid) in reader.holder()
        child.kill()
    open_database(url).close()  # however it ended, its lock ended with it


def test_a_reader_writes_nothing(tmp_path: Path, postgres_url: str) -> None:
    sqlite_url = str(tmp_path / "a.db")
    upgrade(sqlite_url)
    for url in (sqlite_url, postgres_url):
        with open_database(url, role="reader") as db:
            assert notes(db) == []
            with pytest.raises(ReadOnlyLog), db.transaction():
                pass


def test_sqlite_is_durable_and_strict(tmp_path: Path) -> None:
    """Safety §4, SQLite note."""
    upgrade(str(tmp_path / "a.db"))
    with open_database(str(tmp_path / "a.db")) as db:
        settings = {
            name: db.sqlite_connection.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
        assert settings == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 1_000}
        with pytest.raises(sqlite3.IntegrityError):
            db.sqlite_connection.execute("INSERT INTO stream_heads VALUES ('a', 'one', x'00')")
        db.checkpoint()
        assert db.describe()["engine"] == "sqlite"


def test_postgresql_has_time_limits(postgres_url: str) -> None:
    with open_database(postgres_url, statement_timeout_ms=50) as db:
        with db.reading() as connection:
            assert connection.execute(text("SHOW lock_timeout")).scalar() == "1s"
        with pytest.raises(StoreUnavailable, match="statement timeout"), db.reading() as connection:
            connection.execute(text("SELECT pg_sleep(5)"))
        with psycopg.connect(db.dsn) as raw:
            assert raw.execute("SHOW statement_timeout").fetchone() == ("50ms",)
        assert db.describe()["engine"] == "postgresql"


def work_too_long(db: Database, limit: str, *, idle: bool) -> None:
    with db.transaction() as connection:
        connection.exec_driver_sql(limit)
        if idle:
            raw = connection.connection.driver_connection
            assert isinstance(raw, psycopg.Connection)
            select.select([raw.fileno()], [], [], 10)  # until the server has hung up
        connection.exec_driver_sql("SELECT pg_sleep(10)")


@pytest.mark.parametrize(
    ("limit", "sqlstate"),
    [
        ("SET LOCAL idle_in_transaction_session_timeout = 20", "25P03"),
        ("SET LOCAL transaction_timeout = 20", "25P04"),
        ("SET LOCAL statement_timeout = 20", "57014"),
        ("SELECT pg_terminate_backend(pg_backend_pid())", "57P01"),
    ],
)
def test_what_a_time_limit_or_an_operator_ends_is_an_outage(
    postgres_url: str, limit: str, sqlstate: str
) -> None:
    with open_database(postgres_url) as db:
        with pytest.raises(StoreUnavailable) as outage:
            work_too_long(db, limit, idle=sqlstate.startswith("25"))
        cause = outage.value.__cause__
        assert isinstance(cause, DBAPIError)
        assert isinstance(cause.orig, psycopg.Error)
        assert cause.orig.sqlstate == sqlstate
        assert notes(db) == []


def test_a_pool_that_is_used_up_says_so(postgres_url: str) -> None:
    with open_database(postgres_url, pool_size=1) as db:
        held = [db.engine.connect() for _ in range(2)]  # type: ignore[attr-defined]  # a PostgresDatabase
        with pytest.raises(StoreUnavailable, match="in use"), db.reading():
            pass
        for connection in held:
            connection.close()


def test_a_server_that_does_not_answer_is_named(tmp_path: Path) -> None:
    with pytest.raises(DatabaseUnreachable) as refused:
        open_database(f"postgresql://me:secret@/db?host={tmp_path}")
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    "url", ["", "mysql://host/db", "sqlite://", "sqlite:///", "sqlite:///:memory:", "a:b"]
)
def test_other_addresses_are_refused(url: str) -> None:
    with pytest.raises(InvalidDatabaseUrl):
        open_database(url)


def test_addresses() -> None:
    assert sqlite_path("sqlite:///data/a.db") == Path("data/a.db")
    assert sqlite_path("sqlite:////data/a.db") == Path("/data/a.db")
    assert sqlite_path("a.db") == Path("a.db")
    assert sqlite_path("postgresql://postgres@/db?host=/run") is None
    assert without_password("postgresql://me:secret@host/db") == "postgresql://me@host/db"


def test_a_directory_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises((DatabaseUnreachable, OSError)):
        open_database(str(tmp_path / "file" / "a.db"), check_schema=False)
    assert os.listdir(tmp_path) == ["file"]
