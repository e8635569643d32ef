"""Who gets where: sessions, cookies, roles, and nobody into anybody else's."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

import pytest
from litestar.routes import HTTPRoute

from adapters.http.access import refused_by
from adapters.http.options import HttpOptions
from application.accounts.commands import GrantRole
from application.accounts.sign_in import token_hash
from tests.adapters.http.stack import PASSWORD, Person, Stack, new_key, open_stack
from tests.adapters.http.test_problems import is_problem


def served(stack: Stack) -> list[tuple[str, str, Any]]:
    """Every method and path template with its handler."""
    return [
        (method, route.path_format, handler)
        for route in stack.app.routes
        if isinstance(route, HTTPRoute)
        for handler in route.route_handlers
        for method in sorted(handler.http_methods)
        if method != "OPTIONS"
    ]


async def test_every_route_declares_who_may_use_it(stack: Stack) -> None:
    """safety §2.43: deny by default."""
    open_to_all = set()
    for method, path, handler in served(stack):
        guards = list(handler.resolve_guards())
        assert guards, f"{method} {path} declares no guard"
        assert all(refused_by(guard) for guard in guards), (method, path)
        if all(guard.__name__ == "public" for guard in guards) and not path.startswith("/schema"):
            open_to_all.add(f"{method} {path}")
    assert open_to_all == {
        *("POST /v1/accounts", "POST /v1/sessions", "GET /healthz", "GET /readyz"),
        *("GET /v1/audit/liabilities", "GET /v1/audit/liabilities/{publication_id}"),
    }


async def test_every_other_route_wants_a_session(stack: Stack) -> None:
    for method, path, handler in served(stack):
        if all(guard.__name__ == "public" for guard in handler.resolve_guards()):
            continue
        answer = await stack.client.request(method, path.replace("{", "").replace("}", ""))
        assert is_problem(answer, 401, "not_signed_in"), (method, path)


async def test_what_is_somebody_elses_is_as_good_as_missing(stack: Stack, alice: Person, bob: Person) -> None:
    """safety §2.37: every route with an id, with a foreign one and with one that nobody has."""
    account = await alice.paper_account("1000 USDT")
    bot = await alice.bot(paper_account_id=account)
    foreign = {
        "paper_account_id": account,
        "book_id": account,
        "bot_id": bot,
        "session_id": alice.session_id,
        "client_order_id": "ek0-nothing",
    }
    bodies: dict[str, Any] = {"deposits": {"amount": "1", "asset": "USDT"}, "imports": {"content": "x"}}
    bodies["modes"] = {"to": "OBSERVE", "reason": "x"}
    bodies["allocations"] = bodies["deallocations"] = bodies["deposits"]
    bodies["limits"] = {"reason": "x"}
    queries = {"statement": "?from=2026-03-01T12:00:00Z&to=2026-03-01T13:00:00Z"}
    operators_own = {
        "reversals",
        "holds",
        "settlements",
        "releases",
        "reviews",
    }  # the role comes first, whatever the id
    tried = 0
    for method, path, _ in served(stack):
        name = path[path.find("{") + 1 : path.find("}")]
        if name not in foreign:
            continue
        tried += 1
        body = bodies.get(path.rpartition("/")[2], {})
        answers = []
        for value in (foreign[name], "x" + foreign[name][1:]):
            last = path.rpartition("/")[2]
            target = path.replace("{" + name + "}", value) + queries.get(last, "")
            for headers in ({}, {"If-Match": '"1"'}):
                answer = await bob.client.request(
                    method,
                    target,
                    headers={"Authorization": f"Bearer {bob.token}", "Idempotency-Key": new_key(), **headers},
                    **({"json": body} if method in ("POST", "PUT") else {}),
                )
                shown = {**answer.json(), "instance": ""}
                answers.append(str(shown).replace(value, "ID"))
                status = 403 if method == "POST" and last in operators_own else 404
                assert answer.status_code == status, (method, path, answer.text)
        assert len(set(answers)) == 1, (method, path, answers)
    assert tried >= 18
    assert (await alice.get(f"/v1/bots/{bot}")).json()["status"] == "created"
    assert (await alice.get("/v1/accounts/me")).status_code == 200


async def test_a_bot_is_not_created_on_somebody_elses_account(alice: Person, bob: Person) -> None:
    account = await alice.paper_account("1000 USDT")
    answer = await bob.post(
        "/v1/bots",
        {"name": "b", "strategy": "ema_crossover", "symbol": "BTC/USDT", "interval": "1h",
         "paper_account_id": account},
    )  # fmt: skip
    assert is_problem(answer, 404, "unknown_paper_account")


async def test_operators_routes_are_closed_to_traders(stack: Stack, alice: Person, bob: Person) -> None:
    """safety §2.38."""
    auditor = await stack.person("auditor@example.org", "auditor")
    for path in ("/v1/platform/kill-switch", "/v1/platform/kill-switches", "/v1/platform/limits",
                 "/v1/platform/health", "/v1/platform/totals",
                 "/v1/platform/trial-balance", "/v1/log"):  # fmt: skip
        assert is_problem(await alice.get(path), 403, "forbidden")
    for person in (alice, auditor):
        for path, body in (
            ("/v1/platform/kill-switch", {"action": "engage", "reason": "x"}),
            ("/v1/platform/kill-switches", {"action": "stop", "reason": "x"}),
            (f"/v1/accounts/{bob.account_id}/freezes", {"reason": "x"}),
            (f"/v1/accounts/{bob.account_id}/unfreezes", {"reason": "x"}),
        ):
            assert is_problem(await person.post(path, body), 403, "forbidden")


async def test_a_role_counts_from_the_next_request_on(stack: Stack, alice: Person) -> None:
    """safety §2.40."""
    assert (await alice.get("/v1/log")).status_code == 403
    stack.command(GrantRole(alice.account_id, "auditor", "system:test")).unwrap()
    assert (await alice.get("/v1/log")).status_code == 200


async def test_operators_stop_and_free_trading_and_freeze_others(operator: Person, alice: Person) -> None:
    switch = "/v1/platform/kill-switch"
    assert (await operator.get(switch)).json() == {"engaged": False, "reason": ""}
    stopped = await operator.post(switch, {"action": "engage", "reason": "venue on fire"})
    assert stopped.json() == {"engaged": True, "reason": "venue on fire"}
    bot = await alice.bot()
    assert is_problem(await alice.post(f"/v1/bots/{bot}/starts"), 409, "kill_switch_engaged")
    await operator.post(switch, {"action": "release", "reason": "fire out"})
    assert (await alice.post(f"/v1/bots/{bot}/starts")).status_code == 200

    frozen = await operator.post(f"/v1/accounts/{alice.account_id}/freezes", {"reason": "asked to"})
    assert frozen.json() == {"account_id": alice.account_id, "status": "frozen"}
    assert (await alice.get("/v1/accounts/me")).json()["status_reason"] == "asked to"
    own = await operator.post(f"/v1/accounts/{operator.account_id}/freezes", {"reason": "x"})
    assert is_problem(own, 403, "not_yourself")
    nobody = await operator.post("/v1/accounts/acct-nobody/freezes", {"reason": "x"})
    assert is_problem(nobody, 404, "unknown_account")


async def test_the_cookie_is_for_our_own_pages_alone(stack: Stack, alice: Person) -> None:
    """safety §2.33-34."""
    signed_in = await stack.client.post("/v1/sessions", json={"email": alice.email, "password": PASSWORD})
    cookie = signed_in.headers["Set-Cookie"]
    assert cookie.startswith("__Host-evenkeel=")
    for attribute in ("Secure", "HttpOnly", "SameSite=strict", "Path=/"):
        assert attribute in cookie
    sent = {"Cookie": cookie.partition(";")[0], "Idempotency-Key": new_key()}
    assert (await stack.client.get("/v1/accounts/me", headers=sent)).status_code == 200
    host = "https://evenkeel.test"
    for headers, allowed in (
        ({}, False),
        ({"Sec-Fetch-Site": "cross-site"}, False),
        ({"Sec-Fetch-Site": "same-site"}, False),
        ({"Sec-Fetch-Site": "cross-site", "X-Evenkeel-Csrf": "1"}, False),
        ({"Origin": "https://evil.example"}, False),
        ({"Origin": "null"}, False),
        ({"Sec-Fetch-Site": "same-origin", "Origin": host}, True),
        ({"Origin": host}, True),
        ({"X-Evenkeel-Csrf": "1"}, True),
    ):
        answer = await stack.client.post("/v1/paper-accounts", json={}, headers=sent | headers)
        if allowed:
            assert answer.status_code == 201, (headers, answer.text)
        else:
            assert is_problem(answer, 403, "cross_site_request")
    foreign = {"Origin": "https://evil.example"}
    answer = await stack.client.post("/v1/sessions", json={"email": "a", "password": "b"}, headers=foreign)
    assert is_problem(answer, 403, "cross_site_request")


async def test_plain_http_on_the_loopback_address_has_a_cookie_of_its_own() -> None:
    options = HttpOptions(insecure_cookies=True)
    async with open_stack(options, base_url="http://127.0.0.1") as stack:
        person = await stack.person("carol@example.org")
        answer = await stack.client.post("/v1/sessions", json={"email": person.email, "password": PASSWORD})
        cookie = answer.headers["Set-Cookie"]
        assert cookie.startswith("evenkeel=")
        assert "Secure" not in cookie
        assert "Strict-Transport-Security" not in answer.headers
        assert (await stack.client.get("/v1/accounts/me")).status_code == 200


async def test_sessions_are_listed_and_end_at_once(stack: Stack, alice: Person) -> None:
    """safety §2.28, 31."""
    other = await stack.signed_in(alice.email, alice.account_id)
    mine = (await alice.get("/v1/sessions")).json()["items"]
    assert {item["session_id"]: item["current"] for item in mine} == {
        alice.session_id: True,
        other.session_id: False,
    }
    assert (await alice.delete(f"/v1/sessions/{other.session_id}")).status_code == 204
    assert is_problem(await other.get("/v1/bots"), 401, "not_signed_in")
    assert (await alice.delete("/v1/sessions/current")).status_code == 204
    assert is_problem(await alice.get("/v1/bots"), 401, "not_signed_in")


async def test_a_session_ended_elsewhere_counts_for_a_second_at_most(stack: Stack, alice: Person) -> None:
    """Another process's sign-out is seen a second later; where roles are asked for, at once."""
    assert (await alice.get("/v1/bots")).status_code == 200
    stack.services.sessions.end(token_hash(alice.token))
    assert is_problem(await alice.get("/v1/log"), 401, "not_signed_in")
    stack.clock.move_to(stack.clock.now() + timedelta(seconds=1))
    assert is_problem(await alice.get("/v1/bots"), 401, "not_signed_in")


