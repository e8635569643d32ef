"""Books are valued without an order being asked for, so that a limit trips on prices alone."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from adapters.market_data.memory_candle_store import MemoryCandleStore
from adapters.persistence.read_models import MemoryReadModels
from application.ports.candle_store import Series
from application.risk.watch import WatchRisk
from domain.market import Candle
from domain.money import text
from domain.risk.limits import Limits
from tests.application.harness import Store, signal, with_running_bot
from tests.application.risk_world import (
    START_MS,
    buy,
    filled,
    later,
    limit_account,
    live_store,
    risk_of,
    stopped_at,
)
from tests.builders import HOUR_MS

SERIES = Series("file", "BTC/USDT", "1h")


def watch(store: Store, *closes: str, live: bool = True) -> int:
    """One look, with candles that close on the hour from START on."""
    candles = MemoryCandleStore()
    for number, close in enumerate(closes):
        price = Decimal(close)
        opened = START_MS + (number - 1) * HOUR_MS
        candles.save(SERIES, [Candle(opened, price, price, price, price, Decimal(1))])
    look = WatchRisk(
        MemoryReadModels(store.log),
        candles,
        store.bus,
        store.clock,
        frozenset({"file"}) if live else frozenset(),
    )
    return look()


def holding(quantity: str = "10") -> Store:
    store = live_store(terms=stopped_at(1_000), allocation="5000")
    filled(store, store.do(buy()), quantity, "100")
    return store


def test_a_drawdown_by_price_alone_stops_the_account() -> None:
    store = holding()
    limit_account(store, Limits(max_drawdown_bps=300))
    later(store, hours=1)

    assert watch(store, "100", "60") == 1

    curve = risk_of(store).curve("live-1", "USDT")
    assert (text(curve.equity), text(curve.profit), curve.drawdown_bps) == ("9600", "-400", 400)
    switch = risk_of(store).switches.find("account", "acc-1")
    assert switch is not None
    assert (switch.rank, switch.engaged_by) == ("limit", "system:risk")
    assert store.do(buy(hours=2))["guardrail"] == "kill_switch_engaged"


def test_a_price_that_is_known_already_is_not_recorded_again() -> None:
    store = holding()
    later(store, hours=1)
    assert watch(store, "100", "90") == 1
    events = len(store.events())
    later(store, seconds=60)
    assert watch(store, "100", "90") == 0
    assert len(store.events()) == events


def test_an_old_price_says_nothing() -> None:
    store = holding()
    later(store, hours=12)
    assert watch(store, "100", "1") == 0
    assert risk_of(store).curve("live-1", "USDT").profit == 0


def test_what_holds_nothing_is_not_valued() -> None:
    assert watch(live_store(), "100") == 0


def test_paper_is_valued_at_its_feeds_time_once_it_has_limits() -> None:
    store = with_running_bot()
    opened = START_MS - HOUR_MS
    bought = store.do(signal(candle_ms=opened, price="100"))
    filled(store, bought, "10", "100")
    store.clock.move_to(store.clock.now() + timedelta(days=400))  # a replay: candle time is another

    assert watch(store, "100", "90", live=False) == 0
    limit_account(store, Limits(max_drawdown_bps=1_500))
    assert watch(store, "100", "90", live=False) == 1
    assert text(risk_of(store).curve("book-1", "USDT").equity) == "900"


def test_a_position_bought_before_counting_began_is_neither_gain_nor_loss() -> None:
    store = with_running_bot()
    filled(store, store.do(signal(candle_ms=START_MS, price="100")), "10", "100")
    limit_account(store, Limits(max_losses_in_a_row=1))
    sold = store.do(signal("sell", START_MS + HOUR_MS, price="1"))
    filled(store, sold, "10", "1")
    risk = risk_of(store)
    assert risk.exposures["bot-1"].realised_quote == 0
    assert store.bot().status == "running"
