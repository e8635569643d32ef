"""Order books that are kept by a stream: whole, fresh, or not shown."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from itertools import cycle
from pathlib import Path

import pytest

from adapters.exchanges.ccxt.backoff import Backoff
from adapters.exchanges.ccxt.books import CcxtOrderBooks
from adapters.exchanges.ccxt.market_data import CcxtMarketView
from application.ports.market_view import BookView, MarketDataUnavailable
from tests.adapters.exchanges.ccxt.simulated import MARKET, SYMBOL, SimulatorBench, simulator_bench


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[SimulatorBench]:
    with simulator_bench(tmp_path) as bench:
        yield bench


class Now:
    ahead_s = 0.0

    def __call__(self) -> float:
        return time.monotonic() + self.ahead_s


@pytest.fixture
def now() -> Now:
    return Now()


@pytest.fixture
def books(bench: SimulatorBench, now: Now) -> Iterator[CcxtOrderBooks]:
    books = CcxtOrderBooks(bench.connection, backoff=lambda: Backoff(first_s=0.01, longest_s=0.05), now_s=now)
    yield books
    books.close()


def eventually(books: CcxtOrderBooks, wanted: Callable[[BookView], bool], *, seconds: float = 20) -> BookView:
    """The first view that is wanted; asked for as often as it takes, as a strategy does."""
    deadline, last = time.monotonic() + seconds, ""
    while time.monotonic() < deadline:
        try:
            view = books.view(SYMBOL)
            if wanted(view):
                return view
            last = repr(view)
        except MarketDataUnavailable as e:
            last = str(e)
        time.sleep(0.005)  # a turn for the other threads
    raise AssertionError(f"it never came; last: {last}")


def test_a_book_that_nobody_follows_is_not_shown(books: CcxtOrderBooks) -> None:
    with pytest.raises(MarketDataUnavailable, match="not followed"):
        books.view(SYMBOL)


def test_the_best_prices_and_what_stands_behind_them_are_shown(
    bench: SimulatorBench, books: CcxtOrderBooks
) -> None:
    books.follow(SYMBOL)

    view = eventually(books, lambda view: True)

    assert (view.best_bid, view.best_ask) == (Decimal("99.99"), Decimal("100.01"))
    assert 9 < view.bids[0].quantity <= 10
    assert [level.price for level in view.bids] == sorted((level.price for level in view.bids), reverse=True)
    assert [level.price for level in view.asks] == sorted(level.price for level in view.asks)


def test_changes_arrive(bench: SimulatorBench, books: CcxtOrderBooks) -> None:
    books.follow(SYMBOL)
    eventually(books, lambda view: True)

    bench.trade_at("101")

    eventually(books, lambda view: view.best_ask == Decimal("101.01"))


def test_a_gap_in_the_sequence_is_noticed_and_the_book_built_anew(
    bench: SimulatorBench, books: CcxtOrderBooks
) -> None:
    """Safety §4 row 16: never a book with a hole in it."""
    books.follow(SYMBOL)
    eventually(books, lambda view: True)
    bench.venue.fault("lose", on="depthUpdate", count=1)

    bench.trade_at("101")
    prices = cycle(("102", "103"))

    def has_moved(view: BookView) -> bool:
        bench.trade_at(next(prices))  # what follows a lost message shows that it was lost
        return books.resyncs(SYMBOL) > 0 and view.best_ask > 102

    eventually(books, has_moved)
    bench.trade_at("104")
    view = eventually(books, lambda view: view.best_ask == Decimal("104.01"))
    truth = CcxtMarketView(bench.connection).book(SYMBOL)
    assert (view.bids[:5], view.asks[:5]) == (truth.bids[:5], truth.asks[:5])


def test_a_lost_line_is_opened_again(bench: SimulatorBench, books: CcxtOrderBooks) -> None:
    books.follow(SYMBOL)
    eventually(books, lambda view: True)

    bench.venue.post("disconnect", streams="market")
    bench.trade_at("103")

    eventually(books, lambda view: view.best_ask == Decimal("103.01"))


def test_nobody_decides_on_a_stale_book(bench: SimulatorBench, books: CcxtOrderBooks, now: Now) -> None:
    """Safety §3 #28."""
    books.follow(SYMBOL)
    eventually(books, lambda view: True)

    now.ahead_s = 10.5

    with pytest.raises(MarketDataUnavailable, match=r"1\d s old"):
        books.view(SYMBOL)


def test_a_book_with_one_side_is_not_shown(bench: SimulatorBench, books: CcxtOrderBooks) -> None:
    books.follow(SYMBOL)
    eventually(books, lambda view: True)

    bench.venue.post("market", symbol=MARKET, price="100", levels=0)

    with pytest.raises(AssertionError, match="one side is empty"):
        eventually(books, lambda view: False, seconds=0.5)


def test_a_market_asked_for_once(bench: SimulatorBench) -> None:
    bench.trade_at("100")
    market = CcxtMarketView(bench.connection)

    ticker, trades, book = market.ticker(SYMBOL), market.trades(SYMBOL), market.book(SYMBOL)

    assert (ticker.bid, ticker.ask) == (Decimal("99.99"), Decimal("100.01"))
    assert ticker.last == trades[-1].price
    assert [trade.at_utc for trade in trades] == sorted(trade.at_utc for trade in trades)
    assert (book.best_bid, book.best_ask) == (Decimal("99.99"), Decimal("100.01"))


def test_a_market_that_is_not_there_is_said_to_be_missing(bench: SimulatorBench) -> None:
    with pytest.raises(MarketDataUnavailable, match="not listed"):
        CcxtMarketView(bench.connection).ticker("NOT/HERE")


def test_a_venue_that_is_down_is_said_to_be_down(bench: SimulatorBench) -> None:
    market = CcxtMarketView(bench.connection)
    market.ticker(SYMBOL)
    bench.venue.fault("maintenance")

    with pytest.raises(MarketDataUnavailable, match="simulator: "):
        market.book(SYMBOL)