async def test_a_session_ends_when_idle_and_after_its_day(stack: Stack, alice: Person) -> None:
    """safety §2.27."""
    stack.clock.move_to(stack.clock.now() + timedelta(minutes=29))
    assert (await alice.get("/v1/bots")).status_code == 200
    stack.clock.move_to(stack.clock.now() + timedelta(minutes=31))
    assert is_problem(await alice.get("/v1/bots"), 401, "not_signed_in")


async def test_no_secret_is_answered_or_logged(
    stack: Stack, alice: Person, caplog: pytest.LogCaptureFixture
) -> None:
    """safety §2.58, 67."""
    caplog.set_level(logging.DEBUG)
    operator = await stack.person("op@example.org", "operator", "auditor")
    wrong = "never to be seen anywhere"
    answers = [
        await stack.client.post("/v1/sessions", json={"email": alice.email, "password": wrong}),
        await stack.client.post("/v1/accounts", json={"email": "x@y.z", "password": wrong, "extra": 1},
                                headers={"Idempotency-Key": new_key()}),
        await stack.client.post("/v1/accounts", json={"email": "x@y.z", "password": [wrong]},
                                headers={"Idempotency-Key": new_key()}),
        await alice.get("/v1/sessions"),
        await alice.get("/v1/accounts/me"),
        await operator.get("/v1/log?limit=200"),
    ]  # fmt: skip
    seen = (
        "".join(answer.text for answer in answers) + caplog.text + str([r.__dict__ for r in caplog.records])
    )
    for secret in (wrong, PASSWORD, alice.token, token_hash(alice.token)):
        assert secret not in seen
    log = answers[-1].text
    assert alice.email not in log
    assert "identity_commitment" not in log
