"""A pytest plugin for mutation runs: leaves out tests that run the auditor's file as a program of its own.

There the mutant is not alive, and the mutated file imports mutmut, which a program of the standard library
alone may not. What they show is shown in this process as well: tests/entrypoints/auditor/test_program.py.
"""

from __future__ import annotations

import pytest

_START_IT = {"PROGRAM", "run"}
"""What such a test names: the file, or the function that starts it."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    outside = [item for item in items if starts_a_program(item)]
    config.hook.pytest_deselected(items=outside)
    items[:] = [item for item in items if item not in outside]


def starts_a_program(item: pytest.Item) -> bool:
    if not isinstance(item, pytest.Function) or "auditor" not in item.path.parts:
        return False
    return not _START_IT.isdisjoint(item.function.__code__.co_names)
