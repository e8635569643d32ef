"""Backups: taken under load, put back, tried out, and every broken one found (safety §4 row 22)."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import sqlite3
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from pathlib import Path
from shutil import copytree
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from typer.testing import CliRunner

from adapters.persistence import backup as copying
from adapters.persistence.database import open_database
from adapters.persistence.pg_tools import PgToolMissing, find_tool
from adapters.persistence.sessions import SqlSessions
from adapters.secrets.signing_key import create_key
from application.paper.accounts import FundPaperBook
from application.ports.commands import Caller
from application.ports.identities import Session
from domain.money import Money
from entrypoints import sealing
from entrypoints.backups import create_backup
from entrypoints.cli.commands import app
from entrypoints.composition import Plan, opened
from entrypoints.settings import load_settings
from tests.entrypoints.conftest import Cli, Ran
from tests.postgres import NoPostgres, Server, find_binaries

_numbers = count(1)


@dataclass(frozen=True)
class House:
    """A platform with one person on either engine, an empty place to restore to, and its command line."""

    cli: Cli
    url: str
    empty_url: str
    data_dir: Path
    scratch: Path
    account: str
    book: str

    @property
    def is_sqlite(self) -> bool:
        return self.url.startswith("sqlite")

    def run(self, *words: str) -> Ran:
        return self.cli(*words, "--database-url", self.url)

    def backup(self, folder: Path) -> dict[str, Any]:
        made = self.run("backup", "create", "--output", str(folder), "--json")
        assert made.code == 0, made.out + made.err
        told: dict[str, Any] = made.json
        return told

    def drill(self, folder: Path, *words: str) -> Ran:
        """Whose scratch places are gone afterwards, however it ended."""
        ran = self.run("backup", "drill", "--from", str(folder), "--json", *words)
        assert list(self.scratch.iterdir()) == []
        if not self.is_sqlite:
            assert self.query("SELECT datname FROM pg_database WHERE datname LIKE 'evenkeel_drill_%'") == []
        return ran

    def restore(self, folder: Path, *words: str) -> Ran:
        return self.cli("backup", "restore", "--from", str(folder), "--to", self.empty_url, *words)

    def query(self, statement: str) -> list[tuple[Any, ...]]:
        if self.is_sqlite:
            with sqlite3.connect(self.url.removeprefix("sqlite:///")) as file:
                return file.execute(statement).fetchall()
        with psycopg.connect(self.url, autocommit=True) as session:
            done = session.execute(statement.encode())
            rows: list[tuple[Any, ...]] = done.fetchall() if done.description else []
            return rows

    def tamper(self, *statements: str) -> None:
        """As whoever owns the database can: what refuses changes to the log is out of the way."""
        if self.is_sqlite:
            guards = self.query("SELECT name FROM sqlite_master WHERE type = 'trigger'")
            for (name,) in guards:
                self.query(f"DROP TRIGGER {name}")
            for statement in statements:
                self.query(statement)
            return
        with psycopg.connect(self.url, autocommit=True) as session:
            session.execute("SET session_replication_role = replica")
            for statement in statements:
                session.execute(statement.encode())

    def lose(self) -> None:
        """The disk is gone, what lies elsewhere is not."""
        for path in self.data_dir.glob("evenkeel.db*"):
            path.unlink()


@dataclass(frozen=True)
class Furnished:
    """A platform with one person, sealed, to be copied: its data folder, and on PostgreSQL its database."""

    data_dir: Path
    database: str  # "" on SQLite: it is in the folder
    account: str
    book: str


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def furnished(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Furnished]:
    data_dir = tmp_path_factory.mktemp("furnished") / "data"
    data_dir.mkdir()
    with ExitStack() as stack:
        database, url = "", f"sqlite:///{data_dir / 'evenkeel.db'}"
        if request.param == "postgresql":
            server: Server = request.getfixturevalue("postgres_server")
            migrated = request.getfixturevalue("_migrated_template")
            database = f"furnished_{os.getpid()}"
            url = server.create_database(database, template=migrated)
            stack.callback(server.drop_database, database)
        with pytest.MonkeyPatch.context() as monkeypatch:
            monkeypatch.setenv("EVENKEEL_DATA_DIR", str(data_dir))
            sign(data_dir, monkeypatch)
            create_key(data_dir / "log.key", "evenkeel.local/log")
            account = _did(url, "users", "create", "ann@example.org")["account_id"]
            book = _did(url, "paper", "open", "--balance", "100 USDT")["paper_account_id"]
            _did(url, "log", "seal")
        yield Furnished(data_dir, database, account, book)


def _did(url: str, *words: str) -> Any:
    done = CliRunner().invoke(app, [*words, "--json", "--database-url", url])
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def sign(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVENKEEL_SIGNING_KEY_FILE", str(data_dir / "log.key"))
    monkeypatch.setenv("EVENKEEL_CHECKPOINT_FILES", str(data_dir / "checkpoints"))


@pytest.fixture
def house(
    request: pytest.FixtureRequest,
    cli: Cli,
    furnished: Furnished,
    data_dir: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[House]:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    copytree(furnished.data_dir, data_dir)
    sign(data_dir, monkeypatch)
    url, empty = f"sqlite:///{data_dir / 'evenkeel.db'}", f"sqlite:///{tmp_path / 'restored.db'}"
    with ExitStack() as stack:
        if furnished.database:
            server: Server = request.getfixturevalue("postgres_server")
            name = f"backup_{os.getpid()}_{next(_numbers)}"
            url = server.create_database(name, template=furnished.database)
            stack.callback(server.drop_database, name)
            empty = request.getfixturevalue("empty_postgres_url")
            use_pg_tools(url, monkeypatch)
        yield House(cli, url, empty, data_dir, scratch, furnished.account, furnished.book)


def use_pg_tools(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those beside the server of the tests, else those on PATH; without any of them the test is skipped."""
    try:
        beside = find_binaries()
    except NoPostgres:
        beside = None
    with psycopg.connect(url) as session:
        needed = session.info.server_version // 10_000
    reason = ""
    for folder in (beside, None):
        try:
            find_tool("pg_dump", needed=needed, folder=folder)
            find_tool("pg_restore", needed=needed, folder=folder)
        except PgToolMissing as missing:
            reason = str(missing)
        else:
            if folder:
                monkeypatch.setenv("EVENKEEL_PG_BIN", str(folder))
            return
    pytest.skip(reason)


