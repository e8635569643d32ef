"""The process dies at the named point, and the log holds all of a command or none of it.

Safety §4 rows 1 (before the append) and 2 (after the commit, before the answer).
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from adapters.persistence.database import open_database
from adapters.persistence.event_log import open_event_store
from adapters.persistence.verify import verify_log
from application.failpoints import VARIABLE, FailpointRefused, arm, failpoint
from application.ports.clock import ManualClock
from tests.builders import START, Allocate, OpenBook, caller, usdt
from tests.log_stores import Engine, engine


@pytest.fixture(params=["sqlite", "postgres"])
def log(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    with engine(request.param, request, tmp_path) as opened:
        yield opened


@pytest.fixture(autouse=True)
def _disarmed() -> Iterator[None]:
    yield
    arm({}, kill=lambda: None, production=False)


def _die_at(point: str, url: str) -> None:
    """A process that opens a book and is killed in its second append."""
    arm({VARIABLE: f"{point}:2"}, kill=partial(os.kill, os.getpid(), signal.SIGKILL), production=False)
    with open_database(url) as db, open_event_store(db, clock=ManualClock(START), inline=True) as store:
        store.bus.execute(OpenBook("b", usdt("100")), caller("open"))
        store.bus.execute(Allocate("b", usdt("30"), "a1"), caller("c1"))


@pytest.mark.parametrize(("point", "survives"), [("before_append", False), ("after_append", True)])
def test_a_killed_process_leaves_all_of_a_command_or_nothing(log: Engine, point: str, survives: bool) -> None:
    process = multiprocessing.get_context("spawn").Process(target=_die_at, args=(point, log.url))
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL

    store = log.open()
    assert store.log.load("book:b").version == (3 if survives else 2)
    retry = store.bus.execute(Allocate("b", usdt("30"), "a1"), caller("c1"))

    assert retry.unwrap() == {"left": "70 USDT"}
    assert retry.replayed == survives
    assert store.log.load("book:b").version == 3
    assert verify_log(log.database).ok


def test_only_the_nth_hit_of_the_named_point_counts() -> None:
    killed: list[str] = []
    arm({VARIABLE: "after_append:2"}, kill=lambda: killed.append("x"), production=False)
    hits = []
    for name in ("after_append", "before_append", "after_append", "after_append"):
        failpoint(name)
        hits.append(len(killed))
    assert hits == [0, 0, 1, 1]


def test_unarmed_nothing_happens() -> None:
    arm({}, kill=lambda: pytest.fail("killed"), production=True)
    failpoint("after_append")


@pytest.mark.parametrize(
    ("wanted", "production"), [("after_append", True), ("nowhere", False), ("after_append:soon", False)]
)
def test_production_and_misspelt_points_are_refused(wanted: str, production: bool) -> None:
    with pytest.raises(FailpointRefused):
        arm({VARIABLE: wanted}, kill=lambda: None, production=production)
