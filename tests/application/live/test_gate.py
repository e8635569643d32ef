"""The way to LIVE: observe, be approved, pre-flight, the password again, and the switch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from adapters.persistence.envelopes import MemoryEnvelopes
from adapters.persistence.read_models import MemoryReadModels
from adapters.secrets.vault import EnvelopeVault, MasterKeyFile
from application.accounts.commands import FreezeAccount, GrantRole, RegisterAccount
from application.bots.manage_bots import CreateBot, PauseBot, StartBot
from application.live.approval import ApproveLiveTrading, RequestLiveTrading, RevokeLiveTrading
from application.live.modes import ChangeBotMode
from application.live.preflight import Preflight, PreflightService, PreflightTerms
from application.live.validation import Criteria
from application.live.venue_bots import CreateVenueBot
from application.orders.confirm_late_order import ConfirmLateOrder
from application.orders.record_report import RecordReport
from application.paper.accounts import OpenPaperBook
from application.platform.kill_switch import EngageKillSwitch
from application.ports.commands import Result
from application.ports.exchange import OrderReport
from application.ports.paper_accounts import PaperTerms
from application.ports.step_up import StepUpProof, mode_act
from application.streams import bot_stream, cases_stream
from application.venue_accounts.commands import (
    CloseVenueAccount,
    ConnectVenueAccount,
    OpenLiveBook,
    OpenPooledAccount,
    RevokeVenueKey,
    connected_account_id,
)
from application.venue_accounts.keys import VenueKeyService
from application.work import Work
from domain.bots.events import BotModeChanged, OrderObserved, PreflightCheck
from domain.reconciliation.breaks import MISSING_HERE, Break
from domain.reconciliation.statement import account_name
from tests.application.harness import Store, signal, with_account
from tests.builders import START, Decide, bot_terms, caller, fill, usdt
from tests.venue_fakes import GOOD_RIGHTS, KEY, FakeFacts, FakeInspector

ANN = connected_account_id("acc-1", "binance", "main")
WHY = "a month on paper went well"


@dataclass
class House:
    """bot-1 of acc-1 observes on their own account at Binance, which has 1,000 USDT; acc-2 is an operator."""

    store: Store
    facts: FakeFacts
    keys: VenueKeyService
    terms: PreflightTerms
    secrets: list[str] = field(default_factory=list)
    limit: int | None = 300
    ran: int = 0

    def checks(self, mode: str = "LIVE") -> dict[str, PreflightCheck]:
        return {check.name: check for check in self.preflight()("bot-1", "acc-1", mode)}

    def preflight(self) -> Preflight:
        views = MemoryReadModels(self.store.log)
        return Preflight(
            self.store.log, views, self.facts, self.terms, lambda: self.secrets, lambda _: self.limit
        )

    def run_preflight(self, mode: str = "LIVE") -> dict[str, Any]:
        self.ran += 1
        service = PreflightService(self.store.bus, self.store.clock, self.preflight())
        return dict(service("bot-1", "acc-1", mode, caller(f"preflight-{self.ran}", "")).unwrap())

    def approve(self) -> None:
        self.store.do(RequestLiveTrading("acc-1", WHY))
        self.store.do(ApproveLiveTrading("acc-1", WHY, by="acc-2"))

    def switch(self, to: str = "LIVE", preflight_id: str = "", **given: Any) -> ChangeBotMode:
        proof = StepUpProof(
            step_up_id="stepup-1",
            session_sha256="session",
            account_id="acc-1",
            act_sha256=mode_act("bot-1", to, preflight_id, WHY),
            address="127.0.0.1",
            proved_at_utc=self.store.clock.now(),
        )
        values = {
            "bot_id": "bot-1",
            "owner_id": "acc-1",
            "to_mode": to,
            "reason": WHY,
            "by": "acc-1",
            "asked_from": "api session-1",
            "preflight_id": preflight_id,
            "step_up": proof,
        }
        return ChangeBotMode(**{**values, **given})

    def go_live(self) -> None:
        self.approve()
        self.store.do(self.switch(preflight_id=self.run_preflight()["preflight_id"]))

    def later(self, **much: float) -> None:
        self.store.clock.move_to(self.store.clock.now() + timedelta(**much))


def venue_bot(store: Store, account: str = ANN, **terms: Any) -> None:
    chosen = replace(bot_terms(), source="binance", stop_loss_bps=500, **terms)
    store.do(
        CreateVenueBot(
            bot_id="bot-1", owner_id="acc-1", venue_account_id=account, terms=chosen, asked_from="cli"
        )
    )


@pytest.fixture
def house(tmp_path: Path) -> House:
    store = with_account()
    store.do(RegisterAccount("acc-2", ("trader",), "commitment"))
    store.do(GrantRole("acc-2", "operator", "root"))
    store.do(ConnectVenueAccount("acc-1", "binance", "main"))
    inspector = FakeInspector(balances={"USDT": Decimal(1_000)})
    vault = EnvelopeVault(MemoryEnvelopes(), MasterKeyFile(tmp_path / "test.vault"), store.clock)
    keys = VenueKeyService(store.log, store.bus, store.clock, vault, inspector)
    keys.take(ANN, "acc-1", KEY, caller("key")).unwrap()
    venue_bot(store)
    terms = PreflightTerms(
        criteria=Criteria(least_days=0, least_trades=0, least_profit_factor=Decimal(0)),
        test_venues=frozenset({"simulator"}),
        live_sources=frozenset({"binance"}),
    )
    found = House(store, FakeFacts(held={"USDT": Decimal(1_000)}), keys, terms)
    _paper_twin(found)
    return found


def _paper_twin(house: House) -> None:
    """A paper bot with the same strategy that bought once and sold once, at a profit."""
    store, terms = house.store, replace(bot_terms(), source="binance")
    store.do(OpenPaperBook("paper-1", "acc-1", (usdt("1000"),), PaperTerms()))
    store.do(CreateBot("twin", "acc-1", "paper-1", book_is_new=False, terms=terms))
    store.do(StartBot("twin", "acc-1", after_candle_ms=None))
    for number, (side, price) in enumerate((("buy", "50000"), ("sell", "60000"))):
        given = replace(signal(side, number * 3_600_000, price=price), bot_id="twin")
        order_id = store.do(given)["client_order_id"]
        quantity = "0.02"
        filled = (fill(f"t-{number}", quantity, price, seconds=number * 86_400),)
        store.do(RecordReport(OrderReport(
            client_order_id=order_id, venue_order_id=f"v-{number}", status="filled", fills=filled
        )))  # fmt: skip


# -- bots on venue accounts --------------------------------------------------------------------------------


def test_a_bot_on_a_venue_account_begins_by_observing(house: House) -> None:
    bot = house.store.bot()
    assert (bot.mode, bot.venue_account, bot.book_id) == (
        "OBSERVE",
        ANN,
        house.store.book(bot.book_id).book_id,
    )
    assert bot.terms is not None
    assert bot.terms.venue == "binance"
    assert house.store.names(bot_stream("bot-1"))[:2] == ["bots.bot_created", "bots.mode_changed"]
    assert house.store.owed("owner:bot:bot-1", book_id=bot.book_id) == "1000 USDT"


def test_a_bot_on_a_pooled_account_is_on_its_owners_live_book(house: House) -> None:
    store = house.store
    store.do(OpenPooledAccount("kraken", "main", by="root"))
    command = CreateVenueBot(
        bot_id="bot-2",
        owner_id="acc-1",
        venue_account_id="pooled.kraken.main",
        terms=bot_terms(),
        asked_from="cli",
    )
    assert store.refused(command)[0] == "unknown_venue_account"
    book_id = store.do(OpenLiveBook("acc-1", "pooled.kraken.main"))["book_id"]
    store.do(command)
    bot = store.bot("bot-2")
    assert (bot.mode, bot.book_id, store.book(book_id).purse) == ("OBSERVE", book_id, "LIVE")


@pytest.mark.parametrize("owner", ["acc-2", "acc-1"])
def test_a_bot_is_on_no_account_but_its_owners(house: House, owner: str) -> None:
    """Safety §2.37."""
    account = ANN if owner == "acc-2" else "binance.main.00000000"
    command = CreateVenueBot(
        bot_id="bot-9", owner_id=owner, venue_account_id=account, terms=bot_terms(), asked_from="cli"
    )
    assert house.store.refused(command)[0] == "unknown_venue_account"


def test_an_observing_bot_writes_down_its_orders_and_holds_and_sends_nothing(house: House) -> None:
    store = house.store
    store.do(StartBot("bot-1", "acc-1", after_candle_ms=None))
    before = store.book(store.bot().book_id)
    bought = store.do(signal("buy", 0))
    sold = store.do(signal("sell", 3_600_000, price="55000"))

    assert (bought["client_order_id"], bought["observed"], sold["observed"]) == ("", "buy", "sell")
    observed = [event for event in store.events() if isinstance(event, OrderObserved)]
    assert [(one.side, one.base_quantity, one.price) for one in observed] == [
        ("buy", None, Decimal(50_000)),
        ("sell", (observed[0].quote_budget or Decimal(0)) / 50_000, Decimal(55_000)),
    ]
    assert store.book(store.bot().book_id) == before
    assert not [name for name in (r.name for r in store.log.read()) if name == "orders.order_intended"][2:]
    assert (store.bot().observed_base, store.bot().last_order_id) == (Decimal(0), "")


# -- the account's approval --------------------------------------------------------------------------------


def test_live_trading_is_approved_by_a_second_person_alone(house: House) -> None:
    """Safety §1, four eyes: approver and requester differ."""
    store = house.store
    approve = ApproveLiveTrading("acc-1", WHY, by="acc-2")
    assert store.refused(approve)[0] == "live_trading_not_requested"
    store.do(RequestLiveTrading("acc-1", WHY))
    assert store.refused(ApproveLiveTrading("acc-1", WHY, by="acc-1"))[0] == "invalid_value"  # no operator
    store.do(GrantRole("acc-1", "admin", "root"))
    assert store.refused(ApproveLiveTrading("acc-1", WHY, by="acc-1"))[0] == "second_person_needed"
    assert store.do(approve)["live_trading"] == "approved"
    assert store.do(RevokeLiveTrading("acc-1", WHY, by="acc-2"))["live_trading"] == "none"


# -- pre-flight --------------------------------------------------------------------------------------------


ALL = (
    *("key", "symbol", "filters", "rate_budget", "clock", "reconciliation", "stop_loss", "daily_loss_limit"),
    *("venue", "balance", "secrets", "paper_validation"),
)


def test_where_all_is_well_it_is_go(house: House) -> None:
    report = house.run_preflight()
    assert {check["name"]: check["verdict"] for check in report["checks"]} == dict.fromkeys(ALL, "PASS")
    assert report["verdict"] == "GO"


def _no_key(house: House) -> None:
    house.keys.end(RevokeVenueKey(ANN, "acc-1", "lost", by="acc-1"), ANN, caller("revoke"))


def _may_withdraw(house: House) -> None:
    house.facts.key_rights = replace(GOOD_RIGHTS, may_take_out=True)


def _cannot_trade(house: House) -> None:
    house.facts.key_rights = replace(GOOD_RIGHTS, may_trade=False)


def _poor(house: House) -> None:
    house.facts.prices = {"USDT": Decimal("0.0999")}


def _not_traded(house: House) -> None:
    house.facts.not_traded = "BREAK"


def _no_filters(house: House) -> None:
    house.facts.filters = replace(house.facts.filters, lot_size=Decimal(0))


def _no_budget(house: House) -> None:
    house.facts.left = Decimal("0.05")


def _unknown_budget(house: House) -> None:
    house.facts.left = None


def _skewed(house: House) -> None:
    house.facts.offset_ms = Decimal(-1_001)


def _unmeasured(house: House) -> None:
    house.facts.offset_ms = None


def _no_limit(house: House) -> None:
    house.limit = None


def _differs(house: House) -> None:
    house.facts.held["USDT"] = Decimal(999)


def _open_case(house: House) -> None:
    name = account_name(ANN, house.store.bot().book_id, "CONNECTED")
    found = Break(
        key="transfer:1",
        kind=MISSING_HERE,
        here=(),
        there=(usdt("1"),),
        purse="CONNECTED",
        book_id=house.store.bot().book_id,
        owner_id="acc-1",
    )

    def decide(work: Work) -> Result:
        events = work.cases(name).compare(
            [found], was_compared=lambda _: True, run_id="run-1", by="root", at=work.now
        )
        work.record(cases_stream(name), events)
        return {}

    house.store.do(Decide(decide))


def _weak(house: House) -> None:
    house.secrets.append("the database's password is a default")


def _too_few_trades(house: House) -> None:
    house.terms = replace(house.terms, criteria=Criteria(least_days=0, least_trades=2))


def _too_few_days(house: House) -> None:
    house.terms = replace(house.terms, criteria=Criteria(least_days=30, least_trades=0))


FAULTS: list[tuple[Callable[[House], None], str, str]] = [
    (_no_key, "key", "has no key; import one"),
    (_may_withdraw, "key", "may withdraw"),
    (_cannot_trade, "key", "may not trade"),
    (_poor, "balance", "worth 99.9 USD, at least 100"),
    (_not_traded, "symbol", "cannot be traded at binance now: BREAK"),
    (_no_filters, "filters", "does not tell lot_size"),
    (_no_budget, "rate_budget", "5 % of the venue's rate limit"),
    (_unknown_budget, "rate_budget", "nobody knows"),
    (_skewed, "clock", "1001 ms apart"),
    (_unmeasured, "clock", "not measured"),
    (_no_limit, "daily_loss_limit", "no daily-loss limit is set"),
    (_differs, "reconciliation", "USDT by -1"),
    (_open_case, "reconciliation", "1 differences between our books and the venue are open"),
    (_weak, "secrets", "password is a default"),
    (_too_few_trades, "paper_validation", "NO-GO: paper bot twin shows 1 trades of 2"),
    (_too_few_days, "paper_validation", "NO-GO: paper bot twin shows 1 days of 30"),
]


@pytest.mark.parametrize(("plant", "check", "words"), FAULTS, ids=[plant.__name__ for plant, *_ in FAULTS])
def test_each_planted_fault_blocks_with_its_own_message(
    house: House, plant: Callable[[House], None], check: str, words: str
) -> None:
    """Safety #43: LIVE needs an armed flag, step-up and caps; and all of this."""
    house.approve()
    plant(house)
    found = house.checks()
    assert [name for name, one in found.items() if one.verdict == "FAIL"] == (
        [check] if plant is not _not_traded else ["symbol", "filters"]
    )
    assert words in found[check].message
    report = house.run_preflight()
    assert report["verdict"] == "NO-GO"
    code, data = house.store.refused(house.switch(preflight_id=report["preflight_id"]))
    assert (code, check in data["failed"]) == ("preflight_failed", True)
    assert house.store.bot().mode == "OBSERVE"


