"""Our recorders keep the library's own contract, and refuse an append before it commits or not at all."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from eventsourcing.persistence import StoredEvent
from psycopg import Cursor
from psycopg.rows import DictRow

from adapters.persistence.event_log import EventStore
from adapters.persistence.log_tables import APPENDS_IN_ORDER
from adapters.persistence.recorders.base import Append, DuplicateKey, Head, KeyRow, StaleVersion
from adapters.persistence.recorders.postgres import PostgresRecorder
from adapters.persistence.recorders.sqlite import SqliteRecorder
from application.ports.commands import LeaseLost
from application.ports.event_log import StoreUnavailable
from tests.builders import START
from tests.log_stores import ENGINES, Engine, engine

INSERT_ONE = "INSERT INTO stored_events VALUES (%s, %s, 't.happened', '{}')"
ALL_IDS = "SELECT notification_id FROM stored_events ORDER BY 1"

# The library's `test_performance` and `test_concurrent_throughput` are left out: they time and print. Its
# concurrency case counts versions from 0, which our tables refuse; its subscriptions are not used (we poll).


@pytest.fixture(params=ENGINES)
def log(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    with engine(request.param, request, tmp_path) as opened:
        yield opened


@pytest.fixture
def postgres_log(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    with engine("postgres", request, tmp_path) as opened:
        yield opened


@pytest.fixture
def store(log: Engine) -> EventStore:
    return log.open()


def test_the_librarys_own_case_passes(store: EventStore, monkeypatch: pytest.MonkeyPatch) -> None:
    cipher = ModuleType("eventsourcing.cipher")  # its cases import a cipher whose library we do not install
    cipher.AESCipher = object  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, cipher.__name__, cipher)
    from eventsourcing.tests.persistence import ApplicationRecorderTestCase

    class Case(ApplicationRecorderTestCase[Any]):
        def create_recorder(self) -> Any:
            return store.recorder

        def new_originator_id(self) -> UUID | str:
            return str(uuid4())

    Case("test_insert_select").debug()


def events(*versions: int, stream: str = "s:1") -> list[StoredEvent]:
    return [StoredEvent(stream, version, "t.happened", b"{%d}" % version) for version in versions]


def appended(*versions: int, **parts: Any) -> Append:
    heads = {"s:1": Head(max(versions), bytes(32))} if versions else {}
    return Append(events=events(*versions), heads=heads, recorded_at=START, **parts)


def append(store: EventStore, what: Append) -> Sequence[int]:
    assert store.recorder is not None
    return store.recorder.append(what)


def test_ids_of_an_append_follow_each_other_and_keys_know_theirs(store: EventStore) -> None:
    ids = append(
        store, appended(1, 2, 3, keys=[KeyRow("s", "c1", "", "{}", 2), KeyRow("s", "c2", "", "{}", 0)])
    )

    assert store.recorder is not None
    found = store.recorder.find_keys([("s", "c1"), ("s", "c2"), ("s", "c3")])
    assert list(ids) == [ids[0], ids[0] + 1, ids[0] + 2]
    assert {key: stored.position for key, stored in found.items()} == {("s", "c1"): ids[1], ("s", "c2"): 0}


def test_a_stream_read_but_not_written_must_still_stand_where_it_was_read(store: EventStore) -> None:
    append(store, appended(1))

    with pytest.raises(StaleVersion, match="s:1"):
        append(store, Append(events=events(1, stream="s:2"), expected={"s:1": 0}, recorded_at=START))
    assert append(
        store, Append(events=events(1, stream="s:2"), expected={"s:1": 1, "s:9": 0}, recorded_at=START)
    )


def test_a_version_that_is_taken_is_stale(store: EventStore) -> None:
    append(store, appended(1))
    with pytest.raises(StaleVersion):
        append(store, appended(1))


def test_a_key_that_is_taken_refuses_the_whole_append(log: Engine, store: EventStore) -> None:
    append(store, appended(1, keys=[KeyRow("s", "c1", "", "{}", 1)]))

    with pytest.raises(DuplicateKey):
        append(store, appended(2, keys=[KeyRow("s", "c0", "", "{}", 1), KeyRow("s", "c1", "", "{}", 1)]))
    tables = ("stored_events", "stream_heads", "command_keys")
    assert [log.rows(store, table) for table in tables] == [1, 1, 1]


def test_a_lost_lease_is_named(log: Engine, store: EventStore) -> None:
    log.grant(store, "mine", 3)
    assert append(store, appended(1, fences={("mine", 3)}))
    with pytest.raises(LeaseLost) as lost:
        append(store, appended(2, fences={("mine", 3), ("theirs", 1)}))
    assert lost.value.name == "theirs"


def test_an_exception_in_the_librarys_later_hook_is_raised_after_the_commit(postgres_log: Engine) -> None:
    """Why every refusal is the server's, within _insert_events: kept so that an upgrade shows a change."""

    class Late(PostgresRecorder):
        def _fetch_ids_after_insert_events(
            self, curs: Cursor[DictRow], stored_events: Sequence[StoredEvent], **_: Any
        ) -> Sequence[int] | None:
            raise ZeroDivisionError("too late")

    recorder = Late(postgres_log.database)
    with pytest.raises(ZeroDivisionError):
        recorder.insert_events(events(1))
    newest = recorder.newest()
    recorder.close()
    assert newest is not None, "the library now rolls back: its later hooks may refuse, too"


