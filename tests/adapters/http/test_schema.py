"""The schema says what is served, and its page asks nobody else for anything."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from litestar.routes import HTTPRoute

from adapters.http.problems import MEDIA_TYPE
from adapters.http.schema_answers import UNKNOWN
from tests.adapters.http.documented import PROBLEM
from tests.adapters.http.stack import BOT, PASSWORD, Stack, new_key
from tests.adapters.http.test_problems import is_problem

MONEY_FIELDS = re.compile(
    r"amount|available|allocat|held|due|total|price|fee|cost|equity|profit|realised|notional|budget|quantity"
    r"|filled_|_rate$|open$|high|low|close$|volume"
)


NO_MONEY = ("_ms", "_s", "_bps")
CHANGE_NOTHING = ("/v1/sessions", "/v1/sessions/current/step-ups", "/v1/risk/checks")
"""How figures end that are none although money is in their name."""

BODIES: dict[str, dict[str, Any]] = {
    "Because": {"reason": "a test"},
    "Reviewed": {"reason": "a test"},
    "Credentials": {"email": "nobody@example.org", "password": PASSWORD},
    "NewBatch": {
        "entries": [
            {
                "book_id": "nothing",
                "reason": "a test",
                "postings": [
                    {"account": "equity:adjustment", "asset": "USDT", "amount": "1"},
                    {"account": "owner:available", "asset": "USDT", "amount": "-1"},
                ],
            }
        ]
    },
    "NewHold": {"amount": "1", "asset": "USDT", "reason": "a test"},
    "NewRelease": {"reason": "a test"},
    "NewSettlement": {"to": "suspense", "reason": "a test"},
    "AnyKillSwitch": {"action": "stop", "reason": "a test"},
    "OwnKillSwitch": {"action": "stop", "reason": "a test"},
    "NewAccountLimits": {"reason": "a test"},
    "NewLimits": {"reason": "a test"},
    "OrderToCheck": {"bot_id": "nothing", "price": "1"},
    "KillSwitchChange": {"action": "engage", "reason": "a test"},
    "NewVenueAccount": {"venue": "binance"},
    "NewVenueKey": {"api_key": "a", "secret": "b"},
    "Ended": {"reason": "why"},
    "LiveReason": {"reason": "why"},
    "NewPreflight": {},
    "NewMode": {"to": "OBSERVE", "reason": "why"},
    "NewStepUp": {"password": PASSWORD, "bot_id": "b", "act": {"to": "LIVE", "reason": "why"}},
    "NewAccount": {"email": "somebody@example.org", "password": PASSWORD},
    "NewBook": {"venue_account": "kraken"},
    "NewBot": BOT,
    "NewImport": {"content": "asset,amount,timestamp\n"},
    "NewPaperAccount": {},
    "NewSuspensePosting": {"reason": "a test"},
    "NewReversal": {"entry": "0-1", "reason": "a test"},
    "NewTransfer": {
        "paper_account_id": "book-1",
        "to_account_id": "acc-2",
        "to_paper_account_id": "book-2",
        "amount": "1",
        "asset": "USDT",
    },
    "Nothing": {},
    "PaperMoney": {"amount": "1", "asset": "USDT"},
    "Reset": {},
    "Start": {},
    "Why": {},
}
"""A body of each kind that is in order."""


class Provoked(NamedTuple):
    """A request that is refused."""

    status: int
    code: str
    headers: Mapping[str, str] = MappingProxyType({})
    query: str = ""
    body: bytes = b""


def operations(schema: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """ "GET /v1/bots" and what is documented of it."""
    for path, item in schema["paths"].items():
        for method, operation in item.items():
            yield f"{method.upper()} {path}", operation


def provocations(operation: dict[str, Any]) -> Iterator[Provoked]:
    """Every way to be refused that an operation's parameters and body offer."""
    named = {kind: set[str]() for kind in ("path", "query", "header")}
    for parameter in operation.get("parameters", ()):
        named[parameter["in"]].add(parameter["name"])
    json_body = {"Content-Type": "application/json"}
    query = "?interval=1h" if "interval" in named["query"] else "?"
    if "to" in named["query"]:
        query = "?from=2026-03-01T12:00:00Z&to=2026-03-01T13:00:00Z"
    needs: dict[str, Any] = {"query": query} if {"interval", "to"} & named["query"] else {}
    yield Provoked(400, "malformed_request", query="?x=%00")
    yield Provoked(422, "unknown_parameter", query="?no-such-parameter=1")
    if operation.get("security") != []:
        yield Provoked(401, "not_signed_in", {"Authorization": ""})
        yield Provoked(401, "not_signed_in", {"Authorization": "Bearer made-up"})
    if "requestBody" in operation:
        elsewhere = {**json_body, "Authorization": "", "Sec-Fetch-Site": "cross-site"}
        if operation.get("security") == []:
            yield Provoked(403, "cross_site_request", elsewhere, body=b"{}")
        yield Provoked(400, "malformed_request", json_body, body=b"{")
        yield Provoked(413, "body_too_large", json_body, body=b" " * 300_000)
        yield Provoked(415, "unsupported_media_type", {"Content-Type": "text/plain"}, body=b"{}")
        yield Provoked(422, "invalid_fields", json_body, body=b'{"no such field": 1}')
        yield Provoked(422, "invalid_fields", json_body)
        name = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
        needs = {"headers": json_body, "body": json.dumps(BODIES[name]).encode()}
        if "Idempotency-Key" in named["header"]:
            without_key = {**json_body, "Idempotency-Key": ""}
            yield Provoked(400, "idempotency_key_missing", without_key, body=needs["body"])
    for name in named["path"] & UNKNOWN.keys():
        if name != "hold_id":  # its book is looked for first
            yield Provoked(404, UNKNOWN[name], **needs)
    for name in {"cursor", "min_position", "at", "from", "until"} & named["query"]:
        if name != "min_position" or "bot_id" not in named["path"]:  # there, the bot is looked for first
            given = query.replace("from=2026-03-01T12:00:00Z&", "") if name == "from" else query
            yield Provoked(422, "invalid_value", query=f"{given}&{name}=garbage")
    if "limit" in named["query"]:
        yield Provoked(422, "invalid_fields", query="?limit=1000000")