def problem(ran: Ran) -> tuple[int, str, str]:
    """Exit code, step and reason of a drill that failed."""
    assert ran.json["ok"] is False
    return ran.code, ran.json["failed_step"], ran.json["problem"]


# -- What is whole -------------------------------------------------------------------------------------------


def test_a_backup_is_drilled_and_says_each_step(house: House, tmp_path: Path) -> None:
    made = house.backup(tmp_path / "b")
    drilled = house.drill(tmp_path / "b")
    told = house.run("backup", "drill", "--from", str(tmp_path / "b"))

    assert drilled.code == 0, drilled.out
    report = drilled.json
    assert (report["ok"], report["events"], report["sealed"]) == (True, 3, 3)
    assert (report["root"], report["engine"]) == (made["root"], made["engine"])
    names = [step["name"] for step in report["steps"]]
    assert names[:2] == ["checksum", "scratch"]
    assert names[-6:] == ["export", "root", "verify.py", "log verify", "trial balance", "projections"]
    assert all(step["ok"] and step["seconds"] >= 0 for step in report["steps"])
    assert told.code == 0
    assert "ok     verify.py" in told.out
    assert "the backup is good" in told.out


def test_without_a_backup_the_drill_takes_one(house: House) -> None:
    ran = house.run("backup", "drill", "--json")
    assert ran.code == 0, ran.out
    assert ran.json["steps"][0]["name"] == "backup"
    assert list(house.scratch.iterdir()) == []


