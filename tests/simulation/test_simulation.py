"""The simulation itself: one seed is one history, and what is broken on purpose is found."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.simulation.__main__ import told
from tests.simulation.corpus import corpus
from tests.simulation.faults import Faults
from tests.simulation.sabotage import PLANTED
from tests.simulation.sim import LEAST_FAULTS, LEAST_STEPS, Sim

ROOT = Path(__file__).parent.parent.parent
WITHIN = 150
"""Seeds in which each planted bug must be found; most are in the first five."""

PRINT = "from tests.simulation.sim import Sim; print(*(Sim(seed).run().digest for seed in (11, 12)))"


def test_a_seed_is_the_same_history_whatever_the_hash_seed() -> None:  # safety §5
    told_by = set()
    for hash_seed in ("0", "1"):
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-c", PRINT]
        run = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True, timeout=120
        )
        told_by.add(run.stdout)

    assert len(told_by) == 1
    assert len(told_by.pop().split()) == 2


@pytest.mark.parametrize("seed", corpus())
def test_what_failed_once_is_well(seed: int) -> None:
    outcome = Sim(seed).run()

    assert outcome.is_well, told(outcome)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_run_is_long_enough_and_has_faults(seed: int) -> None:
    outcome = Sim(seed).run()

    assert outcome.is_well, told(outcome)
    assert outcome.steps >= LEAST_STEPS
    assert sum(outcome.struck.values()) >= LEAST_FAULTS


def test_some_faults_are_off_in_each_run_and_every_one_is_on_in_some() -> None:
    import random

    drawn = [Faults.drawn(random.Random(seed)).dials.keys() for seed in range(50)]

    assert len(set.union(*map(set, drawn))) > max(len(dials) for dials in drawn)


@pytest.mark.parametrize("what", PLANTED)
def test_a_planted_bug_is_found(what: str) -> None:
    for seed in range(1, WITHIN + 1):
        outcome = Sim(seed, broken=PLANTED[what]).run()
        if not outcome.is_well:
            assert outcome.violation is not None, outcome.problem
            assert f"FIRST_SEED={seed} SEEDS=1" in told(outcome)
            return
    raise AssertionError(f"{what}: not found in {WITHIN} seeds")
