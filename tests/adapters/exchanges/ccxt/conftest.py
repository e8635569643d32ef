"""No test of this package asks anybody but this machine."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import pytest
import stamina

from tests.adapters.exchanges.ccxt.scripted import ScriptedVenue


@pytest.fixture(autouse=True)
def only_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection to anywhere else fails the test, and so does asking for an address."""
    connect, look_up = socket.socket.connect, socket.getaddrinfo

    def guarded_look_up(host: str, *rest: Any, **named: Any) -> Any:
        assert host in ("127.0.0.1", "localhost"), f"asked for {host}"
        return look_up(host, *rest, **named)

    def guarded(self: socket.socket, address: Any) -> None:
        assert address[0] == "127.0.0.1", f"tried to reach {address}"
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)
    monkeypatch.setattr(socket, "getaddrinfo", guarded_look_up)


@pytest.fixture(autouse=True)
def without_pauses() -> Iterator[None]:
    """The same attempts, at once."""
    with stamina.set_testing(True, attempts=3):
        yield


@pytest.fixture
def binance() -> Iterator[ScriptedVenue]:
    with ScriptedVenue("binance") as venue:
        yield venue