def test_what_is_restored_is_what_was_there(house: House, tmp_path: Path) -> None:
    made = house.backup(tmp_path / "b")
    assert house.cli("users", "list", "--database-url", house.empty_url).code == 3
    ran = house.restore(tmp_path / "b", "--json")
    assert ran.code == 0, ran.out
    assert {key: ran.json[key] for key in ("root", "sealed", "newest_position", "checkpoint")} == {
        key: made[key] for key in ("root", "sealed", "newest_position", "checkpoint")
    }
    for words in (("log", "verify"), ("users", "list"), ("ledger", "balances"), ("projections", "check")):
        there = house.cli(*words, "--json", "--database-url", house.empty_url)
        assert there.out == house.run(*words, "--json").out, words
    made_there = house.cli("users", "create", "bob@example.org", "--database-url", house.empty_url)
    assert made_there.code == 0, "it goes on"


def test_whoever_was_signed_in_when_it_was_taken_is_not_after_it_was_put_back(
    house: House, tmp_path: Path
) -> None:
    """A session that ended since, because it was stolen, say, must not live again (safety §2 items 28-30)."""
    now = datetime.now(UTC)
    session = Session(
        token_sha256="0" * 64,
        account_id=house.account,
        created_at_utc=now,
        last_seen_at_utc=now,
        expires_at_utc=now + timedelta(hours=12),
        user_agent="a browser",
    )
    with open_database(house.url) as database:
        SqlSessions(database).start(session)
    house.backup(tmp_path / "b")

    restored = house.restore(tmp_path / "b")

    assert restored.code == 0, restored.err
    assert "everybody has to sign in again" in restored.out
    with open_database(house.empty_url, role="reader") as database:
        assert SqlSessions(database).of_account(house.account) == []
    with open_database(house.url, role="reader") as database:
        assert SqlSessions(database).of_account(house.account) == [session]


def test_who_takes_a_backup_of_a_log_that_was_never_sealed_hears_what_to_do(cli: Cli, tmp_path: Path) -> None:
    cli("users", "create", "ann@example.org")
    made = cli("backup", "create", "--output", str(tmp_path / "b"))
    drilled = cli("backup", "drill", "--from", str(tmp_path / "b"), "--json")

    assert (made.code, "`evenkeel log seal`" in made.out) == (0, True)
    code, step, said = problem(drilled)
    assert (code, step, "was never sealed" in said) == (1, "checkpoint", True), said


def test_a_backup_is_for_its_owner_only(house: House, tmp_path: Path) -> None:
    made = house.backup(tmp_path / "b")
    assert (tmp_path / "b").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "b" / made["file"]).stat().st_mode & 0o777 == 0o600
    assert {path.name for path in (tmp_path / "b").iterdir()} == {made["file"], "backup.json"}


