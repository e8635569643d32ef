"""Bodies read strictly: what two parsers could read differently is refused (safety §2.44, 46)."""

from __future__ import annotations

import json
import re
from typing import Any

from litestar import Request
from litestar.datastructures import State

from adapters.http.problems import Problem

_DEEPEST = 16
_MOST_DIGITS = 100
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")  # no database takes NUL, no encoder lone surrogates


class StrictRequest(Request[Any, Any, State]):
    """A request whose JSON is one object without duplicate keys, NaN or Infinity."""

    _strict: Any = None

    async def json(self) -> Any:
        if self._strict is None:
            content_type = self.headers.get("content-type", "").partition(";")[0].strip().lower()
            if content_type != "application/json":
                raise Problem("unsupported_media_type", "send JSON, with Content-Type: application/json")
            self._strict = parse_object(await self.body())
        return self._strict


def parse_object(body: bytes) -> dict[str, Any]:
    """The body's one object; raises Problem `malformed_request`. Fractions stay text, so no digit is lost."""
    try:
        value = json.loads(
            body.decode("utf-8"),
            object_pairs_hook=_without_duplicates,
            parse_constant=_refuse_constant,
            parse_float=_Fraction,
            parse_int=_whole,
        )
    except (UnicodeDecodeError, ValueError, RecursionError) as e:
        raise Problem("malformed_request", f"the body is not JSON that we can read: {_reason(e)}") from e
    if not isinstance(value, dict):
        raise Problem("malformed_request", "the body must be one JSON object")
    _require_plain(value)
    return value


class _Fraction(float):
    """A JSON number with a fraction or an exponent: valid where a field takes numbers, and none does."""


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return found


def _whole(digits: str) -> int:
    if len(digits) > _MOST_DIGITS:
        raise ValueError(f"a number has more than {_MOST_DIGITS} digits")
    return int(digits)


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _require_plain(value: Any, depth: int = 0) -> None:
    if depth > _DEEPEST:
        raise Problem("malformed_request", f"the body is nested more than {_DEEPEST} deep")
    if isinstance(value, str) and _UNSTORABLE.search(value):
        raise Problem("malformed_request", "the body holds characters that no text may have")
    if isinstance(value, dict):
        for name, item in value.items():
            _require_plain(name, depth + 1)
            _require_plain(item, depth + 1)
    elif isinstance(value, list):
        for item in value:
            _require_plain(item, depth + 1)


def _reason(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg} at character {error.pos}"
    if isinstance(error, UnicodeDecodeError):
        return "it is not UTF-8"
    return "it is nested too deep" if isinstance(error, RecursionError) else str(error)
