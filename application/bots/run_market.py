"""One series of candles, shown to the venue and then to every bot that trades on it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from contextlib import closing
from functools import partial

from application.bots.run_bot import BotRunner
from application.bots.side_by_side import NO_HELPERS, Helpers
from application.ports.candle_feed import CandleFeed, FeedUnavailable
from application.ports.candle_store import Series
from application.ports.exchange import CandleDriven, VenueOutcomeUnknown
from domain.market import Candle

RunnerFailed = Callable[[BotRunner, Exception], None]


class MarketRunner:
    """Follows one feed. The venue sees a candle before any bot does, so a bot always acts on settled fills.

    A bot that joins while the market moves warms up on what was shown and trades from the next candle on; one
    that comes back (its run broke off) first works through what it missed. One bot's failure is its own: it
    is dropped, `failed` is told, and the others go on. A candle is finished by all before the next is taken.
    """

    def __init__(
        self,
        series: Series,
        *,
        feed: CandleFeed,
        venue: CandleDriven,
        failed: RunnerFailed,
        wait: Callable[[float], bool],
        retry_s: float = 5.0,
        helpers: Helpers = NO_HELPERS,
    ) -> None:
        """`wait(seconds)` waits and says whether the market is to stop; see threading.Event.wait.

        With `helpers` bots work on a candle side by side; without, one after the other in the order in which
        they joined, as a candle-driven venue and a replay need it to come out the same again.
        """
        self.series = series
        self._feed, self._venue, self._failed = feed, venue, failed
        self._wait, self._retry_s, self._helpers = wait, retry_s, helpers
        self._lock = threading.Lock()
        self._joining: list[BotRunner] = []
        self._leaving: set[str] = set()
        self._runners: dict[str, BotRunner] = {}
        self.problem = ""  # why the feed gives nothing at present; "" when it does
        self.has_ended = False  # run() is over: whoever joins now waits for ever

    def join(self, runner: BotRunner) -> None:
        with self._lock:
            self._joining.append(runner)

    def leave(self, bot_id: str) -> None:
        """The bot gets no further candle; one it is working through is finished."""
        with self._lock:
            self._joining = [runner for runner in self._joining if runner.bot_id != bot_id]
            self._leaving.add(bot_id)

    def wind_down(self, runner: BotRunner) -> None:
        """The bot was paused or stopped: it trades no more. What a stopped one has open is canceled now.

        No candle is waited for; call again until the runner is done. Never raises: see `failed`.
        """
        runner.wind_down()
        self._guarded(runner, runner.end_order)

    def has_let_in(self, bot_id: str) -> bool:
        """Whether the bot waits no more for the next candle to be let in."""
        with self._lock:
            return all(runner.bot_id != bot_id for runner in self._joining)

    def run(self) -> None:
        """Follow the feed until it is closed or exhausted, and again after an outage."""
        with closing(self.steps()) as steps:
            for pause_s in steps:
                if pause_s and self._wait(pause_s):
                    return

    def steps(self) -> Generator[float]:
        """What `run` does, bit by bit, with the seconds to wait after each; it may be left at any of them."""
        try:
            yield from self._follow()
        finally:
            self.has_ended = True

    def show(self, candle: Candle) -> None:
        """One closed candle: to the venue, then to the bots."""
        while True:
            try:
                self._venue.show(self.series.source, self.series.symbol, self.series.interval, candle)
                break
            except VenueOutcomeUnknown as unknown:  # it could not store what it did: showing again is safe
                self.problem = str(unknown)
                if self._wait(self._retry_s):
                    return
        if self._joining or self._leaving:
            self._let_in_and_out(candle)
        runners = list(self._runners.values())
        self._helpers.do(partial(self._guarded, each, partial(each.on_candle, candle)) for each in runners)

    # -- inside --------------------------------------------------------------------------------------------

    def _follow(self) -> Generator[float]:
        after_ms = self._begin()
        while True:
            try:
                for candle in self._feed.follow(self.series, after_ms=after_ms):
                    self.problem = ""
                    self.show(candle)
                    after_ms = candle.open_time_ms
                    yield 0.0
                return
            except FeedUnavailable as outage:
                self.problem = str(outage)
            yield self._retry_s

    def _begin(self) -> int | None:
        """Let in whoever waits, and begin where the first of them resumes; None: at the first candle."""
        with self._lock:
            joining, self._joining = self._joining, []
        points = []
        for runner in joining:
            points.append(runner.resumes_at_ms)
            history = self._feed.history(self.series, until_ms=runner.resumes_at_ms)
            self._runners[runner.bot_id] = runner
            self._guarded(runner, runner.end_order)
            self._guarded(runner, partial(runner.warm_up, history))
        known = [point for point in points if point is not None]
        return min(known) - 1 if known and len(known) == len(points) else None

    def _let_in_and_out(self, at_hand: Candle) -> None:
        with self._lock:
            joining, self._joining = self._joining, []
            leaving, self._leaving = self._leaving, set()
        for bot_id in leaving:
            self._runners.pop(bot_id, None)
        for runner in joining:
            self._runners[runner.bot_id] = runner
            self._guarded(runner, runner.end_order)
            self._guarded(runner, partial(self._catch_up, runner, at_hand.open_time_ms))

    def _catch_up(self, runner: BotRunner, until_ms: int) -> None:
        """What came before the candle at hand: to warm up on, or to work through where it was missed."""
        if runner.resumes_at_ms is None:
            runner.resumes_at_ms = until_ms
        runner.warm_up(self._feed.history(self.series, until_ms=until_ms))
        missed = self._feed.history(self.series, until_ms=until_ms)
        for candle in missed:
            if candle.open_time_ms >= runner.resumes_at_ms:
                runner.on_candle(candle)

    def _guarded(self, runner: BotRunner, step: Callable[[], None]) -> None:
        try:
            step()
        except Exception as problem:  # noqa: BLE001 - one bot's failure must not stop the others' market
            self._runners.pop(runner.bot_id, None)
            self._failed(runner, problem)
