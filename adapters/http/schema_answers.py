"""The schema's answers: each error that a route may give, as a problem, and the headers that matter.

Derived in one place from what a route declares: its guards, its parameters, its body, and `refuses` for what
neither tells. The framework knows none of it: it would document errors in its own shape.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from http import HTTPStatus
from typing import Any

from litestar.handlers import BaseRouteHandler
from litestar.routes import BaseRoute, HTTPRoute

from adapters.http.access import refused_by
from adapters.http.problems import MEDIA_TYPE, RETRY_AFTER_S, status_of

Json = dict[str, Any]

_PROBLEM: Json = {
    "type": "object",
    "title": "Problem",
    "description": "Why something was refused or went wrong (RFC 9457). Decide by `code`, which is stable.",
    "required": ["type", "title", "status", "detail", "instance", "code"],
    "properties": {
        "type": {"type": "string", "format": "uri", "examples": ["urn:evenkeel:insufficient_funds"]},
        "title": {"type": "string", "examples": ["Insufficient funds"]},
        "status": {"type": "integer", "minimum": 400, "maximum": 599, "examples": [409]},
        "detail": {"type": "string", "description": "In words, with the way out"},
        "instance": {
            "type": "string",
            "format": "uri",
            "description": "Names the request, or for a refused command the command",
        },
        "code": {"type": "string", "pattern": "^[a-z_]+$", "examples": ["insufficient_funds"]},
        "data": {
            "type": "object",
            "description": "What the refusal is about, by name; `errors` names each field that is wrong",
        },
    },
}
_HEADERS: Mapping[str, Json] = {
    "X-Request-ID": {"description": "The request's id, to tell support", "required": True},
    "ETag": {"description": "The resource's version, for If-Match and If-None-Match", "required": True},
    "Location": {"description": "Where what was made is found", "required": True},
    "Set-Cookie": {"description": "The session, for browsers", "required": True},
    "WWW-Authenticate": {"description": "Bearer", "required": True},
    "Retry-After": {"description": "Seconds to wait before asking again"},
    "Idempotent-Replayed": {"description": "`true` when an earlier request of the key was answered the same"},
    "Evenkeel-Position": {"description": "Where the log stands: pass it as `min_position` to a list"},
}
UNKNOWN = {
    "account_id": "unknown_account",
    "book_id": "unknown_book",
    "bot_id": "unknown_bot",
    "case_id": "unknown_case",
    "client_order_id": "unknown_order",
    "hold_id": "unknown_hold",
    "paper_account_id": "unknown_paper_account",
    "run_id": "unknown_reconciliation",
    "session_id": "unknown_session",
    "source": "unknown_series",
    "venue_account_id": "unknown_venue_account",
}
"""What a route answers when the thing named in its path is not there, or not the asker's."""

_STORED = (200, 201, 403, 404, 409, 412, 422)
"""Statuses of a command's outcome: repeated for a repeated key, and marked so."""

_SAFE = frozenset({"get", "head", "options"})


def document_answers(schema: Json, routes: Iterable[BaseRoute]) -> None:
    """Complete the framework's document, in place."""
    components = schema["components"]
    components["schemas"]["Problem"] = _PROBLEM
    components["headers"] = {
        name: {**header, "schema": {"type": "string"}} for name, header in _HEADERS.items()
    }
    for route in routes:
        operations = schema["paths"].get(route.path_format or "/", {})
        for handler in route.route_handlers if isinstance(route, HTTPRoute) else ():
            for method in {name.lower() for name in handler.http_methods} & operations.keys():
                _Operation(handler, method, operations[method], components["schemas"]).complete()


