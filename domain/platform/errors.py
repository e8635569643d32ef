"""Refusals of the platform."""

from __future__ import annotations

from domain.errors import DomainError


class LiabilitiesPublishedSince(DomainError, code="liabilities_published_since"):
    """Liabilities were published of a log as large or larger, with another content; publish the newest."""

    def __init__(self, *, log_size: int, newest: int) -> None:
        super().__init__(f"liabilities of {log_size} events come too late: those of {newest} are published")
        self.log_size, self.newest = log_size, newest
