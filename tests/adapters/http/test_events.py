"""The event stream: everything first, then changes, what can't wait at once, and a clean end."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from adapters.http.app import close_streams
from adapters.http.options import HttpOptions
from tests.adapters.http.raw import exchange
from tests.adapters.http.stack import Person, Stack, open_stack

MONEY = {"amount": "10", "asset": "USDT"}


def watching(person: Person, **headers: str) -> dict[str, str]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return {"Authorization": f"Bearer {person.token}", **named}


@pytest.fixture
async def stack() -> AsyncIterator[Stack]:
    options = HttpOptions(stream_poll_s=0.01, stream_coalesce_s=0.05, stream_recheck_s=0.05)
    async with open_stack(options) as opened:
        yield opened


async def test_first_comes_everything_then_what_changes(stack: Stack, alice: Person, bob: Person) -> None:
    account = await alice.paper_account("100 USDT")
    bot = await alice.bot(paper_account_id=account, allocation="60")
    async with exchange(stack.app, "GET", "/v1/events", headers=watching(alice)) as stream:
        position, state = await stream.frame("state")
        assert stream.headers["content-type"].startswith("text/event-stream")
        assert [item["bot_id"] for item in state["bots"]] == [bot]
        assert next(item for item in state["balances"] if item["asset"] == "USDT.PAPER")["allocated"] == "60"
        assert state["kill_switch"] == {"engaged": False, "reason": ""}
        assert position == f"0-{stack.services.log.head().id}"

        await bob.paper_account("7 USDT")
        await alice.post(f"/v1/paper-accounts/{account}/deposits", MONEY)
        position, change = await stream.frame("change")
        assert [item["total"] for item in change["balances"]] == ["110"]
        assert "7" not in [item["total"] for item in change["balances"]]
        assert position is not None
        assert position.startswith("0-")


async def test_how_long_somebody_listened_is_no_time_of_ours(stack: Stack, alice: Person) -> None:
    async with exchange(stack.app, "GET", "/v1/events", headers=watching(alice)) as stream:
        await stream.frame("state")
    await alice.client.get("/v1/events", headers={"Authorization": "Bearer wrong"})
    told = zip(stack.observer.finished, stack.observer.timed, strict=True)
    assert [timed for (_, route, _), timed in told if route == "/v1/events"] == [False, True]


async def test_a_reconnect_hears_what_it_missed_and_nothing_twice(stack: Stack, alice: Person) -> None:
    account = await alice.paper_account("100 USDT")
    async with exchange(stack.app, "GET", "/v1/events", headers=watching(alice)) as stream:
        seen, _ = await stream.frame("state")
    assert seen is not None
    await alice.post(f"/v1/paper-accounts/{account}/deposits", MONEY)
    bot = await alice.bot(paper_account_id=account)
    headers = watching(alice, Last_Event_ID=seen)
    async with exchange(stack.app, "GET", "/v1/events", headers=headers) as stream:
        position, change = await stream.frame("change")
        assert [item["bot_id"] for item in change["bots"]] == [bot]
        assert position == f"0-{stack.services.log.head().id}"
    async with exchange(
        stack.app, "GET", "/v1/events", headers=watching(alice, Last_Event_ID=str(position))
    ) as stream:
        await alice.post(f"/v1/bots/{bot}/starts")
        _, change = await stream.frame("change")
        assert [item["status"] for item in change["bots"]] == ["running"]
        assert "state" not in stream.text


@pytest.mark.parametrize("last", ["nonsense", "0-99999999", "7-1"])
async def test_an_id_that_is_not_ours_gets_the_full_state(stack: Stack, alice: Person, last: str) -> None:
    headers = watching(alice, Last_Event_ID=last)
    async with exchange(stack.app, "GET", "/v1/events", headers=headers) as stream:
        _, state = await stream.frame("state")
        assert state["bots"] == []


async def test_what_cannot_wait_comes_at_once() -> None:
    options = HttpOptions(stream_poll_s=0.01, stream_coalesce_s=3600)
    async with open_stack(options) as stack:
        alice = await stack.person("alice@example.org")
        operator = await stack.person("operator@example.org", "operator")
        bot = await alice.bot()
        async with exchange(stack.app, "GET", "/v1/events", headers=watching(alice)) as stream:
            await stream.frame("state")
            await alice.post(f"/v1/bots/{bot}/starts")  # would wait an hour
            await alice.post(f"/v1/bots/{bot}/pauses", {"reason": "storm"})
            position, alert = await stream.frame("alert")
            assert position is None
            assert (alert["name"], alert["data"]["reason"]) == ("bots.paused", "storm") or "paus" in alert[
                "name"
            ]
            _, change = await stream.frame("change")
            assert [item["status"] for item in change["bots"]] == ["paused"]
            await operator.post("/v1/platform/kill-switch", {"action": "engage", "reason": "fire"})
            _, alert = await stream.frame("alert")
            assert alert["data"]["reason"] == "fire"
            _, change = await stream.frame("change")
            assert change["kill_switch"] == {"engaged": True, "reason": "fire"}


async def test_a_revoked_session_hears_no_more(stack: Stack, alice: Person) -> None:
    other = await stack.signed_in(alice.email, alice.account_id)
    async with exchange(stack.app, "GET", "/v1/events", headers=watching(alice)) as stream:
        await stream.frame("state")
        await other.delete(f"/v1/sessions/{alice.session_id}")
        await stream.frame("session_ended")
        await stream.to_the_end()


async def test_streams_end_cleanly_when_the_server_stops(stack: Stack, alice: Person) -> None:
    async with exchange(stack.app, "GET", "/v1/events", headers=watching(alice)) as stream:
        await stream.frame("state")
        close_streams(stack.app)
        await stream.to_the_end()
        await stream.task
    answer = await alice.get("/v1/events")
    assert answer.status_code == 503


async def test_a_quiet_stream_is_kept_alive() -> None:
    async with open_stack(HttpOptions(stream_heartbeat_s=0.01)) as stack:
        alice = await stack.person("alice@example.org")
        async with exchange(stack.app, "GET", "/v1/events", headers=watching(alice)) as stream:
            await stream.frame("state")
            while ": still here" not in stream.text:
                await stream.more()


async def test_one_account_has_so_many_streams_and_leaving_frees_one() -> None:
    async with open_stack(HttpOptions(streams_per_account=1)) as stack:
        alice = await stack.person("alice@example.org")
        for _ in range(2):
            async with exchange(stack.app, "GET", "/v1/events", headers=watching(alice)) as stream:
                await stream.frame("state")
                answer = await alice.get("/v1/events")
                assert (answer.status_code, answer.json()["code"]) == (429, "too_many_streams")
