"""The schema says what is served, and its page asks nobody else for anything."""

from __future__ import annotations

import re
from typing import Any

from litestar.routes import HTTPRoute

from tests.adapters.http.stack import Stack

MONEY_FIELDS = re.compile(
    r"amount|available|allocat|held|due|total|price|fee|cost|equity|profit|realised|notional|budget|quantity"
    r"|filled_|_rate$|open$|high|low|close$|volume"
)


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
            if MONEY_FIELDS.search(field) and not field.endswith("_ms") and "integer" in kinds:
                wrong.append((name, field))
    assert wrong == []


async def test_every_operation_has_a_summary_and_commands_document_their_key(stack: Stack) -> None:
    schema = (await stack.client.get("/schema/openapi.json")).json()
    for path, item in schema["paths"].items():
        for method, operation in item.items():
            assert operation.get("summary"), (method, path)
            if method == "post" and path != "/v1/sessions":
                names = {parameter["name"] for parameter in operation["parameters"]}
                assert "Idempotency-Key" in names, path


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
