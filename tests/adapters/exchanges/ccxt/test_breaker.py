"""A venue that fails again and again is left alone for a while, cancels apart."""

from __future__ import annotations

import pytest

from adapters.exchanges.ccxt.breaker import CLOSED, HALF_OPEN, OPEN, BreakerOpen, CircuitBreaker


class Desk:
    """A breaker with a clock of its own and a list of what it told."""

    def __init__(self) -> None:
        self.now = 0.0
        self.told: list[str] = []
        self.breaker = CircuitBreaker(
            self.told.append, failures=3, pause_s=2, longest_pause_s=5, now_s=lambda: self.now
        )

    def fail(self, times: int) -> None:
        for _ in range(times):
            self.breaker.admit(urgent=True)
            self.breaker.failed()

    def is_admitted(self) -> bool:
        try:
            self.breaker.admit(urgent=False)
        except BreakerOpen:
            return False
        return True


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_it_opens_after_failures_in_a_row_only(desk: Desk) -> None:
    desk.fail(2)
    desk.breaker.succeeded()
    desk.fail(2)
    assert desk.is_admitted()

    desk.fail(1)

    assert not desk.is_admitted()
    assert desk.told == [OPEN]


def test_what_must_not_wait_is_let_through(desk: Desk) -> None:
    """The kill switch works while the venue is failing."""
    desk.fail(3)

    desk.breaker.admit(urgent=True)


def test_after_its_pause_one_request_decides(desk: Desk) -> None:
    desk.fail(3)
    desk.now = 2

    assert desk.is_admitted()
    assert not desk.is_admitted()
    desk.breaker.succeeded()

    assert desk.is_admitted()
    assert desk.told == [OPEN, HALF_OPEN, CLOSED]


def test_each_failed_try_doubles_the_pause_up_to_the_longest(desk: Desk) -> None:
    desk.fail(3)
    pauses = []
    for _ in range(3):
        began = desk.now
        while not desk.is_admitted():
            desk.now += 0.5
        pauses.append(desk.now - began)
        desk.breaker.failed()

    assert pauses == [2, 4, 5]


def test_a_try_that_never_comes_back_does_not_close_the_door_for_ever(desk: Desk) -> None:
    desk.fail(3)
    desk.now = 2
    assert desk.is_admitted()

    desk.now = 4

    assert desk.is_admitted()


def test_a_cancel_that_comes_through_closes_it(desk: Desk) -> None:
    desk.fail(3)
    desk.breaker.admit(urgent=True)
    desk.breaker.succeeded()

    assert desk.is_admitted()


def test_the_refusal_says_for_how_long(desk: Desk) -> None:
    desk.fail(3)
    desk.now = 0.5

    with pytest.raises(BreakerOpen, match="2 s") as refused:
        desk.breaker.admit(urgent=False)

    assert refused.value.retry_in_s == 1.5
