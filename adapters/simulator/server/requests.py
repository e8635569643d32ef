"""One request from the door to its answer: limits, who asks, what the dials make of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from adapters.simulator.core.accounts import Key
from adapters.simulator.core.errors import Rejected, no_service
from adapters.simulator.server.faults import Fault, hostile
from adapters.simulator.server.limits import Limited
from adapters.simulator.server.operations import OPERATIONS, Asked, Operation, checked
from adapters.simulator.server.parameters import Parameters
from adapters.simulator.server.venue import Venue
from domain.errors import DomainError
from domain.money import AmountOutOfRange

_BEFORE = ("drop_before", "rate_limited", "error_before", "html")
_AFTER = ("drop_after", "error_after", "html_after")


class Dropped(Exception):
    """Hang up without an answer."""


class WebPage(Exception):
    """Answer with a page for people, HTTP 200."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """`authenticate` finds the key of a signed request, or raises Rejected."""

    kind: str
    given: Parameters
    address: str
    channel: str  # rest, ws-api
    authenticate: Callable[[], Key]


async def answered(venue: Venue, request: Request) -> Any:
    """The answer, or Rejected, Dropped, WebPage. What was done stays done, whatever the dials answer."""
    operation = OPERATIONS[request.kind]
    _remember(venue, request)
    if venue.faults.is_set("maintenance") and request.kind != "system_status":
        raise no_service()
    if fault := venue.faults.first(request.kind, "slow_before"):
        await asyncio.sleep(fault.ms / 1_000)
    if fault := venue.faults.first(request.kind, *_BEFORE):
        _raise(fault)
    try:
        answer = _done(venue, operation, request)
    except Rejected:
        await _slow(venue, request.kind)
        raise
    await _slow(venue, request.kind)
    if fault := venue.faults.first(request.kind, *_AFTER):
        _raise(fault)
    if fault := venue.faults.first(request.kind, "hostile"):
        return hostile(answer, fault.what)
    return answer


async def _slow(venue: Venue, kind: str) -> None:
    if fault := venue.faults.first(kind, "slow"):
        await asyncio.sleep(fault.ms / 1_000)


def _done(venue: Venue, operation: Operation, request: Request) -> Any:
    now_ms = venue.now_ms()
    venue.limits.spend(request.address, operation.weight, now_ms)
    key = None if operation.security == "open" else request.authenticate()
    checked(operation, key)
    if operation.counts_as_order and key is not None:
        venue.limits.count_order(key.account, now_ms)
    try:
        return operation.answer(Asked(venue=venue, given=request.given, key=key))
    except (AmountOutOfRange, ArithmeticError) as error:
        raise Rejected(-1100, "Illegal characters found in a parameter.") from error
    except DomainError as error:
        raise Rejected(-1000, str(error)) from error


def _raise(fault: Fault) -> None:
    match fault.do:
        case "drop_before" | "drop_after":
            raise Dropped
        case "rate_limited":
            raise Limited(
                fault.status or 429, "Too much request weight used; this is a fault that was set.",
                fault.retry_after_s,
            )  # fmt: skip
        case "html" | "html_after":
            raise WebPage
        case _:
            raise Rejected(fault.code, _WORDS.get(fault.code, "A fault that was set."), fault.status or 503)


_WORDS = {
    -1000: "An unknown error occurred while processing the request.",
    -1001: "Internal error; unable to process your request. Please try again.",
    -1006: "An unexpected response was received from the message bus. Execution status unknown.",
    -1007: "Timeout waiting for response from backend server. Send status unknown; execution status unknown.",
    -1008: "Server is currently overloaded with other requests. Please try again in a few minutes.",
    -1016: "This service is no longer available.",
}


def _remember(venue: Venue, request: Request) -> None:
    venue.counts[request.kind] += 1
    venue.requests.append(
        {
            "at_ms": venue.now_ms(),
            "kind": request.kind,
            "channel": request.channel,
            "client_order_id": request.given.peek("newClientOrderId")
            or request.given.peek("origClientOrderId"),
        }
    )
