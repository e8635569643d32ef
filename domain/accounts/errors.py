"""Refusals of accounts."""

from __future__ import annotations

from domain.errors import DomainError


class AccountIsFrozen(DomainError, code="account_frozen"):
    """The account may look but not act; an operator can unfreeze it."""

    def __init__(self, *, reason: str) -> None:
        super().__init__(f"the account is frozen: {reason}")
        self.reason = reason


class UnknownAccount(DomainError, code="unknown_account"):
    """No account of that id."""

    def __init__(self, *, account_id: str) -> None:
        super().__init__(f"no account {account_id}")
        self.account_id = account_id
