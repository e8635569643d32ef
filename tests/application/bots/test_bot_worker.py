"""A worker keeps every running bot running: by lease, with pauses that double after a failure."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any, TypeVar

import pytest

from adapters.exchanges.paper.memory_store import MemoryPaperStore
from adapters.exchanges.paper.venue import PaperExchange
from adapters.persistence.leases import MemoryLeases
from adapters.persistence.read_models import MemoryReadModels
from application.bots.bot_worker import BotWorker
from application.bots.followed_series import LEASE
from application.bots.manage_bots import CreateBot, PauseBot, ResumeBot, StartBot, StopBot
from application.connectors import Connector, WatchedFeed
from application.paper.accounts import PaperAccountService
from application.ports.bot_observer import SilentObserver
from application.ports.candle_source import UnknownExchange
from application.ports.candle_store import Series
from application.ports.commands import Fence
from application.ports.event_log import StoreUnavailable
from application.ports.exchange import OrderReport, VenueOutcomeUnknown
from application.ports.paper_accounts import PaperTerms
from domain.bots.bot import Bot
from domain.bots.events import SignalRaised
from domain.market import Candle
from domain.orders.order import Order
from tests.application.bots.market import walk
from tests.application.harness import Store, with_running_bot
from tests.builders import EPOCH, HOUR_MS, bot_terms, usdt

CANDLES = walk(3)
R = TypeVar("R")


class Notes(SilentObserver):
    """What failed, and a signal for every candle seen."""

    def __init__(self) -> None:
        self.failed: list[tuple[str, str]] = []
        self.outages: list[str] = []
        self.seen = threading.Semaphore(0)
        self.worked: list[tuple[str, str]] = []  # bot and thread, candle after candle

    def candle_seen(self, bot_id: str) -> None:
        self.worked.append((bot_id, threading.current_thread().name))
        self.seen.release()

    def bot_failed(self, bot_id: str, problem: Exception) -> None:
        self.failed.append((bot_id, f"{type(problem).__name__}: {problem}"))

    def worker_failed(self, problem: Exception) -> None:
        self.outages.append(f"{type(problem).__name__}: {problem}")

    def wait_for(self, candles: int) -> None:
        for _ in range(candles):
            assert self.seen.acquire(timeout=30)


class HandFedFeed:
    """A feed that gives a candle when a test says so."""

    def __init__(self) -> None:
        self.given = 0
        self.changed = threading.Condition()
        self.closed = False
        self.breaks = False

    def give(self, count: int) -> None:
        with self.changed:
            self.given += count
            self.changed.notify_all()

    def break_off(self) -> None:
        """From now on the feed fails in a way that nobody expects."""
        with self.changed:
            self.breaks = True
            self.changed.notify_all()

    def history(self, series: Series, *, until_ms: int | None = None) -> Iterator[Candle]:
        for each in CANDLES[: self.given]:
            if until_ms is None or each.open_time_ms < until_ms:
                yield each

    def follow(self, series: Series, *, after_ms: int | None = None) -> Iterator[Candle]:
        number = 0 if after_ms is None else after_ms // HOUR_MS + 1
        while True:
            with self.changed:
                while not (self.closed or self.breaks or self.given > number):
                    self.changed.wait(timeout=30)
                if self.breaks:
                    self.breaks = False
                    raise ValueError("the feed broke")
                if self.closed:
                    return
            yield CANDLES[number]
            number += 1

    def close(self) -> None:
        with self.changed:
            self.closed = True
            self.changed.notify_all()


class Desk:
    """A worker over an in-memory world, ticked by hand."""

    def __init__(self) -> None:
        self.store: Store = with_running_bot(cash=usdt("3000"))
        self.clock = self.store.clock
        recorder = self.store.store.recorder
        self.leases = MemoryLeases(self.clock, recorder.leases)  # type: ignore[union-attr]
        self.views = MemoryReadModels(self.store.log)
        self.venue = PaperExchange(MemoryPaperStore())
        self.notes = Notes()
        self.feeds: list[HandFedFeed] = []
        self.live_sources: frozenset[str] = frozenset()
        self.cannot_open = ""  # a feed of candles of this interval
        self.worker = self.new_worker("w-1")

    def new_worker(self, worker_id: str) -> BotWorker:
        return BotWorker(
            worker_id=worker_id,
            log=self.store.log,
            bus=self.store.bus,
            views=self.views,
            leases=self.leases,
            exchange=self.venue,
            venue=self.venue,
            paper_accounts=PaperAccountService(self.store.bus, self.store.log, self.venue),
            open_feed=self.open_feed,
            wall_clock_sources=self.live_sources,
            clock=self.clock,
            observer=self.notes,
            helpers=3,
        )

    def open_feed(self, series: Series) -> HandFedFeed:
        if series.interval == self.cannot_open:
            raise UnknownExchange(exchange=series.source, did_you_mean=["kraken"])
        self.feeds.append(HandFedFeed())
        return self.feeds[-1]

    def tick(self, *, seconds: float = 0.0) -> list[str]:
        """The bots hosted after one look, that much later."""
        self.clock.move_to(self.clock.now() + timedelta(seconds=seconds))
        self.worker.tick()
        return self.worker.hosted()

    def pass_time(self, seconds: int) -> None:
        """In looks that keep the leases."""
        for step in range(0, seconds, 4):
            self.tick(seconds=min(4, seconds - step))

    def second_bot(self, terms_interval: str = "1h") -> None:
        terms = bot_terms(name="second", interval=terms_interval)
        self.store.do(CreateBot("bot-2", "acc-1", "book-1", book_is_new=False, terms=terms))
        self.store.do(StartBot("bot-2", "acc-1", after_candle_ms=None))

    def three_more_series(self) -> None:
        """With a bot each."""
        for number, interval in enumerate(("2h", "4h", "6h"), start=2):
            terms = bot_terms(name=interval, interval=interval)
            self.store.do(CreateBot(f"bot-{number}", "acc-1", "book-1", book_is_new=False, terms=terms))
            self.store.do(StartBot(f"bot-{number}", "acc-1", after_candle_ms=None))

    def series_shown(self) -> Connector:
        """The one series, among what operators are shown."""
        (series,) = [one for one in self.worker.connectors() if one.kind == "candles"]
        return series

    def wait_for_candle_of(self, number: int) -> None:
        """Until the feed's newest candle is that one, though no bot sees it."""
        closes = EPOCH + timedelta(milliseconds=CANDLES[number - 1].open_time_ms + HOUR_MS)
        with self.feeds[0].changed:
            for _ in range(1_000):
                if any(one.heard.last_candle_at == closes for one in self.followed_feeds()):
                    return
                self.feeds[0].changed.wait(timeout=0.01)
        raise AssertionError("the candle did not come")

    def followed_feeds(self) -> list[WatchedFeed]:
        return [one.feed for one in self.worker._series.all().values()]

    def give_until_an_order_is_open(self) -> int:
        """One candle after the other; how many signals it took."""
        for _ in CANDLES:
            self.feeds[0].give(1)
            self.notes.wait_for(1)
            if self.last_order_status() == "open":
                return self.signals()
        raise AssertionError("no order was placed")

    def last_order_status(self) -> str:
        bot: Bot = self.store.log.load("bot:bot-1").state
        order: Order = self.store.log.load(f"order:{bot.last_order_id}").state
        return order.status

    def signals(self) -> int:
        return sum(isinstance(event, SignalRaised) for event in self.store.events())


