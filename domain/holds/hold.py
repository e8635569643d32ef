"""One hold's life. How much is left of it is what stands on its account in the book."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import assert_never

from domain.errors import InvalidValue
from domain.holds.errors import HoldExpired, HoldNotOpen, UnknownHold
from domain.holds.events import HoldEvent, HoldPlaced, HoldReleased, HoldSettled
from domain.money import Money

OPEN, SETTLED, RELEASED, EXPIRED = "open", "settled", "released", "expired"
STATUSES = (OPEN, SETTLED, RELEASED, EXPIRED)


@dataclass(frozen=True, slots=True)
class Hold:
    """Open until all of it is settled, or what is left is released, by hand or because its time is over.

    Commands check in this order: the hold is one of that book, it is open, its time is not over.
    """

    hold_id: str = ""
    book_id: str = ""
    asset: str = ""
    status: str = ""
    settlements: int = 0
    expires_at_utc: datetime | None = None

    @property
    def exists(self) -> bool:
        return bool(self.status)

    @property
    def has_ended(self) -> bool:
        return self.exists and self.status != OPEN

    def is_over(self, at: datetime) -> bool:
        """Whether its time is over, released or not yet."""
        return self.expires_at_utc is not None and at >= self.expires_at_utc

    def place(
        self,
        *,
        hold_id: str,
        book_id: str,
        owner_id: str,
        amount: Money,
        reason: str,
        expires_at: datetime | None,
        at: datetime,
    ) -> Sequence[HoldEvent]:
        """The amount is checked by the book, which holds it. An id is used once."""
        if self.exists:
            raise InvalidValue("hold_id", f"{hold_id} was placed before; give a new hold another id")
        if not reason.strip():
            raise InvalidValue("reason", "say what the money is set aside for; its owner will read it")
        if expires_at is not None and expires_at <= at:
            raise InvalidValue(
                "expires_at", f"{expires_at:%Y-%m-%dT%H:%M:%SZ} is over; name a time to come, or leave it out"
            )
        return [
            HoldPlaced(
                hold_id=hold_id,
                book_id=book_id,
                owner_id=owner_id,
                amount=amount,
                reason=reason,
                placed_at_utc=at,
                expires_at_utc=expires_at,
            )
        ]

    def require_open(self, book_id: str) -> None:
        """Raises UnknownHold, HoldNotOpen."""
        if not self.exists or self.book_id != book_id:
            raise UnknownHold(hold_id=self.hold_id)
        if self.status != OPEN:
            raise HoldNotOpen(hold_id=self.hold_id, status=self.status)

    def require_in_time(self, at: datetime) -> None:
        """Raises HoldExpired, whether it was released already or not."""
        if self.expires_at_utc is not None and self.is_over(at):
            raise HoldExpired(hold_id=self.hold_id, expired_at=self.expires_at_utc)

    def settled(
        self, amount: Money, *, to: str, left: Money, entry_id: str, at: datetime
    ) -> Sequence[HoldEvent]:
        """That an entry of the book took so much of it, which leaves so much."""
        return [
            HoldSettled(
                hold_id=self.hold_id, entry_id=entry_id, amount=amount, to=to, left=left, settled_at_utc=at
            )
        ]

    def released(self, amount: Money, *, because: str, reason: str, at: datetime) -> Sequence[HoldEvent]:
        """That what was left of it went back."""
        return [
            HoldReleased(
                hold_id=self.hold_id, amount=amount, because=because, reason=reason, released_at_utc=at
            )
        ]

    def evolve(self, event: HoldEvent) -> Hold:
        """Fold one fact in. Never refuses: a rule tightened today must not break old history."""
        match event:
            case HoldPlaced():
                return replace(
                    self,
                    hold_id=event.hold_id,
                    book_id=event.book_id,
                    asset=event.amount.asset,
                    status=OPEN,
                    expires_at_utc=event.expires_at_utc,
                )
            case HoldSettled():
                return replace(
                    self,
                    settlements=self.settlements + 1,
                    status=self.status if event.left.amount else SETTLED,
                )
            case HoldReleased():
                return replace(self, status=event.because)
            case _:
                assert_never(event)
