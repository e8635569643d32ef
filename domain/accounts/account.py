"""A person: registration, roles, status."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import assert_never

from domain.accounts.errors import (
    AccountIsFrozen,
    LiveTradingNotApproved,
    LiveTradingNotRequested,
    SecondPersonNeeded,
    UnknownAccount,
)
from domain.accounts.events import (
    AccountEvent,
    AccountFrozen,
    AccountRegistered,
    AccountUnfrozen,
    LiveTradingApproved,
    LiveTradingRequested,
    LiveTradingRevoked,
    RoleGranted,
)
from domain.errors import InvalidValue

TRADER, OPERATOR, AUDITOR, ADMIN = "trader", "operator", "auditor", "admin"
ROLES = (TRADER, OPERATOR, AUDITOR, ADMIN)
NOT_LIVE, REQUESTED, APPROVED = "none", "requested", "approved"


@dataclass(frozen=True, slots=True)
class Account:
    """Who a person is to the platform: what they may do and whether they may act now."""

    account_id: str = ""
    exists: bool = False
    roles: tuple[str, ...] = ()
    frozen_reason: str = ""
    live_trading: str = NOT_LIVE  # none, requested or approved

    def require_active(self) -> None:
        """Raises UnknownAccount, then AccountIsFrozen."""
        if not self.exists:
            raise UnknownAccount(account_id=self.account_id)
        if self.frozen_reason:
            raise AccountIsFrozen(reason=self.frozen_reason)

    def register(
        self, *, account_id: str, roles: tuple[str, ...], identity_commitment: str, at: datetime
    ) -> Sequence[AccountEvent]:
        for role in roles:
            _require_known_role(role)
        if self.exists:
            return []
        return [
            AccountRegistered(
                account_id=account_id,
                roles=roles,
                identity_commitment=identity_commitment,
                registered_at_utc=at,
            )
        ]

    def grant_role(self, role: str, *, by: str, at: datetime) -> Sequence[AccountEvent]:
        self._require_exists()
        _require_known_role(role)
        if role in self.roles:
            return []
        return [RoleGranted(role=role, granted_by=by, granted_at_utc=at)]

    def freeze(self, *, reason: str, by: str, at: datetime) -> Sequence[AccountEvent]:
        self._require_exists()
        if not reason.strip():
            raise InvalidValue("reason", "say why the account is frozen; its owner and auditors will read it")
        if self.frozen_reason:
            return []
        return [AccountFrozen(reason=reason, frozen_by=by, frozen_at_utc=at)]

    def unfreeze(self, *, reason: str, by: str, at: datetime) -> Sequence[AccountEvent]:
        self._require_exists()
        if not reason.strip():
            raise InvalidValue("reason", "say why the account may act again; auditors will read it")
        if not self.frozen_reason:
            return []
        return [AccountUnfrozen(reason=reason, unfrozen_by=by, unfrozen_at_utc=at)]

    def request_live(self, *, reason: str, at: datetime) -> Sequence[AccountEvent]:
        """Ask to trade with real money. Refusals: unknown_account, account_frozen, invalid_value."""
        self.require_active()
        if not reason.strip():
            raise InvalidValue("reason", "say what you want to trade live for; who approves it will read it")
        if self.live_trading != NOT_LIVE:
            return []
        return [LiveTradingRequested(reason=reason, requested_at_utc=at)]

    def approve_live(self, *, reason: str, by: str, at: datetime) -> Sequence[AccountEvent]:
        """Let the person trade with real money.

        Refusals, in order: unknown_account, account_frozen, invalid_value, second_person_needed,
        live_trading_not_requested.
        """
        self.require_active()
        if not reason.strip():
            raise InvalidValue("reason", "say why the account may trade live; auditors will read it")
        if by == self.account_id:
            raise SecondPersonNeeded
        if self.live_trading == APPROVED:
            return []
        if self.live_trading != REQUESTED:
            raise LiveTradingNotRequested(account_id=self.account_id)
        return [LiveTradingApproved(reason=reason, approved_by=by, approved_at_utc=at)]

    def revoke_live(self, *, reason: str, by: str, at: datetime) -> Sequence[AccountEvent]:
        """Decline the request, or take the approval back; its owner may, too."""
        self._require_exists()
        if not reason.strip():
            raise InvalidValue("reason", "say why the account may not trade live; its owner will read it")
        if self.live_trading == NOT_LIVE:
            return []
        return [LiveTradingRevoked(reason=reason, revoked_by=by, revoked_at_utc=at)]

    def require_live(self) -> None:
        """Raises LiveTradingNotApproved."""
        if self.live_trading != APPROVED:
            raise LiveTradingNotApproved(live_trading=self.live_trading)

    def evolve(self, event: AccountEvent) -> Account:
        """Fold one fact in. Never refuses."""
        match event:
            case AccountRegistered():
                return replace(self, account_id=event.account_id, roles=event.roles, exists=True)
            case RoleGranted():
                return replace(self, roles=(*self.roles, event.role))
            case AccountFrozen():
                return replace(self, frozen_reason=event.reason)
            case AccountUnfrozen():
                return replace(self, frozen_reason="")
            case LiveTradingRequested():
                return replace(self, live_trading=REQUESTED)
            case LiveTradingApproved():
                return replace(self, live_trading=APPROVED)
            case LiveTradingRevoked():
                return replace(self, live_trading=NOT_LIVE)
            case _:
                assert_never(event)

    def _require_exists(self) -> None:
        if not self.exists:
            raise UnknownAccount(account_id=self.account_id)


def _require_known_role(role: str) -> None:
    if role not in ROLES:
        raise InvalidValue("role", f"{role!r} is not one of {', '.join(ROLES)}")
