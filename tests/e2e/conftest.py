"""Commands as processes, and the databases they work on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.live_house import LiveHouse
from tests.e2e.processes import Evenkeel, opened

ENGINES = ("sqlite", "postgresql")


@pytest.fixture
def evenkeel(tmp_path: Path) -> Iterator[Evenkeel]:
    """`evenkeel …`, any number of them."""
    with opened(tmp_path / "commands") as commands:
        yield commands


@pytest.fixture(params=ENGINES)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A new database of either engine: no file yet, or an empty schema of the newest version."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/books.db"
    found: str = request.getfixturevalue("postgres_url")
    return found


@pytest.fixture
def live_house(evenkeel: Evenkeel, tmp_path: Path) -> Iterator[Callable[..., LiveHouse]]:
    """Makes platforms that trade at simulated exchanges; see LiveHouse for what may be chosen."""
    with ExitStack() as houses:

        def made(name: str = "first", **chosen: Any) -> LiveHouse:
            return houses.enter_context(closing(LiveHouse(evenkeel, tmp_path / name, **chosen)))

        yield made
