"""What is done to an account, each one decision."""

from __future__ import annotations

from dataclasses import dataclass

from application.ports.commands import Result
from application.streams import account_stream
from application.work import OutboxMessage, Work


@dataclass(frozen=True, slots=True)
class RegisterAccount:
    """A person joins. The e-mail address is not here: the event holds a salted commitment to it."""

    account_id: str
    roles: tuple[str, ...]
    identity_commitment: str

    def decide(self, work: Work) -> Result:
        events = work.account(self.account_id).register(
            account_id=self.account_id,
            roles=self.roles,
            identity_commitment=self.identity_commitment,
            at=work.now,
        )
        work.record(account_stream(self.account_id), events)
        if events:
            work.tell(OutboxMessage(f"welcome:{self.account_id}", "account.registered", self.account_id, {}))
        return {"account_id": self.account_id, "roles": list(work.account(self.account_id).roles)}


@dataclass(frozen=True, slots=True)
class GrantRole:
    """Effective on the account's next request. Refusals: unknown_account, invalid_value."""

    account_id: str
    role: str
    by: str

    def decide(self, work: Work) -> Result:
        account = work.account(self.account_id)
        work.record(account_stream(self.account_id), account.grant_role(self.role, by=self.by, at=work.now))
        return {"account_id": self.account_id, "roles": list(work.account(self.account_id).roles)}


@dataclass(frozen=True, slots=True)
class FreezeAccount:
    """The account may look but not act. Refusals: unknown_account, invalid_value."""

    account_id: str
    reason: str
    by: str

    def decide(self, work: Work) -> Result:
        account = work.account(self.account_id)
        work.record(
            account_stream(self.account_id), account.freeze(reason=self.reason, by=self.by, at=work.now)
        )
        return {"account_id": self.account_id, "status": "frozen"}


@dataclass(frozen=True, slots=True)
class UnfreezeAccount:
    """The account may act again. Refusals: unknown_account, invalid_value."""

    account_id: str
    reason: str
    by: str

    def decide(self, work: Work) -> Result:
        account = work.account(self.account_id)
        work.record(
            account_stream(self.account_id), account.unfreeze(reason=self.reason, by=self.by, at=work.now)
        )
        return {"account_id": self.account_id, "status": "active"}
