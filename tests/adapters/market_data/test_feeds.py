"""How fast replays run, whose clock they move, and what a live feed does about outages."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import islice

import pytest

from adapters.market_data.feeds import LiveFeed, ReplayFeed, Speed, parse_speed
from adapters.market_data.memory_candle_store import MemoryCandleStore
from application.ports.candle_feed import FeedUnavailable
from application.ports.candle_store import Series
from application.ports.clock import ManualClock
from domain.errors import InvalidValue
from domain.market import Candle
from tests.adapters.market_data.candle_files import HOUR_MS, START_MS, clean
from tests.adapters.market_data.manual_venue import ManualVenue

SERIES = Series("binance", "BTC/USDT", "1h")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Stopwatch:
    """Time that passes only by waiting."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.waits: list[float] = []

    def wait(self, seconds: float) -> bool:
        self.waits.append(seconds)
        self.now_s += seconds
        return False

    def read(self) -> float:
        return self.now_s


def replay(store: MemoryCandleStore, speed: str, stopwatch: Stopwatch) -> ReplayFeed:
    return ReplayFeed(store, speed=parse_speed(speed), wait=stopwatch.wait, monotonic_s=stopwatch.read)


@pytest.fixture
def store() -> MemoryCandleStore:
    store = MemoryCandleStore()
    store.save(SERIES, [c for hour, c in enumerate(clean(10)) if hour not in (4, 5)])
    return store


@pytest.mark.parametrize(
    ("speed", "waits"),
    [("max", []), ("x3600", [1, 1, 1, 3, 1, 1, 1]), ("4/s", [0.25] * 7)],
)
def test_a_replay_waits_as_its_speed_says(speed: str, waits: list[float], store: MemoryCandleStore) -> None:
    stopwatch = Stopwatch()

    assert len(list(replay(store, speed, stopwatch).follow(SERIES))) == 8

    assert stopwatch.waits == waits


def test_a_slow_consumer_does_not_slow_the_replay_down(store: MemoryCandleStore) -> None:
    stopwatch = Stopwatch()

    for _ in replay(store, "1/s", stopwatch).follow(SERIES):
        stopwatch.now_s += 0.75

    assert stopwatch.waits == [0.25] * 7


def test_a_replay_moves_the_clock_to_each_candles_close(store: MemoryCandleStore) -> None:
    clock = ManualClock(datetime(2000, 1, 1, tzinfo=UTC))
    feed = ReplayFeed(store, speed=Speed(), clock=clock)

    for candle in feed.follow(SERIES):
        assert clock.now() == EPOCH + timedelta(milliseconds=candle.open_time_ms + HOUR_MS)


@pytest.mark.parametrize("raw", ["", "fast", "x", "x0", "0/s", "60", "x-1", "1e9/s", "xNaN", "x٣"])
def test_an_unknown_speed_is_refused(raw: str) -> None:
    with pytest.raises(InvalidValue, match="speed"):
        parse_speed(raw)


def live(venue: ManualVenue, store: MemoryCandleStore, *hours: int) -> tuple[LiveFeed, list[float]]:
    """A feed whose every wait moves the venue to the next of those hours, and is closed after the last."""
    waits: list[float] = []
    coming = iter(hours)

    def wait(seconds: float) -> bool:
        waits.append(seconds)
        hour = next(coming, None)
        if hour is None:
            return True
        venue.close_until(hour)
        return False

    return LiveFeed(venue, store, poll_s=5, clock=venue.clock, wait=wait), waits


def hours(candles: object) -> list[int]:
    assert isinstance(candles, list)
    return [(candle.open_time_ms - START_MS) // HOUR_MS for candle in candles]


def test_a_live_feed_saves_each_candle_before_it_is_seen() -> None:
    venue, store = ManualVenue(clean(10)), MemoryCandleStore()
    venue.close_until(3)
    feed, _ = live(venue, store, 4, 4, 6)

    seen = []
    for candle in feed.follow(SERIES):
        assert candle in list(store.read(SERIES))
        seen.append(candle)

    assert hours(seen) == [2, 3, 4, 5]  # nothing was stored: it begins with the newest closed candle


def test_a_live_feed_asks_when_the_next_candle_closes_and_then_often() -> None:
    venue, store = ManualVenue([c for hour, c in enumerate(clean(10)) if hour != 4]), MemoryCandleStore()
    venue.close_until(4)
    feed, waits = live(venue, store, 5, 6)

    assert hours(list(feed.follow(SERIES, after_ms=START_MS + HOUR_MS))) == [2, 3, 5]

    # 59 minutes to the close of candle 4, which never comes: from then on every five seconds
    assert waits == [59 * 60, 5, 59 * 60]


def test_an_outage_is_said_and_following_again_misses_nothing() -> None:
    venue, store = ManualVenue(clean(10)), MemoryCandleStore()
    venue.close_until(3)
    feed, _ = live(venue, store, 7)
    following = feed.follow(SERIES, after_ms=START_MS - 1)
    seen = list(islice(following, 3))
    venue.unreachable = True

    with pytest.raises(FeedUnavailable, match="the line is dead"):
        next(following)

    venue.unreachable = False
    seen += islice(feed.follow(SERIES, after_ms=seen[-1].open_time_ms), 4)
    assert hours(seen) == [0, 1, 2, 3, 4, 5, 6]


def test_nonsense_from_the_venue_is_an_outage_and_is_not_kept() -> None:
    venue, store = ManualVenue(clean(3)), MemoryCandleStore()
    venue.candles[1] = Candle(START_MS + HOUR_MS, *[Decimal(n) for n in (5, 4, 6, 5, 1)])
    venue.close_until(3)
    feed, _ = live(venue, store)

    with pytest.raises(FeedUnavailable, match="impossible"):
        list(feed.follow(SERIES, after_ms=START_MS - 1))

    assert list(store.read(SERIES)) == []


def test_a_live_feed_closes_its_venue_with_it() -> None:
    venue = ManualVenue([])
    feed, _ = live(venue, MemoryCandleStore())
    feed.close()
    assert venue.closed
    assert list(feed.follow(SERIES)) == []
    assert venue.asked_from == []


def test_a_feed_follows_only_its_own_venue() -> None:
    venue = ManualVenue([])
    feed, _ = live(venue, MemoryCandleStore())

    with pytest.raises(InvalidValue, match="binance"):
        next(feed.follow(Series("kraken", "BTC/USDT", "1h")))
