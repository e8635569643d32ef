"""A request that is repeated happens once, and is answered as the first time (safety §1)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from application.accounts.commands import FreezeAccount, UnfreezeAccount
from tests.adapters.http.stack import BOT, PASSWORD, Person, Stack, new_key
from tests.adapters.http.test_problems import is_problem

MONEY: dict[str, Any] = {"amount": "10", "asset": "USDT"}


async def test_the_same_request_is_answered_the_same(alice: Person) -> None:
    account, key = await alice.paper_account("100 USDT"), new_key()
    path = f"/v1/paper-accounts/{account}/deposits"
    first = await alice.post(path, MONEY, key=key)
    again = await alice.post(path, MONEY, key=key)
    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first.headers
    assert (await alice.get("/v1/wallets")).json()["items"][0]["available"] == "110"


async def test_a_refusal_is_repeated_too_even_when_it_would_go_well_now(alice: Person) -> None:
    account, key = await alice.paper_account("5 USDT"), new_key()
    bot = await alice.bot(allocation="0", paper_account_id=account)
    path = f"/v1/bots/{bot}/allocations"
    first = await alice.post(path, MONEY, key=key)
    assert is_problem(first, 409, "insufficient_funds")
    assert first.json()["data"] == {"required": "10 USDT.PAPER", "available": "5 USDT.PAPER"}
    assert first.json()["detail"] == "required 10 USDT.PAPER, available 5 USDT.PAPER"
    await alice.post(f"/v1/paper-accounts/{account}/deposits", MONEY)
    again = await alice.post(path, MONEY, key=key)
    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert (await alice.post(path, MONEY)).status_code == 200


async def test_a_key_is_not_used_for_another_request(alice: Person) -> None:
    account, key = await alice.paper_account("100 USDT"), new_key()
    path = f"/v1/paper-accounts/{account}/deposits"
    await alice.post(path, MONEY, key=key)
    assert is_problem(
        await alice.post(path, {**MONEY, "amount": "11"}, key=key), 422, "idempotency_key_reused"
    )
    other = await alice.paper_account()
    answer = await alice.post(f"/v1/paper-accounts/{other}/deposits", MONEY, key=key)
    assert is_problem(answer, 422, "idempotency_key_reused")


async def test_two_people_may_use_one_key(alice: Person, bob: Person) -> None:
    key = new_key()
    answers = [await person.post("/v1/paper-accounts", key=key) for person in (alice, bob)]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].json()["paper_account_id"] != answers[1].json()["paper_account_id"]


@pytest.mark.parametrize("key", ["", "short", "x" * 36, "12345678-1234-1234-1234-12345678901", None])
async def test_every_command_wants_a_key(stack: Stack, alice: Person, key: str | None) -> None:
    sent = {"Authorization": f"Bearer {alice.token}"} | ({} if key is None else {"Idempotency-Key": key})
    for path, body in (
        ("/v1/paper-accounts", {}),
        ("/v1/paper-accounts/x/deposits", MONEY),
        ("/v1/paper-accounts/x/resets", {}),
        ("/v1/bots", BOT),
        ("/v1/bots/x/starts", {}),
        ("/v1/bots/x/pauses", {}),
        ("/v1/bots/x/resumes", {}),
        ("/v1/bots/x/stops", {}),
        ("/v1/bots/x/allocations", MONEY),
        ("/v1/bots/x/deallocations", MONEY),
        ("/v1/accounts", {"email": "new@example.org", "password": PASSWORD}),
    ):
        answer = await stack.client.post(path, json=body, headers=sent)
        assert is_problem(answer, 400, f"idempotency_key_{'invalid' if key else 'missing'}")


async def test_fifty_at_once_happen_once(alice: Person) -> None:
    """safety §3.1: one of fifty parallel requests acts, all are answered alike or told to ask again."""
    account, key = await alice.paper_account("100 USDT"), new_key()
    path = f"/v1/paper-accounts/{account}/deposits"
    answers = await asyncio.gather(*(alice.post(path, MONEY, key=key) for _ in range(50)))
    done = [answer for answer in answers if answer.status_code == 201]
    running = [answer for answer in answers if answer.status_code != 201]
    assert done
    assert len({answer.content for answer in done}) == 1
    for answer in running:
        assert is_problem(answer, 409, "command_still_running")
        assert answer.headers["Retry-After"] == "1"
    assert (await alice.post(path, MONEY, key=key)).content == done[0].content
    assert (await alice.get("/v1/wallets")).json()["items"][0]["available"] == "110"


async def test_fifty_different_ones_spend_no_more_than_there_is(alice: Person) -> None:
    """safety §2.49."""
    account = await alice.paper_account("100 USDT")
    bot = await alice.bot(allocation="0", paper_account_id=account)
    answers = await asyncio.gather(*(alice.post(f"/v1/bots/{bot}/allocations", MONEY) for _ in range(50)))
    assert sorted(answer.status_code for answer in answers) == [200] * 10 + [409] * 40
    wallet = (await alice.get("/v1/wallets")).json()["items"]
    usdt = next(item for item in wallet if item["asset"] == "USDT.PAPER")
    assert (usdt["available"], usdt["allocated"]) == ("0", "100")


async def test_joining_twice_at_once_makes_one_account(stack: Stack) -> None:
    key, body = new_key(), {"email": "new@example.org", "password": PASSWORD}

    async def join() -> Any:
        return await stack.client.post("/v1/accounts", json=body, headers={"Idempotency-Key": key})

    answers = await asyncio.gather(*(join() for _ in range(10)))
    created = {answer.content for answer in answers if answer.status_code == 201}
    assert len(created) == 1
    assert {answer.status_code for answer in answers} <= {201, 409}
    again = await join()
    assert again.content in created
    assert again.headers["Idempotent-Replayed"] == "true"
    for changed in ({"email": "other@example.org"}, {"password": PASSWORD + "!"}):
        answer = await stack.client.post(
            "/v1/accounts", json=body | changed, headers={"Idempotency-Key": key}
        )
        assert is_problem(answer, 422, "idempotency_key_reused")
    taken = await stack.client.post("/v1/accounts", json=body, headers={"Idempotency-Key": new_key()})
    assert is_problem(taken, 409, "email_taken")


async def test_bodies_are_compared_by_meaning(stack: Stack, alice: Person) -> None:
    account, key = await alice.paper_account(), new_key()
    sent = {
        "Authorization": f"Bearer {alice.token}",
        "Content-Type": "application/json",
        "Idempotency-Key": key,
    }
    path = f"/v1/paper-accounts/{account}/deposits"
    for body in ('{"amount":"1","asset":"USDT"}', '{ "asset": "USDT",\n "amount": "1" }'):
        answer = await stack.client.post(path, content=body, headers=sent)
        assert answer.status_code == 201, answer.text


async def test_a_frozen_account_may_look_but_not_act(stack: Stack, alice: Person) -> None:
    stack.command(FreezeAccount(alice.account_id, "chargeback", "system:test")).unwrap()
    assert is_problem(await alice.post("/v1/paper-accounts"), 403, "account_frozen")
    assert (await alice.get("/v1/wallets")).status_code == 200
    stack.command(UnfreezeAccount(alice.account_id, "settled", "system:test")).unwrap()
    assert (await alice.post("/v1/paper-accounts")).status_code == 201
