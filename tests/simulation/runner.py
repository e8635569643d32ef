"""Many seeds, one after the other or on several cores."""

from __future__ import annotations

import faulthandler
import logging
import os
import sys
import threading
import traceback
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor

from tests.simulation.sim import Outcome, Sim

STUCK_S = 300
"""A seed takes a fraction of a second."""


def outcomes(seeds: Sequence[int], workers: int) -> Iterator[Outcome]:
    """Each seed's, in their order. Raises BrokenProcessPool where a process ended: a seed is stuck."""
    if workers < 2:
        yield from map(ran, seeds)
        return
    pool = ProcessPoolExecutor(workers, initializer=_quiet)
    try:
        yield from pool.map(ran, seeds, chunksize=4)
    finally:
        pool.shutdown(cancel_futures=True)


def ran(seed: int) -> Outcome:
    """The seed's outcome, in a form that another process can tell."""
    stuck = threading.Timer(STUCK_S, _end_stuck, (seed,))
    stuck.daemon = True
    stuck.start()
    try:
        outcome = Sim(seed).run()
        if not outcome.is_well:
            outcome.enough = shrunk(outcome)
    finally:
        stuck.cancel()
    if outcome.problem is not None:
        outcome.trace_back = "".join(traceback.format_exception(outcome.problem))
        outcome.problem = RuntimeError(repr(outcome.problem))
    return outcome


def _end_stuck(seed: int) -> None:
    """Say which seed, and where it is, and end the run."""
    print(f"SIM_SEED={seed} is stuck: no end after {STUCK_S} s", file=sys.stderr, flush=True)
    faulthandler.dump_traceback(all_threads=True)
    os._exit(1)


def shrunk(outcome: Outcome) -> tuple[str, ...]:
    """Fewer faults with which the same seed fails in the same way: each is left out that is not needed."""
    needed = outcome.dials
    for name in outcome.dials:
        fewer = tuple(one for one in needed if one != name)
        if _fails_alike(outcome, fewer):
            needed = fewer
    return needed


def _fails_alike(outcome: Outcome, only: Sequence[str]) -> bool:
    again = Sim(outcome.seed, only=only).run()
    if outcome.violation is None or again.violation is None:
        return type(again.problem) is type(outcome.problem) and not again.is_well
    return again.violation.oracle == outcome.violation.oracle


def _quiet() -> None:
    logging.disable(logging.CRITICAL)
