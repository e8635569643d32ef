"""Are the two locks made from today's pyproject.toml? `python -m tests.architecture.lock` says so.

Answered without resolving again, so that it needs no network: every requirement of pyproject.toml has a pin
that satisfies it, every pin has hashes, and no line names a place to fetch from.
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Callable, Mapping, Sequence

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.architecture.tree import ROOT

ADDRESS = re.compile(r"\w+://|^\s*--(?!hash=)|\bfile:|^\s*-[a-z]\b|\s@\s")


def required(pyproject: str) -> Sequence[Requirement]:
    """What the project, its dev group and its build ask for, in so many words."""
    document = tomllib.loads(pyproject)
    stated = [
        *document["project"]["dependencies"],
        *document["dependency-groups"]["dev"],
        *document["build-system"]["requires"],
    ]
    return [Requirement(text) for text in stated]


def required_to_mutate(pyproject: str) -> Sequence[Requirement]:
    """What `make mutate` needs besides."""
    return [Requirement(text) for text in tomllib.loads(pyproject)["dependency-groups"]["mutation"]]


def pins(lock: str) -> Mapping[str, str]:
    """Version by canonical name."""
    found = re.findall(r"^([A-Za-z0-9._-]+)(?:\[[^]]*])?==([^\s;\\]+)", lock, re.MULTILINE)
    return {canonicalize_name(name): version for name, version in found}


def faults(
    pyproject: str, lock: str, asked: Callable[[str], Sequence[Requirement]] = required
) -> Sequence[str]:
    """One sentence for each reason not to trust the lock; none when it is fresh."""
    pinned = pins(lock)
    found = []
    for requirement in asked(pyproject):
        version = pinned.get(canonicalize_name(requirement.name))
        if version is None:
            found.append(f"{requirement.name} is not in the lock")
        elif not requirement.specifier.contains(version, prereleases=True):
            found.append(f"{requirement} is locked as {version}")
    for number, line in enumerate(lock.splitlines(), start=1):
        if ADDRESS.search(line):
            found.append(f"line {number} names a place to fetch from: {line.strip()}")
    for entry in re.split(r"\n(?=\S)", lock):
        if "==" in entry and "--hash=sha256:" not in entry:
            found.append(f"no hash for {entry.split()[0]}")
    return found


def differing(lock: str, beside: str) -> Sequence[str]:
    """What two locks pin at two versions: who installs the second would change the first."""
    first, second = pins(lock), pins(beside)
    return [
        f"{name} is locked as {first[name]} and as {second[name]}"
        for name in sorted(first.keys() & second.keys())
        if first[name] != second[name]
    ]


def main() -> None:
    pyproject = (ROOT / "pyproject.toml").read_text()
    lock, mutation = (ROOT / f"requirements{of}.lock" for of in ("", "-mutation"))
    found = {
        lock.name: faults(pyproject, lock.read_text()),
        mutation.name: [
            *faults(pyproject, mutation.read_text(), required_to_mutate),
            *differing(lock.read_text(), mutation.read_text()),
        ],
    }
    for name, problems in found.items():
        print(f"{name} is not fresh, run `make lock`:" if problems else f"{name} is fresh")
        for problem in problems:
            print(f"  {problem}")
    sys.exit(any(found.values()))


if __name__ == "__main__":
    main()
