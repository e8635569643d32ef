"""What a command says when it cannot do what it was asked: one line and a meaningful exit code."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import typer

from application.failpoints import FailpointRefused
from application.ports.commands import QueueFull
from application.ports.event_log import StoreUnavailable
from application.ports.seals import SinkUnavailable
from application.queries.asset_codes import shown_refusal
from domain.errors import DomainError

if TYPE_CHECKING:
    from adapters.persistence.explained import Explanation

OK, REFUSED, USAGE, UNAVAILABLE = 0, 1, 2, 3
OUR_FAULT, INTERRUPTED, NOBODY_READS = 70, 130, 141

_UNAVAILABLE_CODES = frozenset(
    {
        "candle_source_unavailable",
        "checkpoint_sink_unavailable",
        "database_error",
        "database_in_use",
        "database_unreachable",
        "liability_salts_unusable",
        "log_too_new",
        "no_database",
        "os_error",
        "pg_tool_failed",
        "pg_tool_missing",
        "queue_full",
        "read_only",
        "rebuild_running",
        "schema_out_of_date",
        "schema_too_new",
        "server_unreachable",
        "shards_differ",
        "shards_incomplete",
        "simulator_journal_unusable",
        "store_unavailable",
        "vault_unusable",
        "venue_not_reachable",
    }
)
_USAGE_CODES = frozenset(
    {
        "amount_out_of_range",
        "invalid_database_url",
        "invalid_parameter",
        "invalid_settings",
        "invalid_value",
        "one_shard_only",
        "shards_need_postgresql",
        "unknown_exchange",
        "unknown_strategy",
        "unknown_symbol",
        "user_not_named",
        "venue_not_supported",
    }
)
_INTERNAL = "internal_error"
log = logging.getLogger("evenkeel.cli")


@dataclass(frozen=True, slots=True)
class Problem:
    """A failed command, for people (one line) and for machines."""

    code: str
    message: str
    exit_code: int
    data: Mapping[str, str] = field(default_factory=dict)

    def as_json(self) -> dict[str, object]:
        return {"error": {"code": self.code, "message": self.message, "data": dict(self.data)}}


class CheckFailed(Exception):
    """Something was checked and is not as it should be; what was found is on the screen already."""


class UserNotNamed(DomainError, code="user_not_named"):
    """There is more than one user, or none: say whose account is meant."""

    def __init__(self, *, users: int) -> None:
        way_out = "name one with --user EMAIL" if users else "create one with `evenkeel users create`"
        super().__init__(f"user: there are {users} users; {way_out}")
        self.users = users


class UnknownUser(DomainError, code="unknown_user"):
    """Nobody signs in with that address."""

    def __init__(self) -> None:
        super().__init__("user: nobody signs in with that address; `evenkeel users list` shows the accounts")


class UnknownStream(DomainError, code="unknown_stream"):
    """No event was ever appended to a stream of that name."""

    def __init__(self, *, stream: str) -> None:
        super().__init__(f"stream: there is no {stream}; `evenkeel log tail` shows what streams are called")
        self.stream = stream


class NoDatabase(DomainError, code="no_database"):
    """Nothing is there yet that could be looked at."""

    def __init__(self, *, path: str) -> None:
        super().__init__(
            f"there is no database at {path}; name another one, or make it with `evenkeel db upgrade`"
        )
        self.path = path


class ServerUnreachable(DomainError, code="server_unreachable"):
    """The process that holds the database does not answer."""

    def __init__(self, *, problem: str) -> None:
        super().__init__(problem)


class RemoteRefusal(DomainError, code="refused"):
    """The running server refused; its code, words and data."""

    def __init__(self, code: str, message: str, data: Mapping[str, str]) -> None:
        super().__init__(message)
        self.code = code  # type: ignore[misc]  # stands for the class it was made from
        self._data = dict(data)

    @property
    def data(self) -> dict[str, str]:
        return dict(self._data)


def exit_code_of(code: str) -> int:
    """Of a refusal, also one that a server sent."""
    if code in _UNAVAILABLE_CODES:
        return UNAVAILABLE
    if code in _USAGE_CODES:
        return USAGE
    return OUR_FAULT if code == _INTERNAL else REFUSED


def problem_of(error: BaseException) -> Problem:
    """How an error is told. What nobody foresaw is logged with its traceback at debug level, never shown."""
    if isinstance(error, RemoteRefusal):  # told already
        return Problem(error.code, str(error), exit_code_of(error.code), error.data)
    if isinstance(error, DomainError):
        words, data = shown_refusal(error.code, str(error), error.data)
        return Problem(error.code, words, exit_code_of(error.code), data)
    if isinstance(error, typer.TyperException):
        context: Any = getattr(error, "ctx", None)
        words = error.format_message().rstrip(". ")
        return Problem("usage", f"{words}; see `{context.command_path} --help`" if context else words, USAGE)
    if isinstance(error, FailpointRefused):
        return Problem("invalid_settings", str(error), USAGE)
    if isinstance(error, StoreUnavailable):
        return Problem(
            "store_unavailable", f"the database cannot answer now: {error}; try again", UNAVAILABLE
        )
    if isinstance(error, SinkUnavailable):
        message = f"a checkpoint did not get where it should, or cannot be read there: {error}; try again"
        return Problem("checkpoint_sink_unavailable", message, UNAVAILABLE)
    if isinstance(error, QueueFull):
        return Problem("queue_full", "the server is busy and took nothing on; try again shortly", UNAVAILABLE)
    if isinstance(error, KeyboardInterrupt):
        message = "interrupted; what was committed stays, run the same command again to go on"
        return Problem("interrupted", message, INTERRUPTED)
    if isinstance(error, OSError) and error.strerror:
        where = f"{error.filename}: " if error.filename else ""
        return Problem("os_error", f"{where}{error.strerror}", UNAVAILABLE)
    if known := _explained(error):
        return Problem(known.code, known.message, exit_code_of(known.code))
    log.debug("a command failed in a way nobody foresaw", exc_info=error)
    message = f"internal error ({type(error).__name__}); EVENKEEL_LOG_LEVEL=debug shows where"
    return Problem(_INTERNAL, message, OUR_FAULT)


def _explained(error: BaseException) -> Explanation | None:
    from adapters.persistence.explained import explained  # not for the sake of --help

    return explained(error)


def is_usual_exit(error: BaseException) -> bool:
    """An ordinary end, or a command without words, whose help is on the screen already."""
    if isinstance(error, typer.TyperException):
        return not error.format_message().strip()
    return isinstance(error, typer.Exit | typer.Abort)
