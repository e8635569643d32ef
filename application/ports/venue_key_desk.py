"""What takes keys of venue accounts in, as faces see it: application/venue_accounts/keys.py."""

from __future__ import annotations

from typing import Protocol

from application.ports.commands import Caller, Command, Outcome
from application.ports.vault import Credentials, Vault


class VenueKeyDesk(Protocol):
    """Keys come in here, and are ended here; nothing here gives one out."""

    @property
    def vault(self) -> Vault: ...

    def take(
        self,
        venue_account_id: str,
        owner_id: str,
        credentials: Credentials,
        caller: Caller,
        *,
        replacing: bool = False,
    ) -> Outcome: ...

    def end(self, command: Command, venue_account_id: str, caller: Caller) -> Outcome:
        """Run what revokes the account's key, or closes the account, and remove the key from the vault."""
        ...
