"""Venue accounts over HTTP: keys go in and never come out."""

from __future__ import annotations

import logging
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from application.reconciliation.cases import RecordBreaks
from application.venue_accounts.commands import OpenLiveBook, OpenPooledAccount
from domain.money import Money
from domain.reconciliation.breaks import VENUE_ONLY, Break
from domain.reconciliation.statement import AccountStatement, account_name
from tests.adapters.http.stack import Person, Stack, new_key, open_stack
from tests.adapters.http.test_problems import is_problem
from tests.venue_fakes import GOOD_RIGHTS, KEY

SENT = {"api_key": KEY.api_key, "secret": KEY.secret, "password": KEY.password}


async def connected(person: Person, name: str = "main") -> str:
    answer = await person.post("/v1/venue-accounts", {"venue": "binance", "name": name})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["venue_account_id"])


async def test_an_account_is_connected_given_a_key_and_ended(alice: Person, stack: Stack) -> None:
    stack.inspector.balances = {"USDT": Decimal("250.5")}
    account = await connected(alice)
    path = f"/v1/venue-accounts/{account}"

    taken = await alice.post(f"{path}/keys", SENT)
    assert (taken.status_code, taken.headers["Location"]) == (201, path)
    body = taken.json()
    assert (body["opening"], body["key"]["rights"], body["key"]["ip_restricted"]) == (
        ["250.5 USDT"],
        ["read", "trade"],
        True,
    )
    balances = (await alice.get(f"/v1/books/{body['book_id']}/balances")).json()
    assert {line["account"]: line["amount"] for line in balances["balances"]} == {
        f"custody:{account}": "250.5",
        "owner:available": "-250.5",
    }

    shown = await alice.get(path)
    assert shown.json()["key"]["key_id"] == body["key"]["key_id"]
    assert shown.headers["ETag"] == taken.headers["ETag"]
    (listed,) = (await alice.get("/v1/venue-accounts")).json()["items"]
    assert listed == shown.json()

    rotated = await alice.post(f"{path}/key-rotations", {"api_key": "second", "secret": "second"})
    assert rotated.status_code == 201
    assert rotated.json()["key"]["fingerprint"] != body["key"]["fingerprint"]
    revoked = await alice.post(f"{path}/key-revocations", {"reason": "laptop lost"})
    assert (revoked.status_code, revoked.json()["key"]) == (200, None)
    closed = await alice.post(f"{path}/closures", {"reason": "moved"})
    assert closed.json()["status"] == "closed"
    assert is_problem(await alice.post(f"{path}/keys", SENT), 409, "venue_account_closed")


async def test_a_key_that_may_withdraw_is_refused(alice: Person, stack: Stack) -> None:
    """Safety §1, users' exchange keys."""
    path = f"/v1/venue-accounts/{await connected(alice)}/keys"
    stack.inspector.rights = replace(GOOD_RIGHTS, may_take_out=True)
    assert is_problem(await alice.post(path, SENT), 422, "venue_key_may_withdraw")
    stack.inspector.rights = replace(GOOD_RIGHTS, may_take_out=None)
    assert is_problem(await alice.post(path, SENT), 422, "venue_key_rights_unknown")
    stack.inspector.rights = replace(GOOD_RIGHTS, may_read=False)
    assert is_problem(await alice.post(path, SENT), 422, "venue_key_cannot_read")
    stack.inspector.rights = GOOD_RIGHTS
    assert (await alice.post(path, SENT)).status_code == 201


async def test_other_refusals_say_what_to_do(alice: Person, bob: Person, stack: Stack) -> None:
    path = f"/v1/venue-accounts/{await connected(alice)}"
    assert is_problem(await alice.post(f"{path}/key-rotations", SENT), 409, "no_venue_key")
    assert is_problem(await alice.post(f"{path}/keys", {**SENT, "secret": " "}), 422, "invalid_value")
    wrong = {"api_key": "wrong", "secret": "x"}
    assert is_problem(await alice.post(f"{path}/keys", wrong), 422, "venue_key_rejected")
    stack.inspector.reachable = False
    answer = await alice.post(f"{path}/keys", SENT)
    assert is_problem(answer, 503, "venue_not_reachable")
    assert answer.headers["Retry-After"] == "5"
    stack.inspector.reachable = True
    await alice.post(f"{path}/keys", SENT)
    other = f"/v1/venue-accounts/{await connected(bob)}/keys"
    assert is_problem(await bob.post(other, SENT), 409, "venue_key_in_use")
    assert is_problem(await alice.post(f"{path}/keys", {**SENT, "api_key": "b"}), 409, "venue_key_present")
    nowhere = await alice.post("/v1/venue-accounts", {"venue": "nowhere"})
    path = f"/v1/venue-accounts/{nowhere.json()['venue_account_id']}/keys"
    assert is_problem(await alice.post(path, SENT), 422, "venue_not_supported")


async def test_a_key_of_another_account_at_the_venue_is_refused(alice: Person, stack: Stack) -> None:
    path = f"/v1/venue-accounts/{await connected(alice)}"
    first = (await alice.post(f"{path}/keys", SENT)).json()
    stack.inspector.venue_uid = "another"
    second = {"api_key": "second", "secret": "second"}
    assert is_problem(await alice.post(f"{path}/key-rotations", second), 409, "venue_key_of_another_account")
    assert (await alice.get(path)).json()["key"] == first["key"]
    stack.inspector.venue_uid = ""
    assert (await alice.post(f"{path}/key-rotations", second)).status_code == 201


