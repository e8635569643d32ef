"""Limits where they bind: in the decision on a signal, from events of the same stream, in the same append."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from application.bots.manage_bots import ResumeBot
from application.platform.kill_switch import EngageOwnersKillSwitch, ReleaseOwnersKillSwitch
from application.ports.commands import Result
from application.ports.exchange import OrderReport
from application.risk.set_limits import SetBotLimits, SetPlatformLimits
from application.streams import book_stream
from application.work import Work
from domain.bots.events import GuardrailTripped
from domain.kill_switch.switches import STOP
from domain.money import text
from domain.risk.events import LimitTripped
from domain.risk.limits import Limits
from tests.application.harness import Store, signal, with_running_bot
from tests.application.risk_world import (
    buy,
    filled,
    later,
    limit_account,
    live_store,
    risk_of,
    round_trip,
    stopped_at,
)
from tests.builders import Decide, bot_terms, usdt


def tripped(store: Store) -> GuardrailTripped:
    return [event for event in store.events() if isinstance(event, GuardrailTripped)][-1]


def test_paper_without_limits_spends_what_is_allocated_and_nothing_is_counted() -> None:
    store = with_running_bot()
    result = store.do(signal())
    assert result["quote_budget"] == "1000"
    assert store.names("risk:acc-1") == []


@pytest.mark.parametrize(
    ("stop_bps", "spent"), [(None, "200"), (5_000, "400"), (2_500, "800"), (1_000, "1000")]
)
def test_real_money_keeps_the_hard_bounds_whatever_is_set(stop_bps: int | None, spent: str) -> None:
    """2 % of 10,000 at risk, and 10 % of it in one position."""
    terms = bot_terms(allocation="0 USDT") if stop_bps is None else stopped_at(stop_bps)
    store = live_store(terms=terms, allocation="3000")
    assert store.do(buy())["quote_budget"] == spent
    assert store.names("risk:acc-1") == ["risk.equity_marked", "risk.order_counted"]


def test_paper_keeps_them_where_its_owner_asks_for_it() -> None:
    store = with_running_bot()
    limit_account(store, Limits(), paper=True)
    assert store.do(signal())["quote_budget"] == "20"


def test_a_refusal_is_recorded_with_its_figures_and_no_order_follows() -> None:
    store = with_running_bot()
    limit_account(store, Limits(max_orders_per_hour=0))

    result = store.do(signal())

    assert (result["client_order_id"], result["guardrail"]) == ("", "hourly_orders_reached")
    assert tripped(store).figures == {"layer": "account", "figure": "0", "limit": "0"}
    assert store.owed("owner:bot:bot-1") == "1000 USDT"
    assert risk_of(store).orders == {}


def test_the_sixth_order_within_an_hour_waits_until_the_first_is_an_hour_old() -> None:
    bots = [f"bot-{n}" for n in range(1, 8)]
    store = live_store(*bots, terms=stopped_at(1_000), allocation="100")
    for bot_id in bots[:5]:
        assert store.do(buy(bot_id))["client_order_id"]

    assert store.do(buy("bot-6"))["guardrail"] == "hourly_orders_reached"
    later(store, hours=1)
    assert store.do(buy("bot-7", hours=1))["client_order_id"]


def test_an_eleventh_position_is_one_too_many_also_while_the_others_are_on_order() -> None:
    bots = [f"bot-{n}" for n in range(1, 12)]
    store = live_store(*bots, terms=stopped_at(1_000), allocation="100")
    for n, bot_id in enumerate(bots[:10]):
        later(store, hours=1)
        result = store.do(buy(bot_id, hours=n + 1))
        if n % 2:
            filled(store, result, "1", "100")
    later(store, hours=1)

    assert store.do(buy("bot-11", hours=11))["guardrail"] == "open_positions_reached"


def test_a_sale_is_held_back_by_no_limit() -> None:
    store = live_store(terms=stopped_at(1_000))
    filled(store, store.do(buy()), "10", "100")
    nothing = Limits(
        max_orders_per_day=0, max_open_orders=0, max_order_notional=Decimal(0), max_daily_loss_bps=0
    )
    limit_account(store, nothing)
    sold = store.do(buy(hours=1, price="1", side="sell", reference="100"))
    assert sold["base_quantity"] == "10"


def test_a_lowered_limit_binds_the_very_next_order_and_a_bots_own_only_the_bot() -> None:
    store = live_store("bot-1", "bot-2", terms=stopped_at(1_000))
    store.do(SetBotLimits("acc-1", "bot-1", Limits(max_order_notional=Decimal(50)), "x", "acc-1"))
    assert store.do(buy("bot-1"))["quote_budget"] == "50"
    assert store.do(buy("bot-2"))["quote_budget"] == "1000"


def test_the_platforms_limits_bind_real_money_of_everybody() -> None:
    store = live_store(terms=stopped_at(1_000))
    store.do(SetPlatformLimits(Limits(max_order_notional=Decimal(75)), "new venue", "op"))
    assert store.do(buy())["quote_budget"] == "75"

    paper = with_running_bot()
    paper.do(SetPlatformLimits(Limits(max_order_notional=Decimal(75)), "new venue", "op"))
    assert paper.do(signal())["quote_budget"] == "1000"


def test_five_losses_in_a_row_pause_the_bot_and_resumed_it_counts_anew() -> None:
    store = live_store(terms=stopped_at(1_000))
    for n in range(5):
        assert store.bot().status == "running"
        round_trip(store, hours=2 * n, bought="100", sold="99.9")
        later(store, hours=2)

    assert store.bot().status == "paused"
    (trip,) = [event for event in store.events() if isinstance(event, LimitTripped)]
    assert (trip.limit, trip.figure, trip.bound, trip.action) == (
        "max_losses_in_a_row",
        "5",
        "5",
        "bot_paused",
    )
    store.do(ResumeBot("bot-1", "acc-1", None))
    assert store.do(buy(hours=10))["client_order_id"]
    assert risk_of(store).losses_in_a_row == {"bot-1": 0}


def test_a_gain_ends_a_row_of_losses() -> None:
    store = live_store(terms=stopped_at(1_000))
    for n, sold in enumerate(("99.9", "99.9", "100.2", "99.9")):
        round_trip(store, hours=2 * n, bought="100", sold=sold)
        later(store, hours=2)
    assert risk_of(store).losses_in_a_row == {"bot-1": 1}


def test_fees_make_a_loss_of_what_looked_even() -> None:
    store = live_store(terms=stopped_at(1_000))
    filled(store, store.do(buy()), "1", "100", fee="0.1 USDT")
    filled(store, store.do(buy(hours=1, side="sell")), "1", "100", fee="0.1 USDT")
    assert risk_of(store).losses_in_a_row == {"bot-1": 1}
    assert risk_of(store).exposures["bot-1"].realised_quote == Decimal("-0.2")


def test_the_days_loss_refuses_new_positions_until_the_next_day() -> None:
    store = live_store(terms=stopped_at(1_000), allocation="5000")
    filled(store, store.do(buy()), "10", "100")
    filled(store, store.do(buy(hours=1, price="49", side="sell")), "10", "49")  # 510 of 10,000

    assert store.do(buy(hours=2))["guardrail"] == "daily_loss_reached"
    assert tripped(store).figures == {"layer": "hard", "figure": "510", "limit": "500"}
    later(store, hours=12)
    assert store.do(buy(hours=12))["client_order_id"]


def test_a_deposit_hides_no_loss() -> None:
    store = live_store(terms=stopped_at(1_000), allocation="5000")
    round_trip(store, hours=0, bought="100", sold="90")

    def deposit(work: Work) -> Result:
        credited = work.book("live-1").credit_deposit(usdt("5000"), entry_id="more", at=work.now)
        work.record(book_stream("live-1"), credited)
        return {}

    store.do(Decide(deposit))
    store.do(buy(hours=2))
    curve = risk_of(store).curve("live-1", "USDT")
    assert (text(curve.equity), text(curve.profit)) == ("14990", "-10")
    assert curve.daily_loss_bps == curve.drawdown_bps == 7  # 10 of 15,000, rounded up


def test_a_drawdown_of_the_hard_bound_stops_the_account_until_somebody_frees_it() -> None:
    store = live_store(terms=stopped_at(1_000), cash="1000", allocation="1000")
    for day in range(2):
        assert risk_of(store).switches.engaged == {}
        round_trip(store, hours=24 * day, bought="90", sold="10")
        later(store, days=1)
    switch = risk_of(store).switches.find("account", "acc-1")

    assert switch is not None
    assert (switch.rank, switch.mode) == ("limit", "stop")
    assert switch.reason == "1600 bps lost from the peak in USDT; the hard limit is 1500 bps"
    assert store.do(buy(hours=48))["guardrail"] == "kill_switch_engaged"
    store.do(ReleaseOwnersKillSwitch("acc-1", "", "I know why", "acc-1"))
    assert store.do(buy(hours=49))["client_order_id"]


def test_an_account_that_a_limit_stopped_may_still_leave_its_positions() -> None:
    """A stop-loss that could not sell would turn a limit on losses into a larger loss."""
    store = live_store("bot-1", "bot-2", terms=stopped_at(1_000), cash="2000")
    filled(store, store.do(buy("bot-1")), "10", "100")
    filled(store, store.do(buy("bot-2")), "10", "100")
    limit_account(store, Limits(max_drawdown_bps=300))
    filled(store, store.do(buy("bot-1", hours=1, price="80", side="sell")), "10", "80")
    switch = risk_of(store).switches.find("account", "acc-1")
    assert switch is not None
    assert switch.lets_sell

    assert store.do(buy("bot-1", hours=2, price="80"))["guardrail"] == "kill_switch_engaged"
    sale = store.do(buy("bot-2", hours=2, price="80", side="sell"))
    assert sale["base_quantity"] == "10"

    store.do(EngageOwnersKillSwitch("acc-1", "", STOP, "I look first", "op", "s-1", by_operator=True))
    filled(store, sale, "4", "80")
    assert store.do(buy("bot-2", hours=3, price="80", side="sell"))["guardrail"] == "kill_switch_engaged"


def test_a_price_far_from_the_reference_is_refused() -> None:
    """Safety #28: price ×10 ⇒ refused."""
    store = live_store(terms=stopped_at(1_000))
    limit_account(store, Limits(price_collar_bps=1_000))
    assert store.do(buy(price="1000", reference="100"))["guardrail"] == "price_outside_collar"
    assert store.do(buy(hours=1, price="101", reference="100"))["client_order_id"]


