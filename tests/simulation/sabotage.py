"""Broken pieces to put in place of whole ones: the simulation must find each of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from application.ports.exchange import Exchange
from tests.simulation.venue import VenueClient


def _desk(**parts: Any) -> Any:
    from tests.simulation.process import SteppedDesk

    return SteppedDesk(**parts)


@dataclass(frozen=True, slots=True)
class Broken:
    """What is put together otherwise than in production, by what it is put in place of."""

    exchange: Callable[[VenueClient], Exchange] = lambda client: client
    bus: Callable[[Any], Any] = lambda bus: bus
    desk: Callable[..., Any] = _desk


WHOLE = Broken()
