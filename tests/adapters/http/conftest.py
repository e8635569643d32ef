"""A stack for every test, in memory and on SQLite, and two strangers on it."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from adapters.persistence.migrations import upgrade
from tests.adapters.http.stack import Person, Stack, open_stack

ENGINES = ("memory", "sqlite")
SLOWER_TO_AGREE = ("test_idempotency",)
"""Tests of what happens at once: on PostgreSQL, too."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "stack" in metafunc.fixturenames:
        name = metafunc.module.__name__.rpartition(".")[2]
        engines = (*ENGINES, "postgres") if name in SLOWER_TO_AGREE else ENGINES
        metafunc.parametrize("stack", engines, indirect=True)


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file at the newest schema, to copy from."""
    path = tmp_path_factory.mktemp("migrated") / "log.db"
    upgrade(f"sqlite:///{path}")
    return path


@pytest.fixture
async def stack(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Stack]:
    url = ""
    if request.param == "sqlite":
        url = f"sqlite:///{shutil.copy(request.getfixturevalue('migrated_file'), tmp_path / 'log.db')}"
    elif request.param == "postgres":
        url = request.getfixturevalue("postgres_url")
    async with open_stack(url=url) as opened:
        yield opened


@pytest.fixture
async def alice(stack: Stack) -> Person:
    return await stack.person("alice@example.org")


@pytest.fixture
async def bob(stack: Stack) -> Person:
    return await stack.person("bob@example.org")


@pytest.fixture
async def operator(stack: Stack) -> Person:
    return await stack.person("operator@example.org", "operator")
