"""Kill switches at work on a venue that fails: it is stopped, sold, and proven, once, whatever happens."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

import pytest

from adapters.persistence.read_models import MemoryReadModels
from application.kill_switch.engaged import EngagedSwitches
from application.kill_switch.process import KillSwitchProcess
from application.platform.kill_switch import (
    EngageKillSwitch,
    EngageOwnersKillSwitch,
    ReleaseKillSwitch,
    ReleaseOwnersKillSwitch,
)
from application.ports.commands import Command, Result
from application.streams import risk_stream
from application.views.rows import OrderRow
from application.work import Work
from domain.kill_switch.closing import is_closing
from domain.kill_switch.events import KillSwitchFlat
from domain.kill_switch.switches import BY_LIMIT, CLOSE_ALL, STOP, Switch
from domain.money import text
from tests.application.harness import Store
from tests.application.kill_switch_venue import DialVenue
from tests.application.risk_world import buy, filled, later, live_store, stopped_at
from tests.builders import Decide


@dataclass
class Desk:
    """Two bots of acc-1 at one venue: bot-1 holds 10 BTC, bot-2 has an order open there."""

    store: Store = field(
        default_factory=lambda: live_store("bot-1", "bot-2", terms=stopped_at(1_000, venue="fake"))
    )

    def __post_init__(self) -> None:
        store = self.store
        self.venue = DialVenue(store.clock)
        filled(store, store.do(replace(buy("bot-1"), venue="fake")), "10", "100")
        self.venue.holdings = {"BTC": Decimal(10)}
        self.open_order = store.do(replace(buy("bot-2"), venue="fake"))["client_order_id"]
        self.venue.rest(self.open_order)
        self.process = self.begin_again()

    def begin_again(self) -> KillSwitchProcess:
        """Another process, which knows what the log says."""
        log = self.store.log
        self.process = KillSwitchProcess(
            log,
            self.store.bus,
            _Views(self.store),
            lambda _, __: self.venue,
            self.store.clock,
            EngagedSwitches(log),
        )
        return self.process

    def look(self, times: int = 1, *, seconds: float = 10) -> None:
        for _ in range(times):
            self.process()
            later(self.store, seconds=seconds)

    def switch(self) -> Switch:
        (engaged,) = EngagedSwitches(self.store.log)()
        return engaged.switch

    def closing_orders(self) -> list[str]:
        rows = MemoryReadModels(self.store.log).where(OrderRow)
        return [row.client_order_id for row in rows if is_closing(row.client_order_id)]

    def sold(self) -> list[Any]:
        return [request for request in self.venue.submitted if request.terms.side == "sell"]

    def proofs(self) -> list[KillSwitchFlat]:
        return [event for event in self.store.events() if isinstance(event, KillSwitchFlat)]


class _Views:
    """Read models that are always up to the log."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def __getattr__(self, name: str) -> Any:
        return getattr(MemoryReadModels(self._store.log), name)


ACCOUNT = EngageOwnersKillSwitch("acc-1", "", CLOSE_ALL, "enough", "acc-1", "switch-1")
SCOPES: dict[str, Command] = {
    "account": ACCOUNT,
    "venue": EngageKillSwitch("enough", "op", venue="fake", mode=CLOSE_ALL, switch_id="switch-1"),
    "platform": EngageKillSwitch("enough", "op", mode=CLOSE_ALL, switch_id="switch-1"),
}


def test_a_stop_cancels_what_is_open_and_leaves_positions() -> None:
    desk = Desk()
    desk.store.do(replace(ACCOUNT, mode=STOP))
    desk.look(3)

    assert desk.store.order(desk.open_order).status == "canceled"
    assert desk.store.owed("owner:bot:bot-2", book_id="live-1") == "1000 USDT"
    assert desk.store.owed("owner:bot:bot-1", "BTC", "live-1") == "10 BTC"
    assert (desk.sold(), desk.proofs()) == ([], [])
    assert desk.store.bot("bot-1").status == "running"


def test_a_stop_by_a_limit_lets_a_sale_go_on() -> None:
    desk = Desk()
    sale = desk.store.do(replace(buy("bot-1", hours=1, side="sell"), venue="fake"))["client_order_id"]
    desk.venue.rest(sale)

    def trip(work: Work) -> Result:
        engaged = work.risk("acc-1").engage_kill_switch(
            bot_id="", mode=STOP, reason="lost", rank=BY_LIMIT, switch_id="s", by="system:risk", at=work.now
        )
        work.record(risk_stream("acc-1"), engaged)
        return {}

    desk.store.do(Decide(trip))
    desk.look(3)

    assert desk.store.order(desk.open_order).status == "canceled"
    assert desk.store.order(sale).status == "open"
    assert not desk.store.order(sale).is_to_cancel