@pytest.fixture
def desk() -> Iterator[Desk]:
    desk = Desk()
    yield desk
    desk.worker.stop()
    desk.worker.run()  # does nothing but give back what it holds
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("market ")]


def test_a_running_bot_is_taken_up_and_trades(desk: Desk) -> None:
    assert desk.tick() == ["bot-1"]

    desk.feeds[0].give(len(CANDLES))
    desk.notes.wait_for(len(CANDLES))

    assert desk.signals() >= 4
    assert desk.notes.failed == []


def test_bots_on_one_series_share_a_market_and_others_have_their_own(desk: Desk) -> None:
    desk.second_bot()
    assert desk.tick() == ["bot-1", "bot-2"]
    assert len(desk.feeds) == 1

    desk.store.do(CreateBot("bot-3", "acc-1", "book-1", book_is_new=False, terms=bot_terms(interval="4h")))
    desk.store.do(StartBot("bot-3", "acc-1", after_candle_ms=None))

    assert desk.tick() == ["bot-1", "bot-2", "bot-3"]
    assert len(desk.feeds) == 2


def test_paper_bots_take_turns_where_those_at_real_venues_have_help(desk: Desk) -> None:
    desk.second_bot()
    desk.tick()

    desk.feeds[0].give(3)
    desk.notes.wait_for(6)

    assert desk.notes.worked == [(bot_id, "market BTC/USDT") for bot_id in ("bot-1", "bot-2")] * 3


