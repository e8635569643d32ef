"""Rebuild beside and swap: the same rows again, whatever happens on the way (safety §3.36)."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import inspect, text

from adapters.persistence import bulk
from adapters.persistence import rebuild as rebuild_module
from adapters.persistence.database import Database, RebuildRunning
from adapters.persistence.envelope import Envelopes
from adapters.persistence.fast_balances import FastBalances
from adapters.persistence.log_pages import StoredEvent, head_of_log, read_page
from adapters.persistence.projector import STOPPED, Projector
from adapters.persistence.read_models import MemoryReadModels, SqlReadModels
from adapters.persistence.rebuild import PoisonEvent, check, rebuild, status
from adapters.persistence.row_store import StoredRows
from adapters.persistence.tables import table_name
from application.ports.event_log import StoreUnavailable
from application.views.projections import BALANCES
from application.views.rows import ROWS, BalanceRow
from domain.errors import InvalidValue
from tests.adapters.persistence.stored_logs import (
    append,
    append_poison,
    postgres_database,
    sqlite_database,
)
from tests.application.views.histories import History, a_history, folded
from tests.architecture.tree import ROOT

SAMPLES = ROOT / "tests/samples"

EVE = (
    "INSERT INTO accounts VALUES ('eve', 1, 1, 'admin', 'active', '2026-01-01T00:00:00.000000+00:00', 'none')"
)


def loaded(db: Database, *, page: int = 500) -> History:
    history = a_history()
    append(db, history.log)
    Projector(db, page=page).catch_up()
    return history


def assert_equal(db: Database, history: History) -> None:
    stored, expected = SqlReadModels(db), folded(history)
    for kind in ROWS:
        assert list(stored.where(kind)) == list(expected.where(kind))


def schema(db: Database) -> Any:
    """Which tables there are; of the read models' the columns, keys, indexes and checks."""
    with db.reading() as connection:
        found = inspect(connection)
        return (
            sorted(found.get_table_names()),
            found.get_schema_names(),
            {
                table: (
                    [str(column) for column in found.get_columns(table)],
                    found.get_pk_constraint(table),
                    sorted(str(index) for index in found.get_indexes(table)),
                    sorted(str(one) for one in found.get_check_constraints(table)),
                )
                for table in map(table_name, ROWS)
            },
        )


