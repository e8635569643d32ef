"""Whatever a venue does to messages, trades and requests: the books end as on the venue that does nothing.

Safety §3 #7, #9, #11; §4 #15, #16.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from tests.e2e.live_house import LiveHouse, Trader, Venue

pytestmark = pytest.mark.slow

PAIR = "BTC/USDT"
TEN_MINUTES_MS = 600_000
CLEAN = "clean"
FAULTS: dict[str, list[dict[str, Any]]] = {
    CLEAN: [],
    "thrice": [{"do": "duplicate", "on": "executionReport"}, {"do": "duplicate", "on": "executionReport"}],
    "reordered": [{"do": "reorder", "on": "executionReport"}],
    "missing": [
        {"do": "lose", "on": "executionReport"},
        {"do": "drop_after", "on": "place"},  # or else the answer tells it all
    ],
    "late": [
        {"do": "delay", "on": "executionReport", "ms": 2_000},
        {"do": "late_fills", "ms": 2_000},
        {"do": "html_after", "on": "place"},
    ],
    "hostile": [{"do": "hostile", "what": "quantity", "on": "executionReport"}],
}


@pytest.mark.night
def test_messages_twice_out_of_order_missing_or_late_end_as_if_they_were_not(
    live_house: Callable[..., LiveHouse],
) -> None:
    house = live_house(venues=tuple(FAULTS))
    traders = traders_of(house)
    for name, faults in FAULTS.items():
        for fault in faults:
            house.venues[name].control.fault(**fault)

    bought_and_sold(house, list(house.venues.values()))

    house.sound(*traders)
    ends = {trader.venue: house.custody(trader.account) for trader in traders}
    assert ends == dict.fromkeys(FAULTS, ends[CLEAN])


def traders_of(house: LiveHouse) -> list[Trader]:
    """One on each venue, with a bot."""
    house.serve()
    traders = [house.trader(f"{name}@example.org") for name in house.venues]
    for trader, name in zip(traders, house.venues, strict=True):
        trader.connects(name)
        trader.trades(PAIR)
    return traders


def bought_and_sold(house: LiveHouse, venues: list[Venue]) -> None:
    """Every bot bought at 66,000, and sold all of it at 54,000."""
    for side, price in (("buy", "66000"), ("sell", "54000")):
        house.see_a_candle()
        for venue in venues:
            venue.control.price("BTCUSDT", price)
        house.until(lambda side=side: _filled(house, side) == len(venues), f"every bot to {side}")  # type: ignore[misc]


def _filled(house: LiveHouse, side: str) -> int:
    return sum(order["side"] == side and order["status"] == "filled" for order in house.orders())


OUTAGES: dict[str, dict[str, Any]] = {
    "unreachable": {"do": "drop_before"},
    "maintained": {"do": "maintenance"},
    "limited": {"do": "rate_limited", "retry_after_s": 2},
    "banned": {"do": "rate_limited", "status": 418, "retry_after_s": 2},
}


def test_a_venue_that_is_away_loses_nothing(live_house: Callable[..., LiveHouse]) -> None:
    """An order whose answer is lost is filled while nobody can be asked: booked when somebody can.

    That is ten minutes later by the venue's clock, which is ten minutes off from then on (safety §3 #7, #29).
    """
    house = live_house(venues=tuple(OUTAGES))
    traders = traders_of(house)
    house.see_a_candle()
    for venue in house.venues.values():
        venue.control.fault("drop_after", on="place", count=1)
        venue.control.fault("lose", on="executionReport")
        venue.control.price("BTCUSDT", "66000")

    def all_sent() -> bool:
        return all(venue.sent() for venue in house.venues.values())

    house.until(all_sent, "every order to arrive")
    for name, fault in OUTAGES.items():
        house.venues[name].control.fault(**fault)
        house.venues[name].control.post("disconnect", streams="all")
    asked = {name: sum(venue.control.asked().values()) for name, venue in house.venues.items()}

    def all_asked_in_vain() -> bool:
        return all(
            sum(venue.control.asked().values()) > asked[name] for name, venue in house.venues.items()
        ) and all(status in ("unknown", "intended") for status in _newest(house))

    house.until(all_asked_in_vain, "every order to be looked for in vain")
    with house.server.client() as client:
        assert client.get("/readyz").status_code == 200  # a venue's outage is not ours
    for venue in house.venues.values():
        venue.control.advance(TEN_MINUTES_MS)
        venue.control.heal()

    house.until(lambda: _newest(house) == ["filled"] * 4, "every fill to be found")
    assert [venue.control.asked()["place"] for venue in house.venues.values()] == [1] * 4
    house.sound(*traders)
    for trader in traders:
        assert house.custody(trader.account)["BTC"] > Decimal(10)


def _newest(house: LiveHouse) -> list[str]:
    return [order["status"] for order in house.orders()]
