"""Reports of errors nobody expected, sent to Sentry: only when configured, and leaking nothing.

Measured (docs/operations.md): with its defaults one crash in a key upload sent body, local variable, header
and cookie, and request headers were added to calls to exchanges. So a report is rebuilt from an allow-list.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

import sentry_sdk
from sentry_sdk.integrations.atexit import AtexitIntegration
from sentry_sdk.integrations.dedupe import DedupeIntegration
from sentry_sdk.transport import Transport

from adapters.observability.context import current_ids
from domain.errors import DomainError

_EVENT = ("event_id", "timestamp", "level", "platform", "release", "environment", "logger", "tags")
_FRAME = ("filename", "function", "module", "lineno", "in_app")
_TAGS = ("request_id", "correlation_id", "causation_id", "actor")


def start_error_reports(
    dsn: str,
    *,
    environment: str,
    release: str,
    transport: Callable[[dict[str, Any]], Transport] | Transport | None = None,
) -> bool:
    """Report errors that were logged with their exception; False, and nothing is set up, without a DSN.

    A report says what broke and where in the code, with the ids of the log lines: no values, no exception
    text (it may quote input), no request data, no host name. Refusals (DomainError) are no errors.
    """
    if not dsn:
        return False
    sentry_sdk.init(
        dsn=dsn,
        environment=environment,
        release=release,
        transport=transport,  # type: ignore[arg-type]  # tests keep reports in memory
        default_integrations=False,
        auto_enabling_integrations=False,
        integrations=[AtexitIntegration(callback=lambda *_: None), DedupeIntegration()],
        include_local_variables=False,
        include_source_context=False,
        max_request_body_size="never",
        max_breadcrumbs=0,
        auto_session_tracking=False,
        send_client_reports=False,
        enable_metrics=False,
        propagate_traces=False,
        trace_propagation_targets=[],
        ignore_errors=[DomainError],
        before_send=_only_what_is_allowed,  # type: ignore[arg-type]  # Event is a TypedDict of theirs
        before_send_transaction=lambda _event, _hint: None,
    )
    root = logging.getLogger()
    if not any(isinstance(handler, _ReportErrors) for handler in root.handlers):
        root.addHandler(_ReportErrors(level=logging.ERROR))
    return True


def stop_error_reports() -> None:
    """Send what waits, for at most two seconds, and report no more."""
    root = logging.getLogger()
    for handler in [handler for handler in root.handlers if isinstance(handler, _ReportErrors)]:
        root.removeHandler(handler)
    sentry_sdk.get_client().close(timeout=2)
    sentry_sdk.get_global_scope().set_client(None)


class _ReportErrors(logging.Handler):
    """Lines of level ERROR that carry an exception become reports."""

    def emit(self, record: logging.LogRecord) -> None:
        error = _exception_of(record)
        if error is None or isinstance(error, DomainError):
            return
        try:
            with sentry_sdk.new_scope() as scope:
                for name, value in current_ids().items():
                    if name in _TAGS:
                        scope.set_tag(name, value)
                scope.capture_exception(error)
        except Exception:  # noqa: BLE001  # reporting an error must not become one
            self.handleError(record)


def _exception_of(record: logging.LogRecord) -> BaseException | None:
    found: Any = record.exc_info
    if not found and isinstance(record.msg, Mapping):  # structlog keeps it in its own dict
        found = record.msg.get("exc_info")
    if isinstance(found, BaseException):
        return found
    return found[1] if isinstance(found, tuple) and len(found) == 3 else None


def _only_what_is_allowed(event: dict[str, Any], _hint: dict[str, Any]) -> dict[str, Any]:
    kept = {name: event[name] for name in _EVENT if name in event}
    values = (event.get("exception") or {}).get("values") or ()
    kept["exception"] = {"values": [_exception(value) for value in values]}
    return kept


def _exception(value: Mapping[str, Any]) -> dict[str, Any]:
    frames = (value.get("stacktrace") or {}).get("frames") or ()
    return {
        "type": value.get("type"),
        "module": value.get("module"),
        "value": value.get("type"),  # the text may quote what somebody sent us
        "stacktrace": {
            "frames": [{name: frame[name] for name in _FRAME if name in frame} for frame in frames]
        },
    }
