"""A venue is left alone, and reached again, once for each process."""

from __future__ import annotations

from domain.venues.events import VenueLeftAlone, VenueReached
from domain.venues.venue import Venue
from tests.builders import START, folded


def test_a_change_is_a_fact_once() -> None:
    venue = Venue(name="kraken")
    left = venue.leave_alone(process="w-1", at=START)
    assert left == [VenueLeftAlone(venue="kraken", process="w-1", left_alone_at_utc=START)]
    venue = folded(venue, left)
    assert venue.leave_alone(process="w-1", at=START) == []
    assert venue.reach(process="w-2", at=START) == []
    reached = venue.reach(process="w-1", at=START)
    assert reached == [VenueReached(venue="kraken", process="w-1", reached_at_utc=START)]
    assert folded(venue, reached).left_alone_by == frozenset()
