"""Where exchanges' keys are kept, and how who needs one gets it. Nothing here shows a secret by accident."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from domain.errors import DomainError


@dataclass(frozen=True, slots=True, repr=False)
class Credentials:
    """What a request to a venue is signed with. Its repr and str hide all of it; only fields show it."""

    api_key: str
    secret: str
    password: str = ""  # some venues' third part, also called passphrase
    key_id: str = ""  # our name for the key: another id, another key

    def __repr__(self) -> str:
        return f"Credentials({self.key_id or 'unnamed'}, hidden)"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyName:
    """Whose key it is, where, and which. An envelope opens under the name it was sealed with alone."""

    key_id: str
    owner_id: str  # PLATFORM for a pooled account's
    venue: str
    venue_account_id: str


PLATFORM = "platform"
"""The owner of pooled accounts' keys."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldKey:
    """That a key is kept, and since when."""

    name: KeyName
    fingerprint: str
    stored_at_utc: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """A key as it is stored: sealed with a data key of its own, that one wrapped by the master key. Text is
    base64."""

    key_id: str
    venue_account_id: str
    owner_id: str
    venue: str
    fingerprint: str  # unique: a key is in use once
    master_id: str  # which master key wrapped the data key
    wrapped_key: str
    sealed: str
    stored_at_utc: datetime


class VaultUnusable(DomainError, code="vault_unusable"):
    """The master key is missing, not readable or another one; no key is sealed or opened without it."""

    def __init__(self, *, problem: str) -> None:
        super().__init__(
            "the vault's master key (EVENKEEL_VAULT_KEY_FILE; by default the database's .vault file) is not "
            f"usable: {problem}"
        )
        self.problem = problem


class EnvelopeUnreadable(DomainError, code="venue_key_unreadable"):
    """A stored key does not open: its row was changed, or is in another one's place. Import it again."""

    def __init__(self, *, key_id: str) -> None:
        super().__init__(f"key {key_id} does not open: what is stored of it was changed; import it again")
        self.key_id = key_id


class Envelopes(Protocol):
    """The vault's rows, outside the log. No method ever sees a key."""

    def add(self, envelope: Envelope) -> bool:
        """Store a new one; False where its id or its fingerprint is taken."""
        ...

    def get(self, key_id: str) -> Envelope | None: ...

    def by_fingerprint(self, fingerprint: str) -> Envelope | None: ...

    def remove(self, key_id: str) -> None: ...

    def not_wrapped_by(self, master_id: str, *, limit: int) -> Sequence[Envelope]:
        """Some whose data key another master key wrapped, by id."""
        ...

    def rewrap(self, envelope: Envelope, *, master_id: str, wrapped_key: str) -> bool:
        """Exchange what wraps the data key; False where it is not any more as it was given."""
        ...

    def count(self) -> int: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class MasterRotation:
    """What a rotation of the master key came to."""

    old_master_id: str
    new_master_id: str
    rewrapped: int
    retired_file: str  # where the old one is kept, for older backups


class Vault(Protocol):
    """Keys by name. Errors: VaultUnusable; StoreUnavailable as any row."""

    def keep(self, name: KeyName, credentials: Credentials) -> HeldKey | None:
        """Store a key; the same again is answered alike. None where the id or the key itself is taken."""
        ...

    def open(self, name: KeyName) -> Credentials | None:
        """The key of that name; None where there is none. Errors: EnvelopeUnreadable."""
        ...

    def holder(self, venue: str, credentials: Credentials) -> HeldKey | None:
        """Under which name the same key is kept."""
        ...

    def fingerprint(self, venue: str, credentials: Credentials) -> str:
        """What makes the same key the same. The secret half is not in it."""
        ...

    def forget(self, key_id: str) -> None:
        """Remove a key for good; one that is not there is no error."""
        ...

    def rotate_master(self, progress: Callable[[int, int], None] = ...) -> MasterRotation:
        """Put a new master key in the old one's place and wrap every data key anew.

        Interrupted at any point it is run again and goes on; meanwhile and after, every key opens.
        """
        ...


class VenueKeys(Protocol):
    """What whoever speaks to a venue signs with."""

    def credentials(self, venue_account_id: str) -> Credentials:
        """The account's current key.

        Errors: UnknownVenueAccount, NoVenueKey, EnvelopeUnreadable, VaultUnusable.
        """
        ...