@pytest.mark.parametrize("scope", SCOPES)
def test_close_all_sells_what_is_held_and_proves_that_nothing_is_left(scope: str) -> None:
    desk = Desk()
    desk.store.do(SCOPES[scope])
    desk.look(3)

    assert desk.store.order(desk.open_order).status == "canceled"
    (request,) = desk.sold()
    assert (request.terms.base_quantity, request.terms.order_type) == (10, "market")
    assert request.expires_at_utc is not None
    assert desk.store.owed("owner:bot:bot-1", "BTC", "live-1") == "0 BTC"
    assert desk.store.owed("owner:bot:bot-1", book_id="live-1") == "1000 USDT"
    (proof,) = desk.proofs()
    assert (proof.scope, proof.switch_id) == (scope, "switch-1")
    assert [(each.asset, text(each.ours), text(each.theirs)) for each in proof.held] == [("BTC", "0", "0")]
    assert desk.switch().flat_at_utc is not None
    assert desk.store.bot("bot-1").status == "paused"


def test_a_bots_kill_switch_touches_no_other_bot() -> None:
    desk = Desk()
    desk.store.do(EngageOwnersKillSwitch("acc-1", "bot-1", CLOSE_ALL, "enough", "acc-1", "s"))
    desk.look(3)

    assert len(desk.sold()) == 1
    assert len(desk.proofs()) == 1
    assert desk.store.order(desk.open_order).status == "intended"
    assert desk.store.bot("bot-2").status == "running"


def test_another_venues_kill_switch_touches_nothing_here() -> None:
    desk = Desk()
    desk.store.do(EngageKillSwitch("enough", "op", venue="elsewhere", mode=CLOSE_ALL, switch_id="s"))
    desk.look(2)
    assert (desk.sold(), desk.venue.orders[desk.open_order].status) == ([], "open")


def test_while_the_venue_is_away_it_keeps_trying_and_says_what_is_open() -> None:
    """Safety §3 #7: nothing ends for want of an answer."""
    desk = Desk()
    desk.venue.is_away = True
    desk.store.do(ACCOUNT)
    desk.look(60)  # ten minutes

    assert desk.store.order(desk.open_order).status == "unknown"
    assert desk.store.order(desk.open_order).is_to_cancel
    assert desk.process.problems["bot-2"] == "connection refused"
    assert desk.process.problems["bot-1"] == "connection refused"
    assert desk.proofs() == []
    assert desk.closing_orders() == []  # no intent that nobody could send

    desk.venue.is_away = False
    desk.look(3)
    assert desk.store.order(desk.open_order).status == "canceled"
    assert len(desk.sold()) == len(desk.proofs()) == 1


def test_a_sale_whose_answer_is_lost_is_found_and_never_sent_again() -> None:
    """Safety §3 #6."""
    desk = Desk()
    desk.store.do(ACCOUNT)
    desk.venue.loses_answers = True
    desk.look(1)
    (order_id,) = desk.closing_orders()
    assert desk.store.order(order_id).status == "unknown"

    desk.begin_again()  # killed in the middle
    desk.venue.loses_answers = False
    desk.look(3)

    assert len(desk.sold()) == 1
    assert desk.closing_orders() == [order_id]
    assert desk.store.order(order_id).status == "filled"
    assert len(desk.proofs()) == 1


def test_a_sale_that_never_arrived_is_followed_by_another_only_once_that_is_proven() -> None:
    """Safety §3 #6, #7: its request has expired and no trade names it."""
    desk = Desk()
    desk.store.do(ACCOUNT)
    desk.venue.loses_requests = True
    desk.look(1, seconds=1)
    (first,) = desk.closing_orders()
    desk.venue.loses_requests = False
    desk.look(3, seconds=1)
    assert desk.closing_orders() == [first]  # it may still arrive
    assert desk.store.order(first).status == "unknown"

    desk.look(4)
    assert desk.store.order(first).status == "refused"
    assert len(desk.closing_orders()) == 2
    assert len(desk.sold()) == len(desk.proofs()) == 1


def test_a_process_that_died_before_it_sent_the_sale_leaves_it_to_be_proven_unsent() -> None:
    desk = Desk()
    desk.store.do(ACCOUNT)

    def dies(_request: object) -> Any:
        raise RuntimeError("killed")

    desk.venue.submit, alive = dies, desk.venue.submit  # type: ignore[method-assign, assignment]
    desk.look(1)
    desk.venue.submit = alive  # type: ignore[method-assign]
    desk.begin_again()
    desk.look(5)

    assert len(desk.closing_orders()) == 2
    assert len(desk.sold()) == len(desk.proofs()) == 1


def test_two_processes_at_once_sell_once() -> None:
    desk = Desk()
    desk.store.do(ACCOUNT)
    other = desk.process
    desk.begin_again()
    for _ in range(3):
        other()
        desk.look(1)
    assert len(desk.sold()) == len(desk.proofs()) == 1


