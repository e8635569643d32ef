"""What never reaches a log line or an error report."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

REDACTED = "[redacted]"

_SECRET_KEYS = (
    "password",
    "passphrase",
    "secret",
    "token",
    "authorization",
    "cookie",
    "api_key",
    "apikey",
    "private_key",
    "dsn",
    "email",
    "mnemonic",
)
"""A key that contains one of these names a secret or personal data (safety §2.67)."""

_SECRET_TEXT = re.compile(
    r"(?P<before>://[^/\s:@]*:)[^@\s/]+(?=@)"  # postgresql://user:password@host
    r"|(?P<scheme>\b(?:Bearer|Basic)\s+)\S+",
    re.IGNORECASE,
)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def is_secret_key(key: str) -> bool:
    folded = key.lower().replace("-", "_")
    return any(word in folded for word in _SECRET_KEYS)


def redacted(value: Any) -> Any:
    """The value without what its keys call secret, at any depth, and without credentials inside texts."""
    if isinstance(value, Mapping):
        return {key: REDACTED if is_secret_key(str(key)) else redacted(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [redacted(inner) for inner in value]
    if isinstance(value, str):
        return _SECRET_TEXT.sub(lambda hit: (hit["before"] or hit["scheme"]) + "***", value)
    return value


def one_line(text: str) -> str:
    """Control characters spelled out, so that no text forges a line or moves a terminal's cursor."""
    return _CONTROL.sub(lambda hit: repr(hit.group())[1:-1], text)
