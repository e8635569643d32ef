"""The three places where rows outside the log may be kept, for contract suites."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest

from adapters.persistence.database import Database
from tests.adapters.persistence.stored_logs import postgres_database, sqlite_database

STORES = ("memory", "sqlite", "postgresql")


@contextmanager
def nothing() -> Iterator[None]:
    yield None


def database_of(request: pytest.FixtureRequest) -> AbstractContextManager[Database | None]:
    """The parameter's database, at the newest schema; None for memory."""
    places: dict[str, Callable[[], AbstractContextManager[Database | None]]] = {
        "memory": nothing,
        "sqlite": lambda: sqlite_database(request.getfixturevalue("tmp_path")),
        "postgresql": lambda: postgres_database(request.getfixturevalue("postgres_url")),
    }
    return places[request.param]()
