"""What every CandleFeed promises: a replay and a live feed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from threading import Event, Thread

import pytest

from adapters.market_data.feeds import LiveFeed, ReplayFeed, Speed
from adapters.market_data.memory_candle_store import MemoryCandleStore
from application.ports.candle_feed import CandleFeed
from application.ports.candle_store import Series
from domain.market import Candle
from tests.adapters.market_data.candle_files import HOUR_MS, START_MS, clean
from tests.adapters.market_data.manual_venue import ManualVenue

SERIES = Series("binance", "BTC/USDT", "1h")


@dataclass
class Known:
    """A feed that knows the first ten candles; `waiting` is set once it waits for more."""

    feed: CandleFeed
    store: MemoryCandleStore
    waiting: Event


def replay(_: pytest.FixtureRequest) -> Known:
    store, waiting = MemoryCandleStore(), Event()
    store.save(SERIES, clean(10))
    feed = ReplayFeed(store, speed=Speed())
    return Known(feed, store, waiting)


def slow_replay(_: pytest.FixtureRequest) -> Known:
    """Waits for an hour behind its first candle, like a replay at candle time."""
    store, waiting = MemoryCandleStore(), Event()
    store.save(SERIES, clean(10))
    feed = ReplayFeed(store, speed=Speed(times_candle_time=1))
    feed._wait = _noting(waiting, feed._closed.wait)
    return Known(feed, store, waiting)


def live(_: pytest.FixtureRequest) -> Known:
    store, waiting = MemoryCandleStore(), Event()
    venue = ManualVenue(clean(10))
    venue.close_until(10)
    store.save(SERIES, clean(4))  # the other six closed while nobody listened
    feed = LiveFeed(venue, store, poll_s=5, clock=venue.clock)
    feed._wait = _noting(waiting, feed._closed.wait)
    return Known(feed, store, waiting)


def _noting(waiting: Event, wait: Callable[[float], bool]) -> Callable[[float], bool]:
    def noted(seconds: float) -> bool:
        waiting.set()
        return wait(seconds)

    return noted


@pytest.fixture(params=[replay, live])
def known(request: pytest.FixtureRequest) -> Iterator[Known]:
    made: Known = request.param(request)
    yield made
    made.feed.close()


@pytest.fixture(params=[slow_replay, live])
def waiting(request: pytest.FixtureRequest) -> Iterator[Known]:
    made: Known = request.param(request)
    yield made
    made.feed.close()


def times(candles: Iterator[Candle]) -> list[int]:
    return [(candle.open_time_ms - START_MS) // HOUR_MS for candle in candles]


def test_candles_come_oldest_first_and_each_once(known: Known) -> None:
    assert times(islice(known.feed.follow(SERIES), 10)) == list(range(10))


def test_following_after_a_candle_begins_with_the_next(known: Known) -> None:
    after_ms = START_MS + 6 * HOUR_MS

    assert times(islice(known.feed.follow(SERIES, after_ms=after_ms), 3)) == [7, 8, 9]


def test_what_was_followed_is_history(known: Known) -> None:
    list(islice(known.feed.follow(SERIES), 10))

    assert list(known.feed.history(SERIES)) == clean(10)


def test_history_ends_before_the_given_time(known: Known) -> None:
    assert times(known.feed.history(SERIES, until_ms=START_MS + 3 * HOUR_MS)) == [0, 1, 2]


def test_a_closed_feed_ends(known: Known) -> None:
    following = known.feed.follow(SERIES)
    next(following)

    known.feed.close()

    assert list(following) == []
    assert list(known.feed.follow(SERIES)) == []


def test_closing_from_another_thread_ends_a_wait_at_once(waiting: Known) -> None:
    candles: list[Candle] = []
    thread = Thread(target=lambda: candles.extend(waiting.feed.follow(SERIES)), daemon=True)
    thread.start()
    assert waiting.waiting.wait(20)

    waiting.feed.close()
    thread.join(20)

    assert not thread.is_alive()
    assert candles == clean(10)[: len(candles)]
    assert candles
