"""`python -m tests.mutation [--workers N] [--again | --report] [pattern …]`: what `make mutate` runs."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence

from rich.console import Console
from rich.table import Table

from tests.architecture.tree import ROOT, program
from tests.mutation.verdict import NO_TEST, Change, Mutant, by_area, change, faults, ratio, tried
from tests.shared_data import SHARED

PAGE = ROOT / "docs" / "mutation.md"
MUTANTS = ROOT / "mutants"


def main() -> int:
    options = _parser().parse_args()
    alive = [one.id for one in tried(MUTANTS) if not one.killed] if options.again else []
    nothing_to_try = options.report or (options.again and not alive)
    if not nothing_to_try and (code := run(options.patterns or alive, options.workers)):
        return code
    mutants = tried(MUTANTS)
    survivors = changes(mutant for mutant in mutants if mutant.code is not None and not mutant.killed)
    console = Console(width=None if sys.stdout.isatty() else 160)
    show(console, mutants, survivors)
    found = faults(mutants, survivors, PAGE.read_text())
    for fault in found:
        console.print(fault, style="red", markup=False, highlight=False, soft_wrap=True)
    return 1 if found else 0


def run(names: Sequence[str], workers: int) -> int:
    """Tries these mutants, or all that were not tried yet. The same examples every time."""
    same = {"HYPOTHESIS_PROFILE": "ci", "EVENKEEL_SHARED": str(SHARED)}
    command = [program("mutmut"), "run", "--max-children", str(workers), *names]
    return subprocess.run(command, cwd=ROOT, env={**os.environ, **same}, check=False).returncode


def changes(mutants: Iterable[Mutant]) -> Mapping[str, Change]:
    """What each of them changes, by id."""
    from mutmut.mutation.diff_apply import get_diff_for_mutant

    return {one.id: change(one.function, get_diff_for_mutant(one.id, path=one.path)) for one in mutants}


def show(console: Console, mutants: Sequence[Mutant], survivors: Mapping[str, Change]) -> None:
    for id, one in survivors.items():
        console.print(f"{id}", style="bold", markup=False, highlight=False)
        for line in (*(f"- {line}" for line in one.removed), *(f"+ {line}" for line in one.added)):
            console.print(f"    {line}", markup=False, highlight=False, soft_wrap=True)
    table = Table("area", "mutants", "killed", "survived", "no test", "not tried", "ratio")
    for area, of_area in {**by_area(mutants), "all": mutants}.items():
        killed = sum(one.killed for one in of_area)
        untested, untried = (sum(one.code == code for one in of_area) for code in (NO_TEST, None))
        counts = (len(of_area), killed, len(of_area) - killed - untested - untried, untested, untried)
        table.add_row(area, *map(str, counts), f"{ratio(of_area):.1%}" if of_area else "")
    console.print(table)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description="See docs/mutation.md.")
    parser.add_argument("patterns", nargs="*", help="try again the mutants of these names, * allowed")
    parser.add_argument("--workers", type=int, default=1, help="processes (default 1)")
    parser.add_argument("--again", action="store_true", help="try those again that were left alive")
    parser.add_argument("--report", action="store_true", help="try nothing, judge what was found before")
    return parser


if __name__ == "__main__":
    sys.exit(main())
