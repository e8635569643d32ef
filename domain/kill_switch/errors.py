"""Refusals of kill switches."""

from __future__ import annotations

from domain.errors import DomainError


class KillSwitchIsEngaged(DomainError, code="kill_switch_engaged"):
    """Trading of the bot, account, venue or platform was stopped; the kill switch must be released first."""

    def __init__(self, *, reason: str, scope: str = "platform", target: str = "") -> None:
        of = f" of {scope} {target}" if target else ""
        super().__init__(f"the kill switch{of} is engaged: {reason}")
        self.reason, self.scope, self.target = reason, scope, target


class KillSwitchHeldByOperator(DomainError, code="kill_switch_held_by_operator"):
    """An operator engaged it, so an operator must release it."""

    def __init__(self, *, scope: str, target: str, reason: str) -> None:
        super().__init__(f"the kill switch of {scope} {target} was engaged by an operator: {reason}")
        self.scope, self.target, self.reason = scope, target, reason


class NoSuchKillSwitch(DomainError, code="no_such_kill_switch"):
    """No kill switch of that scope is engaged."""

    def __init__(self, *, scope: str, target: str) -> None:
        super().__init__(f"no kill switch of {scope} {target} is engaged".replace("  ", " "))
        self.scope, self.target = scope, target
