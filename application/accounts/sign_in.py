"""Register and sign in: identities and sessions beside the log, built to be extended."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import timedelta

from application.accounts.commands import RegisterAccount
from application.ports.clock import Clock
from application.ports.commands import Caller, CommandBus, CommandIdReused, Outcome, derived_id
from application.ports.event_log import ReadOnlyLog
from application.ports.identities import Identities, Identity, PasswordHasher, Session, Sessions
from application.ports.tokens import Tokens
from domain.errors import DomainError, InvalidValue

IDLE = timedelta(minutes=30)
ABSOLUTE = timedelta(hours=12)
SHORTEST_PASSWORD, LONGEST_PASSWORD = 15, 200
_EMAIL = re.compile(r"[^@\s\x00-\x1f]{1,64}@[^@\s\x00-\x1f]{1,189}")


class EmailTaken(DomainError, code="email_taken"):
    """An account with that address exists already; sign in instead."""

    def __init__(self) -> None:
        super().__init__("an account with that e-mail address exists already; sign in instead")


class BadCredentials(DomainError, code="bad_credentials"):
    """The address or the password is wrong; which of the two is not said (safety §2.9)."""

    def __init__(self) -> None:
        super().__init__("the e-mail address or the password is wrong")


def token_hash(token: str) -> str:
    """What is stored of a session token."""
    return hashlib.sha256(token.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Registration:
    """A person registers: the identity row first, then the event that commits to it.

    Both are idempotent by the caller's command id, so a retry after a crash in between completes, and of the
    same request sent twice at once each is answered alike. Repeated with other words it is refused.
    Errors: InvalidValue, EmailTaken, CommandIdReused, ReadOnlyLog.
    """

    bus: CommandBus
    identities: Identities
    hasher: PasswordHasher
    tokens: Tokens
    clock: Clock

    def __call__(self, *, email: str, password: str, roles: tuple[str, ...], caller: Caller) -> Outcome:
        email = normalised_email(email)
        require_acceptable_password(password, email)
        account_id = derived_id("acct", caller.scope, caller.command_id)
        known = self.identities.by_account(account_id)
        added = None if known else self._added(account_id, email, password)
        identity = known or added
        if identity is None:
            identity = self.identities.by_account(account_id)  # by the same request, a moment faster
            if identity is None:
                return self._completed(email, password, roles, caller)
        if identity.email != email or not self.hasher.verify(password, identity.password_hash):
            raise CommandIdReused(command_id=caller.command_id)
        try:
            return self.bus.execute(RegisterAccount(account_id, roles, _commitment(identity)), caller)
        except ReadOnlyLog:
            if added:
                self.identities.remove(account_id)
            raise

    def _completed(self, email: str, password: str, roles: tuple[str, ...], caller: Caller) -> Outcome:
        """The address is taken: by an account, or by a registration that broke off before its event.

        The latter is completed for whoever knows its password; an account that is there is not registered
        again.
        """
        identity = self.identities.by_email(email)
        if identity is not None and self.hasher.verify(password, identity.password_hash):
            command = RegisterAccount(identity.account_id, roles, _commitment(identity))
            outcome = self.bus.execute(command, caller)
            if outcome.position or outcome.refusal is not None:
                return outcome
        raise EmailTaken

    def _added(self, account_id: str, email: str, password: str) -> Identity | None:
        """The new identity; None when its address or its account's id was there already."""
        identity = Identity(
            account_id=account_id,
            email=email,
            password_hash=self.hasher.hash(password),
            commitment_salt=self.tokens.salt(),
            created_at_utc=self.clock.now(),
        )
        return identity if self.identities.add(identity) else None


@dataclass(frozen=True, slots=True)
class SignIn:
    """Open a session, in the same time for an unknown address as for a wrong password.

    Errors: BadCredentials.
    """

    identities: Identities
    sessions: Sessions
    hasher: PasswordHasher
    tokens: Tokens
    clock: Clock

    def __call__(self, *, email: str, password: str, user_agent: str) -> tuple[str, Session]:
        """The token, shown this once, and its session."""
        identity = self.identities.by_email(email.strip().lower())
        known_hash = identity.password_hash if identity else self.hasher.dummy_hash
        matches = len(password) <= LONGEST_PASSWORD and self.hasher.verify(password, known_hash)
        if identity is None or not matches:
            raise BadCredentials
        if self.hasher.needs_rehash(identity.password_hash):
            self.identities.replace_password_hash(identity.account_id, self.hasher.hash(password))
        token = self.tokens.token()
        now = self.clock.now()
        session = Session(
            token_sha256=token_hash(token),
            account_id=identity.account_id,
            created_at_utc=now,
            last_seen_at_utc=now,
            expires_at_utc=now + ABSOLUTE,
            user_agent=user_agent[:200],
        )
        self.sessions.start(session)
        return token, session


@dataclass(frozen=True, slots=True)
class Authenticate:
    """Whose session a token is; None when it is unknown, idle for too long or expired."""

    sessions: Sessions
    clock: Clock

    def __call__(self, token: str) -> Session | None:
        session = self.sessions.find(token_hash(token))
        if session is None:
            return None
        now = self.clock.now()
        if now >= session.expires_at_utc or now - session.last_seen_at_utc >= IDLE:
            self.sessions.end(session.token_sha256)
            return None
        if now - session.last_seen_at_utc >= timedelta(minutes=1):
            self.sessions.touch(session.token_sha256, now)
        return session


def _commitment(identity: Identity) -> str:
    """What the log holds of an address: its salted digest."""
    return hashlib.sha256(f"{identity.commitment_salt}|{identity.email}".encode()).hexdigest()


def normalised_email(email: str) -> str:
    """The address as it is stored; raises InvalidValue."""
    email = email.strip().lower()
    if not _EMAIL.fullmatch(email):
        raise InvalidValue("email", "is not an e-mail address; write it as 'name@example.org'")
    return email


def require_acceptable_password(password: str, email: str) -> None:
    """Raises InvalidValue, never showing the password. No composition rules (safety §2.1-6)."""
    if len(password) < SHORTEST_PASSWORD:
        raise InvalidValue("password", f"use at least {SHORTEST_PASSWORD} characters; a sentence is good")
    if len(password) > LONGEST_PASSWORD:
        raise InvalidValue("password", f"use at most {LONGEST_PASSWORD} characters")
    lowered = password.lower()
    name = email.partition("@")[0]
    if len(set(password)) < 4 or (len(name) > 2 and name in lowered) or "evenkeel" in lowered:
        raise InvalidValue("password", "is too easy to guess: it repeats itself, your address or our name")
