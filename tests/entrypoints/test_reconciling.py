"""The periodic reconciliation: by one worker at a time, and no failure ends it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from adapters.persistence import migrations
from application.ports.event_log import StoreUnavailable
from application.queries.reconciliations import runs_page
from application.views.rows import ReconciliationRow
from entrypoints.composition import Container, Plan, opened
from entrypoints.reconciling import RECONCILER_LEASE, reconciler_running
from entrypoints.settings import Settings, load_settings


def settings_of(tmp_path: Path, *, minutes: float) -> Settings:
    return load_settings(database_url=f"sqlite:///{tmp_path / 'a.db'}", reconcile_every_minutes=minutes)


@pytest.fixture
def container(tmp_path: Path) -> Iterator[Container]:
    settings = settings_of(tmp_path, minutes=0.001)
    migrations.upgrade(settings.database)
    with opened(settings, Plan(inline=True)) as made:
        yield made


def until(happened: Callable[[], object], *, within_s: float = 20) -> bool:
    """Whether it happens in time; looked at often."""
    deadline = time.monotonic() + within_s
    while not (found := bool(happened())) and time.monotonic() < deadline:
        threading.Event().wait(0.01)
    return found


def runs(container: Container) -> list[ReconciliationRow]:
    container.maintenance().catch_up()
    return list(runs_page(container.services().views, before=None, limit=50).rows)


def test_it_runs_again_and_again_and_stops_with_its_process(container: Container, tmp_path: Path) -> None:
    with reconciler_running(container, settings_of(tmp_path, minutes=0.001), holder="w-1"):
        assert until(lambda: len(runs(container)) >= 2)
    after = len(runs(container))
    assert {row.run_by for row in runs(container)} == {"system:worker:w-1"}
    assert len(runs(container)) == after
    assert not [thread for thread in threading.enumerate() if thread.name == "reconciler"]


def test_while_another_worker_has_the_lease_this_one_waits(container: Container, tmp_path: Path) -> None:
    leases = container.leases()
    held = leases.acquire(RECONCILER_LEASE, holder="w-2", lasts=timedelta(hours=1))
    assert held is not None
    tried = threading.Event()
    acquire = leases.acquire

    def watched(name: str, *, holder: str, lasts: timedelta) -> object:
        found = acquire(name, holder=holder, lasts=lasts)
        tried.set()
        return found

    leases.acquire = watched  # type: ignore[method-assign, assignment]
    with reconciler_running(container, settings_of(tmp_path, minutes=0.001), holder="w-1"):
        assert tried.wait(20)
    assert runs(container) == []


def test_a_run_that_fails_is_followed_by_one_that_does_not(
    container: Container, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    leases = container.leases()
    acquire, failures = leases.acquire, [StoreUnavailable("away"), RuntimeError("a mistake")]

    def failing(name: str, *, holder: str, lasts: timedelta) -> object:
        if failures:
            raise failures.pop(0)
        return acquire(name, holder=holder, lasts=lasts)

    leases.acquire = failing  # type: ignore[method-assign, assignment]
    with reconciler_running(container, settings_of(tmp_path, minutes=0.001), holder="w-1"):
        assert until(lambda: runs(container))
    said = [record.message for record in caplog.records if record.name == "evenkeel.reconciliation"]
    assert said[:2] == ["not reconciled: away", "the reconciliation failed"]


def test_zero_minutes_is_never(container: Container, tmp_path: Path) -> None:
    with reconciler_running(container, settings_of(tmp_path, minutes=0), holder="w-1"):
        assert not [thread for thread in threading.enumerate() if thread.name == "reconciler"]