def test_a_refusal_is_told_whenever_the_server_says_it(postgres_log: Engine) -> None:
    """In a pipeline the answer to an early statement may arrive while a later one is sent, or after it."""
    store = postgres_log.open()
    append(store, appended(1))
    for _ in range(60):
        with pytest.raises(StaleVersion, match="s:1"):
            append(store, Append(events=events(1, stream="s:2"), expected={"s:1": 0}, recorded_at=START))
    assert append(store, appended(2))


def test_a_lock_that_is_not_had_in_time_is_an_outage_not_a_wait(postgres_log: Engine) -> None:
    """Safety §4 row 10."""
    store = postgres_log.open()
    with psycopg.connect(postgres_log.url) as other:
        other.execute(APPENDS_IN_ORDER)
        with pytest.raises(StoreUnavailable, match="lock timeout"):
            append(store, appended(1))
    assert append(store, appended(1))


@pytest.mark.parametrize("command", ["VACUUM (ANALYZE) stored_events", "ANALYZE stored_events"])
def test_appends_do_not_wait_for_vacuum_nor_vacuum_for_them(postgres_log: Engine, command: str) -> None:
    store = postgres_log.open()
    append(store, appended(1))
    with psycopg.connect(postgres_log.url) as vacuum:  # as long as a slow one takes
        vacuum.execute("LOCK TABLE stored_events IN SHARE UPDATE EXCLUSIVE MODE")
        assert append(store, appended(2))
    with psycopg.connect(postgres_log.url) as appending:
        appending.execute(APPENDS_IN_ORDER)
        appending.execute(INSERT_ONE, ("s:2", 1))
        with psycopg.connect(postgres_log.url, autocommit=True) as vacuum:
            vacuum.execute("SET lock_timeout = '1s'")
            vacuum.execute(command)
    assert append(store, appended(3))


def test_who_inserts_by_other_means_keeps_the_order_too(postgres_log: Engine) -> None:
    """The trigger takes the appends' lock before an id is drawn, or a reader would pass over the lower id."""
    store = postgres_log.open()
    append(store, appended(1))
    with psycopg.connect(postgres_log.url) as by_hand:
        by_hand.execute(INSERT_ONE, ("s:2", 1))
        with pytest.raises(StoreUnavailable, match="lock timeout"):
            append(store, appended(2))
    ids = append(store, appended(2))
    with postgres_log.database.reading() as connection:
        newest = connection.exec_driver_sql("SELECT max(notification_id) FROM stored_events").scalar()
    assert [newest] == list(ids)


def test_ids_are_in_commit_order_whoever_appends(postgres_log: Engine) -> None:
    """A reader that follows ids sees no id below one that it has seen already."""
    stores = [postgres_log.open() for _ in range(4)]
    done, seen = threading.Event(), [0]

    def write(n: int) -> None:
        for version in range(1, 41):
            append(stores[n], Append(events=events(version, stream=f"s:{n}"), recorded_at=START))

    def follow() -> list[int]:
        with psycopg.connect(postgres_log.url, autocommit=True) as reader:
            while True:
                last = done.is_set()
                statement = "SELECT notification_id FROM stored_events WHERE notification_id > %s ORDER BY 1"
                seen.extend(id for (id,) in reader.execute(statement, (seen[-1],)))
                if last:
                    return seen[1:]

    with ThreadPoolExecutor(5) as pool:
        following = pool.submit(follow)
        try:
            list(pool.map(write, range(4)))
        finally:
            done.set()
        assert following.result() == [id for (id,) in postgres_log.query(ALL_IDS)]
    assert len(seen) == 161


def test_a_killed_connection_is_an_outage_and_the_next_append_has_a_new_one(postgres_log: Engine) -> None:
    """Safety §4 row 9."""
    store = postgres_log.open()
    append(store, appended(1))
    with psycopg.connect(postgres_log.url, autocommit=True) as other:
        other.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    with pytest.raises(StoreUnavailable):
        append(store, appended(2))
    assert append(store, appended(2))


def test_what_the_database_does_not_take_is_no_outage(postgres_log: Engine) -> None:
    store = postgres_log.open()
    with pytest.raises(Exception, match="0x00") as refused:
        append(store, appended(1, keys=[KeyRow("s", "c\0", "", "{}", 1)]))
    assert not isinstance(refused.value, StoreUnavailable)


def test_the_librarys_pool_is_never_asked_for_its_functions(postgres_log: Engine) -> None:
    """enable_db_functions takes no lock and drops our hooks."""
    recorder = postgres_log.open().recorder
    assert isinstance(recorder, PostgresRecorder)
    assert recorder.datastore.enable_db_functions is False


def test_sqlite_appends_begin_immediately(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """Safety §4, the SQLite note: a deferred transaction can fail at once on a busy file."""
    with engine("sqlite", request, tmp_path) as log:
        store = log.open()
        assert isinstance(store.recorder, SqliteRecorder)
        said: list[str] = []
        log.database.sqlite_connection.set_trace_callback(said.append)
        append(store, appended(1))
        log.database.sqlite_connection.set_trace_callback(None)
    assert said[0] == "BEGIN IMMEDIATE"
    assert said[-1] == "COMMIT"
