"""A real venue: which of our processes leave it alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import assert_never

from domain.venues.events import VenueEvent, VenueLeftAlone, VenueReached


@dataclass(frozen=True, slots=True)
class Venue:
    """One venue by name."""

    name: str = ""
    left_alone_by: frozenset[str] = frozenset()  # processes

    def leave_alone(self, *, process: str, at: datetime) -> Sequence[VenueEvent]:
        """The same again is answered with no events."""
        if process in self.left_alone_by:
            return []
        return [VenueLeftAlone(venue=self.name, process=process, left_alone_at_utc=at)]

    def reach(self, *, process: str, at: datetime) -> Sequence[VenueEvent]:
        """A venue that was not left alone by that process is answered with no events."""
        if process not in self.left_alone_by:
            return []
        return [VenueReached(venue=self.name, process=process, reached_at_utc=at)]

    def evolve(self, event: VenueEvent) -> Venue:
        """Fold one fact in. Never refuses."""
        match event:
            case VenueLeftAlone():
                return replace(self, left_alone_by=self.left_alone_by | {event.process})
            case VenueReached():
                return replace(self, left_alone_by=self.left_alone_by - {event.process})
            case _:
                assert_never(event)
