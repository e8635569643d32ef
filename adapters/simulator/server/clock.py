"""The exchange's clock: the wall's, moved ahead or set wrong as asked."""

from __future__ import annotations

from collections.abc import Callable


class Clock:
    """Milliseconds since the epoch. `skew_ms`: how wrong it is; `advanced_ms`: how far it was moved ahead."""

    def __init__(self, wall_ms: Callable[[], int]) -> None:
        self._wall_ms = wall_ms
        self.skew_ms = 0
        self.advanced_ms = 0

    def now_ms(self) -> int:
        return self._wall_ms() + self.skew_ms + self.advanced_ms

    def not_before(self, then_ms: int) -> None:
        """Go on from there, if the wall's clock is behind it."""
        self.advanced_ms = max(self.advanced_ms, then_ms - self._wall_ms())
