"""What every OrderStream promises, on the real ccxt.pro client at the simulated exchange.

News are a reason to look: they may come twice, late or out of order. What they may not do is go missing
without a StreamGap behind it.
"""

from __future__ import annotations

import queue
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread

import pytest

from adapters.exchanges.ccxt.backoff import Backoff
from adapters.exchanges.ccxt.streams import CcxtOrderStream
from application.ports.exchange import OrderReport, StreamGap
from tests.adapters.exchanges.ccxt.simulated import SimulatorBench, simulator_bench
from tests.adapters.exchanges.paper import venues

News = OrderReport | StreamGap
BUY, RESTING = venues.market_buy("100"), venues.limit_buy("1", "50")
SUBSCRIBED = StreamGap(problem="subscribed")


class Follower:
    """Follows in a thread of its own, as a worker does."""

    def __init__(self, stream: CcxtOrderStream, account: str) -> None:
        self.stream = stream
        self.heard: list[News] = []
        self._news: queue.SimpleQueue[News] = queue.SimpleQueue()
        self.thread = Thread(target=self._follow, args=(account,), daemon=True)
        self.thread.start()

    def _follow(self, account: str) -> None:
        for news in self.stream.follow(account):
            self._news.put(news)

    def until(self, wanted: Callable[[News], bool]) -> News:
        """The next that is wanted; everything up to it is in `heard`."""
        while True:
            news = self._news.get(timeout=20)
            self.heard.append(news)
            if wanted(news):
                return news

    def until_subscribed(self) -> None:
        self.until(lambda news: news == SUBSCRIBED)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[SimulatorBench]:
    with simulator_bench(tmp_path) as bench:
        yield bench


@pytest.fixture
def follower(bench: SimulatorBench) -> Iterator[Follower]:
    stream = CcxtOrderStream(bench.connection, backoff=lambda: Backoff(first_s=0.01, longest_s=0.05))
    follower = Follower(stream, bench.account)
    follower.until_subscribed()
    yield follower
    stream.close()
    follower.thread.join(10)
    assert not follower.thread.is_alive()


def is_of(order_id: str, status: str) -> Callable[[News], bool]:
    return lambda news: (
        isinstance(news, OrderReport) and (news.client_order_id, news.status) == (order_id, status)
    )


def test_it_begins_with_a_gap(follower: Follower) -> None:
    """What happened before it was there must be asked for."""
    assert follower.heard[0] == StreamGap()


def test_a_fill_is_told_with_the_figures_that_asking_for_it_tells(
    bench: SimulatorBench, follower: Follower
) -> None:
    bench.exchange.submit(bench.request(BUY))

    told = follower.until(is_of("o-1", "filled"))

    assert isinstance(told, OrderReport)
    report = bench.exchange.report(bench.account, bench.symbol, "o-1")
    assert told.filled_base == report.filled_base
    assert list(told.fills) == list(report.fills)[-1:]
    assert told.venue_order_id == report.venue_order_id


def test_a_cancel_is_told_under_the_orders_own_id(bench: SimulatorBench, follower: Follower) -> None:
    bench.exchange.submit(bench.request(RESTING))
    canceled = bench.exchange.cancel(bench.account, bench.symbol, "o-1")

    told = follower.until(is_of("o-1", "canceled"))

    assert told == canceled


def test_each_part_of_a_fill_is_told(bench: SimulatorBench, follower: Follower) -> None:
    bench.exchange.submit(bench.request(RESTING))
    for price in ("50.5", "49.99"):
        bench.venue.post("market", symbol="BTCUSDT", price=price, quantity="0.4", levels=1)
        bench.venue.post(
            "market", symbol="BTCUSDT", price="60", levels=1, takes=[{"side": "SELL", "quantity": "0.1"}]
        )
    bench.trade_at("40")

    follower.until(is_of("o-1", "filled"))

    fills = [
        fill
        for news in follower.heard
        if isinstance(news, OrderReport) and news.client_order_id == "o-1"
        for fill in news.fills
    ]
    report = bench.exchange.report(bench.account, bench.symbol, "o-1")
    assert fills == list(report.fills)


def test_a_lost_line_is_opened_again_and_both_ends_of_the_gap_are_told(
    bench: SimulatorBench, follower: Follower
) -> None:
    """Safety §4 row 16: so that what happened in between is asked for."""
    bench.venue.post("disconnect", streams="user")
    lost = follower.until(lambda news: isinstance(news, StreamGap))
    follower.until_subscribed()

    bench.exchange.submit(bench.request(RESTING))

    assert lost != SUBSCRIBED
    follower.until(is_of("o-1", "open"))


def test_news_that_come_twice_and_out_of_order_pass_through(
    bench: SimulatorBench, follower: Follower
) -> None:
    """The core keeps each fact once: the stream decides nothing."""
    bench.venue.fault("duplicate", on="executionReport", count=2)

    bench.exchange.submit(bench.request(BUY))
    bench.exchange.submit(bench.request(RESTING, "o-2"))

    follower.until(is_of("o-2", "open"))
    told = [
        news for news in follower.heard if isinstance(news, OrderReport) and news.client_order_id == "o-1"
    ]
    assert len(told) > len({(news.status, news.filled_base) for news in told})


def test_values_that_cannot_be_are_a_gap_and_no_fill(bench: SimulatorBench, follower: Follower) -> None:
    """Safety §2 API10, over the stream."""
    for what in ("price", "quantity", "nan", "types"):
        bench.venue.fault("hostile", on="executionReport", what=what, count=4)
    bench.exchange.submit(bench.request(BUY))
    bench.venue.heal()
    bench.exchange.submit(bench.request(RESTING, "o-2"))

    follower.until(is_of("o-2", "open"))

    for news in follower.heard:
        if isinstance(news, OrderReport):
            for fill in news.fills:
                assert 0 < fill.price_quote_per_base < 10**6
                assert 0 < fill.base_quantity < 10**6


def test_it_ends_when_it_is_closed(bench: SimulatorBench, follower: Follower) -> None:
    follower.stream.close()

    follower.thread.join(10)

    assert not follower.thread.is_alive()


def test_a_key_that_is_refused_is_a_gap_with_the_reason_and_tried_again(bench: SimulatorBench) -> None:
    stream = CcxtOrderStream(bench.connection, backoff=lambda: Backoff(first_s=0.01, longest_s=0.05))
    follower = Follower(stream, "nobody's")

    gap = follower.until(lambda news: news != StreamGap())
    follower.until(lambda news: news != StreamGap())

    assert isinstance(gap, StreamGap)
    assert gap.problem
    stream.close()
    follower.thread.join(10)