def test_a_bot_that_is_paused_or_stopped_is_dropped_and_taken_up_again_when_it_goes_on(desk: Desk) -> None:
    desk.tick()
    desk.store.do(PauseBot("bot-1", "acc-1", "lunch"))
    assert desk.tick() == []
    desk.store.do(ResumeBot("bot-1", "acc-1", after_candle_ms=None))
    assert desk.tick() == ["bot-1"]
    desk.store.do(StopBot("bot-1", "acc-1", "done"))
    assert desk.tick() == []
    assert desk.leases.acquire("bot:bot-1", holder="w-2", lasts=LEASE) is not None
    assert desk.notes.failed == []


def test_a_stopped_bots_open_order_is_canceled_at_once_and_its_hold_goes_back(desk: Desk) -> None:
    """Safety #44. No candle is waited for."""
    desk.tick()
    desk.give_until_an_order_is_open()
    desk.store.do(StopBot("bot-1", "acc-1", "done"))

    assert desk.tick() == []

    assert desk.last_order_status() == "canceled"
    assert not desk.store.book().held_total("USDT").amount
    assert not desk.venue.open_orders("book-1")
    assert desk.notes.failed == []


def test_the_order_of_a_bot_that_is_stopped_after_its_replay_ended_is_canceled(desk: Desk) -> None:
    desk.tick()
    desk.give_until_an_order_is_open()
    desk.feeds[0].close()
    _join_markets()
    desk.store.do(StopBot("bot-1", "acc-1", "done"))

    assert desk.tick(seconds=61) == ["bot-1"]
    desk.feeds[1].close()  # there is not one candle more
    _join_markets()

    assert desk.last_order_status() == "canceled"
    assert not desk.store.book().held_total("USDT").amount


def test_a_stop_is_not_held_up_by_a_venue_that_does_not_answer(desk: Desk) -> None:
    desk.tick()
    desk.give_until_an_order_is_open()
    asked: list[str] = []

    def away(venue_account: str, symbol: str, client_order_id: str) -> OrderReport:
        asked.append(client_order_id)
        raise VenueOutcomeUnknown("no answer")

    cancel, desk.venue.cancel = desk.venue.cancel, away  # type: ignore[method-assign]
    desk.store.do(StopBot("bot-1", "acc-1", "done"))
    for _ in range(20):
        assert desk.tick() == ["bot-1"]
    assert len(asked) == 5  # after 1, 2, 4, 8 and 16 looks
    assert desk.last_order_status() == "unknown"

    desk.venue.cancel = cancel  # type: ignore[method-assign]
    for _ in range(20):
        desk.tick()
    assert desk.worker.hosted() == []
    assert desk.last_order_status() == "canceled"
    assert desk.notes.failed == []


def test_a_paused_bot_stays_hosted_until_its_open_order_has_ended(desk: Desk) -> None:
    """Safety #44: the fill is booked and nothing of the hold is stranded."""
    desk.tick()
    given = desk.give_until_an_order_is_open()
    desk.store.do(PauseBot("bot-1", "acc-1", "lunch"))
    assert desk.tick() == ["bot-1"]

    desk.feeds[0].give(1)
    desk.notes.wait_for(1)

    assert desk.tick() == []
    assert desk.last_order_status() == "filled"
    assert desk.signals() == given

    desk.store.do(ResumeBot("bot-1", "acc-1", after_candle_ms=None))
    assert desk.tick() == ["bot-1"]


