"""The projector: exactly once, whatever the pages; a poison event stops its own projection only."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from adapters.persistence import projector as projector_module
from adapters.persistence.database import Database
from adapters.persistence.projector import STOPPED, Projector, lock_progress
from adapters.persistence.read_models import SqlReadModels
from adapters.persistence.rebuild import check, status
from application.ports.event_log import StoreUnavailable
from application.views.rows import ROWS, BookRow, BotRow, OrderRow
from tests.adapters.persistence.stored_logs import (
    append,
    append_poison,
    postgres_database,
    sqlite_database,
)
from tests.application.views.histories import History, a_history, folded, histories


def assert_equal(db: Database, history: History) -> None:
    stored, expected = SqlReadModels(db), folded(history)
    for kind in ROWS:
        assert list(stored.where(kind)) == list(expected.where(kind))


def test_what_is_stored_equals_the_fold_whatever_the_page(db: Database) -> None:
    history = a_history(3)
    append(db, history.log[:30])
    Projector(db, page=7).catch_up()
    append(db, history.log[30:])
    projector = Projector(db, page=11)
    projector.catch_up()
    assert_equal(db, history)
    assert {one.lag for one in status(db)} == {0}
    assert check(db).identical


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=histories())
def test_fold_of_the_log_equals_the_projections(
    history: History, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Golden property (O5): whatever was asked, refused commands included."""
    with sqlite_database(tmp_path_factory.mktemp("log")) as db:
        append(db, history.log)
        Projector(db, page=10).catch_up()
        assert_equal(db, history)
        report = check(db)
        assert report.identical, report.difference


def test_a_crash_in_the_middle_of_a_page_changes_nothing(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Safety §3.35: rows and position commit together."""
    history = a_history()
    append(db, history.log)
    projector = Projector(db, page=20)
    projector.fold_some()
    before = [SqlReadModels(db).where(kind) for kind in ROWS], status(db)

    def crash(name: str) -> None:
        if name == "mid_projection":
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(projector_module, "failpoint", crash)
        with pytest.raises(KeyboardInterrupt):
            projector.fold_some()
    assert ([SqlReadModels(db).where(kind) for kind in ROWS], status(db)) == before

    projector.catch_up()
    assert_equal(db, history)


def test_a_poison_event_stops_its_projection_and_no_other(db: Database) -> None:
    """Safety §3.40."""
    history = a_history()
    append(db, history.log[:40])
    append_poison(db, 1_000, "bots.bot_paused")
    projector = Projector(db, page=2_000)
    projector.catch_up()

    found = {one.name: one for one in status(db)}
    assert found["trading"].state == STOPPED
    assert "event 1000 (bots.bot_paused)" in found["trading"].problem
    assert found["trading"].position < 1_000
    assert (found["ledger"].lag, found["accounts"].lag, found["balances"].lag) == (0, 0, 0)
    views = SqlReadModels(db)
    assert len(views.where(BotRow)) == 2
    assert views.where(BookRow)
    assert not views.wait_for(1_000, timeout_s=5)


def test_a_stopped_projection_tries_again_when_a_program_starts(db: Database) -> None:
    history = a_history()
    append(db, history.log[:40])
    append_poison(db, 1_000, "bots.bot_paused")
    Projector(db).catch_up()
    again = Projector(db)
    assert {one.state for one in status(db)} == {"inline", "folding"}
    again.catch_up()
    assert {one.state for one in status(db)} == {"inline", "folding", STOPPED}


def test_two_projectors_fold_each_event_once(db: Database) -> None:
    history = a_history(2)
    append(db, history.log)
    first, second = Projector(db, page=9), Projector(db, page=13)
    while first.fold_some() | second.fold_some():
        pass
    assert_equal(db, history)


def test_a_projection_that_another_process_folds_is_left_alone(postgres_url: str) -> None:
    with postgres_database(postgres_url) as ours, postgres_database(postgres_url) as theirs:
        append(ours, a_history().log)
        projector = Projector(ours)
        with theirs.transaction() as connection:
            lock_progress(connection, wait=True)
            assert not projector.fold_some()
        assert projector.fold_some()


def test_catching_up_beside_another_projector_ends_at_the_head_it_began_with(postgres_url: str) -> None:
    with postgres_database(postgres_url) as ours, postgres_database(postgres_url) as theirs:
        history = a_history()
        append(ours, history.log)
        projector, released = Projector(ours), threading.Event()

        def hold_them() -> None:
            with theirs.transaction() as connection:
                lock_progress(connection, wait=True)
                held.set()
                released.wait(30)

        with ThreadPoolExecutor(2) as pool:
            held = threading.Event()
            other = pool.submit(hold_them)
            assert held.wait(30)
            with pytest.raises(StoreUnavailable, match=r"trading.*, which stays behind"):
                projector.catch_up(patience_s=0.05)
            catching_up = pool.submit(projector.catch_up)
            released.set()
            catching_up.result()
            other.result()
        assert {one.lag for one in status(ours)} == {0}
        assert_equal(ours, history)


@contextmanager
def running(db: Database) -> Iterator[Projector]:
    projector = Projector(db, poll_s=0.05)
    projector.start()
    try:
        yield projector
    finally:
        projector.stop()


def test_a_reader_waits_for_what_was_just_written(db: Database) -> None:
    history = a_history()
    views = SqlReadModels(db)
    with running(db) as projector:
        append(db, history.log)
        projector.poke()
        assert views.wait_for(len(history.log), timeout_s=10)
        assert views.where(OrderRow)
        assert not views.wait_for(len(history.log) + 1, timeout_s=0.01)
    assert not projector.is_alive


def test_a_poke_may_be_forgotten(tmp_path: Path) -> None:
    with sqlite_database(tmp_path) as db, running(db):
        history = a_history()
        append(db, history.log)
        assert SqlReadModels(db).wait_for(len(history.log), timeout_s=10)