def test_a_bot_without_a_stop_loss_is_blocked(house: House) -> None:
    store = house.store
    terms = replace(bot_terms(), source="binance")
    store.do(CreateVenueBot(
        bot_id="bot-2", owner_id="acc-1", venue_account_id=ANN, terms=terms, asked_from="cli"
    ))  # fmt: skip
    (check,) = [one for one in house.preflight()("bot-2", "acc-1", "LIVE") if one.verdict == "FAIL"]
    assert (check.name, check.message) == ("stop_loss", "the bot has no stop-loss; create it with one")


def test_without_a_paper_twin_it_is_no_go(house: House) -> None:
    house.store.do(CreateVenueBot(
        bot_id="bot-2",
        owner_id="acc-1",
        venue_account_id=ANN,
        terms=replace(bot_terms(parameters={"fast": "3", "slow": "9"}), stop_loss_bps=100),
        asked_from="cli",
    ))  # fmt: skip
    found = {one.name: one for one in house.preflight()("bot-2", "acc-1", "LIVE")}
    assert found["paper_validation"].message.startswith("NO-GO: no paper bot of yours has this strategy")


def test_a_venue_that_does_not_answer_fails_what_it_was_asked_for(house: House) -> None:
    """Safety §2.69: fail closed."""
    house.facts.silent = True
    failed = {name for name, one in house.checks().items() if one.verdict == "FAIL"}
    assert failed == {"key", "symbol", "filters", "rate_budget", "clock", "reconciliation", "balance"}
    assert "no answer within 10 s" in house.checks()["clock"].message


