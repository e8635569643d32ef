"""What time it is at a venue, and nonces that only grow."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic, time

MEASURED_AGAIN_S = 600.0


@dataclass(frozen=True, slots=True)
class Offset:
    """By how much the venue's clock is ahead of ours, and how far off that may be."""

    ms: float
    give_or_take_ms: float


class VenueClock:
    """One venue's clock, kept as an offset to ours; zero until it was measured."""

    def __init__(
        self, *, now_s: Callable[[], float] = time, steady_s: Callable[[], float] = monotonic
    ) -> None:
        self._now_s, self._steady_s = now_s, steady_s
        self._measured_at_s: float | None = None
        self.offset = Offset(0.0, 0.0)

    @property
    def is_due(self) -> bool:
        """Whether it was never measured, or long ago."""
        at = self._measured_at_s
        return at is None or self._steady_s() - at > MEASURED_AGAIN_S

    @property
    def was_measured(self) -> bool:
        return self._measured_at_s is not None

    def measured(self, venue_ms: float, *, sent_ms: float, heard_ms: float) -> None:
        """The venue told its time between those two moments of ours."""
        self.offset = Offset(venue_ms - (sent_ms + heard_ms) / 2, max(0.0, heard_ms - sent_ms) / 2)
        self._measured_at_s = self._steady_s()

    def our_ms(self) -> float:
        return self._now_s() * 1_000

    def venue_ms(self) -> int:
        """The venue's time now, as well as we know it."""
        return int(self.our_ms() + self.offset.ms)

    def at_the_latest_ms(self, our_ms: float) -> int:
        """A moment of ours on the venue's clock, early enough for all that we do not know of it."""
        return int(our_ms + self.offset.ms - self.offset.give_or_take_ms)


class Nonces:
    """Numbers for one key, each above all before, clock jumps or not (safety §3 #30)."""

    def __init__(self, clock: VenueClock) -> None:
        self._clock, self._last = clock, 0

    def next(self) -> int:
        self._last = max(self._last + 1, self._clock.venue_ms())
        return self._last