def test_a_backup_under_load_verifies_at_its_checkpoint(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Safety #41, §4 row 22: what is appended meanwhile is in it whole or not at all; nobody waits for it."""
    monkeypatch.setattr(sealing, "EVERY_S", 0.05)
    monkeypatch.setattr(copying, "_PAGES_A_STEP", 8)  # many steps, with commits between them
    settings = load_settings(database_url=house.url, pg_bin=os.environ.get("EVENKEEL_PG_BIN"))
    stop, more, funded = threading.Event(), threading.Semaphore(0), 0
    with opened(settings, Plan(observed=False)) as container, sealing.sealer_running(container, settings):
        accounts = container.paper_accounts()

        def keep_funding() -> None:
            nonlocal funded
            while not stop.is_set():
                deposit = f"deposit-{funded}"
                command = FundPaperBook(house.book, house.account, Money(Decimal(1), "USDT"), deposit)
                caller = Caller(actor=house.account, command_id=deposit, correlation_id=deposit)
                accounts.fund(command, caller).unwrap()
                funded += 1
                more.release()

        thread = threading.Thread(target=keep_funding, daemon=True)
        thread.start()
        steps = 0

        def progress(_done: int, _total: int) -> None:
            nonlocal steps
            steps += 1
            if steps < 20:
                wait_for_more()

        def wait_for_more() -> None:
            while more.acquire(blocking=False):
                pass
            assert more.acquire(timeout=30), "appends waited for the backup"

        seals = container.seals()
        while covered(seals.newest()) < 20:
            wait_for_more()
        before = funded
        made = create_backup(settings, tmp_path / "b", progress, pg_bin=settings.pg_bin)
        wait_for_more()
        after = funded
        stop.set()
        thread.join()
    drilled = house.drill(tmp_path / "b")

    assert drilled.code == 0, drilled.out
    assert before + 3 <= drilled.json["events"] <= after + 3
    assert after > before, "it went on meanwhile"
    assert 20 <= covered(made.checkpoint) <= made.sealed <= drilled.json["events"]
    if house.is_sqlite:
        assert steps > 5, "in one step nothing was written between"


def covered(note: str | None) -> int:
    return int(note.split("\n")[1]) if note else 0


def test_of_a_schema_without_seals_a_backup_can_be_taken_before_it_is_upgraded(
    house: House, tmp_path: Path
) -> None:
    house.query("UPDATE alembic_version SET version_num = '0002'")
    made = house.backup(tmp_path / "b")
    assert (made["schema"], made["sealed"], made["checkpoint"]) == ("0002", 0, None)
    assert house.restore(tmp_path / "b").code == 0
    assert problem(house.drill(tmp_path / "b"))[:2] == (1, "checkpoint")


# -- What is not ---------------------------------------------------------------------------------------------


def flipped(file: Path) -> None:
    raw = bytearray(file.read_bytes())
    raw[len(raw) // 2] ^= 1
    file.write_bytes(raw)


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (flipped, "SHA-256"),
        (lambda file: os.truncate(file, file.stat().st_size - 1), "it was cut off"),
        (lambda file: file.unlink(), "is missing"),
    ],
    ids=["a flipped byte", "cut off", "missing"],
)
def test_a_file_that_is_not_the_one_that_was_written_is_found(
    house: House, tmp_path: Path, spoil: Callable[[Path], None], why: str
) -> None:
    made = house.backup(tmp_path / "b")
    spoil(tmp_path / "b" / made["file"])

    code, step, said = problem(house.drill(tmp_path / "b"))
    restored = house.restore(tmp_path / "b", "--json")

    assert (code, step, why in said) == (1, "checksum", True), said
    error = restored.json["error"]
    assert (restored.code, error["code"], why in error["message"]) == (1, "backup_unusable", True)
    assert_nothing_restored(house)


@pytest.mark.parametrize("furnished", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"sha256": "0" * 64}, "SHA-256"),
        ({"root": "0" * 64}, "root"),
        ({"sealed": 2}, "sealed"),
        ({"newest_position": "0-9"}, "newest_position"),
        ({"checkpoint": None}, "checkpoint"),
        ({"schema": "0001"}, "schema"),
        ({"format": 2}, "format"),
        ({"file": "../evenkeel.sqlite"}, "file"),
        ({"bytes": "many"}, "bytes is missing"),
        (None, "not JSON"),
    ],
)
def test_a_manifest_that_says_something_else_is_found(
    house: House, tmp_path: Path, change: dict[str, Any] | None, why: str
) -> None:
    made = house.backup(tmp_path / "b")
    del made["output"]
    text = "{half" if change is None else json.dumps(made | change)
    (tmp_path / "b" / "backup.json").write_text(text)

    code, step, said = problem(house.drill(tmp_path / "b"))
    restored = house.restore(tmp_path / "b")

    assert (code, why in said) == (1, True), (step, said)
    assert (restored.code, why in restored.err) == (1, True), restored.err
    assert_nothing_restored(house)


def test_what_was_restored_and_is_something_else_is_said(house: House, tmp_path: Path) -> None:
    made = house.backup(tmp_path / "b")
    del made["output"]
    (tmp_path / "b" / "backup.json").write_text(json.dumps(made | {"root": "0" * 64}))
    restored = house.restore(tmp_path / "b")
    assert (restored.code, "do not use it" in restored.err) == (1, True)


