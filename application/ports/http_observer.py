"""What is counted of requests."""

from __future__ import annotations

from typing import Protocol


class HttpObserver(Protocol):
    """Told of every request, for metrics and error reports. Must not raise and must not block."""

    def request_finished(self, method: str, route_template: str, status: int, seconds: float | None) -> None:
        """`route_template` is bounded ("/v1/bots/{bot_id}", or "unmatched"), so it can be a label.

        `seconds` is None for an event stream: how long somebody listened is no time that we took to answer.
        """
        ...

    def unexpected_error(self, error: BaseException, request_id: str) -> None:
        """An error nobody foresaw; the client was answered 500 with the request id alone."""
        ...


class SilentHttpObserver:
    """Counts nothing."""

    def request_finished(
        self, method: str, route_template: str, status: int, seconds: float | None
    ) -> None: ...

    def unexpected_error(self, error: BaseException, request_id: str) -> None: ...
