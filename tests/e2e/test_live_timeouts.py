"""An order whose answer is lost, whatever became of it: sent once, found, booked.

Safety §3 #6, #7, #44; §4 #15.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.e2e.live_house import PRICES, LiveHouse

pytestmark = pytest.mark.slow

FAULTS: dict[str, dict[str, Any]] = {
    "dropped-before": {"do": "drop_before"},
    "dropped-after": {"do": "drop_after"},
    "slow": {"do": "slow", "ms": 3_000},
    "says-timeout": {"do": "error_after", "status": 504, "code": -1007},
}
FILLED, PARTLY, EMPTY, REFUSED = PRICES
"""What becomes of a market sale of each pair, where it arrives at all."""
ARRIVED = {FILLED: "filled", PARTLY: "canceled", EMPTY: "canceled", REFUSED: "refused"}
LOST = dict.fromkeys(PRICES, "refused")


def test_a_submit_without_an_answer_is_one_order_and_found(live_house: Callable[..., LiveHouse]) -> None:
    """Every fault with every outcome: four venues, one for each fault, and four pairs on each."""
    house = live_house(venues=tuple(FAULTS))
    house.serve()
    traders = [house.trader(f"{name}@example.org") for name in FAULTS]
    for trader, name in zip(traders, FAULTS, strict=True):
        trader.connects(name)
        trader.trades(*PRICES)

    def all_bought() -> bool:
        for venue in house.venues.values():
            for symbol in PRICES:
                venue.move(symbol, "1.001")
        return [order["status"] for order in house.orders()] == ["filled"] * 16

    house.until(all_bought, "every bot to buy")

    for name, fault in FAULTS.items():
        venue = house.venues[name]
        venue.control.fault(on="place", **fault)
        for symbol in PRICES:
            venue.move(symbol, "0.9")
        venue.quote(PARTLY, levels=1, quantity="0.01")
        venue.quote(EMPTY, levels=0)
        venue.control.post("halt", symbol=REFUSED.replace("/", ""), halted=True)

    def all_ended() -> bool:
        return all(
            house.statuses(trader.account) == (LOST if name == "dropped-before" else ARRIVED)
            for trader, name in zip(traders, FAULTS, strict=True)
        )

    house.until(all_ended, "every sale to end")
    for name, venue in house.venues.items():
        sales = [order for order in venue.truth()["orders"] if order["side"] == "SELL"]
        assert len(sales) == (0 if name == "dropped-before" else 3)  # a halted pair takes none
        assert venue.control.asked()["place"] == 8  # four purchases, four sales: never once more
    house.sound(*traders)
    assert not [order for order in house.orders() if order["needs_review"]]
