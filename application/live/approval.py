"""Who may trade with real money: asked for by the owner, approved by a second person, revocable."""

from __future__ import annotations

from dataclasses import dataclass

from application.ports.commands import Result
from application.streams import account_stream
from application.work import Work
from domain.accounts.account import ADMIN, OPERATOR
from domain.errors import InvalidValue


@dataclass(frozen=True, slots=True)
class RequestLiveTrading:
    """Refusals, in order: unknown_account, account_frozen, invalid_value."""

    account_id: str
    reason: str

    def decide(self, work: Work) -> Result:
        events = work.account(self.account_id).request_live(reason=self.reason, at=work.now)
        work.record(account_stream(self.account_id), events)
        return _told(work, self.account_id)


@dataclass(frozen=True, slots=True)
class ApproveLiveTrading:
    """By an operator or administrator who is somebody else.

    Refusals, in order: unknown_account and account_frozen (of either), invalid_value (a role is missing, no
    reason), second_person_needed, live_trading_not_requested.
    """

    account_id: str
    reason: str
    by: str

    def decide(self, work: Work) -> Result:
        approver = work.account(self.by)
        approver.require_active()
        if not {OPERATOR, ADMIN} & set(approver.roles):
            raise InvalidValue("by", "is neither operator nor admin; somebody who is approves")
        account = work.account(self.account_id)
        events = account.approve_live(reason=self.reason, by=self.by, at=work.now)
        work.record(account_stream(self.account_id), events)
        return _told(work, self.account_id)


@dataclass(frozen=True, slots=True)
class RevokeLiveTrading:
    """From now on its LIVE bots send nothing. Refusals, in order: unknown_account, invalid_value."""

    account_id: str
    reason: str
    by: str

    def decide(self, work: Work) -> Result:
        account = work.account(self.account_id)
        work.record(
            account_stream(self.account_id), account.revoke_live(reason=self.reason, by=self.by, at=work.now)
        )
        return _told(work, self.account_id)


def _told(work: Work, account_id: str) -> Result:
    return {"account_id": account_id, "live_trading": work.account(account_id).live_trading}
