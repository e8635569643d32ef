"""The venue's time, and numbers that only grow (safety §3 #29, #30)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.exchanges.ccxt.backoff import Backoff
from adapters.exchanges.ccxt.venue_clock import MEASURED_AGAIN_S, Nonces, Offset, VenueClock


class Times:
    def __init__(self) -> None:
        self.wall_s, self.steady_s = 1_700_000_000.0, 0.0

    def clock(self) -> VenueClock:
        return VenueClock(now_s=lambda: self.wall_s, steady_s=lambda: self.steady_s)


def test_the_offset_is_taken_in_the_middle_of_the_round_trip() -> None:
    times = Times()
    clock = times.clock()

    clock.measured(1_700_000_005_100, sent_ms=1_700_000_000_000, heard_ms=1_700_000_000_200)

    assert clock.offset == Offset(5_000, 100)
    assert clock.venue_ms() == 1_700_000_005_000


def test_a_deadline_is_told_early_by_what_is_not_known_of_the_offset() -> None:
    """So that the venue never takes a request after the moment that we meant."""
    clock = Times().clock()
    clock.measured(1_700_000_005_100, sent_ms=1_700_000_000_000, heard_ms=1_700_000_000_200)

    assert clock.at_the_latest_ms(1_700_000_010_000) == 1_700_000_014_900


def test_it_is_measured_again_by_a_clock_that_does_not_jump() -> None:
    times = Times()
    clock = times.clock()
    due = [clock.is_due]
    clock.measured(0, sent_ms=0, heard_ms=0)
    times.wall_s -= 3_600
    due.append(clock.is_due)
    times.steady_s += MEASURED_AGAIN_S + 1
    due.append(clock.is_due)

    assert due == [True, False, True]


@given(st.lists(st.integers(-10_000, 10_000), max_size=50))
def test_nonces_grow_whatever_the_clock_does(jumps_s: list[int]) -> None:
    times = Times()
    nonces, seen = Nonces(times.clock()), [0]
    for jump in jumps_s:
        times.wall_s += jump
        seen.append(nonces.next())

    assert seen == sorted(set(seen))


@pytest.mark.parametrize(("chance", "pauses"), [(0.0, [0.5, 1, 2, 2, 2]), (1.0, [1, 2, 4, 4, 4])])
def test_pauses_double_up_to_the_longest_between_half_and_whole(chance: float, pauses: list[float]) -> None:
    backoff = Backoff(first_s=1, longest_s=4, chance=lambda: chance)

    assert [backoff.next_s() for _ in range(5)] == pauses
    backoff.reset()
    assert backoff.next_s() == pauses[0]