def test_an_order_left_by_a_worker_that_died_is_looked_after_by_the_next(desk: Desk) -> None:
    desk.tick()
    desk.give_until_an_order_is_open()
    desk.store.do(PauseBot("bot-1", "acc-1", "lunch"))
    second = desk.new_worker("w-2")
    desk.clock.move_to(desk.clock.now() + LEASE + timedelta(seconds=1))  # the first gives no sign of life

    second.tick()

    assert second.hosted() == ["bot-1"]
    desk.feeds[1].give(desk.feeds[0].given + 1)
    for _ in range(300):
        if desk.last_order_status() == "filled":
            break
        desk.notes.seen.acquire(timeout=0.1)
    assert desk.last_order_status() == "filled"
    second.tick()
    assert second.hosted() == []
    second.stop()
    second.run()


def test_an_order_that_another_worker_gives_up_is_taken_over_at_the_next_look(desk: Desk) -> None:
    """Not at the next search for such orders: by then the first might have taken it back, and so on."""
    desk.tick()
    desk.give_until_an_order_is_open()
    desk.store.do(PauseBot("bot-1", "acc-1", "lunch"))
    second = desk.new_worker("w-2")
    second.tick()
    assert second.hosted() == []

    desk.worker.stop()
    desk.worker.run()
    desk.clock.move_to(desk.clock.now() + timedelta(seconds=1))
    second.tick()

    assert second.hosted() == ["bot-1"]
    second.stop()
    second.run()


def test_a_replay_that_came_to_its_end_is_taken_up_again_in_case_more_was_imported(desk: Desk) -> None:
    desk.tick()
    desk.feeds[0].give(3)
    desk.notes.wait_for(3)
    desk.feeds[0].close()  # exhausted: follow() returns
    _join_markets()

    series = desk.series_shown()
    assert (series.status, series.last_problem) == ("ok", "")
    assert series.detail == "its candles end here; bots go on when more are imported"
    assert desk.tick(seconds=10) == []
    assert desk.tick(seconds=60) == ["bot-1"]
    assert desk.notes.failed == []


def test_a_bot_that_is_started_again_need_not_wait_for_more_candles(desk: Desk) -> None:
    desk.tick()
    desk.feeds[0].give(3)
    desk.notes.wait_for(3)
    desk.feeds[0].close()
    _join_markets()
    assert desk.tick() == []

    desk.store.do(StopBot("bot-1", "acc-1", "again"))
    desk.store.do(StartBot("bot-1", "acc-1", after_candle_ms=None))

    assert desk.tick() == ["bot-1"]


def test_a_bot_that_is_stopped_and_started_between_two_looks_is_run_afresh(desk: Desk) -> None:
    desk.tick()
    desk.feeds[0].give(3)
    desk.notes.wait_for(3)
    desk.store.do(StopBot("bot-1", "acc-1", "again"))
    desk.store.do(StartBot("bot-1", "acc-1", after_candle_ms=None))
    assert desk.tick() == ["bot-1"]

    desk.feeds[0].give(6)  # each is seen by the new run alone
    desk.notes.wait_for(6)
    assert desk.notes.failed == []


def test_a_bot_runs_in_one_worker_and_in_the_next_when_the_first_gives_no_sign_of_life(desk: Desk) -> None:
    desk.tick()
    second = desk.new_worker("w-2")
    second.tick()
    assert second.hosted() == []

    desk.clock.move_to(desk.clock.now() + LEASE + timedelta(seconds=1))
    second.tick()

    assert second.hosted() == ["bot-1"]
    assert desk.tick() == []  # the first one sees that it lost the lease
    second.stop()
    second.run()


def test_a_series_and_all_its_bots_are_one_workers(desk: Desk) -> None:
    """No worker shows the venue candles that another one's bots have yet to see."""
    desk.tick()
    desk.second_bot()
    second = desk.new_worker("w-2")
    second.tick()
    assert second.hosted() == []

    assert desk.tick() == ["bot-1", "bot-2"]
    second.stop()
    second.run()


def test_what_a_worker_writes_after_it_lost_its_lease_is_refused(desk: Desk) -> None:
    desk.tick()
    desk.clock.move_to(desk.clock.now() + LEASE + timedelta(seconds=1))
    taken = desk.leases.acquire("bot:bot-1", holder="w-2", lasts=LEASE)
    assert taken == Fence("bot:bot-1", 2)

    desk.feeds[0].give(len(CANDLES))
    for _ in range(300):
        if desk.notes.failed:
            break
        desk.notes.seen.acquire(timeout=0.1)

    assert [(bot_id, problem.partition(":")[0]) for bot_id, problem in desk.notes.failed] == [
        ("bot-1", "LeaseLost")
    ]
    assert desk.signals() == 0


