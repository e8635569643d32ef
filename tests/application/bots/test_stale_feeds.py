"""A pause for silent candles ends by itself; what anybody wants besides does not end with it."""

from __future__ import annotations

from dataclasses import replace

from application.accounts.commands import FreezeAccount
from application.bots.manage_bots import PauseBot
from application.bots.stale_feeds import PauseForStaleFeed, ResumeFromStaleFeed
from application.kill_switch.close_position import ClosePosition
from application.platform.kill_switch import EngageOwnersKillSwitch, ReleaseOwnersKillSwitch
from application.risk.entries import pause_after_losses
from application.streams import risk_stream
from application.work import Work
from domain.kill_switch.switches import BY_LIMIT, CLOSE_ALL, STOP
from domain.risk.limits import Limits
from tests.application.harness import Store
from tests.application.risk_world import BTC, buy, filled, limit_account, live_store, round_trip, stopped_at
from tests.builders import Decide

SILENT = PauseForStaleFeed("bot-1", "no candle of BTC/USDT")
HEARD = ResumeFromStaleFeed("bot-1", 0)


def a_silent_bot() -> Store:
    store = live_store("bot-1", terms=stopped_at(1_000, venue="fake"))
    store.do(SILENT)
    return store


def test_candles_that_come_again_end_the_pause() -> None:
    store = a_silent_bot()
    assert store.bot().status == "paused"
    store.do(HEARD)
    assert store.bot().status == "running"


def test_what_its_owner_pauses_meanwhile_stays_paused() -> None:
    store = a_silent_bot()
    store.do(PauseBot("bot-1", "acc-1", "I look at it first"))
    store.do(HEARD)
    assert (store.bot().status, store.bot().pause_reason) == ("paused", "I look at it first")

    store.do(SILENT)
    assert store.bot().pause_reason == "I look at it first"


def test_silence_that_is_told_again_is_no_news() -> None:
    store = a_silent_bot()
    before = store.log.head()
    store.do(SILENT)
    assert store.log.head() == before


def test_it_stays_paused_while_a_kill_switch_stops_it() -> None:
    store = a_silent_bot()
    store.do(EngageOwnersKillSwitch("acc-1", "", STOP, "enough", "acc-1", "s-1"))
    store.do(HEARD)
    assert store.bot().status == "paused"


def test_of_a_frozen_account_it_goes_on_for_its_stop_is_to_work() -> None:
    store = a_silent_bot()
    store.do(FreezeAccount("acc-1", "under review", "op"))
    store.do(HEARD)
    assert store.bot().status == "running"


def test_under_a_limits_switch_it_goes_on_for_its_stop_is_to_work() -> None:
    store = a_silent_bot()

    def stop(work: Work) -> dict[str, str]:
        engaged = work.risk("acc-1").engage_kill_switch(
            bot_id="", mode=STOP, reason="lost", rank=BY_LIMIT, switch_id="s-1", by="a limit", at=work.now
        )
        work.record(risk_stream("acc-1"), engaged)
        return {}

    store.do(Decide(stop))
    store.do(HEARD)
    assert store.bot().status == "running"


def test_what_a_kill_switch_has_sold_does_not_trade_again_by_itself() -> None:
    store = live_store("bot-1", terms=stopped_at(1_000, venue="fake"))
    filled(store, store.do(replace(buy("bot-1"), venue="fake")), "10", "100")
    store.do(SILENT)
    store.do(EngageOwnersKillSwitch("acc-1", "", CLOSE_ALL, "enough", "acc-1", "s-1"))
    store.do(ClosePosition("bot-1", "account", "acc-1", "s-1", 0, BTC))
    store.do(ReleaseOwnersKillSwitch("acc-1", "", "well again", "acc-1"))
    store.do(HEARD)

    assert store.bot().status == "paused"


def test_a_bot_that_lost_too_often_does_not_trade_again_by_itself() -> None:
    store = live_store("bot-1", terms=stopped_at(1_000))
    limit_account(store, Limits(max_losses_in_a_row=5))
    for hours in (1, 3):
        round_trip(store, hours=hours, bought="100", sold="99")
    store.do(SILENT)
    limit_account(store, Limits(max_losses_in_a_row=2))

    def count(work: Work) -> dict[str, str]:
        pause_after_losses(work, "bot-1")
        return {}

    store.do(Decide(count))
    store.do(HEARD)
    assert (store.bot().status, store.bot().pause_reason) == ("paused", "2 losses in a row")
