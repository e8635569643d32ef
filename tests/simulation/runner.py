"""Many seeds, one after the other or on several cores."""

from __future__ import annotations

import faulthandler
import logging
import multiprocessing
import traceback
from collections.abc import Iterator, Sequence

from tests.simulation.sim import Outcome, Sim

STUCK_S = 300
"""A seed takes a fraction of a second."""


def outcomes(seeds: Sequence[int], workers: int) -> Iterator[Outcome]:
    """Each seed's, as they come; in the order of the seeds where there is one worker."""
    if workers < 2:
        yield from map(ran, seeds)
        return
    with multiprocessing.Pool(workers, initializer=_quiet) as pool:
        yield from pool.imap_unordered(ran, seeds, chunksize=4)


def ran(seed: int) -> Outcome:
    """The seed's outcome, in a form that another process can tell."""
    faulthandler.dump_traceback_later(STUCK_S, exit=True)  # says where, and ends the run
    try:
        outcome = Sim(seed).run()
        if not outcome.is_well:
            outcome.enough = shrunk(outcome)
    finally:
        faulthandler.cancel_dump_traceback_later()
    if outcome.problem is not None:
        outcome.trace_back = "".join(traceback.format_exception(outcome.problem))
        outcome.problem = RuntimeError(repr(outcome.problem))
    return outcome


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
