"""An older backup is restored while the venue went on: refused, accepted, and brought up to the venue.

Safety §4 row 19, §3 #46.
"""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.live_house import LiveHouse, Trader

pytestmark = pytest.mark.slow

PAIR = "BTC/USDT"


def test_a_fill_that_a_backup_lacks_is_found_and_no_order_id_comes_again(
    live_house: Callable[..., LiveHouse], tmp_path: Path
) -> None:
    house = live_house()
    ann = _lost_sight_of_its_order(house)
    _backed_up(house, tmp_path)
    house.venue.control.heal()
    house.until(lambda: house.statuses() == {PAIR: "filled"}, "the order to be found")
    assert house.server.process.signal(signal.SIGTERM) == 0
    _restored(house, tmp_path)
    assert house.statuses() != {PAIR: "filled"}

    house.serve()
    house.until(lambda: house.statuses() == {PAIR: "filled"}, "the order to be found once more")
    house.until(house.is_open, "the account to open")

    def has_traded() -> bool:
        house.venue.swing(PAIR)
        return len(house.orders()) > 1 and house.statuses() == {PAIR: "filled"}

    house.until(has_traded, "the bot to go on")
    house.sound(ann)
    epochs = [order["client_order_id"].partition("-")[0] for order in house.orders()]
    assert epochs[0] == "ek0"
    assert set(epochs[1:]) == {"ek1"}
    assert len(house.venue.sent()) == len(epochs)


@pytest.mark.night
def test_an_order_that_a_backup_lacks_is_external_and_keeps_the_account_closed(
    live_house: Callable[..., LiveHouse], tmp_path: Path
) -> None:
    house = live_house()
    _lost_sight_of_its_order(house)
    house.venue.control.heal()
    house.until(lambda: house.statuses() == {PAIR: "filled"}, "the order to be found")
    _backed_up(house, tmp_path)

    def has_sold() -> bool:
        house.venue.swing(PAIR)
        return len(house.orders()) == 2 and house.statuses() == {PAIR: "filled"}

    house.until(has_sold, "the bot to sell")
    assert house.server.process.signal(signal.SIGTERM) == 0
    _restored(house, tmp_path)
    owed = house.owed()

    house.serve()
    house.until(
        lambda: any("the books differ" in line for line in house.warnings()), "the account to be kept shut"
    )
    found = house.run("ledger", "reconcile")
    assert found.code == 1
    assert '"external": 1' in found.out
    assert house.owed() == owed  # nobody's balance was touched
    assert (house.is_open(), len(house.venue.sent())) == (False, 2)

    (case,) = house.cli("ledger", "cases", "list")
    house.cli("ledger", "cases", "resolve", case["case_id"], "--reason", "sold after the backup was taken")
    house.until(house.is_open, "the account to open, now that somebody explained it")


def _lost_sight_of_its_order(house: LiveHouse) -> Trader:
    """Ann, whose purchase the venue has, and nobody can ask about it."""
    house.serve()
    ann = house.trader()
    ann.connects()
    ann.trades(PAIR)
    house.until(house.is_open, "the account to open")
    house.see_a_candle()
    house.venue.control.fault("drop_after", on="place")
    house.venue.control.fault("lose", on="executionReport")
    house.venue.control.fault("error_before", on="query", status=503)
    house.venue.move(PAIR, "1.1")
    house.until(lambda: house.statuses() == {PAIR: "unknown"}, "the answer to be lost")
    assert len(house.venue.sent()) == 1
    return ann


def _backed_up(house: LiveHouse, folder: Path) -> None:
    house.cli("backup", "create", "--output", str(folder / "backup"))


def _restored(house: LiveHouse, folder: Path) -> None:
    """In the place of the database; keys, and the checkpoints that say how far the log was, are as before."""
    for file in Path(house.folder / "var").glob("evenkeel.db*"):
        if file.name in ("evenkeel.db", "evenkeel.db-wal", "evenkeel.db-shm"):
            file.unlink()
    restore = ("backup", "restore", "--from", str(folder / "backup"), "--to", house.database_url, "--json")
    restored = house.evenkeel.run(*restore, **house.variables)
    assert restored.code == 0, restored.out + restored.err
    refused = house.run("bots", "list")
    assert refused.code == 0, refused.out  # looking is allowed
    refused = house.run("kill-switch", "stop", "--scope", "platform", "--reason", "x")
    assert (refused.code, "read_only" in refused.out) == (3, True), refused.out
    house.cli("log", "recover", "--accept-loss", "--reason", "the disk was lost")
