"""Who asks: API key, HMAC-SHA256 signature, timestamp."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping

from adapters.simulator.core.accounts import Key
from adapters.simulator.core.errors import Rejected, bad_key, missing
from adapters.simulator.server.parameters import Parameters

_LONGEST_WINDOW_MS = 60_000
_AHEAD_MS = 1_000


def check_signed(
    keys: Mapping[str, Key], api_key: str | None, payload: str, given: Parameters, now_ms: int
) -> Key:
    """The key that signed this payload, in this order: key, signature, timestamp."""
    if not api_key:
        raise Rejected(-2014, "API-key format invalid.", 401)
    key = keys.get(api_key)
    if key is None:
        raise bad_key()
    signature = given.required("signature")
    if not hmac.compare_digest(signed(key.secret, payload).encode(), signature.encode()):
        raise Rejected(-1022, "Signature for this request is not valid.")
    _check_time(given, now_ms)
    return key


def signed(secret: str, payload: str) -> str:
    return hmac.new(secret.encode(), payload.encode(), hashlib.sha256).hexdigest()


def _check_time(given: Parameters, now_ms: int) -> None:
    timestamp = given.integer("timestamp")
    if timestamp is None:
        raise missing("timestamp")
    window_ms = given.integer("recvWindow")
    window_ms = 5_000 if window_ms is None else window_ms
    if window_ms > _LONGEST_WINDOW_MS:
        raise Rejected(-1131, "recvWindow must be less than 60000")
    if timestamp >= now_ms + _AHEAD_MS:
        raise Rejected(-1021, "Timestamp for this request was 1000ms ahead of the server's time.")
    if now_ms - timestamp > window_ms:
        raise Rejected(-1021, "Timestamp for this request is outside of the recvWindow.")
