"""Holds answers against the schema that is served: their status, body and headers are documented there."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from httpx import ASGITransport, AsyncClient, Response
from jsonschema_rs import Draft202012Validator

from adapters.http.problems import MEDIA_TYPE

Json = dict[str, Any]
PROBLEM = {"$ref": "#/components/schemas/Problem"}
_PARAMETER = re.compile(r"\\\{[a-z_]+\\\}")


@dataclass
class Documented:
    """One application's schema."""

    document: Json
    _validators: dict[str, Any] = field(default_factory=dict)

    def check(self, response: Response) -> None:
        """Raises AssertionError for an answer that the schema knows nothing of."""
        asked = f"{response.request.method} {response.request.url.path} → {response.status_code}"
        operation = self.operation(response.request.method, response.request.url.raw_path.decode())
        kind = response.headers.get("content-type", "").partition(";")[0]
        if operation is None:
            if response.status_code >= 400:
                assert kind == MEDIA_TYPE, asked
                self._require(response.json(), PROBLEM, asked)
            return
        answers: Json = operation["responses"]
        assert str(response.status_code) in answers, f"{asked} is not documented: {response.text}"
        answer = answers[str(response.status_code)]
        content: Json = answer.get("content", {})
        if not response.content and not content:
            assert response.status_code in (204, 304), asked
        else:
            assert kind in content, f"{asked}: {kind}"
            if kind.endswith("json"):
                self._require(response.json(), content[kind]["schema"], asked)
        self._check_headers(response.headers, answer["headers"], asked)

    def operation(self, method: str, raw_path: str) -> Json | None:
        """What stands there for a method and the path of an address as it was sent."""
        path = raw_path.partition("?")[0]
        found: Json | None = None
        for pattern, item in self._paths:
            if pattern.fullmatch(path) and method.lower() in item:
                found = item[method.lower()]
                break
        return found

    @cached_property
    def _paths(self) -> list[tuple[re.Pattern[str], Json]]:
        """What is fixed before what is a parameter, as routes are found."""
        ordered = sorted(self.document["paths"].items(), key=lambda item: item[0].count("{"))
        return [(re.compile(_PARAMETER.sub("[^/]+", re.escape(path)) + "/?"), item) for path, item in ordered]

    def _require(self, body: object, schema: Json, asked: str) -> None:
        key = str(schema)
        if key not in self._validators:
            within = {**schema, "components": self.document["components"]}
            self._validators[key] = Draft202012Validator(within, validate_formats=True)
        found = self._validators[key].iter_errors(body)
        assert [f"{error.instance_path} {error.message}" for error in found] == [], asked
        if isinstance(body, dict) and "code" in body:
            known = self.document["components"]["schemas"]["Problem"]["properties"]
            assert body.keys() <= known.keys(), asked

    def _check_headers(self, sent: Mapping[str, str], documented: Json, asked: str) -> None:
        headers: Json = self.document["components"]["headers"]
        for name, header in headers.items():
            if name in sent:
                assert name in documented, f"{asked}: {name} is not documented"
            elif name in documented:
                assert not header.get("required"), f"{asked}: {name} is missing"


_known: list[Documented] = []


async def documented(transport: ASGITransport, base_url: str) -> Documented:
    """What is served there; asked for once, since every stack of the tests serves the same."""
    if not _known:
        async with AsyncClient(transport=transport, base_url=base_url) as client:
            _known.append(Documented((await client.get("/schema/openapi.json")).json()))
    return _known[0]
