"""Bots are created, funded and led through their life."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from application.accounts.commands import FreezeAccount
from application.bots.manage_bots import (
    AllocateToBot,
    CreateBot,
    DeallocateFromBot,
    PauseBot,
    ResumeBot,
    StartBot,
    StopBot,
)
from application.orders.record_report import RecordReport
from application.paper.accounts import FundPaperBook, ResetPaperBook
from application.platform.kill_switch import EngageKillSwitch
from application.ports.commands import Command
from application.ports.exchange import OrderReport
from application.ports.paper_accounts import PaperTerms
from domain.money import Money
from tests.application.harness import Store, signal, with_account, with_paper_account, with_running_bot
from tests.builders import HOUR_MS, bot_terms, fill, usdt

CREATE = CreateBot("bot-1", "acc-1", "book-1", book_is_new=False, terms=bot_terms())
START = StartBot("bot-1", "acc-1", None)
STOP = StopBot("bot-1", "acc-1", "done")


def fund(amount: Money, deposit_id: str = "d-1") -> FundPaperBook:
    return FundPaperBook("book-1", "acc-1", amount, deposit_id)


def test_a_bot_takes_what_the_free_balance_covers_and_the_rest_when_it_starts() -> None:
    store = with_paper_account(usdt("300"))

    created = store.do(CREATE)
    store.do(fund(usdt("5000")))
    started = store.do(START)

    assert (created["status"], created["allocated"]) == ("created", "300 USDT")
    assert (started["status"], started["allocated"]) == ("running", "1000 USDT")
    assert store.owed("owner:available") == "4300 USDT"


def test_without_a_paper_account_and_without_the_wallet_a_bot_still_comes_into_being() -> None:
    store = with_account()
    terms = bot_terms(symbol="BTC/GBP", allocation="1000 GBP")

    created = store.do(CreateBot("bot-1", "acc-1", "book-1", book_is_new=True, terms=terms))

    assert (created["allocated"], created["paper_account_id"]) == ("0 GBP", "book-1")
    assert store.book().is_open
    store.do(START)
    assert (
        store.do(signal(market=replace(signal().market, symbol="BTC/GBP")))["guardrail"]
        == "nothing_allocated"
    )
    store.do(fund(Money(Decimal(250), "GBP")))
    store.do(STOP)
    assert store.do(START)["allocated"] == "250 GBP"


def test_creating_it_again_changes_nothing() -> None:
    store = with_paper_account(usdt("300"))
    first = store.do(CREATE)
    before = store.log.head()
    assert store.do(CREATE) == first
    assert store.log.head() == before


def test_a_restart_adds_nothing_while_an_order_holds_the_allocation() -> None:
    store = with_running_bot(cash=usdt("5000"))
    assert store.do(signal())["client_order_id"]
    store.do(STOP)

    store.do(START)

    assert store.owed("owner:bot:bot-1") == "0 USDT"
    assert store.owed("owner:available") == "4000 USDT"


def traded(*, lot_size: str, bought: str) -> Store:
    """A bot that spent 990 of its 1,000 on that much, stopped."""
    store = with_running_bot(cash=usdt("5000"), paper=PaperTerms(lot_size=Decimal(lot_size)))
    order_id = store.do(signal())["client_order_id"]
    fills = (replace(fill("t-1", bought), quote_amount=Decimal(990)),)
    store.do(
        RecordReport(OrderReport(client_order_id=order_id, venue_order_id="v", status="filled", fills=fills))
    )
    store.do(STOP)
    return store


def test_a_restart_adds_nothing_to_a_bot_with_a_position() -> None:
    store = traded(lot_size="0.001", bought="0.0195")
    store.do(START)
    assert store.owed("owner:bot:bot-1") == "10 USDT"


def test_dust_below_a_lot_is_no_position_and_does_not_keep_a_bot_from_its_allocation() -> None:
    store = traded(lot_size="0.1", bought="0.0195")
    store.do(START)
    assert store.owed("owner:bot:bot-1") == "1000 USDT"


def test_a_bot_is_led_through_its_life_and_counts_its_runs() -> None:
    store = with_paper_account(usdt("1000"))
    store.do(CREATE)
    statuses = [
        store.do(command)
        for command in (
            START,
            PauseBot("bot-1", "acc-1", "lunch"),
            ResumeBot("bot-1", "acc-1", 5 * HOUR_MS),
            STOP,
            START,
        )
    ]
    assert [each["status"] for each in statuses] == ["running", "paused", "running", "stopped", "running"]
    assert [each["run"] for each in statuses] == [1, 1, 1, 1, 2]
    assert [each["version"] for each in statuses] == [2, 3, 4, 5, 6]


def test_funds_are_given_and_taken_back_once_per_id() -> None:
    store = with_running_bot(cash=usdt("1500"))
    give, take = (
        AllocateToBot("bot-1", "acc-1", usdt("200"), "m-1"),
        DeallocateFromBot("bot-1", "acc-1", usdt("50"), "m-2"),
    )

    assert store.do(give)["allocated"] == "1200 USDT"
    assert store.do(take)["allocated"] == "1150 USDT"
    for again in (give, take, replace(take, allocation_id="m-1")):
        assert store.refused(again)[0] == "fact_already_recorded"
    assert store.owed("owner:available") == "350 USDT"


FREEZE = FreezeAccount("acc-1", "stolen phone", "op")
KILL = EngageKillSwitch("leak", "op")
RESET = ResetPaperBook("book-1", "book-2", "acc-1", ())


@pytest.mark.parametrize(
    ("given", "command", "code"),
    [
        ((), replace(CREATE, owner_id="acc-9"), "unknown_account"),
        ((FREEZE,), replace(CREATE, terms=bot_terms(strategy="x")), "account_frozen"),
        ((), replace(CREATE, bot_id="bot-2", terms=bot_terms(strategy="x"), book_id="b"), "unknown_strategy"),
        ((), replace(CREATE, terms=bot_terms(parameters={"fast": "0"}), book_id="b"), "invalid_parameter"),
        ((RESET,), replace(CREATE, terms=bot_terms(name=""), book_id="b"), "unknown_paper_account"),
        ((RESET,), replace(CREATE, bot_id="bot-2", terms=bot_terms(name="")), "book_not_open"),
        ((), replace(CREATE, terms=bot_terms(name="")), "invalid_value"),
        ((), replace(CREATE, bot_id="bot-2", terms=bot_terms(allocation="1 BTC")), "invalid_value"),
        ((), replace(CREATE, terms=bot_terms(name="another")), "bot_exists"),
        ((FREEZE, KILL), replace(START, owner_id="acc-2"), "unknown_bot"),
        ((FREEZE, KILL), START, "account_frozen"),
        ((KILL, PauseBot("bot-1", "acc-1", "x")), START, "kill_switch_engaged"),
        ((PauseBot("bot-1", "acc-1", "x"),), START, "bot_wrong_state"),
        ((FREEZE, KILL), ResumeBot("bot-9", "acc-1", None), "unknown_bot"),
        ((FREEZE, KILL), ResumeBot("bot-1", "acc-1", None), "account_frozen"),
        ((FREEZE,), PauseBot("bot-1", "acc-1", "x"), "account_frozen"),
        ((FREEZE,), StopBot("bot-1", "acc-1", "x"), "account_frozen"),
        ((KILL, STOP), ResumeBot("bot-1", "acc-1", None), "kill_switch_engaged"),
        ((STOP,), ResumeBot("bot-1", "acc-1", None), "bot_wrong_state"),
        ((), PauseBot("bot-1", "acc-2", "x"), "unknown_bot"),
        ((STOP,), PauseBot("bot-1", "acc-1", "x"), "bot_wrong_state"),
        ((), StopBot("bot-1", "acc-2", "x"), "unknown_bot"),
        ((FREEZE,), AllocateToBot("bot-1", "acc-2", usdt("-1"), "m"), "unknown_bot"),
        ((RESET,), AllocateToBot("bot-1", "acc-1", usdt("-1"), "m"), "book_not_open"),
        ((), AllocateToBot("bot-1", "acc-1", usdt("-1"), "m"), "invalid_value"),
        ((), AllocateToBot("bot-1", "acc-1", usdt("1"), "m"), "insufficient_funds"),
        ((FREEZE,), DeallocateFromBot("bot-1", "acc-1", usdt("1"), "m"), "account_frozen"),
        ((), DeallocateFromBot("bot-1", "acc-1", usdt("0"), "m"), "invalid_value"),
        ((), DeallocateFromBot("bot-1", "acc-1", usdt("1000.01"), "m"), "insufficient_funds"),
    ],
)
def test_a_wrong_step_is_refused_by_the_first_check_that_fails(
    given: tuple[Command, ...], command: Command, code: str
) -> None:
    store = with_running_bot()
    for each in given:
        store.do(each)
    assert store.refused(command)[0] == code