class _Operation:
    """One method of one path, as the framework documents it, and the handler that says the rest."""

    def __init__(self, handler: BaseRouteHandler, method: str, operation: Json, schemas: Json) -> None:
        self._handler, self._operation, self._schemas = handler, operation, schemas
        self._is_safe = method in _SAFE
        self._parameters: defaultdict[str, set[str]] = defaultdict(set)
        for parameter in operation.get("parameters", ()):
            self._parameters[parameter["in"]].add(parameter["name"])
        self._is_command = "Idempotency-Key" in self._parameters["header"]

    def complete(self) -> None:
        refusals: defaultdict[int, set[str]] = defaultdict(set)
        for code in self._refusals():
            refusals[status_of(code)].add(code)
        if "not_signed_in" not in refusals[401]:
            self._operation["security"] = []
        for parameter in self._operation.get("parameters", ()):
            parameter["schema"] = _without_null(parameter["schema"])
        answers = {int(status): answer for status, answer in self._operation["responses"].items()}
        answers.pop(400, None)  # the framework's
        if "dry_run" in self._parameters["query"] and 201 in answers:
            answers[200] = {
                **answers[201],
                "description": "A dry run: what would be answered; nothing is done",
            }
        if "If-None-Match" in self._parameters["header"]:
            answers[304] = {"description": "It is as that ETag says"}
        for status, codes in refusals.items():
            if codes:
                problem = answers.setdefault(status, {"description": self._words(status, codes)})
                schema = {"$ref": "#/components/schemas/Problem"}
                problem.setdefault("content", {})[MEDIA_TYPE] = {"schema": schema}
        for status, answer in answers.items():
            if status in (204, 304):
                answer.pop("content", None)
            names = self._headers(status, answer, refusals[status])
            answer["headers"] = {name: {"$ref": f"#/components/headers/{name}"} for name in names}
        self._operation["responses"] = {str(status): answers[status] for status in sorted(answers)}

    def _refusals(self) -> Iterator[str]:
        """The codes that what the route declares may lead to."""
        yield from ("malformed_request", "unexpected_error", "unknown_parameter")
        guarded = {code for guard in self._handler.resolve_guards() for code in refused_by(guard)}
        yield from guarded - ({"cross_site_request"} if self._is_safe else set())
        yield from self._handler.opt.get("refuses", ())
        if "desk" in self._handler.parsed_fn_signature.parameters:
            yield from ("busy", "store_unavailable")
        if "requestBody" in self._operation:
            yield from ("body_too_large", "unsupported_media_type", "invalid_fields")
        if self._parameters["query"]:
            yield from ("invalid_fields", "invalid_value")
        if "min_position" in self._parameters["query"]:
            yield "read_models_behind"
        for name in self._parameters["path"]:
            if name in UNKNOWN:
                yield UNKNOWN[name]
        if self._is_command:
            yield from (
                "idempotency_key_missing",
                "idempotency_key_invalid",
                "idempotency_key_reused",
                "command_still_running",
            )
            if "not_signed_in" in guarded:
                yield "account_frozen"
        if "If-Match" in self._parameters["header"]:
            yield "version_mismatch"

    def _words(self, status: int, codes: set[str]) -> str:
        """What a code or a few tell; of a command's own refusals there are many."""
        known = ", ".join(f"`{code}`" for code in sorted(codes))
        more = ", or why the command was refused" if self._is_command and status in (409, 422) else ""
        return f"{HTTPStatus(status).phrase}: {known}{more}"

    def _headers(self, status: int, answer: Json, codes: set[str]) -> Iterator[str]:
        yield "X-Request-ID"
        if status == 201:
            yield "Location"
        if status == 304 or (status < 300 and self._has_version(answer)):
            yield "ETag"
        if self._is_command and status < 300:
            yield "Evenkeel-Position"
        if self._is_command and status in _STORED:
            yield "Idempotent-Replayed"
        if status == 401:
            yield "WWW-Authenticate"
        if status == 429 or not codes.isdisjoint(RETRY_AFTER_S):
            yield "Retry-After"
        if status < 300 and self._handler.opt.get("sets_cookie"):
            yield "Set-Cookie"

    def _has_version(self, answer: Json) -> bool:
        """Whether it is one resource whose ETag is its version."""
        schema = answer.get("content", {}).get("application/json", {}).get("schema", {})
        name = schema.get("$ref", "").rpartition("/")[2]
        return "version" in self._schemas.get(name, {}).get("properties", {})


def _without_null(schema: Json) -> Json:
    """Of a parameter: it is sent or left out, there is no null to send."""
    kinds = [kind for kind in schema.get("oneOf", ()) if kind != {"type": "null"}]
    if len(kinds) != 1:
        return schema
    return {**kinds[0], **{name: value for name, value in schema.items() if name != "oneOf"}}