async def test_what_is_served_is_in_the_schema_and_the_reverse(stack: Stack) -> None:
    schema = (await stack.client.get("/schema/openapi.json")).json()
    assert schema["openapi"].startswith("3.1")
    written = {
        (method.upper(), path)
        for path, item in schema["paths"].items()
        for method in item
        if method in {"get", "post", "put", "patch", "delete"}
    }
    served = {
        (method, route.path_format)
        for route in stack.app.routes
        if isinstance(route, HTTPRoute) and not route.path_format.startswith("/schema")
        for handler in route.route_handlers
        for method in handler.http_methods
        if method != "OPTIONS"
    }
    assert {(method, path.rstrip("/") or "/") for method, path in written} == served


async def test_money_is_a_string_in_the_schema(stack: Stack) -> None:
    schema = (await stack.client.get("/schema/openapi.json")).json()
    wrong = []
    for name, model in schema["components"]["schemas"].items():
        for field, definition in model.get("properties", {}).items():
            kinds = {kind.get("type") for kind in definition.get("oneOf", [definition])}
            if "number" in kinds:
                wrong.append((name, field))
            if MONEY_FIELDS.search(field) and not field.endswith(NO_MONEY) and "integer" in kinds:
                wrong.append((name, field))
    assert wrong == []


async def test_every_operation_has_a_summary_and_commands_document_their_key(stack: Stack) -> None:
    schema = (await stack.client.get("/schema/openapi.json")).json()
    for path, item in schema["paths"].items():
        for method, operation in item.items():
            assert operation.get("summary"), (method, path)
            if method == "post" and path not in CHANGE_NOTHING:
                names = {parameter["name"] for parameter in operation["parameters"]}
                assert "Idempotency-Key" in names, path


async def test_every_error_is_documented_as_a_problem(stack: Stack) -> None:
    answer = await stack.client.get("/schema/openapi.json")
    for asked, operation in operations(answer.json()):
        errors = {status: said for status, said in operation["responses"].items() if int(status) >= 400}
        assert {"400", "500"} <= errors.keys(), asked
        for status, said in errors.items():
            besides = {"application/json"} if (asked, status) == ("GET /readyz", "503") else set()
            assert said["content"].keys() - besides == {MEDIA_TYPE}, (asked, status)
            assert said["content"][MEDIA_TYPE]["schema"] == PROBLEM, (asked, status)
            assert re.match("[A-Z]", said["description"]), (asked, status)
    assert "status_code" not in answer.text  # of the framework's own errors


