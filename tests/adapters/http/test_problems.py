"""Every error is a problem with a stable code, and every answer carries the security headers."""

from __future__ import annotations

import json
import pkgutil
from decimal import Decimal
from importlib import import_module
from typing import get_type_hints

import pytest

import adapters
import application
import domain
from adapters.http.problems import STATUS, status_of
from application.queries.asset_codes import MONEY_IN_REFUSALS, shown_refusal
from application.services import Check
from domain.errors import DomainError
from domain.ledger.errors import InsufficientFunds
from domain.money import Money
from tests.adapters.http.raw import exchange
from tests.adapters.http.stack import PASSWORD, Person, Response, Stack, new_key
from tests.architecture.tree import ROOT


def is_problem(answer: Response, status: int, code: str) -> bool:
    body = answer.json()
    assert answer.headers["content-type"].startswith("application/problem+json")
    assert body["type"] == f"urn:evenkeel:{body['code']}"
    assert body["status"] == answer.status_code
    assert body["title"]
    assert body["detail"]
    assert body["instance"].startswith("urn:evenkeel:")
    assert (answer.status_code, body["code"]) == (status, code), answer.text
    return True


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/v1",
        "/v1/nothing",
        "/schema/nothing",
        "/schema/nothing.json",
        "/schema/a/b",
        "/v1/bots/x/nothing",
    ],
)
async def test_what_is_not_there_is_a_problem(stack: Stack, path: str) -> None:
    assert is_problem(await stack.client.get(path), 404, "not_found")


@pytest.mark.parametrize("method", ["PUT", "TRACE", "PROPFIND", "SOMETHING"])
async def test_a_method_not_served_is_a_problem(stack: Stack, method: str) -> None:
    answer = await stack.client.request(method, "/v1/bots")
    assert is_problem(answer, 405, "method_not_allowed")
    assert "GET" in answer.headers["Allow"]


async def test_nobody_gets_in_without_a_session(stack: Stack) -> None:
    answer = await stack.client.get("/v1/bots", headers={"Authorization": "Bearer made-up"})
    assert is_problem(answer, 401, "not_signed_in")
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert is_problem(await stack.client.get("/v1/bots"), 401, "not_signed_in")
    answer = await stack.client.get("/v1/bots", headers={"Authorization": "Anything made-up"})
    assert is_problem(answer, 401, "not_signed_in")


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"{", 400, "malformed_request"),
        (b"[]", 400, "malformed_request"),
        (b'"text"', 400, "malformed_request"),
        (b"\xff\xfe", 400, "malformed_request"),
        (b'{"amount": "1", "amount": "2", "asset": "USDT"}', 400, "malformed_request"),
        (b'{"amount": NaN, "asset": "USDT"}', 400, "malformed_request"),
        (b'{"amount": Infinity, "asset": "USDT"}', 400, "malformed_request"),
        (b'{"amount": "1", "asset": "US\\u0000DT"}', 400, "malformed_request"),
        (b'{"amount": "1", "asset": "\\ud800"}', 400, "malformed_request"),
        (b"[" * 5000, 400, "malformed_request"),
        (b'{"amount": ' + b"9" * 5000 + b', "asset": "USDT"}', 400, "malformed_request"),
        (b"", 422, "invalid_fields"),
        (b"{}", 422, "invalid_fields"),
        (b'{"amount": "1", "asset": "USDT", "account_id": "acct-x"}', 422, "invalid_fields"),
        (b'{"amount": 1.5, "asset": "USDT"}', 422, "invalid_fields"),
        (b'{"amount": 1, "asset": "USDT"}', 422, "invalid_fields"),
        (b'{"amount": "1", "asset": "usdt"}', 422, "invalid_fields"),
        (b'{"amount": null, "asset": "USDT"}', 422, "invalid_fields"),
        (b" " * 300_000, 413, "body_too_large"),
    ],
)
async def test_a_body_is_read_strictly(
    stack: Stack, alice: Person, body: bytes, status: int, code: str
) -> None:
    answer = await stack.client.post(
        "/v1/paper-accounts/x/deposits",
        content=body,
        headers={
            "Authorization": f"Bearer {alice.token}",
            "Content-Type": "application/json",
            "Idempotency-Key": new_key(),
        },
    )
    assert is_problem(answer, status, code)


async def test_a_body_too_large_without_a_declared_length_is_refused(stack: Stack, alice: Person) -> None:
    headers = {"Authorization": f"Bearer {alice.token}", "Content-Type": "application/json"}
    headers["Idempotency-Key"] = new_key()
    path, body = "/v1/paper-accounts/x/deposits", [b" " * 10_000] * 30
    async with exchange(stack.app, "POST", path, headers=headers, body=body) as answer:
        await answer.to_the_end()
        assert (answer.status, json.loads(answer.text)["code"]) == (413, "body_too_large")
    assert stack.observer.errors == []


