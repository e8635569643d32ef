"""Is requirements.lock made from today's pyproject.toml? `python -m tests.architecture.lock` says so.

Answered without resolving again, so that it needs no network: every requirement of pyproject.toml has a pin
that satisfies it, every pin has hashes, and no line names a place to fetch from.
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Mapping, Sequence

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


def pins(lock: str) -> Mapping[str, str]:
    """Version by canonical name."""
    found = re.findall(r"^([A-Za-z0-9._-]+)(?:\[[^]]*])?==([^\s;\\]+)", lock, re.MULTILINE)
    return {canonicalize_name(name): version for name, version in found}


def faults(pyproject: str, lock: str) -> Sequence[str]:
    """One sentence for each reason not to trust the lock; none when it is fresh."""
    pinned = pins(lock)
    found = []
    for requirement in required(pyproject):
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


def main() -> None:
    found = faults((ROOT / "pyproject.toml").read_text(), (ROOT / "requirements.lock").read_text())
    if found:
        sys.exit("requirements.lock is not fresh, run `make lock`:\n  " + "\n  ".join(found))
    print("requirements.lock is fresh")


if __name__ == "__main__":
    main()
