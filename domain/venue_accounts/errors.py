"""Refusals of venue accounts and their keys. None of them says anything of a key but its rights."""

from __future__ import annotations

from domain.errors import DomainError


class UnknownVenueAccount(DomainError, code="unknown_venue_account"):
    """No venue account of that id, or it is somebody else's."""

    def __init__(self, *, venue_account_id: str) -> None:
        super().__init__(f"no venue account {venue_account_id}")
        self.venue_account_id = venue_account_id


class VenueAccountExists(DomainError, code="venue_account_exists"):
    """An account of that name is there already, with other terms or closed; choose another name."""

    def __init__(self, *, venue_account_id: str) -> None:
        super().__init__(f"venue account {venue_account_id} is there already; choose another name")
        self.venue_account_id = venue_account_id


class VenueAccountIsClosed(DomainError, code="venue_account_closed"):
    """The account was closed; what was there stays readable."""

    def __init__(self, *, venue_account_id: str) -> None:
        super().__init__(f"venue account {venue_account_id} is closed; connect another one")
        self.venue_account_id = venue_account_id


class VenueKeyPresent(DomainError, code="venue_key_present"):
    """The account has a key; put another one in its place by rotating it."""

    def __init__(self, *, venue_account_id: str, key_id: str) -> None:
        super().__init__(f"venue account {venue_account_id} has key {key_id}; rotate it, or revoke it first")
        self.venue_account_id, self.key_id = venue_account_id, key_id


class NoVenueKey(DomainError, code="no_venue_key"):
    """The account has no key: nothing can be asked of the venue in its name."""

    def __init__(self, *, venue_account_id: str) -> None:
        super().__init__(f"venue account {venue_account_id} has no key; import one")
        self.venue_account_id = venue_account_id


class VenueKeyMayWithdraw(DomainError, code="venue_key_may_withdraw"):
    """The key may take money out of the account; make one at the venue that may read and trade only."""

    def __init__(self) -> None:
        super().__init__(
            "the key may withdraw or transfer money out of the account; make one at the venue that may "
            "read and trade only"
        )


class VenueKeyRightsUnknown(DomainError, code="venue_key_rights_unknown"):
    """The venue does not say whether the key may do that, so it is not taken."""

    def __init__(self, *, right: str) -> None:
        super().__init__(
            f"the venue does not say whether the key may {right}; what is not known is not taken"
        )
        self.right = right


class VenueKeyCannotRead(DomainError, code="venue_key_cannot_read"):
    """The key may not read balances and orders; without that nothing can be reconciled."""

    def __init__(self) -> None:
        super().__init__(
            "the key may not read balances and orders; allow reading at the venue, or make another"
        )


class VenueKeyOfAnotherAccount(DomainError, code="venue_key_of_another_account"):
    """The key opens another account at the venue than the keys before it: what that one knows of orders and
    trades proves nothing about this one's."""

    def __init__(self, *, venue_account_id: str) -> None:
        super().__init__(
            f"the key is of another account at the venue than {venue_account_id}'s keys were; open another "
            "venue account, by another name, for it"
        )
        self.venue_account_id = venue_account_id


class VenueKeyInUse(DomainError, code="venue_key_in_use"):
    """The key is in use with another venue account, of whomever; a key is used once."""

    def __init__(self) -> None:
        super().__init__("this key is in use already; make one at the venue for this account alone")