def test_without_a_reference_the_last_known_price_is_the_reference() -> None:
    """Safety #28."""
    store = live_store("bot-1", "bot-2", terms=stopped_at(1_000))
    limit_account(store, Limits(price_collar_bps=1_000))
    assert store.do(buy("bot-1"))["client_order_id"]
    assert store.do(buy("bot-2", price="1000"))["guardrail"] == "price_outside_collar"


def test_reports_that_come_twice_count_once() -> None:
    store = live_store(terms=stopped_at(1_000))
    result = store.do(buy())
    filled(store, result, "10", "100")
    filled(store, result, "10", "100")
    assert store.names("risk:acc-1").count("risk.fill_counted") == 1
    assert risk_of(store).exposures["bot-1"].base_quantity == 10


def test_an_order_that_ended_without_a_fill_is_open_no_more() -> None:
    store = live_store("bot-1", "bot-2", terms=stopped_at(1_000))
    limit_account(store, Limits(max_open_orders=1))
    first = store.do(buy("bot-1"))["client_order_id"]
    assert store.do(buy("bot-2"))["guardrail"] == "open_orders_reached"
    store.tell(
        OrderReport(client_order_id=first, venue_order_id="v", status="canceled", fills=(), reason="x")
    )
    second = store.do(buy("bot-2", hours=1))["client_order_id"]
    assert second
    assert set(risk_of(store).open_orders) == {second}


def test_reward_is_held_against_risk_where_a_bot_states_both() -> None:
    store = live_store(terms=stopped_at(1_000, take_profit_bps=1_400))
    assert store.do(buy())["guardrail"] == "reward_too_small"
    enough = live_store(terms=replace(stopped_at(1_000), take_profit_bps=1_500))
    assert enough.do(buy())["client_order_id"]


def test_the_nearer_of_two_stops_is_what_is_risked() -> None:
    store = live_store(terms=stopped_at(5_000, trailing_stop_bps=2_500), allocation="3000")
    assert store.do(buy())["quote_budget"] == "800"