def test_a_rebuild_gives_the_same_rows_in_the_same_schema(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    history = loaded(db)
    before = schema(db)
    monkeypatch.setattr(rebuild_module, "PAGE", 37)
    told: list[tuple[int, int]] = []
    report = rebuild(db, progress=lambda done, there_are: told.append((done, there_are)))

    assert report.identical, report.difference
    assert report.swapped
    assert report.position == len(history.log)
    assert told[-1] == (len(history.log), len(history.log))
    assert_equal(db, history)
    assert schema(db) == before
    assert rebuild(db).identical  # and once more, on the swapped tables
    assert schema(db) == before


def test_rows_that_do_not_fit_in_memory_are_written_in_between(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    history = loaded(db)
    monkeypatch.setattr(rebuild_module, "PAGE", 23)
    monkeypatch.setattr(rebuild_module, "KEPT_ROWS", 10)
    assert rebuild(db).identical
    assert_equal(db, history)


@pytest.mark.parametrize(
    ("damage", "named"),
    [
        ("UPDATE balances SET amount = '-7' WHERE account = 'owner:available'", "balances"),
        ("DELETE FROM postings WHERE leg = 1", "postings"),
        ("UPDATE orders SET status = 'open'", "orders"),
        (EVE, "accounts eve"),
    ],
)
def test_a_check_finds_the_first_difference_and_a_rebuild_mends_it(
    db: Database, damage: str, named: str
) -> None:
    """O5."""
    history = loaded(db)
    with db.transaction() as connection:
        connection.execute(text(damage))
    report = check(db)
    assert not report.identical
    assert named in report.difference
    assert not check(db).identical, "a check changes nothing"
    assert not rebuild(db).identical, "the report is about what stood before"
    assert check(db).identical
    assert_equal(db, history)


def test_projections_may_be_rebuilt_one_by_one(db: Database) -> None:
    history = loaded(db)
    with db.transaction() as connection:
        connection.execute(text("DELETE FROM signals"))
        connection.execute(text("DELETE FROM totals"))
    assert [one.name for one in rebuild(db, ["ledger"]).projections] == ["ledger"]
    report = check(db)
    assert {one.name for one in report.projections if not one.identical} == {"trading"}
    rebuild(db, ["trading", "balances"])
    assert_equal(db, history)
    with pytest.raises(InvalidValue, match="'prices'"):
        rebuild(db, ["prices"])


def test_the_short_cut_for_balances_is_the_fold(db: Database) -> None:
    history = loaded(db)
    with db.reading() as connection:
        rows = StoredRows(db.dialect, fresh=True)
        rows.use(connection)
        fast = FastBalances()
        for stored in read_page(connection, 0, head_of_log(connection), BALANCES.names):
            fast.fold(rows, stored)
    expected = folded(history)
    for row in expected.where(BalanceRow):
        assert rows.get(BalanceRow, row.book_id, row.account, row.asset) == row
    assert sum(kept.amount for kept in expected.where(BalanceRow)) == Decimal(0)


@pytest.mark.parametrize("schema", [1, 2])
def test_the_short_cut_reads_every_schema_of_an_entry(schema: int) -> None:
    state = (SAMPLES / f"ledger.entry_posted.v{schema}.json").read_bytes().removesuffix(b"\n")
    stored = StoredEvent(1, "book:book-1", 1, "ledger.entry_posted", state)
    fast, rows = FastBalances(), MemoryReadModels()
    fast.fold(rows, stored)

    posted = Envelopes().read("ledger.entry_posted", state).data
    for leg in posted.postings:
        row = rows.get(BalanceRow, "book-1", leg.account, leg.asset)
        assert row is not None
        assert row.amount == leg.amount


def test_what_is_appended_meanwhile_is_in_it_too(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Serving goes on: appends and the projector run while the rebuild does."""
    history = a_history()
    append(db, history.log[:200])
    projector = Projector(db, page=50)
    projector.catch_up()
    monkeypatch.setattr(rebuild_module, "PAGE", 40)
    rest = iter(range(200, len(history.log), 20))

    def append_more(_done: int, _all: int) -> None:
        start = next(rest, None)
        if start is not None:
            append(db, history.log[start : start + 20])
            projector.fold_some()

    report = rebuild(db, progress=append_more)
    assert report.identical, report.difference
    for start in rest:
        append(db, history.log[start : start + 20])
    projector.catch_up()
    assert_equal(db, history)
    assert check(db).identical


def test_a_projector_goes_on_where_the_swap_left_it(db: Database) -> None:
    history = a_history()
    append(db, history.log[:300])
    projector = Projector(db)
    projector.catch_up()
    with db.transaction() as connection:
        connection.execute(text("UPDATE books SET status = 'closed'"))
    rebuild(db)
    append(db, history.log[300:])
    projector.catch_up()  # and not from the damaged rows it had cached
    assert_equal(db, history)
    assert {one.lag for one in status(db)} == {0}


@pytest.mark.parametrize("hit", [1, 3, -1])
def test_a_rebuild_that_dies_leaves_the_live_rows_as_they_were(
    db: Database, monkeypatch: pytest.MonkeyPatch, hit: int
) -> None:
    history = loaded(db)
    before = schema(db)
    monkeypatch.setattr(rebuild_module, "PAGE", 100)
    hits = -(-len(history.log) // 100) + 1  # a page each, and before the swap commits
    left = [hit if hit > 0 else hits]

    def die(name: str) -> None:
        left[0] -= 1
        if name == "mid_rebuild" and left[0] == 0:
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(rebuild_module, "failpoint", die)
        with pytest.raises(KeyboardInterrupt):
            rebuild(db)
    assert_equal(db, history)
    assert schema(db) == before
    assert rebuild(db).identical


CHILD = """
import os, signal, sys
from adapters.persistence import rebuild
from adapters.persistence.database import open_database
rebuild.PAGE = 100
left = [int(sys.argv[2])]
def die(name):
    left[0] -= 1
    if left[0] == 0:
        os.kill(os.getpid(), signal.SIGKILL)
rebuild.failpoint = die
with open_database(sys.argv[1]) as db:
    rebuild.rebuild(db)
"""


@pytest.mark.parametrize("when", ["in the middle", "after the swap"])
def test_a_rebuild_that_is_killed_leaves_rubbish_that_the_next_one_drops(
    tmp_path: Path, postgres_url: str, when: str
) -> None:
    """Safety §4.5, with a real process; the swap is the last thing before the commit, after all pages."""
    databases: list[Callable[[], Any]] = [
        lambda: sqlite_database(tmp_path),
        lambda: postgres_database(postgres_url),
    ]
    for opened in databases:
        with opened() as db:
            history = loaded(db)
            url, before, head = db.url, schema(db), status(db)[0].position
        hit = 2 if when == "in the middle" else math.ceil(head / 100) + 1
        command = [sys.executable, "-c", CHILD, url, str(hit)]
        assert subprocess.run(command, cwd=ROOT, check=False).returncode == -signal.SIGKILL
        with opened() as db:
            assert_equal(db, history)
            assert rebuild(db).identical
            assert schema(db) == before


def test_a_second_rebuild_or_check_is_refused_while_one_runs(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is one set of shadow tables: two at once would swap tables into place that are half empty."""
    history = loaded(db)
    monkeypatch.setattr(rebuild_module, "PAGE", 37)
    refused: list[str] = []

    def try_another(job: Callable[[Database], Any], other: Database) -> None:
        with pytest.raises(RebuildRunning) as refusal:
            job(other)
        refused.append(refusal.value.code)

    def meanwhile(folded_to: int, _all: int) -> None:
        if folded_to > 37:
            return
        with ExitStack() as opened, ThreadPoolExecutor(1) as another_thread:
            other = db if db.is_sqlite else opened.enter_context(postgres_database(db.url))
            for job in (check, rebuild):
                another_thread.submit(try_another, job, other).result()

    assert rebuild(db, progress=meanwhile).identical
    assert refused == ["rebuild_running"] * 2
    assert_equal(db, history)
    assert check(db).identical


def test_a_rebuild_that_is_not_sure_to_be_the_only_one_swaps_nothing(postgres_url: str) -> None:
    with postgres_database(postgres_url) as db:
        history = loaded(db)

        def lose_the_lock(_done: int, _all: int) -> None:
            with db.transaction() as connection:
                connection.exec_driver_sql(
                    "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'"
                )

        before = status(db)
        with pytest.raises(StoreUnavailable):
            rebuild(db, progress=lose_the_lock)
        assert status(db) == before
        assert_equal(db, history)
        assert rebuild(db).identical


def test_a_poison_event_changes_nothing_and_is_named(db: Database) -> None:
    history = loaded(db)
    append_poison(db, 10_000, "ledger.entry_posted", stream="book:ann")
    with pytest.raises(PoisonEvent) as refused:
        rebuild(db, ["balances"])
    assert refused.value.data["position"] == "10000"
    assert_equal(db, history)
    Projector(db).catch_up()
    assert {one.name for one in status(db) if one.state == STOPPED} == {"ledger"}
    assert rebuild(db, ["trading"]).identical


def test_grants_survive_a_swap(postgres_url: str) -> None:
    with postgres_database(postgres_url) as db:
        loaded(db)
        role = f"reporting_{os.getpid()}"
        with db.transaction() as connection:
            connection.execute(text(f"CREATE ROLE {role}"))
            connection.execute(text(f"GRANT SELECT ON books TO {role}"))
        try:
            rebuild(db, ["ledger"])
            with db.reading() as connection:
                asked = text("SELECT has_table_privilege(:role, 'books', 'SELECT')")
                assert connection.execute(asked, {"role": role}).scalar() is True
        finally:
            with db.transaction() as connection:
                connection.execute(text(f"DROP OWNED BY {role}"))
                connection.execute(text(f"DROP ROLE {role}"))


def test_pages_end_at_the_head(db: Database) -> None:
    history = loaded(db)
    seen = list(bulk.pages(db, ["ledger.entry_posted"], 50))
    assert [until for _, until, _ in seen] == [*range(50, len(history.log), 50), len(history.log)]
    assert sum(len(events) for events, _, _ in seen) == sum(
        recorded.name == "ledger.entry_posted" for recorded in history.log
    )
