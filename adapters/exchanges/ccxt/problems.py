"""Errors of a client, by what they prove, in words that carry no secret."""

from __future__ import annotations

import re

import ccxt  # type: ignore[import-untyped]  # ships no py.typed

from adapters.exchanges.ccxt.breaker import BreakerOpen
from adapters.exchanges.ccxt.budget import OverBudget
from adapters.exchanges.ccxt.exact import NonsenseAnswer
from adapters.exchanges.ccxt.verdicts import (
    PROOFS_OF_NOTHING_DONE,
    Verdict,
    Verdicts,
    verdict_of,
    what_it_says,
)
from adapters.exchanges.ccxt.wire import Exchanged, ForeignHost, UnusableAnswer

LONGEST_WORDS = 200
_LONGEST_BAN_S = 3 * 24 * 3_600.0  # Binance's longest
_USUAL_BAN_S = 2.0  # where a venue says that we ask too often, and not for how long
_TOO_OFTEN = frozenset({418, 429})

_SURE_REFUSALS = (
    ccxt.InsufficientFunds,
    ccxt.InvalidOrder,
    ccxt.BadRequest,
    ccxt.AuthenticationError,
    ccxt.OperationRejected,
    ccxt.NotSupported,
    ccxt.ArgumentsRequired,
)
"""What ccxt makes of a venue's plain no. Its other classes are guesses of its own, or say nothing."""

_UNPRINTABLE = re.compile(r"[^\x20-\x7e\u00a0-\uffff]+")
_SECRETS = re.compile(r"(?i)(signature|api[-_]?key|secret|passphrase|token|authorization)[\"']?\s*[=:]\s*\S+")


class RequestFailed(Exception):
    """One request to a venue, and what its failure proves. `words` is short and without secrets.

    `was_sent`: it may have reached the venue. `has_answer`: the venue itself wrote the answer, in JSON.
    `retry_after_s`: for how long the venue is to be left alone.
    """

    def __init__(
        self,
        verdict: Verdict,
        words: str,
        *,
        was_sent: bool = True,
        has_answer: bool = True,
        retry_after_s: float = 0.0,
    ) -> None:
        super().__init__(words)
        self.verdict, self.words = verdict, words
        self.was_sent, self.has_answer, self.retry_after_s = was_sent, has_answer, retry_after_s

    @property
    def nothing_was_done(self) -> bool:
        """Whether it proves that the request had no effect."""
        return not self.was_sent or (self.has_answer and self.verdict in PROOFS_OF_NOTHING_DONE)


def failure(error: Exception, noted: Exchanged, verdicts: Verdicts) -> RequestFailed:
    """What an error of a client proves, given what went over the wire. Doubt is UNKNOWN or RETRYABLE."""
    if isinstance(error, RequestFailed):
        return error
    if isinstance(error, OverBudget):
        return RequestFailed(Verdict.BANNED, str(error), was_sent=False, retry_after_s=error.wait_s)
    if isinstance(error, BreakerOpen):
        return RequestFailed(Verdict.REFUSED, str(error), was_sent=False, retry_after_s=error.retry_in_s)
    if isinstance(error, ForeignHost):
        return RequestFailed(Verdict.REFUSED, str(error), was_sent=noted.requests > 0)
    if not noted.requests:
        return RequestFailed(Verdict.REFUSED, f"not sent: {_own_words(error)}", was_sent=False)
    said = what_it_says(noted.answer)
    words = _words(said, noted, error)
    if noted.status in _TOO_OFTEN:
        return RequestFailed(
            Verdict.BANNED, words, has_answer=noted.answer is not None, retry_after_s=_ban_s(noted)
        )
    if noted.status is None or noted.status >= 500 or noted.answer is None:
        return RequestFailed(
            Verdict.RETRYABLE, words, has_answer=False
        )  # no answer, or none of the venue's own
    verdict = verdict_of(said, verdicts)
    if verdict is None and isinstance(error, ccxt.RateLimitExceeded | ccxt.DDoSProtection):
        verdict = Verdict.BANNED if said else Verdict.UNKNOWN
    if verdict is None:
        verdict = _by_class(error, said)
    return RequestFailed(verdict, words, retry_after_s=_ban_s(noted) if verdict is Verdict.BANNED else 0.0)


def stream_problem(error: BaseException) -> str:
    """Why a stream broke, in words without addresses: they may carry keys."""
    if isinstance(error, RequestFailed | NonsenseAnswer):
        return clean(str(error))
    return f"the stream broke off ({type(error).__name__})"


def clean(words: str) -> str:
    """One short line without control characters and without anything that is called a secret."""
    return " ".join(_SECRETS.sub(r"\1=...", _UNPRINTABLE.sub(" ", words)).split())[:LONGEST_WORDS]


def _by_class(error: Exception, said: list[str]) -> Verdict:
    if isinstance(error, ccxt.OrderNotFound):
        return Verdict.NOT_FOUND
    if isinstance(error, ccxt.DuplicateOrderId):
        return Verdict.DUPLICATE
    if isinstance(error, _SURE_REFUSALS) and said:
        return Verdict.REFUSED
    return Verdict.RETRYABLE if isinstance(error, ccxt.OperationFailed) else Verdict.UNKNOWN


def _words(said: list[str], noted: Exchanged, error: Exception) -> str:
    """Ours, or the venue's own error: never ccxt's text, which quotes the address with its signature."""
    if said:
        return clean(said[0]) or "the venue gives no reason"
    if isinstance(error, UnusableAnswer | NonsenseAnswer):
        return clean(str(error))
    if isinstance(error, ccxt.RequestTimeout):
        return "the venue did not answer in time"
    if noted.status is None:
        return "the connection to the venue failed"
    if noted.answer is None:
        return f"the venue's answer is no JSON (status {noted.status})"
    if noted.status >= 400:
        return f"the venue answered with status {noted.status}"
    return f"the venue's answer makes no sense ({type(error).__name__})"


def _own_words(error: Exception) -> str:
    """Of an error from before anything was sent: ccxt's own text about our request is safe, if short."""
    return clean(f"{type(error).__name__}: {error}")


def _ban_s(noted: Exchanged) -> float:
    asked = next((value for name, value in noted.headers.items() if name.lower() == "retry-after"), "")
    if asked.isascii() and asked.isdigit() and len(asked) < 10:
        return min(max(float(asked), 1.0), _LONGEST_BAN_S)
    return _USUAL_BAN_S