@pytest.mark.parametrize("act", ["", "/keys", "/key-rotations", "/key-revocations", "/closures"])
async def test_somebody_elses_account_is_as_good_as_missing(
    alice: Person, bob: Person, stack: Stack, act: str
) -> None:
    """Safety §2.37."""
    account = await connected(alice)
    bodies: dict[str, Any] = {"/keys": SENT, "/key-rotations": SENT}
    for named in (account, "binance.main.00000000"):
        path = f"/v1/venue-accounts/{named}{act}"
        answer = await (bob.post(path, bodies.get(act, {"reason": "x"})) if act else bob.get(path))
        assert is_problem(answer, 404, "unknown_venue_account")
        assert answer.json()["detail"] == f"no venue account {named}"
    assert stack.inspector.asked == []
    assert (await bob.get("/v1/venue-accounts")).json()["items"] == []


async def test_two_people_may_call_theirs_alike(alice: Person, bob: Person) -> None:
    """Safety §2.41: two tenants and equal names."""
    assert await connected(alice) != await connected(bob)


async def test_a_pooled_account_shows_no_key_to_owners(stack: Stack, alice: Person, bob: Person) -> None:
    stack.command(OpenPooledAccount("binance", "main", by="operator:cli")).unwrap()
    pooled = "/v1/venue-accounts/pooled.binance.main"
    assert is_problem(await alice.get(pooled), 404, "unknown_venue_account")
    book = stack.command(OpenLiveBook(alice.account_id, "pooled.binance.main")).unwrap()["book_id"]
    (listed,) = (await alice.get("/v1/venue-accounts")).json()["items"]
    assert (listed["kind"], listed["book_id"], listed["key"]) == ("pooled", book, None)
    assert (await alice.get(pooled)).json() == listed
    assert is_problem(await alice.post(f"{pooled}/keys", SENT), 404, "unknown_venue_account")
    assert is_problem(await bob.get(pooled), 404, "unknown_venue_account")


async def test_a_repeated_request_is_answered_alike_and_another_key_under_its_id_is_not(
    alice: Person,
) -> None:
    """Safety §1."""
    path, key = f"/v1/venue-accounts/{await connected(alice)}/keys", new_key()
    first = await alice.post(path, SENT, key=key)
    again = await alice.post(path, SENT, key=key)
    assert (again.status_code, again.json()) == (201, first.json())
    assert again.headers["Idempotent-Replayed"] == "true"
    other = await alice.post(path, {**SENT, "api_key": "other"}, key=key)
    assert is_problem(other, 422, "idempotency_key_reused")


async def test_no_part_of_a_key_is_answered_logged_or_stored(caplog: pytest.LogCaptureFixture) -> None:
    """Safety §2.58, 67: answers, problems, logs, the log, metrics' labels."""
    caplog.set_level(logging.DEBUG)
    async with open_stack() as stack:
        alice = await stack.person("alice@example.org")
        auditor = await stack.person("audit@example.org", "auditor")
        path = f"/v1/venue-accounts/{await connected(alice)}"
        answers = [
            await alice.post(f"{path}/keys", {**SENT, "extra": 1}),
            await alice.post(f"{path}/keys", {**SENT, "secret": [KEY.secret]}),
            await alice.post(f"{path}/keys", {**SENT, "secret": KEY.secret + " "}),
            await alice.post(f"{path}/keys", SENT),
            await alice.post(f"{path}/key-rotations", SENT),
            await alice.get(path),
            await alice.get("/v1/venue-accounts"),
            await auditor.get("/v1/log?limit=200"),
        ]
        assert [answer.status_code for answer in answers[:5]] == [422, 422, 422, 201, 409]
        observed = str(stack.observer.finished) + str(stack.observer.errors)
        stored = str([recorded.event for recorded in stack.services.log.read()])
    seen = "".join(answer.text for answer in answers) + observed + stored + caplog.text
    seen += str([record.__dict__ for record in caplog.records])
    for part in (KEY.api_key, KEY.secret, KEY.password):
        assert part not in seen


async def test_an_owner_sees_what_differs_between_their_book_and_the_venue(
    alice: Person, bob: Person, stack: Stack
) -> None:
    """Issue 4: local only, venue only and quantity differs are shown to operator and owner."""
    account = await connected(alice)
    stack.inspector.balances = {"USDT": Decimal(100)}
    body = (await alice.post(f"/v1/venue-accounts/{account}/keys", SENT)).json()
    path = f"/v1/venue-accounts/{account}/differences"
    assert (await alice.get(path)).json()["items"] == []
    found = Break(
        key="order:x-1",
        kind=VENUE_ONLY,
        here=(),
        there=(Money(Decimal("0.5"), "BTC"),),
        purse="CONNECTED",
        book_id=body["book_id"],
        owner_id=alice.account_id,
        client_order_id="x-1",
    )
    name = account_name(account, body["book_id"], "CONNECTED")
    told = AccountStatement(venue_account=name, balances=None, lines=None, working=())
    position = stack.command(RecordBreaks(name, (found,), told, "run-1", "system")).position

    (shown,) = (await alice.get(f"{path}?min_position=0-{position}")).json()["items"]

    assert (shown["kind"], shown["subject"], shown["here"]) == ("venue_only", "order:x-1", [])
    assert shown["there"] == [{"amount": "0.5", "asset": "BTC"}]
    assert is_problem(await bob.get(path), 404, "unknown_venue_account")
