"""Two workers and a PostgreSQL that fail: nothing is sent twice, what was overtaken writes nothing.

Safety §3 #30, #31; §4 rows 7, 9.
"""

from __future__ import annotations

import json
import os
import signal
import socket
from collections.abc import Callable, Iterator

import pytest

from tests.e2e import books
from tests.e2e.live_house import LiveHouse, Trader
from tests.e2e.processes import until
from tests.postgres import Server, postgres

pytestmark = pytest.mark.slow

PAIR = "BTC/USDT"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """One of its own: it is stopped at once."""
    with postgres(durable=True) as running:
        yield running


@pytest.fixture
def house(live_house: Callable[..., LiveHouse], server: Server, request: pytest.FixtureRequest) -> LiveHouse:
    return live_house(database_url=server.create_database(request.node.name.lower()[:60]))


def test_a_worker_that_was_paused_past_its_lease_sends_and_writes_nothing(house: LiveHouse) -> None:
    ann = _bot_of_ann(house)
    _, *workers = house.roles("projector", "worker", "worker")
    by_name = {f"{socket.gethostname()}-{worker.pid}": worker for worker in workers}
    first = until(lambda: _keeper(house), "one of them to keep the account")
    until(lambda: "is open" in by_name[first].err, "the account to open")
    house.venue.control.fault("slow", on="place", ms=1_400, count=1)

    def is_sent() -> bool:
        house.venue.move(PAIR, "1.001")
        return bool(house.venue.sent())

    until(is_sent, "the order to arrive")
    os.kill(by_name[first].pid, signal.SIGSTOP)  # the answer is on its way to it

    second = until(lambda: _keeper(house).replace(first, ""), "the other one to take over")
    until(lambda: house.statuses() == {PAIR: "filled"}, "the order to be found")
    taken_over = books.count(house.database_url, "stored_events")
    os.kill(by_name[first].pid, signal.SIGCONT)
    before = len(house.orders())

    def has_traded() -> bool:
        house.venue.swing(PAIR)
        return len(house.orders()) > before + 1 and set(house.statuses().values()) == {"filled"}

    until(has_traded, "the bot to go on")
    assert second in by_name
    assert _actors(house, "order:%", taken_over) == {f"system:worker:{second}"}
    for worker in workers:
        assert worker.signal(signal.SIGTERM) == 0
    assert house.venue.control.asked()["place"] == len(house.orders())
    house.sound(ann)


def test_postgresql_stopped_at_once_under_load_loses_and_doubles_nothing(
    house: LiveHouse, server: Server
) -> None:
    ann = _bot_of_ann(house)
    house.serve()
    house.until(house.is_open, "the account to open")
    house.venue.control.fault("slow", on="place", ms=1_000)

    def is_sent(number: int) -> bool:
        house.venue.swing(PAIR)
        return len(house.venue.sent()) >= number

    for number in (1, 2):
        house.until(lambda number=number: is_sent(number), "an order to arrive")  # type: ignore[misc]
        server.stop_at_once()
        server.start_again()
    house.venue.control.heal()
    house.until(lambda: is_sent(3), "the bot to go on")  # the same process, which has not ended
    house.until(lambda: {order["status"] for order in house.orders()} == {"filled"}, "all to be booked")
    assert house.server.process.signal(signal.SIGTERM) == 0
    house.sound(ann)


def _bot_of_ann(house: LiveHouse) -> Trader:
    """Set up by a platform that is served, and then is not."""
    house.serve()
    ann = house.trader()
    ann.connects()
    ann.trades(PAIR)
    assert house.server.process.signal(signal.SIGTERM) == 0
    return ann


def _keeper(house: LiveHouse) -> str:
    """Which worker has the lease of the account."""
    query = "SELECT holder FROM leases WHERE name LIKE 'venue-account:%' AND expires_at > now()"
    return "".join(holder for (holder,) in books.rows(house.database_url, query))


def _actors(house: LiveHouse, streams: str, after: int) -> set[str]:
    """Who wrote to them since there were that many events."""
    found = books.rows(
        house.database_url,
        "SELECT state FROM (SELECT originator_id, state, row_number() OVER (ORDER BY notification_id) AS nth"
        f" FROM stored_events) AS e WHERE originator_id LIKE '{streams}' AND nth > {after}",
    )
    return {str(json.loads(bytes(state))["actor"]) for (state,) in found}
