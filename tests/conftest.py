"""What every test may ask for: a PostgreSQL database of its own, empty or migrated."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from tests.postgres import TEMPLATE, Server, postgres

settings.register_profile("default", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", parent=settings.get_profile("default"), derandomize=True, print_blob=True)
settings.register_profile("thorough", parent=settings.get_profile("default"), max_examples=2_000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci" if os.environ.get("CI") else "default"))

_numbers = itertools.count(1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with slow tests first: a worker that began one of them last would end long after the others."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Server]:
    """One server a test process; without any PostgreSQL the test fails, it is not skipped."""
    with postgres() as server:
        yield server


@pytest.fixture(scope="session")
def _migrated_template(postgres_server: Server) -> Iterator[str]:
    """A database at the newest schema, to copy from: faster than migrating for every test."""
    from adapters.persistence.migrations import upgrade

    name = f"{TEMPLATE}_{os.getpid()}"
    upgrade(postgres_server.create_database(name))
    yield name
    postgres_server.drop_database(name)


@pytest.fixture
def empty_postgres_url(postgres_server: Server) -> Iterator[str]:
    """A new database without any table."""
    yield from _database(postgres_server, "template0")


@pytest.fixture
def postgres_url(postgres_server: Server, _migrated_template: str) -> Iterator[str]:
    """A new database at the newest schema."""
    yield from _database(postgres_server, _migrated_template)


def _database(server: Server, template: str) -> Iterator[str]:
    name = f"evenkeel_{os.getpid()}_{next(_numbers)}"
    yield server.create_database(name, template=template)
    server.drop_database(name)
