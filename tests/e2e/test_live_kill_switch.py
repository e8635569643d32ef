"""Close-all at a venue that drops its answers, the platform killed in the middle: flat, proven, sold once.

Safety §3 #6, #8; §4 rows 3, 4, 15.
"""

from __future__ import annotations

import signal
from collections.abc import Callable
from decimal import Decimal

import pytest

from tests.e2e.live_house import LiveHouse

pytestmark = pytest.mark.slow

PAIRS = ("BTC/USDT", "ETH/USDT")


def test_close_all_is_flat_and_proven_whatever_fails(live_house: Callable[..., LiveHouse]) -> None:
    house = live_house()
    house.serve()
    ann = house.trader()
    ann.connects()
    before = house.custody(ann.account)
    ann.trades_live(*PAIRS, approver=house.trader("bob@example.org", "operator"))
    house.see_a_candle()
    for pair in PAIRS:
        house.venue.move(pair, "1.1")
    house.until(lambda: [order["status"] for order in house.orders()] == ["filled"] * 2, "both bots to buy")

    house.venue.control.fault("drop_after", on="place")
    house.venue.control.fault("lose", on="executionReport")
    house.venue.control.fault("error_before", on="query", status=503)
    ann.post("/v1/kill-switches", {"action": "close_all", "scope": "account", "reason": "a rehearsal"})
    house.until(lambda: len(house.venue.sent()) == 4, "both sales to arrive")
    assert _progress(house) == "closing"
    assert house.server.process.kill() == -signal.SIGKILL

    house.serve()
    house.until(lambda: _progress(house) == "closing", "the kill switch to go on")
    assert _facts(house, "platform.kill_switch_flat") == 0  # the venue tells nothing yet
    house.venue.control.heal()
    house.until(lambda: _progress(house) == "flat", "the proof that nothing is left")

    assert len(house.venue.sent()) == 4  # two purchases, and each sold once
    assert _facts(house, "platform.kill_switch_flat") == 1
    after = house.custody(ann.account)
    assert all(after[asset] - before[asset] < Decimal("0.001") for asset in ("BTC", "ETH"))  # less than a lot
    house.signed_in(ann)
    assert [ann.get(f"/v1/bots/{bot}")["status"] for bot in ann.bots.values()] == ["paused"] * 2
    house.sound(ann)


def _progress(house: LiveHouse) -> str:
    (one,) = house.cli("kill-switch", "status")["switches"]
    return str(one["progress"])


def _facts(house: LiveHouse, name: str) -> int:
    return house.stored().count(name)
