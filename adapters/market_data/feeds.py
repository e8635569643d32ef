"""Candle feeds: stored candles replayed at a chosen speed, and a venue's candles as they close."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from threading import Event
from time import monotonic

from application.market_data.candle_rules import ImpossibleCandle, require_possible
from application.ports.candle_feed import FeedUnavailable
from application.ports.candle_source import CandleSource, CandleSourceUnavailable
from application.ports.candle_store import CandleStore, Series
from application.ports.clock import Clock, ManualClock
from domain.errors import InvalidValue
from domain.market import Candle, interval_ms

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SPEED = re.compile(r"(?:x(?P<times>\d{1,9}(?:\.\d{1,6})?)|(?P<rate>\d{1,9}(?:\.\d{1,6})?)/s)", re.ASCII)
_LONGEST_WAIT_S = 3_600.0

Wait = Callable[[float], bool]
"""Waits that many seconds or until the feed is closed; whether it was closed."""


@dataclass(frozen=True, slots=True)
class Speed:
    """How fast a replay runs; both None is as fast as it is read."""

    times_candle_time: float | None = None  # 60: one minute of candles a second
    candles_per_s: float | None = None

    def seconds_after(self, gap_ms: int) -> float:
        """Seconds between two candles whose opens are that far apart."""
        if self.times_candle_time is not None:
            return gap_ms / 1_000 / self.times_candle_time
        return 0.0 if self.candles_per_s is None else 1 / self.candles_per_s


def parse_speed(raw: str) -> Speed:
    """Of "max", "x60" (60 times candle time) or "10/s" (candles a second); raises InvalidValue."""
    if raw == "max":
        return Speed()
    found = _SPEED.fullmatch(raw)
    value = float(found["times"] or found["rate"]) if found else 0.0
    if found is None or not value:
        raise InvalidValue("speed", f"{raw!r} is no speed; write 'max', 'x60' or '10/s'")
    return Speed(times_candle_time=value) if found["times"] else Speed(candles_per_s=value)


class ReplayFeed:
    """Stored candles at a chosen speed; see CandleFeed. It ends with the last stored candle.

    The first candle comes at once; a gap in the candles is waited for like candle time (at "x60"). `clock`,
    where given, is moved to each candle's close before the candle is yielded: whoever shares it lives in
    candle time. `wait` and `monotonic_s` are for tests.
    """

    def __init__(
        self,
        store: CandleStore,
        *,
        speed: Speed,
        clock: ManualClock | None = None,
        wait: Wait | None = None,
        monotonic_s: Callable[[], float] = monotonic,
    ) -> None:
        self._store, self._speed, self._clock = store, speed, clock
        self._closed = Event()
        self._wait = wait or self._closed.wait
        self._monotonic_s = monotonic_s

    def history(self, series: Series, *, until_ms: int | None = None) -> Iterator[Candle]:
        return self._store.read(series, until_ms=until_ms)

    def follow(self, series: Series, *, after_ms: int | None = None) -> Iterator[Candle]:
        step = timedelta(milliseconds=interval_ms(series.interval))
        before: int | None = None
        due_s = self._monotonic_s()
        for candle in self._store.read(series, from_ms=None if after_ms is None else after_ms + 1):
            if before is not None:
                # counted from the moment it was due: the consumer's own time does not slow the replay down
                due_s += self._speed.seconds_after(candle.open_time_ms - before)
                if not self._waited(due_s):
                    return
            if self._closed.is_set():
                return
            before = candle.open_time_ms
            if self._clock is not None:
                self._clock.move_to(_EPOCH + timedelta(milliseconds=candle.open_time_ms) + step)
            yield candle

    def close(self) -> None:
        self._closed.set()

    def _waited(self, due_s: float) -> bool:
        """Waits until then; whether the feed is still open."""
        seconds = due_s - self._monotonic_s()
        while seconds > 0:
            if self._wait(min(seconds, _LONGEST_WAIT_S)):
                return False
            seconds = due_s - self._monotonic_s()
        return True


class LiveFeed:
    """A venue's candles as they close, each saved in the store and then yielded once; see CandleFeed.

    What is stored already comes first, then what the venue closed in between, then each candle after its
    close. With nothing stored and no `after_ms` it begins with the newest closed candle. The venue is asked
    when the next candle should have closed, then every `poll_s` seconds (at most half a candle) until it is
    there; a venue without trades simply has none.
    Errors: FeedUnavailable while the venue cannot be reached or answers nonsense (nothing of that is kept);
    CandleConflict where it contradicts a stored candle. Following again goes on after the last candle.
    The source is the feed's own: it is closed with it.
    """

    def __init__(
        self,
        source: CandleSource,
        store: CandleStore,
        *,
        poll_s: float,
        clock: Clock,
        wait: Wait | None = None,
    ) -> None:
        if poll_s <= 0:
            raise InvalidValue("poll_s", "must be above zero")
        self._source, self._store, self._poll_s, self._clock = source, store, poll_s, clock
        self._closed = Event()
        self._wait = wait or self._closed.wait

    def history(self, series: Series, *, until_ms: int | None = None) -> Iterator[Candle]:
        return self._store.read(series, until_ms=until_ms)

    def follow(self, series: Series, *, after_ms: int | None = None) -> Iterator[Candle]:
        if series.source != self._source.name:
            raise InvalidValue("source", f"this feed follows {self._source.name}, not {series.source}")
        step = interval_ms(series.interval)
        next_ms = None if after_ms is None else after_ms + 1
        for candle in self._store.read(series, from_ms=next_ms):
            if self._closed.is_set():
                return
            yield candle
            next_ms = candle.open_time_ms + step
        if next_ms is None:
            next_ms = (self._now_ms() // step - 1) * step
        while not self._closed.is_set():
            for candle in self._newly_closed(series, next_ms):
                if self._closed.is_set():
                    return  # saved: whoever follows next gets it from the store
                yield candle
                next_ms = candle.open_time_ms + step
            until_close_s = (next_ms // step * step + step - self._now_ms()) / 1_000
            poll_s = min(self._poll_s, step / 2_000)
            if self._wait(min(max(poll_s, until_close_s), _LONGEST_WAIT_S)):
                return

    def close(self) -> None:
        self._closed.set()
        self._source.close()

    def _newly_closed(self, series: Series, from_ms: int) -> Iterator[Candle]:
        pages = self._source.closed_candles(
            series.symbol, series.interval, from_ms=from_ms, until_ms=max(self._now_ms(), from_ms)
        )
        while True:
            try:
                page = next(pages, None)
                if page is None:
                    return
                for candle in page:
                    require_possible(candle, where=f"{series.source} {series.symbol} {series.interval}")
            except (CandleSourceUnavailable, ImpossibleCandle) as e:
                raise FeedUnavailable(str(e)) from e
            self._store.save(series, page)
            yield from page

    def _now_ms(self) -> int:
        return (self._clock.now() - _EPOCH) // timedelta(milliseconds=1)
