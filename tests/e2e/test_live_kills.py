"""SIGKILL of the platform around an order's one request, of the venue, and of both.

Safety §3 #8, #9; §4 rows 1-4. Each point kills a world of its own, so that all wait for the dead workers'
leases together.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterable

import pytest

from application import failpoints
from tests.e2e.live_house import LiveHouse, Trader
from tests.e2e.processes import until

pytestmark = pytest.mark.slow

PAIR = "BTC/USDT"
NOTHING, INTENDED, BOOKED = "", "orders.order_intended", "orders.order_"
POINTS = {
    "before_append:2": (NOTHING, 0),
    "after_append:2": (INTENDED, 0),
    "before_submit": (INTENDED, 0),
    "after_submit": (INTENDED, 1),
    "before_append:3": (INTENDED, 1),
    "after_append:3": (BOOKED, 1),
}
"""What the log has of the first order when the platform dies there, and how many orders the venue has. The
first append of a worker is the reconciliation that opens the account, the second one the order's intent."""


def test_every_point_around_a_submit_is_tried() -> None:
    tried = {point.partition(":")[0] for point in POINTS}
    assert tried == {"before_append", "after_append", *failpoints.OF_A_SUBMIT}


def test_killed_around_a_submit_nothing_is_doubled_or_lost(live_house: Callable[..., LiveHouse]) -> None:
    ann, houses = copies(live_house, POINTS)
    for point, house in houses.items():
        house.venue.control.fault("lose", on="executionReport")  # it might be faster than the answer
        house.serve(**{failpoints.VARIABLE: point})

    def all_dead() -> bool:
        for house in houses.values():
            house.venue.move(PAIR, "1.001")
        return all(house.server.process.ended for house in houses.values())

    until(all_dead, "every platform to die")
    for point, house in houses.items():
        last, sent = POINTS[point]
        assert house.server.process.code == -signal.SIGKILL, point
        facts = house.stored("order:%")
        assert facts[1:] != [] if last == BOOKED else facts == [last] * bool(last), (point, facts)
        assert len(house.venue.sent()) == sent, point
        assert house.venue.process.kill() == -signal.SIGKILL  # both are dead now
        house.venue.start()
        house.serve()
    for point, house in houses.items():
        last, sent = POINTS[point]
        became = ["filled"] if sent else ["refused"] if last else []
        house.until(house.is_open, f"{point} to be recovered, and the books to agree")
        if became:  # else the bot may decide anew, on the same candle
            house.until(lambda house=house, became=became: _first(house) == became, f"{point}: {became}")  # type: ignore[misc]
            assert house.venue.sent().count(house.orders()[0]["client_order_id"]) == sent, point

    for house in houses.values():  # the venue alone
        assert house.venue.process.kill() == -signal.SIGKILL
        house.venue.start()
    go_on(houses.values(), ann)


def _first(house: LiveHouse) -> list[str]:
    """What became of the order that the platform died at."""
    return [order["status"] for order in house.orders()[:1]]


def copies(live_house: Callable[..., LiveHouse], names: Iterable[str]) -> tuple[Trader, dict[str, LiveHouse]]:
    """Ann, whose bot runs, and as many equal worlds as there are names: platform not served, venue up."""
    first = live_house()
    first.serve()
    ann = first.trader()
    ann.connects()
    ann.trades_live(PAIR, approver=first.trader("bob@example.org", "operator"))
    first.stop()
    return ann, {name: live_house(name, of=first) for name in names}


def go_on(houses: Iterable[LiveHouse], ann: Trader) -> None:
    """The bots trade again, nothing is left to look at, and everything agrees."""
    before = {house: len(house.orders()) for house in houses}

    def have_traded() -> bool:
        for house in before:
            house.venue.swing(PAIR)
        return all(len(house.orders()) > number for house, number in before.items())

    until(have_traded, "the bots to go on")
    for house in before:
        house.until(lambda house=house: house.statuses()[PAIR] == "filled", "the order to be filled")  # type: ignore[misc]
        house.sound(ann)
        assert not [order for order in house.orders() if order["needs_review"]]