async def test_a_client_that_leaves_in_the_middle_of_its_body_is_no_error_of_ours(stack: Stack) -> None:
    headers, path = {"Content-Type": "application/json"}, "/v1/sessions"
    async with exchange(stack.app, "POST", path, headers=headers, body=[b"{"], complete=False) as left:
        left.gone.set()
        await left.to_the_end()
    assert stack.observer.errors == []
    assert stack.observer.finished[-1] == ("POST", path, 499)


async def test_what_is_missing_is_named(stack: Stack, alice: Person) -> None:
    headers = {
        "Authorization": f"Bearer {alice.token}",
        "Idempotency-Key": new_key(),
        "Content-Type": "application/json",
    }
    no_body = await stack.client.post("/v1/paper-accounts", headers=headers)
    assert is_problem(no_body, 422, "invalid_fields")
    assert no_body.json()["data"]["errors"][0]["field"] == "body"

    no_interval = await alice.get("/v1/candles/binance/BTC%2FUSDT?limit=1")
    assert is_problem(no_interval, 422, "invalid_fields")
    assert no_interval.json()["data"]["errors"] == [{"field": "interval", "problem": "is required"}]


async def test_what_lies_beyond_every_number_and_year_is_refused(alice: Person) -> None:
    account, huge = await alice.paper_account(), "0-" + "9" * 19
    for path in ("/v1/bots", "/v1/orders", f"/v1/books/{account}/entries"):
        for cursor in (huge, "99999-1", "-1", "0--1", "", "garbage", "\u0661"):
            refused = await alice.get(f"{path}?cursor={cursor}")
            assert is_problem(refused, 422, "invalid_value")
            assert refused.json()["data"]["field"] == "cursor"
        assert is_problem(await alice.get(f"{path}?min_position={huge}"), 422, "invalid_value")
        for limit in ("0", "-1", "201", "9" * 30, "many", ""):
            assert is_problem(await alice.get(f"{path}?limit={limit}"), 422, "invalid_fields")
    for name in ("from", "until"):
        for when in ("0001-01-01T00:00:00%2B14:00", "9999-12-31T23:59:59-14:00", "-5", "soon"):
            refused = await alice.get(f"/v1/candles/synthetic/BTC%2FUSDT?interval=1h&{name}={when}")
            assert is_problem(refused, 422, "invalid_value")


async def test_other_media_types_are_refused(stack: Stack, alice: Person) -> None:
    headers = {"Authorization": f"Bearer {alice.token}", "Idempotency-Key": new_key()}
    answer = await stack.client.post("/v1/paper-accounts", data={"a": "b"}, headers=headers)
    assert is_problem(answer, 415, "unsupported_media_type")


@pytest.mark.parametrize(
    "amount",
    ["1e3", "NaN", "-0", "-1", "+1", " 1", "1 ", "１", "1,0", "1_0", "", "0", ".5", "1.",
     "0." + "0" * 18 + "1", "1" * 19, "Infinity", 1, 1.5, 1e3, None, True, ["1"]],
)  # fmt: skip
async def test_an_amount_is_a_string_of_digits_and_nothing_else(alice: Person, amount: object) -> None:
    """safety §2.44."""
    account = await alice.paper_account()
    answer = await alice.post(f"/v1/paper-accounts/{account}/deposits", {"amount": amount, "asset": "USDT"})
    assert is_problem(answer, 422, "invalid_fields")
    assert answer.json()["data"]["errors"][0]["field"] == "amount"
    assert (await alice.get("/v1/wallets")).json()["items"] == []


async def test_terms_out_of_range_open_nothing(alice: Person) -> None:
    for terms in (
        {"taker_fee_rate": "1"},
        {"maker_fee_rate": "-0.02"},
        {"base_scale": "19"},
        {"volume_cap": "0"},
        {"fill_convention": "whenever"},
        {"fill_probability": "1.1"},
        {"seed": 7},
        {"lot_size": "0.001", "base_scale": "2"},
    ):
        answer = await alice.post("/v1/paper-accounts", {"terms": terms})
        assert is_problem(answer, 422, "invalid_fields")
    assert (await alice.get("/v1/paper-accounts")).json()["items"] == []


async def test_an_error_nobody_foresaw_tells_its_id_and_nothing_else(stack: Stack, alice: Person) -> None:
    def boom(*_: object) -> None:
        raise RuntimeError("secret internal text")

    stack.services.candles.series = boom  # type: ignore[method-assign, assignment]
    answer = await alice.get("/v1/candles", X_Request_ID="a-request-id")
    assert is_problem(answer, 500, "unexpected_error")
    assert answer.json()["instance"] == "urn:evenkeel:request:a-request-id"
    assert "secret" not in answer.text
    assert [(str(error), request_id) for error, request_id in stack.observer.errors] == [
        ("secret internal text", "a-request-id")
    ]


