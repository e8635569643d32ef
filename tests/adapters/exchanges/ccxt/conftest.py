"""No test of this package asks anybody but this machine."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import stamina

from tests.adapters.exchanges.ccxt.scripted import ScriptedVenue
from tests.loopback import keep_to_loopback


@pytest.fixture(autouse=True)
def only_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    keep_to_loopback(monkeypatch)


@pytest.fixture(autouse=True)
def without_pauses() -> Iterator[None]:
    """The same attempts, at once."""
    with stamina.set_testing(True, attempts=3):
        yield


@pytest.fixture
def binance() -> Iterator[ScriptedVenue]:
    with ScriptedVenue("binance") as venue:
        yield venue
