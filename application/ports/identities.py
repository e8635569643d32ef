"""Personal data and sign-in: rows outside the log, so that they can be erased."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """A person's sign-in data. The account's event holds only a salted commitment to the e-mail address."""

    account_id: str
    email: str  # as given, lower-cased; unique
    password_hash: str  # argon2id, PHC string
    commitment_salt: str
    created_at_utc: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A signed-in session; the token itself is never stored, its SHA-256 is."""

    token_sha256: str
    account_id: str
    created_at_utc: datetime
    last_seen_at_utc: datetime
    expires_at_utc: datetime
    user_agent: str


class Identities(Protocol):
    """Sign-in rows by account and by e-mail address."""

    def add(self, identity: Identity) -> bool:
        """Store a new identity; False when the address or the account is taken already."""
        ...

    def by_email(self, email: str) -> Identity | None: ...

    def by_account(self, account_id: str) -> Identity | None: ...

    def remove(self, account_id: str) -> None:
        """Take back what was added for an account that did not come to be."""
        ...

    def replace_password_hash(self, account_id: str, password_hash: str) -> None: ...


class Sessions(Protocol):
    """Opaque server-side sessions by the SHA-256 of their token."""

    def start(self, session: Session) -> None: ...

    def find(self, token_sha256: str) -> Session | None: ...

    def touch(self, token_sha256: str, seen_at_utc: datetime) -> None: ...

    def end(self, token_sha256: str) -> None: ...

    def end_all(self, account_id: str, *, but: str = "") -> int:
        """End every session of an account except the one with that token hash; how many ended."""
        ...

    def of_account(self, account_id: str) -> list[Session]: ...


class PasswordHasher(Protocol):
    """Argon2id. Slow on purpose: call it off the event loop, with bounded concurrency."""

    def hash(self, password: str) -> str: ...

    def verify(self, password: str, password_hash: str) -> bool: ...

    def needs_rehash(self, password_hash: str) -> bool: ...

    @property
    def dummy_hash(self) -> str:
        """A hash of nothing anyone knows, verified against when an address is unknown (safety §2.9)."""
        ...
