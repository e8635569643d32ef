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


class SecondPersonNeeded(DomainError, code="second_person_needed"):
    """Nobody approves what they asked for themselves; a colleague does."""

    def __init__(self) -> None:
        super().__init__("nobody approves their own request; ask a second person")


class LiveTradingNotRequested(DomainError, code="live_trading_not_requested"):
    """There is nothing to approve: the account's owner asks first."""

    def __init__(self, *, account_id: str) -> None:
        super().__init__(f"account {account_id} has not asked to trade live; its owner does that first")
        self.account_id = account_id


class LiveTradingNotApproved(DomainError, code="live_trading_not_approved"):
    """The account may not trade with real money: ask for it, and a second person approves."""

    def __init__(self, *, live_trading: str) -> None:
        step = "a second person has to approve it" if live_trading == "requested" else "ask for it first"
        super().__init__(f"the account may not trade live; {step}")
        self.live_trading = live_trading


class StepUpNeeded(DomainError, code="step_up_needed"):
    """Enter the password again for this very act, and then do it within five minutes."""

    def __init__(self) -> None:
        super().__init__("enter the password again for this very act, then repeat it within 5 minutes")
