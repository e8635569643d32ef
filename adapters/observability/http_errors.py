"""Requests that ended in an error nobody foresaw: where in the code, as a log line and an error report."""

from __future__ import annotations

import logging

# not structlog's: before it is configured, that would print every local variable
_log = logging.getLogger("evenkeel.http.errors")


class HttpErrorLog:
    """An HttpObserver. Requests as such are logged by the face itself."""

    def request_finished(
        self, method: str, route_template: str, status: int, seconds: float | None
    ) -> None: ...

    def unexpected_error(self, error: BaseException, request_id: str) -> None:
        _log.error(
            "a request failed in a way nobody foresaw", exc_info=error, extra={"request_id": request_id}
        )
