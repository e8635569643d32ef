"""Whatever of a request is money, in whichever route: a wrong amount is named, and nothing is recorded."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from tests.adapters.http.stack import Person, Stack, new_key
from tests.adapters.http.test_problems import is_problem

MONEY = re.compile(r"(^|_)(amount|allocation|notional|price|quantity|budget|balances)$")
Schema = Mapping[str, Any]


def bodies(schema: Schema, body: Schema, wrong: str) -> Iterator[dict[str, Any]]:
    """For each field of a request's body that is money, or a list of it: the body with that field alone."""
    properties = resolved(schema, body).get("properties", {})
    for name, field in properties.items():
        if not MONEY.search(name):
            continue
        if items := field.get("items"):
            yield from ({name: [inner]} for inner in bodies(schema, items, wrong))
        else:
            yield {name: wrong}


def resolved(schema: Schema, part: Schema) -> Schema:
    if name := part.get("$ref", "").rpartition("/")[2]:
        found: Schema = schema["components"]["schemas"][name]
        return found
    return part


def requests_with_money(schema: Schema, wrong: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in schema["paths"].items():
        for method, operation in item.items():
            content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
            for body in bodies(schema, content.get("schema", {}), wrong):
                yield method.upper(), re.sub(r"{\w+}", "some-id", path), body


@pytest.mark.parametrize(
    "wrong",
    ["-1", "-0.000000000000000001", "1" + "0" * 18, "0." + "0" * 18 + "1", "9" * 38, "1e400", "1E-400"],
)
async def test_a_wrong_amount_in_any_field_is_refused_by_name_and_nothing_is_recorded(
    stack: Stack, operator: Person, wrong: str
) -> None:
    """Safety #17, #18: below zero, too long on either side, an exponent bomb: never an event."""
    schema = (await stack.client.get("/schema/openapi.json")).json()
    before, tried = stack.services.log.head(), set()
    for method, path, body in requests_with_money(schema, wrong):
        headers = {"Authorization": f"Bearer {operator.token}", "Idempotency-Key": new_key()}
        answer = await stack.client.request(method, path, json=body, headers=headers)
        assert is_problem(answer, 422, "invalid_fields"), (path, body, answer.text)
        (name,) = body
        named = {error["field"] for error in answer.json()["data"]["errors"]}
        assert any(field.startswith(name) for field in named), (path, body, named)
        tried.add((path, name))
    assert len(tried) >= 4
    assert stack.services.log.head() == before
