"""`make simulate`: runs seeds, prints those that fail, and how fast it went."""

from __future__ import annotations

import argparse
import logging
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cache
from importlib.metadata import version
from pathlib import Path

from tests.simulation.corpus import corpus
from tests.simulation.runner import outcomes
from tests.simulation.sim import Outcome, Sim

DEFAULT_SEEDS = 500
TOLD_EVERY = 1_000


def main(arguments: list[str] | None = None) -> int:
    """Exit codes: 0 all well, 1 a seed failed or too few ran."""
    asked = _parsed(arguments)
    logging.disable(logging.CRITICAL)
    _version()
    if asked.trace:
        only = asked.only.split(",") if asked.only else None
        return _traced(range(asked.first_seed, asked.first_seed + asked.seeds), only)
    began = time.perf_counter()
    known = corpus() if asked.corpus else []
    seeds = [*known, *range(asked.first_seed, asked.first_seed + asked.seeds)]
    least = len(known) + min(asked.at_least or asked.seeds, asked.seeds)
    ran, failed, struck = 0, 0, Counter[str]()
    orders = fills = steps = 0
    for outcome in outcomes(seeds, asked.workers):
        ran += 1
        orders, fills, steps = orders + outcome.orders, fills + outcome.fills, steps + outcome.steps
        struck.update(outcome.struck)
        if not outcome.is_well:
            failed += 1
            print(told(outcome), flush=True)
        if not ran % TOLD_EVERY:
            print(
                f"{ran} seeds, {failed} failed; {ran / (time.perf_counter() - began):.1f} seeds/s", flush=True
            )
        if asked.seconds and time.perf_counter() - began > asked.seconds and ran >= least:
            break
    took = time.perf_counter() - began
    print(
        f"{ran} seeds ({len(known)} of the corpus), {failed} failed; {orders} orders, {fills} fills, "
        f"{sum(struck.values())} faults, {steps} steps; {took:.1f} s, {ran / took:.1f} seeds/s"
    )
    if asked.faults:
        for name, count in struck.most_common():
            print(f"  {count:8} {name}")
    return 1 if failed else 0


def told(outcome: Outcome) -> str:
    """Everything that somebody needs who has to find out why a seed failed."""
    problem = outcome.violation or outcome.problem
    lines = [
        f"SIM_SEED={outcome.seed} failed: {problem!r}" if outcome.violation is None else "",
        f"SIM_SEED={outcome.seed} failed: {problem}" if outcome.violation is not None else "",
        f"  version: {_version()}",
        f"  dials:   {outcome.faults}",
        f"  struck:  {', '.join(f'{name} {count}' for name, count in outcome.struck.items())}",
        f"  after {outcome.steps} steps, {outcome.events} events; the last of what happened:",
        *(f"    {line[:240]}" for line in outcome.last[-25:]),
        f"  it fails as well with no faults but: {', '.join(outcome.enough)}" if outcome.enough else "",
        f"  alone, and all of it: make simulate FIRST_SEED={outcome.seed} SEEDS=1 ARGS=--trace",
    ]
    if outcome.trace_back:
        lines.insert(2, outcome.trace_back)
    return "\n".join(line for line in lines if line)


def _traced(seeds: Iterable[int], only: Sequence[str] | None) -> int:
    failed = False
    for seed in seeds:
        outcome = Sim(seed, only=only, trace=print).run()
        print(told(outcome) if not outcome.is_well else f"SIM_SEED={seed} is well, digest {outcome.digest}")
        failed = failed or not outcome.is_well
    return 1 if failed else 0


@cache
def _version() -> str:
    """Of the code that runs, so long as this is asked for before somebody changes the checkout."""
    here = Path(__file__).parent
    try:
        asked = subprocess.run(
            ["git", "describe", "--always", "--dirty"], cwd=here, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return version("evenkeel")
    return f"{version('evenkeel')} {asked.stdout.strip()}"


def _parsed(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=DEFAULT_SEEDS, help="how many (default %(default)s)")
    parser.add_argument("--first-seed", type=int, default=1, help="the first one (default %(default)s)")
    parser.add_argument(
        "--seconds", type=float, default=0.0, help="stop after so long, once --at-least have run"
    )
    parser.add_argument("--at-least", type=int, default=0, help="so many run, however long it takes")
    parser.add_argument("--workers", type=int, default=1, help="processes (default %(default)s)")
    parser.add_argument("--no-corpus", dest="corpus", action="store_false", help="leave out what once failed")
    parser.add_argument("--trace", action="store_true", help="print all that happens")
    parser.add_argument("--only", default="", help="with --trace: of its faults none but these")
    parser.add_argument("--faults", action="store_true", help="print how often each fault struck")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
