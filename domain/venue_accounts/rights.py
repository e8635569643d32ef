"""What a venue's key may do, as the venue tells it."""

from __future__ import annotations

from dataclasses import dataclass

from domain.venue_accounts.errors import VenueKeyCannotRead, VenueKeyMayWithdraw, VenueKeyRightsUnknown

READ, TRADE = "read", "trade"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRights:
    """None is what the venue does not say; nothing is assumed for it."""

    may_read: bool | None
    may_trade: bool | None
    may_take_out: bool | None  # withdraw, or transfer to any other account at the venue or elsewhere
    is_ip_restricted: bool | None = None

    def require_acceptable(self) -> None:
        """Raises, in this order: VenueKeyRightsUnknown, VenueKeyMayWithdraw, VenueKeyCannotRead."""
        if self.may_take_out is None:
            raise VenueKeyRightsUnknown(right="withdraw")
        if self.may_trade is None:
            raise VenueKeyRightsUnknown(right="trade")
        if self.may_read is None:
            raise VenueKeyRightsUnknown(right="read")
        if self.may_take_out:
            raise VenueKeyMayWithdraw
        if not self.may_read:
            raise VenueKeyCannotRead

    @property
    def names(self) -> tuple[str, ...]:
        """The rights that it is known to have."""
        return tuple(name for name, has in ((READ, self.may_read), (TRADE, self.may_trade)) if has)
