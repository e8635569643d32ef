"""Requests that ended badly, as log lines; an error nobody foresaw becomes an error report too."""

from __future__ import annotations

import structlog

_log = structlog.stdlib.get_logger("evenkeel.http")


class RequestLog:
    """An HttpObserver that writes a line per request: debug, or warning where the server failed."""

    def request_finished(self, method: str, route_template: str, status: int, seconds: float) -> None:
        write = _log.warning if status >= 500 else _log.debug
        write("request", method=method, route=route_template, status=status, seconds=round(seconds, 6))

    def unexpected_error(self, error: BaseException, request_id: str) -> None:
        _log.error("a request failed in a way nobody foresaw", request_id=request_id, exc_info=error)
