"""Where the code lies, for the tests that look at its text."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("domain", "application", "adapters", "entrypoints")


def program(name: str) -> str:
    """A tool of this environment, whatever PATH says."""
    return str(Path(sys.executable).parent / name)


def copy_of_the_code(target: Path) -> Path:
    """The four packages and the rules about them, to be vandalised."""
    for package in PACKAGES:
        shutil.copytree(ROOT / package, target / package, ignore=shutil.ignore_patterns("__pycache__"))
    for rules in (".importlinter", "pyproject.toml"):
        shutil.copy(ROOT / rules, target / rules)
    return target


def tracked_files() -> Iterator[Path]:
    """What git holds, or in an unpacked archive everything but the environment and caches."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode == 0:
        files = (ROOT / name for name in listed.stdout.split("\0") if name)
    else:
        hidden = {
            ".venv",
            ".git",
            "__pycache__",
            ".mypy_cache",
            ".ruff_cache",
            ".pytest_cache",
            ".hypothesis",
        }
        files = (path for path in ROOT.rglob("*") if not hidden & set(path.relative_to(ROOT).parts))
    return (path for path in files if path.is_file() and not path.is_symlink())
