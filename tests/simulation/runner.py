"""Many seeds, one after the other or on several cores."""

from __future__ import annotations

import logging
import multiprocessing
import traceback
from collections.abc import Iterator, Sequence

from tests.simulation.sim import Outcome, Sim


def outcomes(seeds: Sequence[int], workers: int) -> Iterator[Outcome]:
    """Each seed's, as they come; in the order of the seeds where there is one worker."""
    if workers < 2:
        yield from map(ran, seeds)
        return
    with multiprocessing.Pool(workers, initializer=_quiet) as pool:
        yield from pool.imap_unordered(ran, seeds, chunksize=4)


def ran(seed: int) -> Outcome:
    """The seed's outcome, in a form that another process can tell."""
    outcome = Sim(seed).run()
    if outcome.problem is not None:
        outcome.trace_back = "".join(traceback.format_exception(outcome.problem))
        outcome.problem = RuntimeError(repr(outcome.problem))
    return outcome


def _quiet() -> None:
    logging.disable(logging.CRITICAL)
