"""A circuit breaker's changes become facts in the log."""

from __future__ import annotations

from dataclasses import dataclass

from application.ports.commands import Result
from application.streams import venue_stream
from application.work import Work

CLOSED, OPEN = "closed", "open"


@dataclass(frozen=True, slots=True)
class RecordBreaker:
    """`state` is closed or open; half open, when it is tried once, is neither news nor recorded."""

    venue: str
    process: str
    state: str

    def decide(self, work: Work) -> Result:
        venue = work.venue(self.venue)
        if self.state == OPEN:
            events = venue.leave_alone(process=self.process, at=work.now)
        elif self.state == CLOSED:
            events = venue.reach(process=self.process, at=work.now)
        else:
            events = ()
        work.record(venue_stream(self.venue), events)
        return {"venue": self.venue, "left_alone_by": sorted(work.venue(self.venue).left_alone_by)}
