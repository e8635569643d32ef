"""All trading stops by one command, and goes on by another."""

from __future__ import annotations

from dataclasses import replace

from application.accounts.commands import FreezeAccount
from application.platform.kill_switch import (
    EngageKillSwitch,
    EngageOwnersKillSwitch,
    ReleaseKillSwitch,
    ReleaseOwnersKillSwitch,
)
from domain.kill_switch.switches import CLOSE_ALL
from tests.application.harness import Store, signal, with_running_bot
from tests.builders import HOUR_MS


def test_the_kill_switch_stops_the_next_signal_and_its_release_lets_the_one_after_trade() -> None:
    store = with_running_bot()

    stopped = {"engaged": True, "scope": "platform", "target": "", "mode": "stop", "reason": "leak"}
    assert store.do(EngageKillSwitch("leak", "op")) == stopped
    assert store.do(EngageKillSwitch("another", "op")) == stopped
    assert store.do(signal())["guardrail"] == "kill_switch_engaged"
    assert store.do(ReleaseKillSwitch("mended", "op"))["engaged"] is False

    assert store.do(signal(candle_ms=HOUR_MS))["client_order_id"]
    assert store.names("platform:main") == ["platform.kill_switch_engaged", "platform.kill_switch_released"]


def test_a_reason_is_wanted() -> None:
    assert Store().refused(EngageKillSwitch("", "op"))[0] == "invalid_value"
    assert Store().refused(ReleaseKillSwitch(" ", "op"))[0] == "invalid_value"


def test_of_a_frozen_account_the_kill_switch_is_an_operators() -> None:
    """ADR 37: whoever has the account may not switch its stops off."""
    store = with_running_bot()
    store.do(FreezeAccount("acc-1", "stolen phone", "op"))
    engage = EngageOwnersKillSwitch("acc-1", "", CLOSE_ALL, "mine", "acc-1", "s-1")
    release = ReleaseOwnersKillSwitch("acc-1", "", "mine", "acc-1")

    assert store.refused(engage)[0] == "account_frozen"
    assert store.do(replace(engage, by="op", by_operator=True))["engaged"] is True
    assert store.refused(release)[0] == "account_frozen"
    assert store.do(replace(release, by="op", by_operator=True))["engaged"] is False
