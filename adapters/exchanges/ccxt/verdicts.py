"""What a failed request proves."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class Verdict(StrEnum):
    """What follows from an error for the request that met it."""

    REFUSED = "refused"  # the venue looked at it and did nothing
    NOT_FOUND = "not_found"  # it has no such order
    DUPLICATE = "duplicate"  # it has had an order of that client id already
    BANNED = "banned"  # too often: it did nothing, and wants to be left alone
    CLOCK = "clock"  # its time or nonce was not accepted: it did nothing
    RETRYABLE = "retryable"  # nothing is proven; what changes nothing may be asked again
    UNKNOWN = "unknown"  # nothing is proven


PROOFS_OF_NOTHING_DONE = frozenset({Verdict.REFUSED, Verdict.BANNED, Verdict.CLOCK})

Verdicts = Mapping[str, Verdict]
"""By what a venue calls an error: whole, or its beginning where the key ends with an asterisk."""


def verdict_of(said: list[str], verdicts: Verdicts) -> Verdict | None:
    """The verdict on what a venue said, the most telling first; None where the table does not know it.

    A whole match goes before any beginning, and a longer beginning before a shorter one.
    """
    for words in said:
        if words in verdicts:
            return verdicts[words]
    best: tuple[int, Verdict] | None = None
    for words in said:
        for key, verdict in verdicts.items():
            if key.endswith("*") and words.startswith(key[:-1]) and (best is None or len(key) > best[0]):
                best = (len(key), verdict)
    return None if best is None else best[1]


def what_it_says(answer: object) -> list[str]:
    """The names of errors in an answer, as the venues that we know write them; empty where there is none.

    Binance: code, msg. Coinbase: error_response, errors. Kraken: a list of errors. Gemini: reason, message.
    """
    if not isinstance(answer, dict):
        return []
    said: list[str] = []
    response = answer.get("error_response")
    if isinstance(response, dict):
        said += _texts(response, "preview_failure_reason", "new_order_failure_reason", "error", "message")
    said += _texts(answer, "failure_reason")
    code, message = answer.get("code"), answer.get("msg")
    if isinstance(code, int | str) and not isinstance(code, bool) and str(code) not in ("", "0", "200"):
        said += [f"{code} {message}", str(code)] if isinstance(message, str) else [str(code)]
    if answer.get("result") == "error":
        said += _texts(answer, "reason", "message")
    errors = answer.get("errors", answer.get("error"))
    if isinstance(errors, str):
        said += [errors, *_texts(answer, "error_description", "error_details", "message")]
    for error in errors if isinstance(errors, list) else ():
        if isinstance(error, str):
            said.append(error)
        elif isinstance(error, dict):
            said += _texts(error, "id", "message")
    return [words for words in said if words]


def _texts(answer: dict[str, object], *names: str) -> list[str]:
    return [value for name in names if isinstance(value := answer.get(name), str)]
