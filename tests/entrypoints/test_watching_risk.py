"""Kill switches work in the workers' own thread: one at a time, over all shards, and no failure ends it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from itertools import count
from pathlib import Path

import pytest

from adapters.persistence import migrations
from application.accounts.commands import RegisterAccount
from application.bots.manage_bots import CreateBot, StartBot
from application.kill_switch.engaged import EngagedSwitches
from application.paper.accounts import OpenPaperBook
from application.platform.kill_switch import EngageKillSwitch, ReleaseKillSwitch
from application.ports.commands import Caller, Command, Result
from application.ports.event_log import StoreUnavailable
from application.ports.exchange import OrderReport, OrderRequest
from application.ports.paper_accounts import PaperTerms
from application.reconciliation.our_books import venue_accounts
from application.streams import order_stream
from application.venue_accounts.commands import OpenLiveBook, OpenPooledAccount
from domain.kill_switch.switches import CLOSE_ALL
from domain.orders.order import Order
from entrypoints.composition import Container, Plan, cells, opened
from entrypoints.settings import Settings, load_settings
from entrypoints.watching_risk import KILL_SWITCH_LEASE, exchanges_of, risk_watched
from tests.application.harness import signal
from tests.builders import START, bot_terms, usdt
from tests.entrypoints.test_reconciling import until

_numbers = count(1)


def settings_of(tmp_path: Path) -> Settings:
    return load_settings(database_url=f"sqlite:///{tmp_path / 'a.db'}", data_dir=tmp_path)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    made = settings_of(tmp_path)
    migrations.upgrade(made.database)
    return made


@pytest.fixture
def container(settings: Settings) -> Iterator[Container]:
    with opened(settings, Plan()) as made:
        yield made


def do(container: Container, command: Command) -> Result:
    name = f"c-{next(_numbers)}"
    caller = Caller(actor="test", command_id=name, correlation_id=name)
    return container.bus().execute(command, caller).unwrap()


def open_order(container: Container, owner_id: str) -> str:
    """An order of a paper bot of a new owner, which no candle has filled."""
    book_id, bot_id = f"book-{owner_id}", f"bot-{owner_id}"
    do(container, RegisterAccount(owner_id, ("trader",), "commitment"))
    do(container, OpenPaperBook(book_id, owner_id, (usdt("1000"),), PaperTerms()))
    do(container, CreateBot(bot_id, owner_id, book_id, book_is_new=False, terms=bot_terms()))
    do(container, StartBot(bot_id, owner_id, after_candle_ms=None))
    container.services().paper_accounts.make_venue_follow(book_id)
    order_id: str = do(container, replace(signal(), bot_id=bot_id))["client_order_id"]
    order = order_of(container, order_id)
    assert order.terms is not None
    exchange = exchanges_of(container)("paper", owner_id)
    request = OrderRequest(
        client_order_id=order_id, venue_account=book_id, terms=order.terms, sent_at_utc=START
    )
    report: OrderReport = exchange.submit(request)
    assert report.status == "open"
    return order_id


def order_of(container: Container, order_id: str) -> Order:
    order: Order = container.services().log.load(order_stream(order_id)).state
    return order


def is_flat(container: Container, engaged: EngagedSwitches) -> bool:
    container.maintenance().catch_up()
    return engaged()[0].switch.flat_at_utc is not None


def is_canceled(container: Container, order_id: str) -> bool:
    container.maintenance().catch_up()
    return order_of(container, order_id).status == "canceled"


def test_what_is_open_is_cancelled_within_moments_and_the_thread_ends(
    container: Container, settings: Settings
) -> None:
    order_id = open_order(container, "acc-1")
    do(container, EngageKillSwitch("drill", "op", mode=CLOSE_ALL, switch_id="s-1"))
    with risk_watched(container, settings, holder="w-1"):
        assert until(lambda: is_canceled(container, order_id))
        engaged = EngagedSwitches(container.services().log)
        assert until(lambda: is_flat(container, engaged))
    assert not [thread for thread in threading.enumerate() if thread.name == "risk"]


def test_another_workers_turn_is_waited_for(container: Container, settings: Settings) -> None:
    order_id = open_order(container, "acc-1")
    do(container, EngageKillSwitch("drill", "op"))
    held = container.leases().acquire(KILL_SWITCH_LEASE, holder="w-2", lasts=timedelta(hours=1))
    assert held is not None
    asked, acquire = threading.Event(), container.leases().acquire

    def watched(name: str, *, holder: str, lasts: timedelta) -> object:
        found = acquire(name, holder=holder, lasts=lasts)
        asked.set()
        return found

    container.leases().acquire = watched  # type: ignore[method-assign, assignment]
    with risk_watched(container, settings, holder="w-1"):
        assert asked.wait(20)
        assert not is_canceled(container, order_id)
        container.leases().release(held)
        assert until(lambda: is_canceled(container, order_id))


def test_an_outage_is_outlived(container: Container, settings: Settings) -> None:
    order_id = open_order(container, "acc-1")
    do(container, EngageKillSwitch("drill", "op"))
    failures = iter((StoreUnavailable("away"), RuntimeError("a mistake of ours")))
    acquire = container.leases().acquire

    def failing(name: str, *, holder: str, lasts: timedelta) -> object:
        for failure in failures:
            raise failure
        return acquire(name, holder=holder, lasts=lasts)

    container.leases().acquire = failing  # type: ignore[method-assign, assignment]
    with risk_watched(container, settings, holder="w-1"):
        assert until(lambda: is_canceled(container, order_id))


def test_a_platforms_kill_switch_reaches_over_all_shards(empty_postgres_url: str, tmp_path: Path) -> None:
    migrations.upgrade(empty_postgres_url, 2)
    settings = Settings(database_url=empty_postgres_url, data_dir=tmp_path, shards=2)
    with opened(settings, Plan()) as container:
        orders = [open_order(container, owner_id) for owner_id in ("acc-1", "acc-3")]  # one on each
        do(container, EngageKillSwitch("drill", "op"))
        do(container, EngageKillSwitch("drill", "op", mode=CLOSE_ALL, switch_id="s-1"))
        with risk_watched(container, settings, holder="w-1"):
            for order_id in orders:
                assert until(lambda order_id=order_id: is_canceled(container, order_id))  # type: ignore[misc]
            engaged = EngagedSwitches(container.services().log)
            assert until(lambda: is_flat(container, engaged))
        do(container, ReleaseKillSwitch("done", "op"))
        assert engaged() == []


def test_every_shard_holds_a_pooled_account_against_the_books_of_all(
    empty_postgres_url: str, tmp_path: Path
) -> None:
    """Its keeper on one shard would else miss what owners on the others have there, and never open it."""
    migrations.upgrade(empty_postgres_url, 2)
    settings = Settings(database_url=empty_postgres_url, data_dir=tmp_path, shards=2)
    with opened(settings, Plan()) as container:
        account_id = do(container, OpenPooledAccount("simulator", "main", by="op"))["venue_account_id"]
        for owner_id in ("acc-1", "acc-3"):  # one on each
            do(container, RegisterAccount(owner_id, ("trader",), "commitment"))
            do(container, OpenLiveBook(owner_id, account_id))
        for cell in cells(container):
            known = venue_accounts(cell.account_check().log)[account_id]
            assert {book.owner_id for book in known.books} == {"acc-1", "acc-3"}
