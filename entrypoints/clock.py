"""The wall clock."""

from __future__ import annotations

from datetime import UTC, datetime


class SystemClock:
    """A Clock on the machine's time."""

    def now(self) -> datetime:
        return datetime.now(UTC)