def test_what_is_warned_of_does_not_block_and_stands_with_the_change(house: House) -> None:
    house.facts.key_rights = replace(GOOD_RIGHTS, is_ip_restricted=None)
    house.facts.offset_ms, house.facts.left = Decimal(400), Decimal("0.3")
    house.facts.filters = replace(house.facts.filters, min_notional=Decimal(0))
    house.go_live()
    (changed,) = [e for e in house.store.events() if isinstance(e, BotModeChanged) and e.to_mode == "LIVE"]
    assert [warning.partition(":")[0] for warning in changed.warnings] == [
        "key",
        "filters",
        "rate_budget",
        "clock",
    ]
    assert (changed.reason, changed.changed_by, changed.asked_from) == (WHY, "acc-1", "api session-1")
    assert (changed.step_up_id, changed.preflight_id != "") == ("stepup-1", True)


def test_testnet_is_for_test_venues(house: House) -> None:
    failed = [one for one in house.checks("TESTNET").values() if one.verdict == "FAIL"]
    assert [one.name for one in failed] == ["venue"]
    house.terms = replace(house.terms, test_venues=frozenset({"binance"}))
    report = house.run_preflight("TESTNET")
    assert report["verdict"] == "GO"
    house.store.do(house.switch("TESTNET", report["preflight_id"], step_up=None))
    assert house.store.bot().mode == "TESTNET"


