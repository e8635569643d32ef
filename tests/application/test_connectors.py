"""What operators are shown of a series and of a venue."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from application.connectors import CANDLES, GRACE, VENUE, Heard, WatchedFeed, WatchedVenue
from application.ports.candle_feed import FeedUnavailable
from application.ports.candle_store import Series
from application.ports.clock import ManualClock
from application.ports.exchange import VenueOutcomeUnknown
from domain.market import Candle
from tests.application.bots.market import ListFeed
from tests.builders import HOUR_MS, candle

SERIES = Series("kraken", "BTC/EUR", "1h")
CANDLE = candle(0, "100", "110")
CLOSES_AT = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=CANDLE.open_time_ms + HOUR_MS)


def test_a_venues_candle_is_missed_an_interval_and_some_grace_after_the_last_one_closed() -> None:
    clock = ManualClock(CLOSES_AT + timedelta(seconds=2))
    heard = Heard(CANDLES, "kraken BTC/EUR 1h", "w-1", clock)
    list(WatchedFeed(ListFeed([CANDLE]), heard, clock, is_live=True).follow(SERIES))
    assert (heard.now().status, heard.now().last_candle_age_s) == ("ok", 2.0)

    clock.move_to(CLOSES_AT + timedelta(hours=1) + GRACE)
    assert heard.now().status == "ok"
    clock.move_to(clock.now() + timedelta(seconds=1))
    assert heard.now().status == "degraded"
    assert heard.now().detail == f"no candle since the one that closed at {CLOSES_AT:%Y-%m-%d %H:%M:%S} UTC"


def test_a_replays_candle_is_as_old_as_the_time_since_it_came() -> None:
    clock = ManualClock(CLOSES_AT + timedelta(days=3_000))
    heard = Heard(CANDLES, "file BTC/EUR 1h", "w-1", clock)
    list(WatchedFeed(ListFeed([CANDLE]), heard, clock, is_live=False).follow(SERIES))
    clock.move_to(clock.now() + timedelta(days=1))
    assert (heard.now().status, heard.now().last_candle_age_s) == ("ok", 86_400.0)


def test_an_outage_is_shown_while_it_lasts_and_remembered_after() -> None:
    clock = ManualClock(CLOSES_AT)
    heard = Heard(CANDLES, "kraken BTC/EUR 1h", "w-1", clock)
    feed = WatchedFeed(ListFeed([CANDLE], outages={CANDLE.open_time_ms}), heard, clock, is_live=True)
    with pytest.raises(FeedUnavailable):
        list(feed.follow(SERIES))
    assert (heard.now().status, heard.now().detail) == ("degraded", "the venue is away")

    list(feed.follow(SERIES))
    shown = heard.now()
    assert (shown.status, shown.detail) == ("ok", "")
    assert (shown.last_problem, shown.last_problem_at) == ("the venue is away", CLOSES_AT)


class Forgetful:
    """A venue that cannot store what it did, once."""

    def __init__(self) -> None:
        self.failures = [VenueOutcomeUnknown("the disk is away")]

    def show(self, source: str, symbol: str, interval: str, candle: Candle) -> None:
        if self.failures:
            raise self.failures.pop()


def test_a_venue_that_fails_is_shown() -> None:
    heard = Heard(VENUE, "paper", "w-1", ManualClock(CLOSES_AT))
    venue = WatchedVenue(Forgetful(), heard)
    with pytest.raises(VenueOutcomeUnknown):
        venue.show("kraken", "BTC/EUR", "1h", CANDLE)
    assert (heard.now().status, heard.now().detail) == ("degraded", "the disk is away")
    venue.show("kraken", "BTC/EUR", "1h", CANDLE)
    assert (heard.now().status, heard.now().last_problem) == ("ok", "the disk is away")
