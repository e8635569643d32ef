"""How each series that a worker follows, and each venue it trades at, is: what operators are shown."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from application.ports.candle_feed import CandleFeed
from application.ports.candle_store import Series
from application.ports.clock import Clock
from application.ports.exchange import CandleDriven
from domain.market import Candle, interval_ms

CANDLES, VENUE = "candles", "venue"
OK, DEGRADED, UNKNOWN = "ok", "degraded", "unknown"
GRACE = timedelta(seconds=60)
"""How late a venue's next closed candle may be before it is missed."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Connector:
    """One of them, at one moment. UNKNOWN: another process follows it and keeps to itself how it is."""

    kind: str
    name: str  # "kraken BTC/EUR 1h", or the venue's name
    worker: str
    status: str
    detail: str  # in words: what is wrong now, or what there is to know
    last_candle_age_s: float | None = None  # of a real venue since its close, of others since it came
    last_problem: str = ""
    last_problem_at: datetime | None = None


class Heard:
    """What was heard last over one connection: told by the thread that uses it, asked by any."""

    def __init__(self, kind: str, name: str, worker: str, clock: Clock) -> None:
        self._kind, self._name, self._worker, self._clock = kind, name, worker, clock
        self._problem = self._note = self._last_problem = ""
        self._last_problem_at: datetime | None = None
        self._last_candle_at: datetime | None = None
        self._next_candle_by: datetime | None = None

    def well(self) -> None:
        self._problem = self._note = ""

    def candle(self, at: datetime, *, next_by: datetime | None = None) -> None:
        self._last_candle_at, self._next_candle_by = at, next_by
        self.well()

    @property
    def last_candle_at(self) -> datetime | None:
        """The close of a real venue's newest candle; of others when it came."""
        return self._last_candle_at

    def failed(self, problem: Exception) -> None:
        """It is so until the next time that all is well."""
        self._problem = self._last_problem = str(problem) or type(problem).__name__
        self._last_problem_at = self._clock.now()

    def note(self, words: str) -> None:
        """Nothing is wrong, and this is to be known."""
        self._note = words

    def now(self) -> Connector:
        now, at, by = self._clock.now(), self._last_candle_at, self._next_candle_by
        problem = self._problem
        if not problem and by is not None and now > by:
            problem = f"no candle since the one that closed at {at:%Y-%m-%d %H:%M:%S} UTC"
        return Connector(
            kind=self._kind,
            name=self._name,
            worker=self._worker,
            status=DEGRADED if problem else OK,
            detail=problem or self._note,
            last_candle_age_s=None if at is None else (now - at).total_seconds(),
            last_problem=self._last_problem,
            last_problem_at=self._last_problem_at,
        )


class WatchedFeed:
    """A CandleFeed that tells what it hears. `is_live`: a next candle is due when the wall clock says so.

    `comes` is told when a live candle closed, before anybody is given it.
    """

    def __init__(
        self,
        feed: CandleFeed,
        heard: Heard,
        clock: Clock,
        *,
        is_live: bool,
        comes: Callable[[datetime], None] = lambda _closed_at: None,
    ) -> None:
        self._feed, self.heard, self._clock, self._is_live = feed, heard, clock, is_live
        self._comes = comes

    def history(self, series: Series, *, until_ms: int | None = None) -> Iterator[Candle]:
        return self._feed.history(series, until_ms=until_ms)

    def follow(self, series: Series, *, after_ms: int | None = None) -> Iterator[Candle]:
        length = timedelta(milliseconds=interval_ms(series.interval))
        try:
            for candle in self._feed.follow(series, after_ms=after_ms):
                if self._is_live:
                    closed = _EPOCH + timedelta(milliseconds=candle.open_time_ms) + length
                    self.heard.candle(closed, next_by=closed + length + GRACE)
                    self._comes(closed)
                else:
                    self.heard.candle(self._clock.now())
                yield candle
        except Exception as problem:
            self.heard.failed(problem)
            raise

    def close(self) -> None:
        self._feed.close()


class WatchedVenue:
    """A CandleDriven that tells what it hears."""

    def __init__(self, venue: CandleDriven, heard: Heard) -> None:
        self._venue, self.heard = venue, heard

    def show(self, source: str, symbol: str, interval: str, candle: Candle) -> None:
        try:
            self._venue.show(source, symbol, interval, candle)
        except Exception as problem:
            self.heard.failed(problem)
            raise
        self.heard.well()


class Unshown(CandleDriven):
    """In place of a candle-driven venue where bots trade at a real one: it has a market of its own."""

    def show(self, source: str, symbol: str, interval: str, candle: Candle) -> None: ...
