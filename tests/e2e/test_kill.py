"""SIGKILL at the worst moments: nothing is lost, doubled or out of balance (safety §4 rows 1-6, §3 #20)."""

from __future__ import annotations

import signal
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import pytest

from application import failpoints
from tests.e2e import books, candles
from tests.e2e.processes import Evenkeel, Process

CANDLES = 360
CONVENTIONS = {
    "next_open": ("--fill", "next_open"),
    "close": ("--fill", "close", "--fee-asset", "received", "--force-close"),
}
DYING = [
    ("before_append", 1),
    ("before_append", 2),
    ("before_append", 40),
    ("after_append", 1),
    ("after_append", 3),
    ("after_append", 37),
    ("after_venue_fill", 1),
    ("after_venue_fill", 7),
    ("mid_projection", 1),
    ("mid_rebuild", 1),
    ("mid_rebuild", 2),
]
"""Points, and which of a run's hits it dies at: the first ones, and some in the middle."""
IN_A_ROW = [
    ("after_append", 1),
    ("before_append", 2),
    ("after_venue_fill", 1),
    ("after_append", 9),
    ("before_append", 20),
    ("after_venue_fill", 3),
    ("mid_projection", 1),
    ("mid_rebuild", 1),
    ("mid_rebuild", 2),
]
"""On one database, each run going on where the one before died."""


def words_of(file: Path, convention: str, database_url: str) -> tuple[str, ...]:
    fill = CONVENTIONS[convention]
    where = ("--database-url", database_url)
    return ("demo", "--candles", str(file), "--fast", "3", "--slow", "8", *fill, *where, "--json")


class Run:
    """The demo on one database, killed as often as one likes, against the run that nobody disturbed."""

    def __init__(self, evenkeel: Evenkeel, folder: Path, convention: str, database_url: str) -> None:
        self.evenkeel, self.database_url = evenkeel, database_url
        self._file, self._convention = candles.synthetic_file(folder, CANDLES), convention
        self.undisturbed_url = f"sqlite:///{folder}/undisturbed.db"
        self.undisturbed = evenkeel.run(*words_of(self._file, convention, self.undisturbed_url)).json
        self._undisturbed_facts = books.facts(self.undisturbed_url)
        self._undisturbed_trades = books.trades_of_the_venue(self.undisturbed_url)

    def start(self, **variables: str) -> Process:
        words = words_of(self._file, self._convention, self.database_url)
        return self.evenkeel.start(*words, **variables)

    def dies_at(self, point: str, nth: int) -> None:
        process = self.start(**{failpoints.VARIABLE: f"{point}:{nth}"})
        assert process.code == -signal.SIGKILL, f"{point}:{nth}\n{process.out}\n{process.err}"
        assert process.out == ""

    def finishes(self) -> None:
        """Once more, to the end: result, every event of the log and venue are as if nothing had happened."""
        assert _without_seconds(self.start().json) == _without_seconds(self.undisturbed)
        assert books.facts(self.database_url) == self._undisturbed_facts
        assert books.trades_of_the_venue(self.database_url) == self._undisturbed_trades
        assert books.trades_in_the_read_model(self.database_url) == self._undisturbed_trades


def sound(evenkeel: Evenkeel, database_url: str) -> None:
    """Chains hold, books balance, read models equal the log, the venue's trades are in the log once each."""
    where = ("--database-url", database_url)
    assert evenkeel.json("log", "verify", *where)["intact"] is True
    trial = evenkeel.json("ledger", "trial-balance", *where)
    assert trial["balanced"] is True
    assert set(trial["trial_balance"].values()) == {"0"}
    assert evenkeel.json("projections", "check", *where)["identical"] is True
    in_the_log = books.trades_in_the_read_model(database_url)
    assert len(in_the_log) == len(set(in_the_log))
    assert in_the_log == books.trades_of_the_venue(database_url)
    orders = books.rows(database_url, "SELECT client_order_id FROM orders")
    assert sorted(orders) == sorted(books.rows(database_url, "SELECT client_order_id FROM paper_orders"))


def _has(database_url: str, events: int) -> bool:
    return books.count(database_url, "stored_events") >= events


def _without_seconds(result: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in result.items() if name != "seconds"}


def test_every_named_point_is_tried() -> None:
    assert {point for point, _ in DYING} == {point for point, _ in IN_A_ROW} == set(failpoints.OF_A_RUN)


def test_killed_at_a_named_point_it_ends_as_if_it_had_not_been(evenkeel: Evenkeel, tmp_path: Path) -> None:
    run = Run(evenkeel, tmp_path, "next_open", "")
    for point, nth in DYING:
        run.database_url = f"sqlite:///{tmp_path}/{point}-{nth}.db"
        run.dies_at(point, nth)
        run.finishes()


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_killed_again_and_again_it_still_ends_as_if_it_had_not_been(
    evenkeel: Evenkeel, tmp_path: Path, convention: str, database_url: str
) -> None:
    run = Run(evenkeel, tmp_path, convention, database_url)
    for point, nth in IN_A_ROW:
        run.dies_at(point, nth)
    run.finishes()
    sound(evenkeel, database_url)


def test_killed_while_closing_its_position_at_the_end_it_closes_it_once(
    evenkeel: Evenkeel, tmp_path: Path
) -> None:
    run = Run(evenkeel, tmp_path, "close", "")
    ((commits,),) = books.rows(run.undisturbed_url, "SELECT count(DISTINCT position) FROM command_keys")
    # the last of them: sell, filled, stop
    for point, nth in (
        ("before_append", commits - 2),
        ("after_append", commits - 2),
        ("after_venue_fill", run.undisturbed["fills"]),
        ("before_append", commits - 1),
        ("after_append", commits - 1),
        ("before_append", commits),
        ("after_append", commits),
    ):
        run.database_url = f"sqlite:///{tmp_path}/{point}-{nth}.db"
        run.dies_at(point, nth)
        run.finishes()


def test_killed_from_outside_at_any_moment_it_ends_as_if_it_had_not_been(
    evenkeel: Evenkeel, tmp_path: Path, database_url: str
) -> None:
    run = Run(evenkeel, tmp_path, "close", database_url)
    random = Random(20)
    events = int(run.undisturbed["log_events"])
    for at in sorted(random.sample(range(1, events - 20), 5)):
        process = run.start()
        process.until(partial(_has, database_url, at), f"event {at}")
        assert process.kill() == -signal.SIGKILL
    run.finishes()
