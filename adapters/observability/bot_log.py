"""What bots do, as log lines."""

from __future__ import annotations

import logging

import structlog

from application.ports.commands import QueueFull
from application.ports.event_log import StoreUnavailable
from application.ports.exchange import VenueOutcomeUnknown
from domain.errors import DomainError

_FORESEEN = (DomainError, StoreUnavailable, QueueFull, VenueOutcomeUnknown)
"""Refusals and outages: their words say all, and where in the code they arose says nothing."""

_log = structlog.stdlib.get_logger("evenkeel.bots")
# not structlog's: before it is configured, that would print every local variable
_failures = logging.getLogger("evenkeel.bots")


class BotLog:
    """A BotObserver that writes a line for whatever a trader or an operator would want to find later."""

    def candle_seen(self, bot_id: str) -> None:
        _log.debug("candle seen", bot_id=bot_id)

    def signal_raised(self, bot_id: str, side: str) -> None:
        _log.info("signal raised", bot_id=bot_id, side=side)

    def guardrail_tripped(self, bot_id: str, code: str) -> None:
        _log.warning("guardrail tripped", bot_id=bot_id, code=code)

    def order_placed(self, bot_id: str, client_order_id: str) -> None:
        _log.info("order placed", bot_id=bot_id, correlation_id=client_order_id)

    def order_reported(self, bot_id: str, client_order_id: str, status: str, new_fills: int) -> None:
        _log.info(
            "order reported", bot_id=bot_id, correlation_id=client_order_id, status=status, fills=new_fills
        )

    def bot_failed(self, bot_id: str, problem: Exception) -> None:
        _failures.error(
            "bot failed, to be taken up again from the log",
            exc_info=_unforeseen(problem),
            extra={"bot_id": bot_id, "problem": _in_words(problem)},
        )

    def worker_failed(self, problem: Exception) -> None:
        _failures.error(
            "worker failed, to be tried again",
            exc_info=_unforeseen(problem),
            extra={"problem": _in_words(problem)},
        )


def _in_words(problem: Exception) -> str:
    return f"{type(problem).__name__}: {problem}"


def _unforeseen(problem: Exception) -> Exception | None:
    """The error whose traceback is wanted, in the log and as an error report."""
    return None if isinstance(problem, _FORESEEN) else problem
