"""One log stream, one JSON object a line: ours, the libraries', the server's, through one handler."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import MutableMapping
from types import TracebackType
from typing import Any, Literal, TextIO

import structlog
from structlog.contextvars import merge_contextvars
from structlog.processors import EventRenamer, ExceptionRenderer, JSONRenderer, TimeStamper
from structlog.stdlib import ProcessorFormatter
from structlog.tracebacks import ExceptionDictTransformer

from adapters.observability.redaction import one_line, redacted

LogFormat = Literal["json", "console"]

_MOST_FRAMES = 12
_OWN_HANDLERS = ("uvicorn", "uvicorn.error", "uvicorn.access", "litestar", "granian")
_CHATTY = ("httpx", "httpcore", "urllib3", "asyncio", "alembic", "eventsourcing", "ccxt")


def configure_logging(
    *, level: str = "info", log_format: LogFormat = "json", stream: TextIO | None = None
) -> None:
    """Send every log line of this process to one stream (stderr), redacted, with the current ids.

    "console" is for people: it is only used where the stream is a terminal, else the lines are JSON. Called
    again it replaces what it set up before.
    """
    stream = stream or sys.stderr
    console = log_format == "console" and stream.isatty()
    shared: list[Any] = [
        merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.ExtraAdder(),
        TimeStamper(fmt="iso", utc=True, key="at"),
        structlog.stdlib.PositionalArgumentsFormatter(),
    ]
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *shared, ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,  # else a second call would not reach loggers that exist
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[ProcessorFormatter.remove_processors_meta, *_rendering(console=console)],
        )
    )
    root = logging.getLogger()
    for old in [old for old in root.handlers if getattr(old, "evenkeel", False)]:
        root.removeHandler(old)
    handler.evenkeel = True  # type: ignore[attr-defined]  # what the next call replaces
    root.addHandler(handler)
    root.setLevel(level.upper())
    for name in _OWN_HANDLERS:
        library = logging.getLogger(name)
        library.handlers[:], library.propagate = [], True
    for name in _CHATTY:
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.captureWarnings(capture=True)


def log_what_nobody_caught() -> None:
    """Exceptions that would end a thread or the process become log lines instead of bare tracebacks."""
    log = logging.getLogger("evenkeel.unhandled")

    def in_process(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt):
            return
        log.critical("the process ends: %s", kind.__name__, exc_info=(kind, error, trace))

    def in_thread(args: threading.ExceptHookArgs) -> None:
        if args.exc_value is not None and not issubclass(args.exc_type, SystemExit):
            name = args.thread.name if args.thread else "?"
            exc_info = (args.exc_type, args.exc_value, args.exc_traceback)
            log.critical("thread %s ended: %s", name, args.exc_type.__name__, exc_info=exc_info)

    sys.excepthook = in_process
    threading.excepthook = in_thread


def _rendering(*, console: bool) -> list[Any]:
    if console:
        return [
            _redact,
            _on_one_line,
            structlog.dev.ConsoleRenderer(
                timestamp_key="at", exception_formatter=structlog.dev.plain_traceback
            ),
        ]
    # Locals would show what the redaction by key cannot see.
    exceptions = ExceptionRenderer(ExceptionDictTransformer(show_locals=False, max_frames=_MOST_FRAMES))
    return [exceptions, EventRenamer("message"), _redact, JSONRenderer(default=str)]


def _redact(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    event.pop("color_message", None)  # uvicorn's, for terminals
    exc_info = event.pop("exc_info", None)  # an object of the logging machinery, rendered later
    clean: dict[str, Any] = redacted(event)
    return clean if exc_info is None else {**clean, "exc_info": exc_info}


def _on_one_line(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    return {key: one_line(value) if isinstance(value, str) else value for key, value in event.items()}
