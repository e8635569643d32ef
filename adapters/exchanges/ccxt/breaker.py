"""When a venue fails again and again, it is left alone for a while: cancels apart."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic

CLOSED, OPEN, HALF_OPEN = "closed", "open", "half_open"


class BreakerOpen(Exception):
    """The request was not sent: the venue fails, and is tried again in `retry_in_s` seconds."""

    def __init__(self, retry_in_s: float) -> None:
        super().__init__(f"not sent: the venue fails, and is tried again in {max(1.0, retry_in_s):.0f} s")
        self.retry_in_s = retry_in_s


class CircuitBreaker:
    """Closed until `failures` requests in a row failed; then open, for a pause that doubles to the longest.

    After the pause one request is let through: it closes the breaker or opens it again. What must not wait is
    always let through, and counts like any other.
    """

    def __init__(
        self,
        changed: Callable[[str], None],
        *,
        failures: int = 5,
        pause_s: float = 2.0,
        longest_pause_s: float = 60.0,
        now_s: Callable[[], float] = monotonic,
    ) -> None:
        self._changed, self._failures, self._now_s = changed, failures, now_s
        self._first_pause_s, self._longest_pause_s = pause_s, longest_pause_s
        self._pause_s = pause_s
        self._in_a_row = 0
        self._until = 0.0
        self.state = CLOSED

    def admit(self, *, urgent: bool) -> None:
        """Raises BreakerOpen for what should not be sent now."""
        if self.state == CLOSED or urgent:
            return
        now = self._now_s()
        if self.state == OPEN and now >= self._until:
            self._until = now + self._pause_s  # so long may the one that is let through take
            self._become(HALF_OPEN)
            return
        if self.state == HALF_OPEN and now >= self._until:
            self._until = now + self._pause_s  # the last one never came back
            return
        raise BreakerOpen(self._until - now)

    def succeeded(self) -> None:
        """The venue answered, be it with a refusal."""
        self._in_a_row, self._pause_s = 0, self._first_pause_s
        self._become(CLOSED)

    def failed(self) -> None:
        """It did not answer, or with nothing usable."""
        self._in_a_row += 1
        if self.state == HALF_OPEN:
            self._pause_s = min(2 * self._pause_s, self._longest_pause_s)
        elif self.state != CLOSED or self._in_a_row < self._failures:
            return
        self._until = self._now_s() + self._pause_s
        self._become(OPEN)

    def _become(self, state: str) -> None:
        if state != self.state:
            self.state = state
            self._changed(state)
