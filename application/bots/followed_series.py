"""The series of candles that a worker follows: each with its market, its thread and, on paper, its lease."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from application.bots.run_market import MarketRunner, RunnerFailed
from application.bots.side_by_side import NO_HELPERS, Helpers
from application.connectors import CANDLES, Connector, Heard, Unshown, WatchedFeed
from application.ports.candle_feed import CandleFeed
from application.ports.candle_store import Series
from application.ports.clock import Clock
from application.ports.commands import Fence
from application.ports.event_log import StoreUnavailable
from application.ports.exchange import CandleDriven
from application.ports.leases import Leases

LEASE = timedelta(seconds=15)
SERIES_LEASE = "series:"

Market = tuple[Series, bool]
"""Candles, and whether they are followed for bots at real venues."""


@dataclass(slots=True)
class Followed:
    """One of them: with its lease for the candle-driven venue's bots, and without for those of real venues,
    which need no candle shown.
    """

    market: MarketRunner
    feed: WatchedFeed
    thread: threading.Thread
    fence: Fence | None
    renewed_at: datetime


class FollowedSeries:
    """A series is followed by one worker at a time, with all its paper bots: a candle-driven venue must see
    each candle before any bot acts on it, and no worker may show it candles that another's bots have yet to
    see. Errors, where none are named: StoreUnavailable.
    """

    def __init__(
        self,
        *,
        worker_id: str,
        leases: Leases,
        clock: Clock,
        open_feed: Callable[[Series], CandleFeed],
        live_sources: AbstractSet[str],
        venue: CandleDriven,
        helpers: Helpers,
        wait: Callable[[float], bool],
        run: Callable[[MarketRunner, WatchedFeed], None],
        failed: RunnerFailed,
        comes: Callable[[Market, datetime], None],
    ) -> None:
        """`live_sources`: whose candles are due when the wall clock says so. `run` is what a market's thread
        does; `comes` is told of each live candle before anybody is given it; `wait`, `failed`: see
        MarketRunner.
        """
        self._worker_id, self._leases, self._clock = worker_id, leases, clock
        self._open_feed, self._live_sources, self._venue = open_feed, live_sources, venue
        self._helpers, self._wait, self._run = helpers, wait, run
        self._failed, self._comes = failed, comes
        self._lock = threading.Lock()
        self._followed: dict[Market, Followed] = {}
        self._heard: dict[Market, Heard] = {}  # also of series that could not be opened

    def all(self) -> Mapping[Market, Followed]:
        """As of now."""
        with self._lock:
            return dict(self._followed)

    def get(self, key: Market) -> Followed | None:
        return self._followed.get(key)

    def connectors(self) -> list[Connector]:
        """Every series that is followed, or would be: healthy or not."""
        with self._lock:
            return [heard.now() for heard in self._heard.values()]

    def follow(self, key: Market, now: datetime, *, may_take: Callable[[str], bool]) -> Followed | None:
        """A market for the series, whose thread is yet to start; None while another worker has it.

        `may_take` says of a lease's name whether it is ours to take. Raises whatever opening a feed raises.
        """
        series, is_real = key
        fence = None
        if not is_real:
            name = f"{SERIES_LEASE}{series.source}:{series.symbol}:{series.interval}"
            if may_take(name):
                fence = self._leases.acquire(name, holder=self._worker_id, lasts=LEASE)
            if fence is None:
                with self._lock:
                    self._heard.pop(key, None)
                return None
        feed = self._opened(key, fence)
        market = MarketRunner(
            series,
            feed=feed,
            venue=Unshown() if is_real else self._venue,
            failed=self._failed,
            wait=self._wait,
            helpers=self._helpers if is_real else NO_HELPERS,
        )
        thread = threading.Thread(
            target=self._run, args=(market, feed), name=f"market {series.symbol}", daemon=True
        )
        followed = Followed(market, feed, thread, fence, now)
        with self._lock:
            self._followed[key] = followed
        return followed

    def start(self) -> None:
        """The threads of those that were not started yet."""
        for followed in self.all().values():
            if followed.thread.ident is None:
                followed.thread.start()

    def keep(self, followed: Followed, now: datetime) -> bool:
        """Renew its lease when that is due; False where another worker took it."""
        if followed.fence is None or now - followed.renewed_at < LEASE / 3:
            return True
        fence = self._leases.acquire(followed.fence.name, holder=self._worker_id, lasts=LEASE)
        if fence is None or fence.token != followed.fence.token:
            return False
        followed.renewed_at = now
        return True

    def leave(self, followed: Followed) -> None:
        """Close its feed, wait for the candle at hand, and give its lease back."""
        followed.feed.close()
        if followed.thread.is_alive():
            followed.thread.join(timeout=10)
        self._give_back(followed.fence)
        with self._lock:
            for key in [key for key, one in self._followed.items() if one is followed]:
                del self._followed[key]
                self._heard.pop(key, None)

    def forget(self, wanted: AbstractSet[Market]) -> None:
        """Show no more of series that could not be opened, but for those that are wanted still."""
        with self._lock:
            for key in self._heard.keys() - self._followed.keys() - wanted:
                del self._heard[key]

    def _opened(self, key: Market, fence: Fence | None) -> WatchedFeed:
        series, _ = key
        with self._lock:
            heard = self._heard.get(key)
            if heard is None:
                name = f"{series.source} {series.symbol} {series.interval}"
                heard = self._heard[key] = Heard(CANDLES, name, self._worker_id, self._clock)
        try:
            feed = self._open_feed(series)
        except Exception as problem:
            heard.failed(problem)
            self._give_back(fence)
            raise
        heard.well()
        is_live = series.source in self._live_sources
        return WatchedFeed(feed, heard, self._clock, is_live=is_live, comes=partial(self._comes, key))

    def _give_back(self, fence: Fence | None) -> None:
        if fence is not None:
            with suppress(StoreUnavailable):  # it runs out by itself
                self._leases.release(fence)


def followers(leases: Leases) -> dict[str, str]:
    """Which worker follows each series, by name as in `connectors`, over all workers of the platform."""
    return {
        name.removeprefix(SERIES_LEASE).replace(":", " "): holder
        for name, holder in leases.holders(SERIES_LEASE).items()
    }
