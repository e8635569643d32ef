"""What "done" means, step by step as somebody who checks it would type it, on SQLite and PostgreSQL."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.e2e import books, candles
from tests.e2e.conftest import ENGINES
from tests.e2e.processes import Evenkeel, opened
from tests.postgres import Server

Balances = dict[tuple[str, str, str], Decimal]


@dataclass(frozen=True)
class Traded:
    """A database on which the demo has run, and the commands that work on it."""

    evenkeel: Evenkeel
    url: str

    def json(self, *words: str) -> Any:
        return self.evenkeel.json(*words, "--database-url", self.url)

    def refused(self, *words: str) -> str:
        """What is said where a check fails."""
        process = self.evenkeel.run(*words, "--database-url", self.url)
        assert process.code == 1, process.out + process.err
        return process.out


def traded_on(evenkeel: Evenkeel, folder: Path, url: str) -> str:
    file = candles.synthetic_file(folder, 200)
    evenkeel.json("demo", "--candles", str(file), "--fast", "3", "--slow", "8", "--database-url", url)
    return url


@pytest.fixture(scope="module")
def traded_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("traded")
    with opened(folder / "commands") as evenkeel:
        traded_on(evenkeel, folder, f"sqlite:///{folder}/books.db")
    return folder / "books.db"


@pytest.fixture(scope="module")
def traded_template(
    tmp_path_factory: pytest.TempPathFactory, postgres_server: Server, _migrated_template: str
) -> Iterator[str]:
    folder, name = tmp_path_factory.mktemp("traded"), f"evenkeel_traded_{os.getpid()}"
    with opened(folder / "commands") as evenkeel:
        traded_on(evenkeel, folder, postgres_server.create_database(name, template=_migrated_template))
    yield name
    postgres_server.drop_database(name)


@pytest.fixture(params=ENGINES)
def traded(request: pytest.FixtureRequest, evenkeel: Evenkeel, tmp_path: Path) -> Iterator[Traded]:
    """A copy of its own for every test."""
    if request.param == "sqlite":
        shutil.copy(request.getfixturevalue("traded_file"), tmp_path / "books.db")
        yield Traded(evenkeel, f"sqlite:///{tmp_path}/books.db")
    else:
        server: Server = request.getfixturevalue("postgres_server")
        name = f"evenkeel_traded_{os.getpid()}_copy"
        template = request.getfixturevalue("traded_template")
        yield Traded(evenkeel, server.create_database(name, template=template))
        server.drop_database(name)


def test_the_demo_on_real_bitcoin_candles_balances_in_every_asset(
    evenkeel: Evenkeel, tmp_path: Path, database_url: str
) -> None:
    file = candles.bitcoin_file(tmp_path, 1_500)
    result = evenkeel.json("demo", "--candles", str(file), "--database-url", database_url)
    assert result["candles"] == 1_500
    assert result["fills"] > 20
    assert result["trial_balance"] == {"BTC.PAPER": "0", "USDT.PAPER": "0"}
    trial = evenkeel.json("ledger", "trial-balance", "--database-url", database_url)
    assert trial["balanced"] is True
    assert set(trial["trial_balance"].values()) == {"0"}


# -- the log -------------------------------------------------------------------------------------------------

EVENTS = "SELECT notification_id, originator_id, originator_version, state FROM stored_events ORDER BY 1"


@dataclass(frozen=True)
class Stored:
    position: int
    stream: str
    version: int
    state: bytes


def stored(url: str) -> list[Stored]:
    return [
        Stored(id, stream, version, bytes(state)) for id, stream, version, state in books.rows(url, EVENTS)
    ]


def blob(url: str, state: bytes) -> str:
    return f"X'{state.hex()}'" if books.is_sqlite(url) else rf"'\x{state.hex()}'::bytea"


def change(url: str, event: Stored, state: bytes) -> None:
    books.tamper(
        url, f"UPDATE stored_events SET state = {blob(url, state)} WHERE notification_id = {event.position}"
    )


def remove(url: str, condition: str) -> None:
    books.tamper(url, f"DELETE FROM stored_events WHERE {condition}")


def test_one_changed_byte_of_any_event_is_found_and_named(traded: Traded) -> None:
    assert traded.json("log", "verify")["intact"] is True
    events = stored(traded.url)
    book = [event for event in events if event.stream.startswith("book:")]
    chosen = {
        event.position: event for event in (book[0], book[len(book) // 2], book[-1], events[0], events[-1])
    }
    for event in chosen.values():
        for at in (0, len(event.state) // 2, len(event.state) - 1):
            damaged = bytearray(event.state)
            damaged[at] ^= 1
            change(traded.url, event, bytes(damaged))
            said = traded.refused("log", "verify")
            successor = [e for e in events if (e.stream, e.version) == (event.stream, event.version + 1)]
            named = [f"event {e.position}, {e.stream} version {e.version}" for e in (event, *successor)]
            assert any(name in said for name in named), (said, at, named)
            change(traded.url, event, event.state)
    assert traded.json("log", "verify")["intact"] is True


def test_a_tail_removed_is_found_and_the_last_event_left_is_named(traded: Traded) -> None:
    events = stored(traded.url)
    remove(traded.url, f"notification_id > {events[-4].position}")
    left = {event.stream: event for event in events[:-3]}
    said = traded.refused("log", "verify")
    assert "missing" in said
    cut = [left[event.stream] for event in events[-3:] if event.stream in left]
    whole = [event.stream for event in events[-3:] if event.stream not in left]
    assert any(f"event {e.position}, {e.stream}" in said for e in cut) or any(name in said for name in whole)


@pytest.mark.parametrize("kind", ["book", "order", "account", "bot"])
def test_a_stream_removed_whole_is_found_and_named(traded: Traded, kind: str) -> None:
    stream = next(event.stream for event in stored(traded.url) if event.stream.startswith(f"{kind}:"))
    remove(traded.url, f"originator_id = '{stream}'")
    said = traded.refused("log", "verify")
    assert stream in said
    assert "missing" in said


def test_two_events_that_changed_places_are_found_and_named(traded: Traded) -> None:
    one, other = [event for event in stored(traded.url) if event.stream.startswith("book:")][3:5]
    change(traded.url, one, other.state)
    change(traded.url, other, one.state)
    assert f"event {one.position}, {one.stream}" in traded.refused("log", "verify")


def test_an_event_removed_from_the_middle_is_found_and_named(traded: Traded) -> None:
    one, after = [event for event in stored(traded.url) if event.stream.startswith("book:")][3:5]
    remove(traded.url, f"notification_id = {one.position}")
    assert f"event {after.position}, {after.stream}" in traded.refused("log", "verify")


# -- the read models -----------------------------------------------------------------------------------------


def test_read_models_are_rebuilt_identical(traded: Traded) -> None:
    assert traded.json("projections", "rebuild")["identical"] is True
    assert traded.json("projections", "check")["identical"] is True


@pytest.mark.parametrize(
    ("table", "statement"),
    [
        ("balances", "UPDATE balances SET amount = '-1' WHERE account LIKE 'owner:%'"),
        ("fills", "UPDATE fills SET side = 'buy' WHERE side = 'sell'"),
        ("orders", "DELETE FROM orders WHERE side = 'sell'"),
        ("totals", "DELETE FROM totals"),
    ],
)
def test_a_row_that_somebody_changed_is_found_and_mended(traded: Traded, table: str, statement: str) -> None:
    before = _rows(traded, table)
    books.tamper(traded.url, statement)
    assert _rows(traded, table) != before
    assert table in traded.refused("projections", "check")
    assert table in traded.refused("projections", "rebuild")
    assert traded.json("projections", "check")["identical"] is True
    assert _rows(traded, table) == before


def _rows(traded: Traded, table: str) -> list[str]:
    return sorted(map(str, books.rows(traded.url, f"SELECT * FROM {table}")))


# -- the books at any moment ---------------------------------------------------------------------------------


def folded(events: list[dict[str, Any]], until: int | None = None) -> Balances:
    """The balances that the exported events give: nothing but sums of postings."""
    sums: Balances = {}
    for event in events:
        if until is not None and position(event) > until:
            break
        if event["name"] != "ledger.entry_posted":
            continue
        book = event["stream"].partition(":")[2]
        for leg in event["data"]["postings"]:
            key = (book, leg["account"], leg["asset"])
            sums[key] = sums.get(key, Decimal(0)) + Decimal(leg["amount"])
    return {key: amount for key, amount in sums.items() if amount}


def position(event: dict[str, Any]) -> int:
    return int(event["position"].partition("-")[2])


def shown(answer: dict[str, Any]) -> Balances:
    return {
        (row["book"], row["account"], row["asset"].removesuffix(".PAPER")): Decimal(row["amount"])
        for row in answer["balances"]
    }


def test_balances_at_any_moment_are_what_the_exported_events_give(traded: Traded) -> None:
    events = traded.json("log", "tail", "--limit", "10000")
    assert shown(traded.json("ledger", "balances", "--at", "0-0")) == {}
    for event in (events[3], events[len(events) // 2], events[-2]):
        found = traded.json("ledger", "balances", "--at", event["position"])
        assert shown(found) == folded(events, position(event))
    now = shown(traded.json("ledger", "balances"))
    assert now == folded(events)
    assert now

    moment = events[len(events) // 3]["recorded_at"]
    last = max(position(event) for event in events if event["recorded_at"] <= moment)
    assert shown(traded.json("ledger", "balances", "--at", moment)) == folded(events, last)
    balances_at_that_time = shown(traded.json("ledger", "balances", "--at", moment))
    for asset in ("BTC", "USDT"):
        assert sum(amount for (_, _, of), amount in balances_at_that_time.items() if of == asset) == 0


# -- a pair that nobody has a wallet for ---------------------------------------------------------------------


def test_a_bot_on_pounds_needs_no_wallet_and_trades_once_it_is_funded(
    evenkeel: Evenkeel, tmp_path: Path, database_url: str
) -> None:
    where = ("--database-url", database_url)
    file = candles.synthetic_file(tmp_path, 200, symbol="BTC/GBP")
    evenkeel.json("data", "import", str(file), "--symbol", "BTC/GBP", "--source", "file", *where)
    evenkeel.json("users", "create", "ann@example.org", *where)
    parameters = ("-p", "fast=3", "-p", "slow=8")
    created = evenkeel.json(
        "bots", "create", "BTC/GBP", "--source", "file", *parameters, "--allocation", "100 GBP", *where
    )
    bot_id = created["bot_id"]
    assert (created["allocated"], created["allocation_asset"]) == ("0", "GBP.PAPER")
    assert evenkeel.json("bots", "start", bot_id, *where)["status"] == "running"
    assert evenkeel.json("bots", "performance", bot_id, *where)["equity"] == "0"

    server = evenkeel.serve(database_url)
    server.process.until(lambda: books.count(database_url, "signals") >= 3, "signals")
    assert server.process.signal(15) == 0
    assert books.count(database_url, "orders") == 0

    evenkeel.json("paper", "fund", "1000 GBP", *where)
    assert evenkeel.json("bots", "allocate", bot_id, "500 GBP", *where)["allocated"] == "500"
    evenkeel.json("bots", "stop", bot_id, *where)
    evenkeel.json("bots", "start", bot_id, *where)
    server = evenkeel.serve(database_url)
    server.process.until(lambda: books.count(database_url, "fills") >= 2, "fills")
    assert server.process.signal(15) == 0
    trial = evenkeel.json("ledger", "trial-balance", *where)
    assert trial["balanced"] is True
    assert set(trial["trial_balance"]) >= {"GBP.PAPER"}
