"""Keys on their way into the vault, out of it, and to whoever signs with them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from application.ports.clock import Clock
from application.ports.commands import Caller, Command, CommandBus, CommandIdReused, Outcome, derived_id
from application.ports.event_log import EventLog
from application.ports.key_inspector import KeyInspector
from application.ports.vault import PLATFORM, Credentials, HeldKey, KeyName, Vault, VenueKeys
from application.ports.venue_credentials import CredentialsOf, NoCredentials
from application.streams import venue_account_stream
from application.venue_accounts.commands import TakeVenueKey, require_owned
from application.work import Versioned
from domain.errors import DomainError, InvalidValue
from domain.money import Money
from domain.venue_accounts.errors import NoVenueKey, UnknownVenueAccount, VenueKeyInUse
from domain.venue_accounts.venue_account import POOLED, VenueAccount

LONGEST_PART = 4_000
KeyChanged = Callable[[str, str], None]
"""Told the venue and the account whose key is another one now, or none."""

UNCLAIMED = timedelta(minutes=10)
"""How long a key may be in the vault before its event is in the log; one without is nobody's after that."""


class Loads(Protocol):
    """As much of an EventLog as it takes to know which key is an account's."""

    def load(self, stream: str) -> Versioned: ...


@dataclass(frozen=True, slots=True)
class StoredVenueKeys:
    """VenueKeys out of the vault: which key is the account's is what the log says, at each use."""

    log: Loads
    vault: Vault

    def credentials(self, venue_account_id: str) -> Credentials:
        account: VenueAccount = self.log.load(venue_account_stream(venue_account_id)).state
        if not account.exists:
            raise UnknownVenueAccount(venue_account_id=venue_account_id)
        found = self.vault.open(_name(account, account.require_key().key_id))
        if found is None:  # revoked a moment ago: its row goes right after its event
            raise NoVenueKey(venue_account_id=venue_account_id)
        return found


def credentials_of(keys: VenueKeys) -> CredentialsOf:
    """As adapters of venues want it: NoCredentials, saying why, where there is no key to use."""

    def found(venue_account_id: str) -> Credentials:
        try:
            return keys.credentials(venue_account_id)
        except DomainError as e:
            raise NoCredentials(str(e)) from None

    return found


@dataclass(frozen=True, slots=True)
class VenueKeyService:
    """Imports, rotates and revokes keys: the vault's row first, then the event that names it.

    The key's id is derived from the command's, so that a request repeated after a crash in between completes.
    """

    log: EventLog
    bus: CommandBus
    clock: Clock
    vault: Vault
    inspector: KeyInspector
    changed: KeyChanged = lambda _venue, _venue_account_id: None

    def take(
        self,
        venue_account_id: str,
        owner_id: str,
        credentials: Credentials,
        caller: Caller,
        *,
        replacing: bool = False,
    ) -> Outcome:
        """Ask the venue what the key may do, and use it where that is to read and to trade only.

        Errors before anything is stored: InvalidValue, UnknownVenueAccount, VenueAccountIsClosed,
        VenueKeyRejected, VenueNotReachable, VenueNotSupported, the refusals of its rights, VenueKeyInUse,
        CommandIdReused; then as TakeVenueKey.
        """
        _require_plausible(credentials)
        account = self._account(venue_account_id, owner_id)
        account.require_open()
        report = self.inspector.inspect(account.venue, credentials)
        report.rights.require_acceptable()
        name = _name(account, derived_id("vkey", caller.scope, caller.command_id))
        held = self._kept(name, credentials)
        command = TakeVenueKey(
            venue_account_id=venue_account_id,
            owner_id=owner_id,
            key_id=name.key_id,
            fingerprint=held.fingerprint,
            rights=report.rights,
            venue_uid=report.venue_uid,
            balances=tuple(
                Money(amount, asset) for asset, amount in sorted(report.balances.items()) if amount > 0
            ),
            replacing=replacing,
            by=caller.actor,
        )
        outcome = self.bus.execute(command, caller)
        self._tidy(outcome, venue_account_id, name.key_id)
        return outcome

    def end(self, command: Command, venue_account_id: str, caller: Caller) -> Outcome:
        """RevokeVenueKey or CloseVenueAccount: the event, then the vault's row."""
        outcome = self.bus.execute(command, caller)
        self._tidy(outcome, venue_account_id, "")
        return outcome

    def _tidy(self, outcome: Outcome, venue_account_id: str, key_id: str) -> None:
        """Remove from the vault what the log does not name (any more): a refused key, a replaced one."""
        account: VenueAccount = self.log.load(venue_account_stream(venue_account_id)).state
        in_use = account.key.key_id if account.key else ""
        replaced = str((outcome.result or {}).get("replaced_key_id", ""))
        for gone in {key_id, replaced} - {"", in_use}:
            self.vault.forget(gone)
        if outcome.refusal is None and not outcome.replayed:
            self.changed(account.venue, venue_account_id)

    def _kept(self, name: KeyName, credentials: Credentials) -> HeldKey:
        """The key, sealed. One that is in the vault and was never named by an event is nobody's."""
        held = self.vault.keep(name, credentials)
        if held is not None:
            return held
        holder = self.vault.holder(name.venue, credentials)
        if holder is None or holder.name.key_id == name.key_id:
            raise CommandIdReused(command_id=name.key_id)
        if self._is_unclaimed(holder):
            self.vault.forget(holder.name.key_id)
            held = self.vault.keep(name, credentials)
        if held is None:
            raise VenueKeyInUse
        return held

    def _is_unclaimed(self, holder: HeldKey) -> bool:
        account: VenueAccount = self.log.load(venue_account_stream(holder.name.venue_account_id)).state
        is_named = account.key is not None and account.key.key_id == holder.name.key_id
        return not is_named and self.clock.now() - holder.stored_at_utc > UNCLAIMED

    def _account(self, venue_account_id: str, owner_id: str) -> VenueAccount:
        account: VenueAccount = self.log.load(venue_account_stream(venue_account_id)).state
        return require_owned(account, venue_account_id, owner_id)


def _name(account: VenueAccount, key_id: str) -> KeyName:
    return KeyName(
        key_id=key_id,
        owner_id=PLATFORM if account.kind == POOLED else account.owner_id,
        venue=account.venue,
        venue_account_id=account.venue_account_id,
    )


def _require_plausible(credentials: Credentials) -> None:
    """Raises InvalidValue, never showing what was given."""
    parts = (("api_key", credentials.api_key), ("secret", credentials.secret))
    for field, value in parts:
        if not value.strip():
            raise InvalidValue(field, "is empty; copy it from the venue's page of API keys")
    for field, value in (*parts, ("password", credentials.password)):
        if len(value) > LONGEST_PART or value != value.strip() or "\x00" in value:
            raise InvalidValue(
                field, f"is no key: at most {LONGEST_PART} characters, without spaces around it"
            )