async def test_the_headers_that_matter_are_documented(stack: Stack) -> None:
    schema = (await stack.client.get("/schema/openapi.json")).json()
    for asked, operation in operations(schema):
        sent = {p["name"]: p for p in operation.get("parameters", ()) if p["in"] == "header"}
        told = {status: said["headers"].keys() for status, said in operation["responses"].items()}
        if "Idempotency-Key" in sent:
            key = sent["Idempotency-Key"]
            assert (key["required"], key["schema"]["format"]) == (True, "uuid"), asked
            for status in {"200", "201", "403", "404", "409", "412", "422"} & told.keys():
                assert "Idempotent-Replayed" in told[status], (asked, status)
            assert "Retry-After" in told["409"], asked
        assert ("If-Match" in sent) == ("412" in told), asked
        assert ("If-None-Match" in sent) == ("304" in told), asked
        for status, names in told.items():
            assert ("Location" in names) == (status == "201"), (asked, status)
            assert ("Retry-After" in names) == (status in {"429", "503"} or status == "409"), (asked, status)
            assert ("WWW-Authenticate" in names) == (status == "401"), (asked, status)
    bot = schema["paths"]["/v1/bots/{bot_id}"]["get"]["responses"]
    assert "ETag" in bot["200"]["headers"]
    assert "ETag" in bot["304"]["headers"]
    assert "content" not in bot["304"]


async def test_what_is_open_to_all_is_documented_so(stack: Stack) -> None:
    schema = (await stack.client.get("/schema/openapi.json")).json()
    open_to_all = {asked for asked, operation in operations(schema) if operation.get("security") == []}
    assert open_to_all == {
        *("POST /v1/accounts", "POST /v1/sessions", "GET /healthz", "GET /readyz"),
        *("GET /v1/audit/liabilities", "GET /v1/audit/liabilities/{publication_id}"),
    }


async def test_errors_come_as_they_are_documented(stack: Stack) -> None:
    """Every route is provoked in every way that fits it. That each answer is documented with its status, body
    and headers is asserted by the client that all tests of this folder ask with: see documented.py."""
    person = await stack.person("everyone@example.org", "operator", "admin", "auditor")
    schema = (await stack.client.get("/schema/openapi.json")).json()
    seen = set()
    for asked, operation in operations(schema):
        for provoked in provocations(operation):
            method, _, template = asked.partition(" ")
            path = re.sub(r"\{symbol\}", "BTC%2FUSDT", template)
            path = re.sub(r"\{\w+\}", "nothing", path)
            headers = {"Authorization": f"Bearer {person.token}", "Idempotency-Key": new_key()}
            headers = {name: sent for name, sent in {**headers, **provoked.headers}.items() if sent}
            answer = await stack.client.request(
                method, path + provoked.query, headers=headers, content=provoked.body
            )
            assert is_problem(answer, provoked.status, provoked.code), (asked, provoked)
            assert str(provoked.status) in operation["responses"], (asked, provoked)
            seen.add(provoked.status)
    assert seen == {400, 401, 403, 404, 413, 415, 422}


async def test_the_page_and_its_files_come_from_here(stack: Stack) -> None:
    for path in ("/schema", "/schema/swagger"):
        page = await stack.client.get(path)
        assert page.headers["content-type"].startswith("text/html")
        links = re.findall(r"""(?:src|href)=["']([^"']+)""", page.text)
        assert len(links) >= 4
        assert "://" not in page.text
        for link in links:
            answer: Any = await stack.client.get(link)
            assert answer.status_code == 200, link
            assert len(answer.content) > 500
        assert "script-src 'self' 'unsafe-inline'" in page.headers["Content-Security-Policy"]
    assert (await stack.client.get("/schema/assets/../app.py")).status_code == 404
    assert (await stack.client.get("/schema/assets/swagger-initializer.js")).status_code == 404
