"""Told of every request to a venue, and of what is done to spare it."""

from __future__ import annotations

from typing import Protocol


class VenueObserver(Protocol):
    """Called from the thread that talks to venues: returns at once and raises nothing."""

    def request_made(self, venue: str, kind: str, outcome: str, seconds: float) -> None:
        """A request ended. `kind`: cancel, create, query or market_data. `outcome`: ok, or what the failure
        proves: refused, not_found, duplicate, banned, clock, retryable, unknown; not_sent where we kept it.
        """
        ...

    def throttled(self, venue: str, kind: str, seconds: float) -> None:
        """A request waited that long for its turn in our own rate budget."""
        ...

    def breaker_changed(self, venue: str, state: str) -> None:
        """The circuit breaker is closed (all is well), open (left alone) or half_open (tried again)."""
        ...

    def banned(self, venue: str, seconds: float) -> None:
        """The venue said that we ask too often, and wants to be left alone for that long."""
        ...

    def clock_measured(self, venue: str, offset_ms: float) -> None:
        """By how much the venue's clock is ahead of ours."""
        ...

    def stream_changed(self, venue: str, stream: str, is_up: bool) -> None:
        """A stream of that kind (orders, book) is connected, or lost."""
        ...


class NobodyWatches:
    """A VenueObserver for those who want none."""

    def request_made(self, venue: str, kind: str, outcome: str, seconds: float) -> None: ...

    def throttled(self, venue: str, kind: str, seconds: float) -> None: ...

    def breaker_changed(self, venue: str, state: str) -> None: ...

    def banned(self, venue: str, seconds: float) -> None: ...

    def clock_measured(self, venue: str, offset_ms: float) -> None: ...

    def stream_changed(self, venue: str, stream: str, is_up: bool) -> None: ...
