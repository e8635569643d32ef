"""A signal becomes an order with its hold, or a tripped guardrail; the first one in the order of checks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import pytest

from application.accounts.commands import FreezeAccount
from application.bots.manage_bots import DeallocateFromBot, StopBot
from application.orders.record_report import RecordReport
from application.paper.accounts import ResetPaperBook
from application.platform.kill_switch import EngageKillSwitch
from application.ports.exchange import OrderReport
from domain.market import Market
from domain.orders.events import OrderIntended
from tests.application.harness import Store, signal, with_running_bot
from tests.builders import HOUR_MS, bot_terms, fill, usdt

STALE = 10 * HOUR_MS
LEAST = Market(symbol="BTC/USDT", min_notional=Decimal(2_000), lot_size=Decimal("0.001"))


def with_open_order() -> Store:
    store = with_running_bot(terms=bot_terms(most="400"))
    assert store.do(signal(candle_ms=0))["client_order_id"]
    return store


def emptied(store: Store) -> None:
    left = store.book().owed("owner:bot:bot-1", "USDT")
    store.do(DeallocateFromBot("bot-1", "acc-1", left, "all"))


def stop_trading(store: Store) -> None:
    store.do(EngageKillSwitch("leak", "op"))


def freeze(store: Store) -> None:
    store.do(FreezeAccount("acc-1", "stolen phone", "op"))


GUARDRAILS = (
    "kill_switch_engaged",
    "account_frozen",
    "stale_data",
    "order_still_open",
    "nothing_allocated",
    "order_too_small",
)


@pytest.mark.parametrize("first", range(len(GUARDRAILS)))
def test_the_first_guardrail_in_order_is_the_one_that_trips(first: int) -> None:
    """All that stand after it would trip as well."""
    causes: list[Callable[[Store], None]] = [stop_trading, freeze, lambda _: None, lambda _: None, emptied]
    store = with_open_order() if first <= 3 else with_running_bot()
    for cause in reversed(causes[first:]):
        cause(store)
    feed_now_ms = HOUR_MS + HOUR_MS + STALE if first <= 2 else None

    outcome = store.do(signal(candle_ms=HOUR_MS, feed_now_ms=feed_now_ms, market=LEAST))

    assert outcome == {
        "signal_id": f"bot-1:1:{HOUR_MS}",
        "client_order_id": "",
        "guardrail": GUARDRAILS[first],
    }
    assert store.names("bot:bot-1")[-2:] == ["bots.signal_raised", "bots.guardrail_tripped"]


def test_a_bot_on_a_book_that_was_reset_is_told_so() -> None:
    store = with_running_bot()
    store.do(ResetPaperBook("book-1", "book-2", "acc-1", (usdt("5"),)))

    assert store.do(signal())["guardrail"] == "book_not_open"


def test_a_buy_holds_what_is_allocated_with_the_intent_in_one_commit() -> None:
    store = with_running_bot()
    before = store.log.head()

    result = store.do(signal(price="50123.45"))

    order_id = result["client_order_id"]
    recorded = list(store.log.read(after=before))
    assert sorted(each.name for each in recorded) == [
        "bots.signal_raised",
        "ledger.entry_posted",
        "orders.order_intended",
    ]
    assert len({each.metadata.command_id for each in recorded}) == 1
    assert result["quote_budget"] == "1000"
    assert (store.owed(f"owner:held:{order_id}"), store.owed("owner:bot:bot-1")) == ("1000 USDT", "0 USDT")
    (intended,) = [each.event for each in recorded if isinstance(each.event, OrderIntended)]
    assert intended.decision_price == Decimal("50123.45")
    assert intended.terms.quote_budget == 1000


def test_a_buy_spends_at_most_what_one_order_may() -> None:
    store = with_running_bot(terms=bot_terms(most="400"))
    result = store.do(signal())
    assert result["quote_budget"] == "400"
    assert store.owed("owner:bot:bot-1") == "600 USDT"


def test_the_same_candle_again_is_answered_without_a_second_order() -> None:
    store = with_running_bot(terms=bot_terms(most="400"))
    order_id = store.do(signal())["client_order_id"]

    again = store.do(signal())

    assert again == {"signal_id": "bot-1:1:0", "client_order_id": ""}
    assert store.names(f"order:{order_id}") == ["orders.order_intended"]
    assert store.owed(f"owner:held:{order_id}") == "400 USDT"


def test_a_sell_sells_whole_lots_of_all_the_bot_has() -> None:
    store = with_running_bot()
    order_id = store.do(signal())["client_order_id"]
    bought = (fill("t-1", "0.0195", "50000", fee="0.00005 BTC"),)
    store.do(
        RecordReport(OrderReport(client_order_id=order_id, venue_order_id="v", status="filled", fills=bought))
    )
    lots = Market(symbol="BTC/USDT", lot_size=Decimal("0.001"))

    sold = store.do(signal("sell", HOUR_MS, market=lots))

    assert sold["base_quantity"] == "0.019"
    assert store.owed(f"owner:held:{sold['client_order_id']}", "BTC") == "0.019 BTC"
    assert store.owed("owner:bot:bot-1", "BTC") == "0.00045 BTC"


@pytest.mark.parametrize(
    "limits", [{"max_quantity": "0.0105"}, {"max_quantity": "9000", "max_market_quantity": "0.0105"}]
)
def test_a_sell_sells_no_more_than_the_venue_takes_at_once(limits: dict[str, str]) -> None:
    """A stop of a position above that would be refused for ever."""
    store = with_running_bot()
    order_id = store.do(signal())["client_order_id"]
    bought = (fill("t-1", "0.0195", "50000"),)
    store.tell(OrderReport(client_order_id=order_id, venue_order_id="v", status="filled", fills=bought))
    most = {name: Decimal(limit) for name, limit in limits.items()}
    market = replace(Market(symbol="BTC/USDT", lot_size=Decimal("0.001")), **most)  # type: ignore[arg-type]

    assert store.do(signal("sell", HOUR_MS, market=market))["base_quantity"] == "0.01"
    assert store.owed("owner:bot:bot-1", "BTC") == "0.0095 BTC"


def test_less_than_a_lot_is_nothing_to_sell() -> None:
    store = with_running_bot()
    lots = Market(symbol="BTC/USDT", lot_size=Decimal(1))
    assert store.do(signal("sell", market=lots))["guardrail"] == "nothing_allocated"


def test_after_a_guardrail_the_next_candle_may_trade() -> None:
    store = with_running_bot()
    assert store.do(signal(candle_ms=0, feed_now_ms=STALE))["guardrail"] == "stale_data"
    assert store.do(signal(candle_ms=HOUR_MS))["client_order_id"]


@pytest.mark.parametrize(("bot_id", "code"), [("bot-9", "unknown_bot"), ("bot-1", "bot_not_running")])
def test_a_bot_that_does_not_run_raises_no_signal(bot_id: str, code: str) -> None:
    store = with_running_bot()
    store.do(StopBot("bot-1", "acc-1", "enough"))
    refused, data = store.refused(replace(signal(), bot_id=bot_id))
    assert (refused, data["bot_id"]) == (code, bot_id)