async def test_every_answer_has_the_security_headers_and_an_id(stack: Stack) -> None:
    for path in ("/healthz", "/nothing", "/v1/bots", "/schema"):
        answer = await stack.client.get(path, headers={"X-Request-ID": "x\ty"})
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["X-Frame-Options"] == "DENY"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert answer.headers["Cache-Control"] == "no-store"
        assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
        assert "max-age" in answer.headers["Strict-Transport-Security"]
        assert len(answer.headers["X-Request-ID"]) == 36  # its own: the one sent was no id
    assert "unsafe-inline" not in (await stack.client.get("/v1/bots")).headers["Content-Security-Policy"]


async def test_requests_are_counted_by_route_never_by_id(stack: Stack, alice: Person) -> None:
    stack.observer.finished.clear()
    await alice.get("/v1/bots/some-bot")
    await stack.client.get("/v1/no/such/path")
    assert stack.observer.finished == [("GET", "/v1/bots/{bot_id}", 404), ("GET", "unmatched", 404)]


def test_every_refusal_of_the_code_has_a_status() -> None:
    codes = {error.code for error in served_refusals()}
    assert codes - set(STATUS) == set()
    named_in_a_body = {"unknown_exchange", "unknown_strategy", "unknown_symbol"}
    assert {
        code for code in codes if code.startswith("unknown_") and status_of(code) != 404
    } <= named_in_a_body
    assert all(400 <= status < 600 for status in STATUS.values())


async def test_refusals_of_signing_in_tell_nothing(stack: Stack, alice: Person) -> None:
    """safety §2.9."""
    bodies = []
    for email, password in ((alice.email, "wrong " + PASSWORD), ("nobody@example.org", PASSWORD)):
        answer = await stack.client.post("/v1/sessions", json={"email": email, "password": password})
        assert is_problem(answer, 401, "bad_credentials")
        bodies.append({**answer.json(), "instance": ""})
    assert bodies[0] == bodies[1]


async def test_guessing_is_slowed_and_the_owner_is_not_locked_out(stack: Stack, alice: Person) -> None:
    """safety §2.8."""
    for _ in range(5):
        await stack.client.post("/v1/sessions", json={"email": alice.email, "password": "wrong"})
    answer = await stack.client.post("/v1/sessions", json={"email": alice.email, "password": PASSWORD})
    assert is_problem(answer, 429, "too_many_sign_ins")
    assert 0 < int(answer.headers["Retry-After"]) <= 901


async def test_readiness_follows_the_checks(stack: Stack) -> None:
    assert (await stack.client.get("/healthz")).json() == {"status": "alive"}
    assert (await stack.client.get("/readyz")).status_code == 200
    stack.health.checks.append(Check("projections", "failed", "10,000 behind at db.internal"))
    answer = await stack.client.get("/readyz")
    assert (answer.status_code, answer.json()["status"]) == (503, "not_ready")
    assert "db.internal" not in answer.text


COMMAND_LINE_ONLY = (
    "adapters.persistence.backup",
    "adapters.persistence.pg_tools",
    "adapters.account_reports.report_file",
    "adapters.simulator.journal",
)


def served_refusals() -> set[type[DomainError]]:
    """Every refusal that may reach the API: all but those of the command line."""
    for package in (domain, application, adapters):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not module.name.startswith("adapters.persistence.migrations."):  # alembic imports those
                import_module(module.name)
    mine = ("domain.", "application.", "adapters.")
    return {
        error
        for error in _all(DomainError)
        if error.__module__.startswith(mine) and error.__module__ not in COMMAND_LINE_ONLY
    }


def _all(error: type[DomainError]) -> set[type[DomainError]]:
    return {error, *(found for child in error.__subclasses__() for found in _all(child))}


def test_money_in_refusals_is_known_and_shown_as_paper_money() -> None:
    named = {
        error.code: tuple(name for name, kind in get_type_hints(error.__init__).items() if kind is Money)
        for error in served_refusals()
    }
    assert {code: names for code, names in named.items() if names} == dict(MONEY_IN_REFUSALS)
    refusal = InsufficientFunds(required=Money(Decimal(10), "USDT"), available=Money(Decimal("0.5"), "USDT"))
    assert shown_refusal(refusal.code, str(refusal), refusal.data) == (
        "required 10 USDT.PAPER, available 0.5 USDT.PAPER",
        {"required": "10 USDT.PAPER", "available": "0.5 USDT.PAPER"},
    )


def test_the_api_page_names_every_code_with_its_status() -> None:
    page = (ROOT / "docs" / "api.md").read_text()
    assert [code for code, status in STATUS.items() if f"| `{code}` | {status} |" not in page] == []
