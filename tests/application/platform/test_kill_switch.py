"""All trading stops by one command, and goes on by another."""

from __future__ import annotations

from application.platform.kill_switch import EngageKillSwitch, ReleaseKillSwitch
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