def assert_nothing_restored(house: House) -> None:
    if house.is_sqlite:
        assert not Path(house.empty_url.removeprefix("sqlite:///")).exists()
    else:
        assert house.cli("log", "tail", "--database-url", house.empty_url).code == 3


TAMPER = {
    "a changed event": (
        "UPDATE stored_events SET state = {replaced} WHERE notification_id = 3",
        "root",
        "an event among them was changed",
    ),
    "a missing event": ("DELETE FROM stored_events WHERE notification_id = 3", "root", "there are 2 events"),
    "another root": (
        "UPDATE checkpoints SET note = replace(note, 'evenkeel', 'evenkeal')",
        "checkpoint",
        "there is no signature of",
    ),
    "a changed balance": (
        "UPDATE balances SET amount = {hundred_one} WHERE account LIKE 'custody:%'",
        "projections",
        "read models",
    ),
}


@pytest.mark.parametrize("kind", TAMPER)
def test_a_log_that_was_tampered_with_before_the_backup_is_found_by_the_drill(
    house: House, tmp_path: Path, kind: str
) -> None:
    statement, step, why = TAMPER[kind]
    if house.is_sqlite:
        replaced = "CAST(replace(CAST(state AS TEXT), '100', '999') AS BLOB)"
    else:
        replaced = "convert_to(replace(convert_from(state, 'UTF8'), '100', '999'), 'UTF8')"
    house.tamper(statement.format(replaced=replaced, hundred_one="'101'" if house.is_sqlite else "101"))
    house.backup(tmp_path / "b")

    found = problem(house.drill(tmp_path / "b"))
    told = house.run("backup", "drill", "--from", str(tmp_path / "b"))

    assert (found[:2], why in found[2]) == ((1, step), True), found
    assert (told.code, f"the drill failed at {step}" in told.err, "FAILED" in told.out) == (1, True, True)


def test_a_log_signed_with_another_key_is_found_by_the_drill(house: House, tmp_path: Path) -> None:
    house.backup(tmp_path / "b")
    create_key(tmp_path / "other.key", "evenkeel.local/log")
    found = problem(house.drill(tmp_path / "b", "--key", str(tmp_path / "other.pub")))
    assert (found[:2], "there is no signature of" in found[2]) == ((1, "checkpoint"), True)


def test_a_backup_from_before_a_change_of_the_key_is_checked_with_the_key_of_then(
    house: House, tmp_path: Path
) -> None:
    house.backup(tmp_path / "before")
    assert house.run("log", "rotate-key").code == 0
    house.run("users", "create", "bob@example.org")
    assert house.run("log", "seal").code == 0
    house.backup(tmp_path / "after")
    for folder in ("before", "after"):
        ran = house.drill(tmp_path / folder)
        assert ran.code == 0, ran.out


def test_a_whole_history_written_anew_is_found_by_a_checkpoint_that_left_before(
    house: House, tmp_path: Path
) -> None:
    """Database and key are the forger's; the checkpoint file outside is not."""
    outside = house.data_dir / "checkpoints"
    left = outside.read_text()
    house.tamper(
        "DELETE FROM checkpoints",
        "DELETE FROM seal_tiles",
        "DELETE FROM seal_ids",
        "UPDATE seal_state SET size = 0, last_id = 0",
        "DELETE FROM stored_events WHERE notification_id > 1",
        "DELETE FROM stream_heads WHERE stream LIKE 'book:%'",
    )
    outside.unlink()
    house.run("users", "create", "eve@example.org")
    house.run("users", "create", "eva@example.org")
    assert house.run("log", "seal").code == 0
    outside.write_text(left)
    house.backup(tmp_path / "b")

    code, step, said = problem(house.drill(tmp_path / "b"))
    outside.unlink()
    house.run("users", "create", "eda@example.org")
    assert house.run("log", "seal").code == 0
    outside.write_text(left + outside.read_text())
    later = problem(house.drill(tmp_path / "b"))

    assert (code, step, "checkpoint" in said) == (1, "verify.py", True), said
    assert later[:2] == (1, "verify.py"), "one that covers more than the backup is not the only one"
    assert "fork" in later[2]


