"""The lock is complete, hashed and free of addresses."""

from __future__ import annotations

import pytest

from tests.architecture.lock import differing, faults, required_to_mutate
from tests.architecture.tree import ROOT

PYPROJECT = """
[build-system]
requires = []
[project]
dependencies = ["psycopg[binary,pool]>=3.2,<4"]
[dependency-groups]
dev = ["Ruff>=0.17"]
"""
HASH = " \\\n    --hash=sha256:00ff\n"
LOCK = f"psycopg==3.3.9{HASH}ruff==0.17.5{HASH}"


def test_the_committed_lock_is_fresh() -> None:
    assert faults((ROOT / "pyproject.toml").read_text(), (ROOT / "requirements.lock").read_text()) == []


def test_the_lock_of_the_mutation_tests_is_fresh_and_agrees_with_it() -> None:
    mutation = (ROOT / "requirements-mutation.lock").read_text()
    assert faults((ROOT / "pyproject.toml").read_text(), mutation, required_to_mutate) == []
    assert differing((ROOT / "requirements.lock").read_text(), mutation) == []
    assert differing(LOCK, LOCK.replace("0.17.5", "0.18")) == ["ruff is locked as 0.17.5 and as 0.18"]


def test_a_complete_lock_has_no_faults() -> None:
    assert faults(PYPROJECT, LOCK) == []


@pytest.mark.parametrize(
    ("lock", "fault"),
    [
        (f"psycopg==3.3.9{HASH}", "Ruff is not in the lock"),
        (LOCK.replace("3.3.9", "4.0.0"), "is locked as 4.0.0"),
        (LOCK.replace("ruff==0.17.5" + HASH, "ruff==0.17.5\n"), "no hash for ruff==0.17.5"),
        ("--index-url somewhere\n" + LOCK, "line 1 names a place"),
        (LOCK + f"x @ https://example.org/x.whl{HASH}", "names a place"),
        ("--find-links wheels\n" + LOCK, "line 1 names a place"),
    ],
)
def test_a_stale_or_leaky_lock_is_refused(lock: str, fault: str) -> None:
    assert any(fault in sentence for sentence in faults(PYPROJECT, lock))
