"""A simulator of the test's own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.adapters.simulator.clients import Plain
from tests.simulators import Simulator, simulator


@pytest.fixture
def sim(tmp_path: Path) -> Iterator[Simulator]:
    with simulator(tmp_path / "journal") as running:
        yield running


@pytest.fixture
def plain(sim: Simulator) -> Plain:
    return Plain(sim)