# -- the switch --------------------------------------------------------------------------------------------


def test_the_whole_way_to_live_and_back(house: House) -> None:
    house.go_live()
    assert house.store.bot().mode == "LIVE"
    house.store.do(StartBot("bot-1", "acc-1", after_candle_ms=None))
    sent = house.store.do(signal("buy", 0))
    assert sent["client_order_id"]
    assert house.store.do(house.switch("OBSERVE", step_up=None))["mode"] == "OBSERVE"  # while it runs


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"preflight_id": ""}, "preflight_needed"),
        ({"preflight_id": "another"}, "preflight_needed"),
        ({"step_up": None}, "step_up_needed"),
        ({"reason": "another reason"}, "step_up_needed"),
        ({"reason": " "}, "invalid_value"),
        ({"to_mode": "TESTNET"}, "preflight_needed"),
        ({"to_mode": "PAPER"}, "bot_mode_not_possible"),
        ({"owner_id": "acc-2"}, "unknown_bot"),
    ],
)
def test_what_is_missing_keeps_the_gate_shut(house: House, given: dict[str, Any], code: str) -> None:
    house.approve()
    preflight_id = house.run_preflight()["preflight_id"]
    command = replace(house.switch(preflight_id=preflight_id), **given)
    assert house.store.refused(command)[0] == code


