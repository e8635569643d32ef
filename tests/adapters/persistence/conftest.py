"""Databases to fold in, on either engine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.persistence.database import Database
from tests.adapters.persistence.stored_logs import postgres_database, sqlite_database


@pytest.fixture(params=["sqlite", "postgresql"])
def db(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """An empty log at the newest schema."""
    if request.param == "sqlite":
        with sqlite_database(tmp_path) as database:
            yield database
    else:
        with postgres_database(request.getfixturevalue("postgres_url")) as database:
            yield database
