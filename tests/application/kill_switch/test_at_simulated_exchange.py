"""Close-all through the real ccxt client at the simulated exchange, whose own account is the truth."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from adapters.persistence.read_models import MemoryReadModels
from application.accounts.commands import RegisterAccount
from application.bots.manage_bots import StartBot
from application.kill_switch.engaged import EngagedSwitches
from application.kill_switch.process import KillSwitchProcess
from application.orders.record_report import RecordReport
from application.platform.kill_switch import EngageKillSwitch
from application.ports.clock import ManualClock
from application.ports.commands import Result
from application.ports.exchange import OrderRequest
from application.streams import book_stream, order_stream
from application.work import Work
from domain.kill_switch.events import KillSwitchFlat
from domain.kill_switch.switches import CLOSE_ALL
from domain.ledger.book import LIVE
from domain.ledger.postings import bot_account
from domain.money import Money, text
from domain.orders.events import OrderTerms
from tests.adapters.exchanges.ccxt.simulated import SYMBOL, SimulatorBench, simulator_bench
from tests.application.harness import Store
from tests.application.risk_world import make_bot, stopped_at
from tests.builders import Decide, btc, usdt

BOTS, OPEN_ORDER = ("bot-1", "bot-2"), "o-1"
REST = OrderTerms(
    symbol=SYMBOL,
    side="buy",
    order_type="limit",
    base_quantity=Decimal(1),
    limit_price=Decimal(50),
)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[SimulatorBench]:
    with simulator_bench(tmp_path) as opened:
        yield opened


def store_at(bench: SimulatorBench) -> Store:
    """bot-1 holds the account's 2 BTC; bot-2 has a purchase open at the exchange."""
    store = Store(clock=ManualClock(datetime.now(UTC)))
    store.do(RegisterAccount("acc-1", ("trader",), "commitment"))

    def fund(work: Work) -> Result:
        stream = book_stream("live-1")
        opened = work.book("live-1").open(
            book_id="live-1", owner_id="acc-1", purse=LIVE, venue_account=bench.account, at=work.now
        )
        work.record(stream, opened)
        given: tuple[tuple[Money, str], ...] = ((btc("2"), "bot-1"), (usdt("1000"), "bot-2"))
        for amount, bot_id in given:
            book = work.book("live-1")
            work.record(stream, book.credit_deposit(amount, entry_id=f"d-{bot_id}", at=work.now))
            book = work.book("live-1")
            work.record(stream, book.allocate(amount, bot_id=bot_id, entry_id=f"a-{bot_id}", at=work.now))
        return {}

    def rest(work: Work) -> Result:
        source = bot_account("bot-2")
        held = work.book("live-1").place_hold(OPEN_ORDER, usdt("60"), source=source, at=work.now)
        work.record(book_stream("live-1"), held)
        intended = work.order(OPEN_ORDER).intend(
            client_order_id=OPEN_ORDER,
            owner_id="acc-1",
            book_id="live-1",
            bot_id="bot-2",
            signal_id="bot-2:1:0",
            venue="simulator",
            venue_account=bench.account,
            terms=REST,
            decision_price=Decimal(100),
            at=work.now,
        )
        work.record(order_stream(OPEN_ORDER), intended)
        return {}

    store.do(Decide(fund))
    for bot_id in BOTS:
        store.do(make_bot(bot_id, stopped_at(1_000, venue="simulator"), venue_account=bench.account))
        store.do(StartBot(bot_id, "acc-1", after_candle_ms=None))
    store.do(Decide(rest))
    request: OrderRequest = replace(bench.request(REST), client_order_id=OPEN_ORDER)
    store.do(RecordReport(bench.exchange.submit(request)))
    assert store.order(OPEN_ORDER).status == "open"
    return store


def look(store: Store, bench: SimulatorBench) -> None:
    """One look of a process that has just begun."""
    store.clock.move_to(datetime.now(UTC))
    views = MemoryReadModels(store.log)
    exchange = bench.exchange
    KillSwitchProcess(
        store.log, store.bus, views, lambda _, __: exchange, store.clock, EngagedSwitches(store.log)
    )()


def proofs(store: Store) -> list[KillSwitchFlat]:
    return [event for event in store.events() if isinstance(event, KillSwitchFlat)]


FAULTS: dict[str, Callable[[SimulatorBench], object]] = {
    "none": lambda _: None,
    "answers of orders lost": lambda bench: bench.venue.fault("drop_after", on="place", count=1),
    "answers of cancels lost": lambda bench: bench.venue.fault("drop_after", on="cancel", count=1),
    "a web page instead": lambda bench: bench.venue.fault("html_after", on="place", count=1),
    "in maintenance": lambda bench: bench.venue.fault("maintenance"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_is_open_is_cancelled_what_is_held_is_sold_once_and_it_is_proven(
    bench: SimulatorBench, fault: str
) -> None:
    """Safety §3 #6, #7: the exchange's own journal has one sale, and our books are its balances."""
    store = store_at(bench)
    store.do(EngageKillSwitch("drill", "op", venue="simulator", mode=CLOSE_ALL, switch_id="switch-1"))
    bench.venue.price("BTCUSDT", "100")
    FAULTS[fault](bench)
    look(store, bench)
    look(store, bench)
    bench.venue.heal()
    deadline = time.monotonic() + 30  # the breaker lets nobody through for a second or so
    while not proofs(store) and time.monotonic() < deadline:
        look(store, bench)
        threading.Event().wait(0.05)

    truth = bench.venue.account()
    sales = [order for order in truth["orders"] if order["side"] == "SELL"]
    assert len(sales) == 1, sales
    assert len(proofs(store)) == 1
    assert store.order(OPEN_ORDER).status == "canceled"
    assert text(store.book("live-1").owed(bot_account("bot-1"), "BTC").amount) == "0"
    balances = bench.exchange.balances(bench.account)
    for asset in ("BTC", "USDT"):
        ours = store.book("live-1").balances.get((f"custody:{bench.account}", asset), Decimal(0))
        assert ours == (balances[asset].total if asset in balances else 0)
