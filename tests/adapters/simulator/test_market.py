"""The market that moves by itself: where its prices go, and what it had been doing before."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise
from random import Random

import pytest

from adapters.simulator.core.symbols import USUAL
from adapters.simulator.market import HISTORY_MINUTES, Mover, Replay, Walk, history, recorded_history
from adapters.simulator.server.control import _is_loopback
from domain.market import Candle
from tests.adapters.simulator.given import Given, d

BTC = USUAL["BTCUSDT"][0]
RISES = Candle(0, d("100"), d("130"), d("90"), d("120"), d("5"))
FALLS = Candle(60_000, d("120"), d("125"), d("80"), d("110"), d("5"))


def test_a_replayed_price_touches_open_low_high_and_close_of_each_candle() -> None:
    path = Replay([RISES, FALLS], 60_000)
    prices = [path.after(20_000, d("0")) for _ in range(9)]
    assert prices == [d("90"), d("130"), d("120"), d("125"), d("80"), *[d("110")] * 4]


def test_a_walk_is_its_seeds_own_and_moves_by_the_root_of_time() -> None:
    def spread(milliseconds: int) -> Decimal:
        walk, start = Walk(Random(1)), d("10000")
        return sum((abs(walk.after(milliseconds, start) - start) for _ in range(400)), d("0"))

    assert spread(1_000) == spread(1_000)
    assert 5 < spread(100_000) / spread(1_000) < 20


def test_a_step_quotes_on_the_tick_and_takes_whole_lots() -> None:
    mover = Mover(symbol=BTC, path=Walk(Random(2)), random=Random(3), price=d("60000"))
    given = Given()
    for _ in range(50):
        given.do(mover.step(1_000))
    tape = given.exchange.tapes["BTCUSDT"]
    assert tape.last_trade_id >= 50
    assert all(trade.price % BTC.tick_size == trade.quantity % BTC.step_size == 0 for trade in tape.trades)
    book = given.exchange.books["BTCUSDT"]
    assert len(book.bids.levels(20)) == 10


def test_history_leads_to_todays_price_without_a_gap() -> None:
    minutes = history(BTC, d("60000"), 1_000_000_007, Random(4))
    assert len(minutes) == HISTORY_MINUTES
    assert minutes[-1].close == d("60000")
    for before, after in pairwise(minutes):
        assert after.open_time_ms - before.open_time_ms == 60_000
        assert after.open == before.close
    assert all(one.low <= min(one.open, one.close) <= max(one.open, one.close) <= one.high for one in minutes)
    assert minutes[-1].open_time_ms + 60_000 <= 1_000_000_007 < minutes[-1].open_time_ms + 120_000


def test_recorded_history_ends_now() -> None:
    one, two = recorded_history([RISES, FALLS], 600_001)
    assert (one.open_time_ms, two.open_time_ms) == (480_000, 540_000)
    assert (one.high, two.close) == (d("130"), d("110"))


@pytest.mark.parametrize(
    ("address", "is_loopback"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("10.0.0.1", False),
        ("::", False),
        (None, False),
    ],
)
def test_the_control_api_knows_who_is_near(address: str | None, is_loopback: bool) -> None:
    assert _is_loopback(address) == is_loopback
