"""Stops, targets and trailing stops: at which price, and which counts first."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.bots.exits import Exits
from domain.market import Candle


def candle(low: str, high: str) -> Candle:
    return Candle(0, Decimal(low), Decimal(high), Decimal(low), Decimal(high), Decimal(1))


@pytest.mark.parametrize(
    ("exits", "highest", "low", "high", "why"),
    [
        (Exits(stop_loss_bps=200), "100", "98.01", "101", ""),
        (Exits(stop_loss_bps=200), "100", "98", "101", "stop at 98"),
        (Exits(take_profit_bps=300), "100", "99", "102.99", ""),
        (Exits(take_profit_bps=300), "100", "99", "103", "target at 103"),
        (Exits(stop_loss_bps=200, take_profit_bps=300), "100", "97", "104", "stop at 98"),  # both: the stop
        (Exits(trailing_stop_bps=500), "120", "114.01", "119", ""),
        (Exits(trailing_stop_bps=500), "120", "114", "119", "stop at 114"),
        (Exits(trailing_stop_bps=500), "120", "116", "130", ""),  # its own high does not move it
        (Exits(stop_loss_bps=200, trailing_stop_bps=500), "101", "98", "101", "stop at 98"),
        (Exits(stop_loss_bps=200, trailing_stop_bps=500), "110", "104.5", "108", "stop at 104.5"),
        (Exits(), "100", "1", "1000", ""),
    ],
)
def test_the_first_exit_that_is_reached(exits: Exits, highest: str, low: str, high: str, why: str) -> None:
    said = exits.reached(candle(low, high), entry_price=Decimal(100), highest=Decimal(highest))
    assert said.startswith(why)
    assert bool(said) == bool(why)


@given(
    entry=st.decimals("0.0001", "1000000", places=4),
    rise=st.decimals(0, 1000, places=4),
    stop=st.integers(1, 9_999),
    trail=st.integers(1, 9_999),
)
def test_a_trailing_stop_never_falls_and_never_stands_above_the_highest_price(
    entry: Decimal, rise: Decimal, stop: int, trail: int
) -> None:
    exits = Exits(stop_loss_bps=stop, trailing_stop_bps=trail)
    first = exits.stop_price(entry, entry)
    later = exits.stop_price(entry, entry + rise)
    assert first is not None
    assert later is not None
    assert first <= later < entry + rise
