"""Refusals of holds."""

from __future__ import annotations

from datetime import datetime

from domain.errors import DomainError


class UnknownHold(DomainError, code="unknown_hold"):
    """The book has no such hold; an order's is not led by hand."""

    def __init__(self, *, hold_id: str) -> None:
        super().__init__(f"no hold {hold_id} in that book")
        self.hold_id = hold_id


class HoldNotOpen(DomainError, code="hold_not_open"):
    """Nothing is left to settle or release: `status` says how the hold ended."""

    def __init__(self, *, hold_id: str, status: str) -> None:
        super().__init__(f"hold {hold_id} has ended: it is {status}")
        self.hold_id, self.status = hold_id, status


class HoldExpired(DomainError, code="hold_expired"):
    """It is too late to settle it; what is left is released."""

    def __init__(self, *, hold_id: str, expired_at: datetime) -> None:
        super().__init__(f"hold {hold_id} expired at {expired_at:%Y-%m-%dT%H:%M:%SZ}; place a new one")
        self.hold_id, self.expired_at = hold_id, expired_at.isoformat()
