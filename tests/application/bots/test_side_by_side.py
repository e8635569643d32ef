"""Bots at a real venue work on a candle side by side: in time with each other, each on its own account."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from application.bots.run_bot import BotRunner
from application.bots.run_market import MarketRunner
from application.bots.side_by_side import NO_HELPERS, Helpers
from application.connectors import Unshown
from application.ports.candle_store import Series
from domain.market import Candle
from tests.builders import candle

SERIES = Series("file", "BTC/USDT", "1h")
CANDLES = [candle(number, "100", "100") for number in range(4)]
LONGEST_S = 20.0


@dataclass
class Steps:
    """What bots do with candles, in the order in which they finished them."""

    done: list[tuple[str, int]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    now: int = 0
    most: int = 0

    def of(self, number: int) -> list[str]:
        return sorted(bot_id for bot_id, one in self.done if one == number)

    def begun(self) -> None:
        with self.lock:
            self.now += 1
            self.most = max(self.most, self.now)

    def finished(self, bot_id: str, number: int) -> None:
        with self.lock:
            self.now -= 1
            self.done.append((bot_id, number))


class Bot(BotRunner):
    """A runner that does with a candle what a test says."""

    def __init__(
        self, bot_id: str, steps: Steps, on: Callable[[str, int], None] = lambda bot_id, number: None
    ) -> None:
        self.bot_id, self.resumes_at_ms = bot_id, None
        self._steps, self._on = steps, on

    def end_order(self) -> None: ...

    def on_candle(self, candle: Candle) -> None:
        number = CANDLES.index(candle)
        self._steps.begun()
        try:
            self._on(self.bot_id, number)
        finally:
            self._steps.finished(self.bot_id, number)


class Feed:
    def history(self, series: Series, *, until_ms: int | None = None) -> Iterator[Candle]:
        return iter(())

    def follow(self, series: Series, *, after_ms: int | None = None) -> Iterator[Candle]:
        return iter(CANDLES)

    def close(self) -> None: ...


@dataclass
class Market:
    """Bots b-1, b-2, … on one series."""

    helpers: Helpers
    failed: list[tuple[str, str]] = field(default_factory=list)
    steps: Steps = field(default_factory=Steps)

    def __post_init__(self) -> None:
        self.runner = MarketRunner(
            SERIES,
            feed=Feed(),
            venue=Unshown(),
            failed=lambda runner, problem: self.failed.append((runner.bot_id, str(problem))),
            wait=lambda _: False,
            helpers=self.helpers,
        )

    def join(self, count: int, on: Callable[[str, int], None] = lambda bot_id, number: None) -> list[str]:
        bot_ids = [f"b-{number}" for number in range(1, count + 1)]
        for bot_id in bot_ids:
            self.runner.join(Bot(bot_id, self.steps, on))
        return bot_ids


def test_bots_wait_for_their_venue_at_the_same_time() -> None:
    """Each waits until all have begun: one after the other, none would ever finish."""
    market, all_have_begun = Market(Helpers(4)), threading.Barrier(5, timeout=LONGEST_S)
    bots = market.join(5, lambda bot_id, number: _passed(all_have_begun.wait()))

    market.runner.run()

    assert market.failed == []
    assert all(market.steps.of(number) == bots for number in range(len(CANDLES)))


def test_no_more_bots_than_allowed_work_at_once() -> None:
    market, pair = Market(Helpers(1)), threading.Barrier(2, timeout=LONGEST_S)
    market.join(6, lambda bot_id, number: _passed(pair.wait()))

    market.runner.run()

    assert market.failed == []
    assert market.steps.most == 2
    assert len(market.steps.done) == 6 * len(CANDLES)


def test_a_candle_is_finished_by_all_before_the_next_begins() -> None:
    market = Market(Helpers(2))
    others_are_done, third = threading.Semaphore(0), threading.Event()

    def on(bot_id: str, number: int) -> None:
        if number != 1:
            return
        if bot_id == "b-2":  # the slow one: it is done after all others have long finished the candle
            assert all(others_are_done.acquire(timeout=LONGEST_S) for _ in range(4))
            assert not third.is_set()
        else:
            others_are_done.release()

    bots = market.join(5, lambda bot_id, number: third.set() if number == 2 else on(bot_id, number))

    market.runner.run()

    assert market.failed == []
    numbers = [number for _, number in market.steps.done]
    assert numbers == sorted(numbers)
    assert [market.steps.of(number) for number in range(len(CANDLES))] == [bots] * len(CANDLES)


def test_one_bots_failure_is_its_own() -> None:
    market = Market(Helpers(3))

    def on(bot_id: str, number: int) -> None:
        if (bot_id, number) == ("b-3", 1):
            raise RuntimeError("the venue answered nonsense")

    bots = market.join(6, on)

    market.runner.run()

    assert market.failed == [("b-3", "the venue answered nonsense")]
    assert market.steps.of(1) == bots
    assert market.steps.of(2) == market.steps.of(3) == [bot for bot in bots if bot != "b-3"]


@pytest.mark.parametrize("helpers", [0, 3])
def test_a_bot_that_leaves_while_others_work_finishes_its_candle_and_gets_no_other(helpers: int) -> None:
    market = Market(Helpers(helpers))

    def on(bot_id: str, number: int) -> None:
        if (bot_id, number) == ("b-1", 1):
            market.runner.leave("b-2")
            market.runner.leave("b-1")

    bots = market.join(3, on)

    market.runner.run()

    assert market.steps.of(1) == bots
    assert market.steps.of(2) == market.steps.of(3) == ["b-3"]


def test_a_market_that_is_left_while_at_work_finishes_the_candle() -> None:
    """As the worker does it at a stop: the steps are taken no further."""
    market, bots = Market(Helpers(2)), ["b-1", "b-2", "b-3", "b-4"]
    market.join(4)
    steps = market.runner.steps()

    next(steps)
    steps.close()

    assert market.steps.of(0) == bots
    assert market.steps.of(1) == []
    assert market.runner.has_ended


def test_one_at_a_time_is_in_the_order_of_joining_and_in_the_markets_own_thread() -> None:
    """Paper and replays come out the same again."""
    market, threads = Market(NO_HELPERS), set[int]()
    bots = market.join(5, lambda bot_id, number: threads.add(threading.get_ident()))

    market.runner.run()

    assert market.steps.done == [(bot_id, number) for number in range(len(CANDLES)) for bot_id in bots]
    assert threads == {threading.get_ident()}


def test_nothing_to_do_is_done_at_once() -> None:
    Helpers(3).do([])


def test_helpers_are_shared_and_whoever_gets_none_works_alone() -> None:
    """A worker's markets together use no more threads; one that waits for its venue holds up no other."""
    helpers, pair = Helpers(1), threading.Barrier(2, timeout=LONGEST_S)
    lent, over = threading.Event(), threading.Event()

    def hold() -> None:
        pair.wait()
        lent.set()
        assert over.wait(LONGEST_S)

    other = threading.Thread(target=helpers.do, args=([hold, hold],))
    other.start()
    assert lent.wait(LONGEST_S)
    threads = set[int]()
    helpers.do([lambda: threads.add(threading.get_ident())] * 5)
    over.set()
    other.join(LONGEST_S)

    assert threads == {threading.get_ident()}
    meet = threading.Barrier(2, timeout=LONGEST_S)
    helpers.do([lambda: _passed(meet.wait())] * 2)  # given back


def _passed(_: int) -> None: ...
