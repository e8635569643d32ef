"""The throwaway server keeps what the other tests rely on."""

from __future__ import annotations

import importlib.util
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from tests import postgres as throwaway
from tests.postgres import NoPostgres, Server, find_binaries, postgres


def setting(url: str, name: str) -> str:
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT current_setting(%s)", [name]).fetchone()
    assert row is not None
    return str(row[0])


def test_a_fresh_database_is_empty_and_speaks_utc(empty_postgres_url: str) -> None:
    assert setting(empty_postgres_url, "timezone") == "UTC"
    with psycopg.connect(empty_postgres_url) as connection:
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
    assert tables == []


def test_two_databases_of_one_server_share_nothing(postgres_server: Server, empty_postgres_url: str) -> None:
    with psycopg.connect(empty_postgres_url) as connection:
        connection.execute("CREATE TABLE only_here (x int)")
    other = postgres_server.create_database("another")
    try:
        with psycopg.connect(other) as connection, pytest.raises(psycopg.errors.UndefinedTable):
            connection.execute("SELECT * FROM only_here")
    finally:
        postgres_server.drop_database("another")


def test_a_url_with_host_and_password_keeps_both() -> None:
    server = Server("host=db.internal port=6432 user=ops password=p@ss/word dbname=postgres")
    assert server.database_url("x") == "postgresql://ops:p%40ss%2Fword@db.internal:6432/x"


def test_durable_means_that_commits_wait_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TEST_DATABASE_URL", raising=False)
    with postgres(durable=True) as server:
        assert [setting(server.url, s) for s in ("fsync", "synchronous_commit")] == ["on", "on"]


def test_without_any_postgresql_it_fails_and_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    monkeypatch.setattr(throwaway, "_local_binaries", list)
    with pytest.raises(NoPostgres, match="TEST_DATABASE_URL"):
        find_binaries()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of its parent's death")
def test_a_killed_test_run_leaves_no_server_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TEST_DATABASE_URL", raising=False)
    command = [sys.executable, "-m", "tests.postgres"]
    root = Path(__file__).resolve().parents[1]
    with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        data = Path(str(conninfo_to_dict(parent.stdout.readline().strip())["host"]))
        server = psutil.Process(int((data / "postmaster.pid").read_text().split()[0]))
        parent.send_signal(signal.SIGKILL)
    server.wait(timeout=10)
    assert not server.is_running()
    shutil.rmtree(data.parent)  # a killed process cannot tidy up