def test_without_approval_the_gate_is_shut(house: House) -> None:
    command = house.switch(preflight_id=house.run_preflight()["preflight_id"])
    assert house.store.refused(command)[0] == "live_trading_not_approved"
    house.store.do(RequestLiveTrading("acc-1", WHY))
    assert house.store.refused(command)[0] == "live_trading_not_approved"


def test_a_step_up_is_of_the_owner_fresh_for_one_act_and_used_once(house: House) -> None:
    """Safety §2.32: at most 5 minutes old, bound to the act's hash."""
    house.approve()
    preflight_id = house.run_preflight()["preflight_id"]
    command = house.switch(preflight_id=preflight_id)
    assert command.step_up is not None
    for wrong in (
        replace(command.step_up, account_id="acc-2"),
        replace(command.step_up, act_sha256=mode_act("bot-2", "LIVE", preflight_id, WHY)),
        replace(command.step_up, proved_at_utc=START - timedelta(minutes=5, seconds=1)),
        replace(command.step_up, proved_at_utc=START + timedelta(seconds=1)),
    ):
        assert house.store.refused(replace(command, step_up=wrong))[0] == "step_up_needed"
    house.store.do(command)
    house.store.do(house.switch("OBSERVE", step_up=None))
    assert house.store.refused(command)[0] == "fact_already_recorded"


def test_an_old_preflight_counts_no_more(house: House) -> None:
    house.approve()
    preflight_id = house.run_preflight()["preflight_id"]
    house.later(minutes=15)
    house.store.do(house.switch(preflight_id=preflight_id))
    house.store.do(house.switch("OBSERVE", step_up=None))
    house.later(seconds=1)
    command = replace(house.switch(preflight_id=preflight_id), step_up=None)
    assert house.store.refused(command)[0] == "preflight_needed"


