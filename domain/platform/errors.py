"""Refusals of the platform."""

from __future__ import annotations

from domain.errors import DomainError


class KillSwitchIsEngaged(DomainError, code="kill_switch_engaged"):
    """An operator stopped all trading; an operator must release the kill switch first."""

    def __init__(self, *, reason: str) -> None:
        super().__init__(f"the kill switch is engaged: {reason}")
        self.reason = reason
