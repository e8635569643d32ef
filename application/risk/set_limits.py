"""Limits are set: a bot's, an account's, the platform's. What is set is in place of all that was before."""

from __future__ import annotations

from dataclasses import dataclass

from application.ports.commands import Result
from application.risk.limits_text import limits_to_text
from application.streams import PLATFORM, risk_stream
from application.work import Work
from domain.accounts.errors import UnknownAccount
from domain.bots.errors import UnknownBot
from domain.risk.limits import HARD_BOUNDS, Limits


@dataclass(frozen=True, slots=True)
class SetAccountLimits:
    """Effective with the next order. Refusals: unknown_account, invalid_value, above_hard_bound."""

    owner_id: str
    limits: Limits
    hard_bounds_on_paper: bool
    reason: str
    by: str

    def decide(self, work: Work) -> Result:
        if not work.account(self.owner_id).exists:
            raise UnknownAccount(account_id=self.owner_id)
        risk, stream = work.risk(self.owner_id), risk_stream(self.owner_id)
        events = risk.set_limits(
            self.limits,
            hard_bounds_on_paper=self.hard_bounds_on_paper,
            reason=self.reason,
            by=self.by,
            at=work.now,
        )
        work.record(stream, events)
        return {
            "account_id": self.owner_id,
            "limits": limits_to_text(self.limits),
            "hard_bounds_on_paper": self.hard_bounds_on_paper,
            "platform_limits": limits_to_text(work.platform().limits),
            "hard_bounds": limits_to_text(HARD_BOUNDS),
        }


@dataclass(frozen=True, slots=True)
class SetBotLimits:
    """Effective with the bot's next order. Refusals: unknown_bot, invalid_value, above_hard_bound."""

    owner_id: str
    bot_id: str
    limits: Limits
    reason: str
    by: str

    def decide(self, work: Work) -> Result:
        bot = work.bot(self.bot_id)
        if not bot.exists or bot.owner_id != self.owner_id:
            raise UnknownBot(bot_id=self.bot_id)
        risk, stream = work.risk(self.owner_id), risk_stream(self.owner_id)
        events = risk.set_bot_limits(self.bot_id, self.limits, reason=self.reason, by=self.by, at=work.now)
        work.record(stream, events)
        return {"bot_id": self.bot_id, "limits": limits_to_text(self.limits)}


@dataclass(frozen=True, slots=True)
class SetPlatformLimits:
    """What no account exceeds with real money; effective with the next order of anybody.

    Refusals: invalid_value, above_hard_bound.
    """

    limits: Limits
    reason: str
    by: str

    def decide(self, work: Work) -> Result:
        events = work.platform().set_limits(self.limits, reason=self.reason, by=self.by, at=work.now)
        work.record(PLATFORM, events)
        return {"limits": limits_to_text(self.limits)}
