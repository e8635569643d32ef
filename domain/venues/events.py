"""What happens between our processes and a real venue."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueLeftAlone:
    """Requests failed one after the other: the circuit breaker of a process opened, and it asks less."""

    venue: str
    process: str  # whose breaker
    left_alone_at_utc: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueReached:
    """The venue answers that process again."""

    venue: str
    process: str
    reached_at_utc: datetime


VenueEvent = VenueLeftAlone | VenueReached