def test_a_lease_is_renewed_while_the_bot_runs(desk: Desk) -> None:
    desk.tick()
    for _ in range(10):
        assert desk.tick(seconds=LEASE.total_seconds() / 2) == ["bot-1"]
    assert desk.leases.acquire("bot:bot-1", holder="w-2", lasts=LEASE) is None


def test_a_bot_whose_run_breaks_off_is_tried_again_after_pauses_that_double_up_to_a_minute(
    desk: Desk,
) -> None:
    """Its paper account cannot be followed at the venue: it is open there with other terms."""
    desk.venue.open_account("book-1", PaperTerms(seed=99))
    pauses: list[int] = []
    waited = 0
    desk.tick()
    for _ in range(400):
        if len(desk.notes.failed) > len(pauses) + 1:
            pauses.append(waited)
            waited = 0
        desk.tick(seconds=1)
        waited += 1

    assert pauses[:7] == [1, 2, 4, 8, 16, 32, 60]
    assert desk.worker.hosted() == []


def test_one_bot_that_cannot_run_does_not_keep_the_others_from_running(desk: Desk) -> None:
    desk.second_bot()
    desk.store.do(StopBot("bot-1", "acc-1", "behind the read model's back"))
    views = desk.views
    desk.views = Lagging(views)
    desk.worker = desk.new_worker("w-1")

    assert desk.tick() == ["bot-2"]
    assert desk.notes.failed == []  # that it is not running is its own state, no failure


@pytest.mark.parametrize("broken", ["1h", "4h"])  # taken up first, and second
def test_a_series_that_cannot_be_opened_keeps_no_other_bot_from_trading(desk: Desk, broken: str) -> None:
    desk.second_bot("4h")
    desk.cannot_open = broken

    (bot_id,) = desk.tick()

    desk.feeds[0].give(len(CANDLES))
    desk.notes.wait_for(len(CANDLES))
    (failed,) = desk.notes.failed
    assert failed[0] != bot_id
    shown = {one.name: one.status for one in desk.worker.connectors()}
    healthy = {"1h": "4h", "4h": "1h"}[broken]
    assert shown == {
        f"file BTC/USDT {broken}": "degraded",
        f"file BTC/USDT {healthy}": "ok",
        "paper": "ok",
    }
    assert failed[1].startswith("UnknownExchange: no exchange is called 'file'; did you mean kraken?")
    for name in (f"bot:{failed[0]}", f"series:file:BTC/USDT:{broken}"):  # another worker may know it
        assert desk.leases.acquire(name, holder="w-2", lasts=timedelta(0)) is not None

    desk.cannot_open = ""
    assert desk.tick(seconds=1) == ["bot-1", "bot-2"]


def test_bots_that_were_taken_up_before_a_look_broke_off_trade(desk: Desk) -> None:
    desk.second_bot("4h")
    acquire, asked = desk.leases.acquire, []

    def away(name: str, *, holder: str, lasts: timedelta) -> Fence | None:
        asked.append(name)
        if name == "bot:bot-2":
            raise StoreUnavailable("the database is away")
        return acquire(name, holder=holder, lasts=lasts)

    desk.leases.acquire = away  # type: ignore[method-assign]
    with pytest.raises(StoreUnavailable):
        desk.tick()

    assert asked[-1] == "bot:bot-2"
    desk.feeds[0].give(1)
    desk.notes.wait_for(1)


def test_a_market_closes_its_feed_when_it_ends(desk: Desk) -> None:
    desk.tick()
    desk.feeds[0].break_off()
    _join_markets()
    assert desk.feeds[0].closed


def test_a_market_that_breaks_without_bots_is_told_all_the_same(desk: Desk) -> None:
    desk.tick()
    desk.store.do(StopBot("bot-1", "acc-1", "done"))
    assert desk.tick() == []

    desk.feeds[0].break_off()
    _join_markets()

    assert desk.notes.outages == ["ValueError: the feed broke"]