def test_a_running_bot_is_not_switched_to_sending(house: House) -> None:
    house.approve()
    house.store.do(StartBot("bot-1", "acc-1", after_candle_ms=None))
    command = house.switch(preflight_id=house.run_preflight()["preflight_id"])
    assert house.store.refused(command)[0] == "bot_wrong_state"
    house.store.do(PauseBot("bot-1", "acc-1", "to switch it"))
    house.store.do(command)


@pytest.mark.parametrize(
    ("shut", "code"),
    [
        (lambda h: h.store.do(FreezeAccount("acc-1", "why", "acc-2")), "account_frozen"),
        (lambda h: h.store.do(EngageKillSwitch("why", by="acc-2")), "kill_switch_engaged"),
        (_no_key, "no_venue_key"),
        (
            lambda h: h.keys.end(CloseVenueAccount(ANN, "acc-1", "x", by="acc-1"), ANN, caller("close")),
            "venue_account_closed",
        ),
    ],
)
def test_what_shuts_everything_shuts_the_gate(house: House, shut: Callable[[House], Any], code: str) -> None:
    house.approve()
    command = house.switch(preflight_id=house.run_preflight()["preflight_id"])
    shut(house)
    assert house.store.refused(command)[0] == code


def test_a_paper_bot_stays_one(house: House) -> None:
    """Safety #43."""
    house.approve()
    for mode in ("OBSERVE", "TESTNET", "LIVE"):
        command = replace(house.switch(mode), bot_id="twin")
        assert house.store.refused(command)[0] == "bot_mode_not_possible"


@pytest.mark.parametrize(
    ("shut", "guardrail"),
    [
        (lambda h: h.store.do(RevokeLiveTrading("acc-1", "why", by="acc-2")), "live_trading_not_approved"),
        (_no_key, "no_venue_key"),
    ],
)
def test_what_is_taken_back_stops_the_very_next_order(
    house: House, shut: Callable[[House], Any], guardrail: str
) -> None:
    """Safety §2.40: the gate is asked at every order, in its own append."""
    house.go_live()
    house.store.do(StartBot("bot-1", "acc-1", after_candle_ms=None))
    shut(house)
    result = house.store.do(signal("buy", 0))
    assert (result["client_order_id"], result["guardrail"]) == ("", guardrail)


@pytest.mark.parametrize(
    ("shut", "guardrail"),
    [
        (lambda h: h.store.do(RevokeLiveTrading("acc-1", "why", by="acc-2")), ""),
        (lambda h: h.store.do(FreezeAccount("acc-1", "why", "acc-2")), ""),
        (_no_key, "no_venue_key"),
        (lambda h: h.store.do(EngageKillSwitch("why", "acc-2")), "kill_switch_engaged"),
    ],
)
def test_only_an_explicit_stop_keeps_a_bot_from_selling_what_it_holds(
    house: House, shut: Callable[[House], Any], guardrail: str
) -> None:
    """ADR 37: its stop is worth most when nobody may look after it. A bot without a key has nobody to ask."""
    store = house.store
    house.go_live()
    store.do(StartBot("bot-1", "acc-1", after_candle_ms=None))
    order_id = store.do(signal("buy", 0))["client_order_id"]
    bought = (fill("t-1", "0.0195", "50000", fee="0 BTC"),)
    report = OrderReport(client_order_id=order_id, venue_order_id="v", status="filled", fills=bought)
    store.do(RecordReport(report))
    shut(house)

    result = store.do(signal("sell", 3_600_000))

    assert result.get("guardrail", "") == guardrail
    assert result.get("base_quantity", "") == ("" if guardrail else "0.0195")
    assert store.do(signal("buy", 7_200_000))["guardrail"]


def test_an_order_decided_on_before_the_bot_was_switched_back_is_not_sent_late(house: House) -> None:
    """Safety #43: what was intended LIVE and never sent ends, and its hold goes back to the bot."""
    store = house.store
    house.go_live()
    store.do(StartBot("bot-1", "acc-1", after_candle_ms=None))
    order_id = store.do(signal("buy", 0))["client_order_id"]
    store.do(house.switch("OBSERVE", step_up=None))
    late = store.do(ConfirmLateOrder(order_id, decided_on_candle_ms=0, feed_now_ms=3_600_000))
    assert (late["send"], late["status"]) == (False, "refused")
    assert store.owed("owner:bot:bot-1", book_id=store.bot().book_id) == "1000 USDT"