@pytest.mark.parametrize("how", ["ctrl-c", "terminated"])
def test_a_drill_that_is_interrupted_leaves_nothing_behind(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    def interrupted(*_: Any) -> None:
        assert list(house.scratch.iterdir()), "there is something to be left behind"
        if how == "ctrl-c":
            raise KeyboardInterrupt
        signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr("entrypoints.backup_drill._chains", interrupted)
    before = signal.getsignal(signal.SIGTERM)
    house.backup(tmp_path / "b")
    assert house.drill(tmp_path / "b").code == 130
    assert signal.getsignal(signal.SIGTERM) == before


def test_what_a_killed_drill_left_is_removed_by_the_next_one(house: House, tmp_path: Path) -> None:
    house.backup(tmp_path / "b")
    left, running, just_made = (house.scratch / f"evenkeel-drill-{name}" for name in ("left", "runs", "new"))
    for folder in (left, running, just_made):
        folder.mkdir()
        (folder / "restored.db").touch()
    for folder in (left, running):
        os.utime(folder, (0, 0))
    databases = ("evenkeel_drill_1_deadbeef", "evenkeel_drill_2_deadbeef")
    with ExitStack() as used:
        lock = os.open(running, os.O_RDONLY)
        used.callback(os.close, lock)
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not house.is_sqlite:
            for name in databases:
                house.query(f"CREATE DATABASE {name}")
                used.callback(house.query, f"DROP DATABASE IF EXISTS {name}")
            used.enter_context(psycopg.connect(make_conninfo(house.url, dbname=databases[1])))

        ran = house.run("backup", "drill", "--from", str(tmp_path / "b"), "--json")

        assert ran.code == 0, ran.out
        assert sorted(house.scratch.iterdir()) == sorted([running, just_made])
        if not house.is_sqlite:
            there = house.query("SELECT datname FROM pg_database WHERE datname LIKE 'evenkeel_drill_%'")
            assert there == [(databases[1],)], "nobody is connected to the first, somebody to the second"


def test_a_step_that_fails_in_a_way_nobody_foresaw_fails_the_drill(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> None:
        raise RuntimeError("a mistake of ours")

    monkeypatch.setattr("entrypoints.backup_drill._balance", broken)
    house.backup(tmp_path / "b")
    assert problem(house.drill(tmp_path / "b"))[:2] == (1, "trial balance")


# -- Where it goes -------------------------------------------------------------------------------------------


def test_nothing_is_restored_over_something(house: House, tmp_path: Path) -> None:
    house.backup(tmp_path / "b")
    before = house.query("SELECT count(*) FROM stored_events")
    ran = house.cli("backup", "restore", "--from", str(tmp_path / "b"), "--to", house.url, "--json")
    assert (ran.code, ran.json["error"]["code"]) == (1, "not_empty")
    assert house.query("SELECT count(*) FROM stored_events") == before


@pytest.mark.parametrize("furnished", ["sqlite"], indirect=True)
def test_a_write_ahead_log_that_lies_there_is_not_replayed_into_it(house: House, tmp_path: Path) -> None:
    house.backup(tmp_path / "b")
    (tmp_path / "restored.db-wal").write_bytes(b"somebody's")
    assert "restored.db-wal exists" in house.restore(tmp_path / "b").err


def test_a_backup_goes_into_a_directory_of_its_own(house: House, tmp_path: Path) -> None:
    made = house.backup(tmp_path / "b")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("mine")
    for folder in ("b", "mine"):
        ran = house.run("backup", "create", "--output", str(tmp_path / folder), "--json")
        assert (ran.code, ran.json["error"]["code"]) == (1, "not_empty")
    (tmp_path / "b" / "backup.json").unlink()  # as one leaves it that was killed
    (tmp_path / "b" / f"{made['file']}.partial").write_bytes(b"half")
    assert "no whole backup" in house.restore(tmp_path / "b").err
    house.backup(tmp_path / "b")
    assert house.drill(tmp_path / "b").code == 0


def test_a_backup_of_one_engine_is_not_restored_to_the_other(house: House, tmp_path: Path) -> None:
    house.backup(tmp_path / "b")
    other = "postgresql://x@127.0.0.1:1/none" if house.is_sqlite else f"sqlite:///{tmp_path / 'x.db'}"
    ran = house.cli("backup", "restore", "--from", str(tmp_path / "b"), "--to", other)
    assert (ran.code, "the backup is of" in ran.err) == (2, True)


def test_yesterdays_backup_under_todays_checkpoints_opens_for_reading_only(
    house: House, tmp_path: Path
) -> None:
    """Safety #41, §4 row 19: the checkpoint file is not restored, and the restore says what will come."""
    house.backup(tmp_path / "b")
    assert house.run("users", "create", "bob@example.org").code == 0
    assert house.run("log", "seal").code == 0
    kept = (house.data_dir / "checkpoints").read_bytes()
    assert house.drill(tmp_path / "b").code == 0, "old, but good"
    house.lose()
    target = house.url if house.is_sqlite else house.empty_url

    restored = house.cli("backup", "restore", "--from", str(tmp_path / "b"), "--to", target)
    refused = house.cli("users", "create", "eve@example.org", "--json", "--database-url", target)

    assert restored.code == 0, restored.err
    assert "the next start holds it against the checkpoints outside" in restored.out
    assert "covers 4 events, 1 more than the backup has sealed" in restored.out
    assert (house.data_dir / "checkpoints").read_bytes() == kept
    error = refused.json["error"]
    assert (refused.code, error["code"]) == (3, "read_only")
    assert "it covers 4 events, there are 3" in error["message"]
    assert house.cli("log", "verify", "--database-url", target).code == 0, "it can be looked at"


# -- PostgreSQL's programs -----------------------------------------------------------------------------------


def test_where_pg_dump_is_missing_or_too_old_that_is_said(
    cli: Cli, postgres_url: str, tmp_path: Path
) -> None:
    old, none = tmp_path / "old", tmp_path / "none"
    for folder in (old, none):
        folder.mkdir()
    (old / "pg_dump").write_text("#!/bin/sh\necho 'pg_dump (PostgreSQL) 9.6.1'\n")
    (old / "pg_dump").chmod(0o755)
    for folder, why in ((old, "pg_dump is 9"), (none, "there is none in")):
        words = ("backup", "create", "--output", str(tmp_path / "b"), "--pg-bin", str(folder), "--json")
        ran = cli(*words, "--database-url", postgres_url)
        error = ran.json["error"]
        assert (ran.code, error["code"], error["data"]["tool"]) == (3, "pg_tool_missing", "pg_dump")
        assert why in error["message"]
        assert "--pg-bin" in error["message"]
        assert not (tmp_path / "b").exists()


def test_no_argument_shows_a_password(tmp_path: Path) -> None:
    program = tmp_path / "pg_dump"
    program.write_text(
        '#!/bin/sh\n[ "$1" = --version ] && echo "pg_dump (PostgreSQL) 18.0" && exit\n'
        f'echo "$@" "$PGPASSWORD" > {tmp_path}/said\n'
    )
    program.chmod(0o755)
    tool = find_tool("pg_dump", needed=18, folder=tmp_path)
    tool.run("postgresql://ann:hunter2@db/evenkeel", ["--format=custom"], lambda: None)
    arguments, _, password = (tmp_path / "said").read_text().strip().rpartition(" ")
    assert password == "hunter2"
    assert "hunter2" not in arguments
    assert "user=ann" in arguments


@pytest.mark.parametrize("furnished", ["postgresql"], indirect=True)
def test_a_scratch_database_that_may_not_be_made_is_told_with_the_way_out(
    house: House, tmp_path: Path
) -> None:
    house.backup(tmp_path / "b")
    words = ("--scratch-url", "postgresql://nobody:secret@127.0.0.1:1/none")
    code, step, said = problem(house.drill(tmp_path / "b", *words))
    assert (code, step) == (1, "scratch")
    assert "--scratch-url" in said
    assert "secret" not in said