def test_a_market_that_breaks_is_told_and_opened_again(desk: Desk) -> None:
    desk.tick()
    desk.feeds[0].give(5)
    desk.notes.wait_for(5)

    desk.feeds[0].break_off()
    _join_markets()

    assert desk.worker.hosted() == []
    assert desk.notes.failed == [("bot-1", "ValueError: the feed broke")]
    assert (desk.series_shown().status, desk.series_shown().detail) == ("degraded", "the feed broke")
    broke_at = desk.clock.now()
    assert desk.tick(seconds=1) == ["bot-1"]
    assert len(desk.feeds) == 2
    series = desk.series_shown()
    assert (series.status, series.detail) == ("ok", "")
    assert (series.last_problem, series.last_problem_at) == ("the feed broke", broke_at)


def test_operators_are_shown_every_series_with_the_age_of_its_last_candle(desk: Desk) -> None:
    assert [one.name for one in desk.worker.connectors()] == ["paper"]
    desk.tick()
    assert desk.series_shown().last_candle_age_s is None
    desk.feeds[0].give(1)
    desk.notes.wait_for(1)
    desk.tick(seconds=7)
    series = desk.series_shown()
    assert (series.name, series.worker, series.status) == ("file BTC/USDT 1h", "w-1", "ok")
    assert series.last_candle_age_s == 7.0


def test_a_series_that_ended_is_shown_until_no_bot_runs_on_it(desk: Desk) -> None:
    desk.tick()
    desk.feeds[0].close()
    _join_markets()
    desk.tick()
    assert desk.series_shown().status == "ok"

    desk.store.do(StopBot("bot-1", "acc-1", "done"))
    desk.tick()

    assert [one.name for one in desk.worker.connectors()] == ["paper"]
    assert desk.leases.acquire("series:file:BTC/USDT:1h", holder="w-2", lasts=LEASE) is not None


def test_a_worker_outlives_an_outage_of_what_it_reads(desk: Desk) -> None:
    calls: list[int] = []

    class Flaky(MemoryReadModels):
        def where(self, kind: type[R], /, **equal: Any) -> Sequence[R]:
            calls.append(1)
            if len(calls) < 3:
                raise StoreUnavailable("the database is away")
            worker.stop()
            raise StoreUnavailable("still away")

    desk.views = Flaky(desk.store.log)
    worker = desk.new_worker("w-9")
    worker.run()

    assert len(calls) == 3
    assert worker.outage == "still away"
    assert desk.notes.outages == [  # each once, however often it was looked
        "StoreUnavailable: the database is away",
        "StoreUnavailable: still away",
    ]


class Lagging(MemoryReadModels):
    """Read models that still show every bot as running."""

    def __init__(self, newest: MemoryReadModels) -> None:
        super().__init__()
        self._newest = newest

    def where(self, kind: type[R], /, **equal: Any) -> Sequence[R]:
        equal.pop("status", None)
        return self._newest.where(kind, **equal)


def _join_markets() -> None:
    for thread in threading.enumerate():
        if thread.name.startswith("market "):
            thread.join(timeout=30)


def test_bots_on_a_live_feed_that_falls_silent_are_paused_and_go_on_with_it(desk: Desk) -> None:
    """Issue 4: staleness is counted on the feed's clock, one interval and the grace after the last close."""
    desk.live_sources = frozenset({"file"})
    desk.worker = desk.new_worker("w-live")
    at_close = EPOCH + timedelta(milliseconds=CANDLES[3].open_time_ms + HOUR_MS)
    desk.clock.move_to(at_close)
    desk.tick()
    desk.feeds[0].give(4)
    desk.notes.wait_for(4)
    desk.pass_time(3_600 + 12)
    assert desk.store.bot().status == "running"  # the next one may still come

    desk.tick(seconds=2)
    assert desk.store.bot().status == "paused"
    assert desk.store.bot().pause_reason.startswith("stale_feed: no candle of file BTC/USDT 1h")
    desk.tick()  # nothing new: still paused

    desk.feeds[0].give(1)
    desk.wait_for_candle_of(5)
    desk.tick()
    assert desk.tick() == ["bot-1"]
    assert desk.store.bot().status == "running"
    assert desk.store.bot().after_candle_ms == CANDLES[4].open_time_ms


