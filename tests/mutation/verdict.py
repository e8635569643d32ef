"""What a run of mutmut found, held against what docs/mutation.md explains."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

LEAST = 0.9
"""Of the mutants of each area, so many are killed."""

AREAS = {
    "ledger": ("domain/money.py", "domain/ledger/"),
    "verifier": ("entrypoints/auditor/verify.py",),
    "tree": ("domain/sealing/",),
}
"""By where a file's path begins."""

MONEY = re.compile(
    r"domain\.(money|ledger)\b.*"
    r"|entrypoints\.auditor\.verify\.(Meaning\..+|amount|add|plain|told|legs_digest)"
)
"""Functions that do money arithmetic: of these every survivor is explained."""

KILLED = {1, 3, 24, 36, 152, 255, -24}
"""What mutmut keeps of a mutant that a test noticed: it failed, or it did not come to an end."""
NO_TEST = 33
"""And of one that no test runs."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change to one function, and what became of it."""

    id: str  # mutmut's: "domain.money.x_add__mutmut_1"
    path: str
    code: int | None  # mutmut's exit code; None when it was not tried

    @property
    def function(self) -> str:
        """As people write it: "domain.ledger.book.Book.post"."""
        module, _, mangled = self.id.partition("__mutmut_")[0].rpartition(".")
        return f"{module}.{mangled.removeprefix('x_').removeprefix('xǁ').replace('ǁ', '.')}"

    @property
    def killed(self) -> bool:
        return self.code in KILLED


@dataclass(frozen=True, slots=True)
class Change:
    """The lines that a mutant takes out of a function and puts in, without their indentation."""

    function: str
    removed: tuple[str, ...]
    added: tuple[str, ...]


def tried(directory: Path) -> Sequence[Mutant]:
    """Every mutant that mutmut made below its directory."""
    found = []
    for meta in sorted(directory.rglob("*.py.meta")):
        path = str(meta.relative_to(directory)).removesuffix(".meta")
        for id, code in json.loads(meta.read_text())["exit_code_by_key"].items():
            found.append(Mutant(id, path, code))
    return found


def by_area(mutants: Iterable[Mutant]) -> Mapping[str, Sequence[Mutant]]:
    """Every area that has any; a file of none is an area of its own, so that it is not overlooked."""
    areas: dict[str, list[Mutant]] = {}
    for mutant in mutants:
        of = (name for name, begins in AREAS.items() if mutant.path.startswith(begins))
        areas.setdefault(next(of, mutant.path), []).append(mutant)
    return areas


def ratio(mutants: Sequence[Mutant]) -> float:
    return sum(mutant.killed for mutant in mutants) / len(mutants)


def change(function: str, diff: str) -> Change:
    """Of a unified diff."""
    lines = [line for line in diff.splitlines() if not line.startswith(("---", "+++"))]
    removed, added = ([line[1:].strip() for line in lines if line[:1] == sign] for sign in "-+")
    return Change(function, tuple(removed), tuple(added))


def explained(page: str) -> set[Change]:
    """What the page lists: below a heading with the function's name, a diff and why nothing can tell."""
    found = set()
    for section in re.split(r"^### ", page, flags=re.MULTILINE)[1:]:
        function = section.split("\n", 1)[0].strip().strip("`")
        for diff in re.findall(r"^```diff\n(.*?)^```$", section, flags=re.MULTILINE | re.DOTALL):
            found.add(change(function, diff))
    return found


def faults(mutants: Sequence[Mutant], survivors: Mapping[str, Change], page: str) -> Sequence[str]:
    """One sentence for each reason to fail; `survivors` are the changes of those that were not killed."""
    if not mutants:
        return ["there are no mutants"]
    found = []
    if untried := sum(mutant.code is None for mutant in mutants):
        found.append(f"{untried} mutants were not tried; run it again, it goes on where it was")
    for area, of_area in by_area(mutants).items():
        if (killed := ratio(of_area)) < LEAST:
            found.append(f"{area}: {killed:.1%} of its mutants are killed, which is less than {LEAST:.0%}")
    listed = explained(page)
    for id, one in survivors.items():
        if MONEY.fullmatch(one.function) and one not in listed:
            found.append(f"{id} survives in money arithmetic and is not explained in docs/mutation.md")
    if not untried:
        for stale in sorted(listed - set(survivors.values()), key=lambda one: (one.function, one.removed)):
            found.append(
                f"docs/mutation.md explains a survivor of {stale.function} that is none: {stale.added}"
            )
    return found