def test_a_venue_that_refuses_is_asked_again_ever_less_often_and_the_hold_goes_back() -> None:
    desk = Desk()
    desk.store.do(ACCOUNT)
    desk.venue.refuses = "market is in maintenance"
    desk.look(120, seconds=1)

    assert 4 <= len(desk.closing_orders()) <= 8
    assert {desk.store.order(order_id).status for order_id in desk.closing_orders()} == {"refused"}
    assert desk.store.owed("owner:bot:bot-1", "BTC", "live-1") == "10 BTC"
    desk.venue.refuses = ""
    desk.look(60)
    assert len(desk.sold()) == len(desk.proofs()) == 1


def test_where_books_and_venue_differ_nothing_is_proven() -> None:
    desk = Desk()
    desk.venue.holdings["BTC"] += Decimal(1)
    desk.store.do(ACCOUNT)
    desk.look(4)

    assert len(desk.sold()) == 1
    assert desk.proofs() == []
    assert "by our books" in desk.process.problems["acc-1"]


def test_released_it_does_no_more() -> None:
    desk = Desk()
    desk.venue.is_away = True
    desk.store.do(ACCOUNT)
    desk.look(2)
    desk.store.do(ReleaseOwnersKillSwitch("acc-1", "", "false alarm", "acc-1"))
    desk.venue.is_away = False
    desk.look(3)
    assert desk.sold() == []


def test_a_stop_becomes_close_all_and_not_the_other_way_round() -> None:
    desk = Desk()
    desk.store.do(replace(ACCOUNT, mode=STOP, switch_id="s-0"))
    desk.look(1)
    desk.store.do(ACCOUNT)
    desk.store.do(replace(ACCOUNT, mode=STOP, switch_id="s-2"))
    assert (desk.switch().mode, desk.switch().switch_id) == (CLOSE_ALL, "switch-1")
    desk.look(3)
    assert len(desk.proofs()) == 1


def test_what_an_operator_stopped_only_an_operator_frees() -> None:
    desk = Desk()
    operators = replace(ACCOUNT, mode=STOP, by="op", by_operator=True)
    desk.store.do(replace(ACCOUNT, mode=STOP))
    desk.store.do(operators)
    release: Command = ReleaseOwnersKillSwitch("acc-1", "", "please", "acc-1")
    assert desk.store.refused(release)[0] == "kill_switch_held_by_operator"
    desk.store.do(ReleaseOwnersKillSwitch("acc-1", "", "looked into", "op", by_operator=True))
    assert EngagedSwitches(desk.store.log)() == []


def test_every_scope_stops_orders_starts_and_resumes() -> None:
    for engage, release in (
        (replace(ACCOUNT, mode=STOP), ReleaseOwnersKillSwitch("acc-1", "", "x", "acc-1")),
        (EngageKillSwitch("x", "op", venue="fake"), ReleaseKillSwitch("x", "op", venue="fake")),
        (EngageKillSwitch("x", "op"), ReleaseKillSwitch("x", "op")),
    ):
        store = live_store(terms=stopped_at(1_000, venue="fake"))
        store.do(engage)
        assert store.do(buy())["guardrail"] == "kill_switch_engaged"
        store.do(release)
        assert store.do(buy(hours=1))["client_order_id"]


def test_owners_stop_their_own_only() -> None:
    store = Desk().store
    nobody = replace(ACCOUNT, owner_id="acc-9")
    assert store.refused(nobody)[0] == "unknown_account"
    assert store.refused(replace(ACCOUNT, bot_id="bot-9"))[0] == "unknown_bot"
    assert store.refused(replace(ACCOUNT, mode="explode"))[0] == "invalid_value"
    assert store.refused(replace(ACCOUNT, reason=" "))[0] == "invalid_value"


def test_a_fill_that_is_told_late_is_sold_although_it_was_flat() -> None:
    """Safety §3 #11: a purchase that was cancelled had been filled after all."""
    desk = Desk()
    desk.store.do(ACCOUNT)
    desk.look(3)
    assert len(desk.sold()) == len(desk.proofs()) == 1

    late = {"client_order_id": desk.open_order}
    filled(desk.store, late, "5", "100")
    desk.venue.holdings["BTC"] = Decimal(5)
    desk.look(10)

    assert desk.store.owed("owner:bot:bot-2", "BTC", "live-1") == "0 BTC"
    assert [request.terms.base_quantity for request in desk.sold()] == [10, 5]
    assert len(desk.proofs()) == 1


def test_a_trade_of_somebody_elses_order_keeps_no_sale_in_doubt() -> None:
    """A venue that tells no client order ids with trades (safety §3 #7)."""
    desk = Desk()
    desk.venue.tells_client_ids = False
    desk.store.do(ACCOUNT)
    desk.venue.loses_requests = True
    desk.look(1, seconds=1)
    desk.venue.loses_requests = False
    desk.look(5)
    assert len(desk.closing_orders()) == 2
    assert len(desk.sold()) == len(desk.proofs()) == 1