def test_the_candle_that_ends_a_silence_is_worked_on_like_every_other(desk: Desk) -> None:
    """A stop or a signal on it must not wait for the next one: that may be a day away."""
    number = first_signal()
    desk.live_sources = frozenset({"file"})
    desk.worker = desk.new_worker("w-live")
    desk.clock.move_to(EPOCH + timedelta(milliseconds=CANDLES[number - 1].open_time_ms + HOUR_MS))
    desk.tick()
    desk.feeds[0].give(number)
    desk.notes.wait_for(number)
    desk.pass_time(3_600 + 14)
    assert desk.store.bot().status == "paused"
    assert desk.signals() == 0
    desk.tick()

    desk.feeds[0].give(1)
    desk.notes.wait_for(1)

    assert desk.store.bot().status == "running"
    assert desk.signals() == 1
    assert desk.notes.failed == []


def first_signal() -> int:
    """The number of the first candle that the bot signals on."""
    desk = Desk()
    desk.tick()
    try:
        for number in range(len(CANDLES)):
            desk.feeds[0].give(1)
            desk.notes.wait_for(1)
            if desk.signals():
                return number
        raise AssertionError("no signal")
    finally:
        desk.worker.stop()
        desk.worker.run()


def test_a_bot_that_was_paused_for_another_reason_is_let_alone(desk: Desk) -> None:
    desk.live_sources = frozenset({"file"})
    desk.worker = desk.new_worker("w-live")
    desk.clock.move_to(EPOCH + timedelta(milliseconds=CANDLES[3].open_time_ms + HOUR_MS))
    desk.store.do(PauseBot("bot-1", "acc-1", "lunch"))
    for _ in range(3):
        assert desk.tick(seconds=4_000) == []
    assert desk.store.bot().pause_reason == "lunch"


def test_a_worker_that_joins_gets_its_share_and_nothing_swings_back(desk: Desk) -> None:
    desk.three_more_series()
    assert len(desk.tick()) == 4
    second = desk.new_worker("w-2")
    try:
        shares = []
        for _ in range(16):
            desk.tick(seconds=3)
            second.tick()
            shares.append((len(desk.worker.hosted()), len(second.hosted())))
        assert shares[8:] == [(2, 2)] * 8
        assert sorted(desk.worker.hosted() + second.hosted()) == ["bot-1", "bot-2", "bot-3", "bot-4"]
    finally:
        second.stop()
        second.run()

    assert len(desk.tick(seconds=21)) == 4  # it left: everything is the first one's again


@pytest.mark.parametrize("dies_after_s", [3, 6, 9])
@pytest.mark.parametrize("comes_after_s", [1, 3, 5])
def test_nothing_is_left_to_a_worker_that_died(desk: Desk, dies_after_s: int, comes_after_s: int) -> None:
    desk.tick()
    desk.tick(seconds=3)
    desk.three_more_series()
    for _ in range(3, dies_after_s):
        desk.tick(seconds=1)

    shares = of_the_next(desk, "w-2", comes_after_s)

    assert shares == sorted(shares)
    assert shares[-1] == 4


def test_nothing_is_left_to_a_worker_that_died_before_it_had_anything(desk: Desk) -> None:
    desk.three_more_series()
    desk.tick()
    desk.clock.move_to(desk.clock.now() + timedelta(seconds=10))
    desk.new_worker("w-2").tick()

    shares = of_the_next(desk, "w-3", 1)

    assert shares == sorted(shares)
    assert shares[-1] == 4


def of_the_next(desk: Desk, worker_id: str, comes_after_s: int) -> list[int]:
    """How many bots another worker has, second by second; nobody else looks any more."""
    worker = desk.new_worker(worker_id)
    desk.clock.move_to(desk.clock.now() + timedelta(seconds=comes_after_s - 1))
    try:
        shares = []
        for _ in range(40):
            desk.clock.move_to(desk.clock.now() + timedelta(seconds=1))
            worker.tick()
            shares.append(len(worker.hosted()))
        return shares
    finally:
        worker.stop()
        worker.run()
