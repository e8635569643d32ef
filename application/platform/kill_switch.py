"""Stop the trading of a scope, close what it holds, and let it go on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from application.ports.commands import Result
from application.streams import PLATFORM, risk_stream
from application.work import Work
from domain.accounts.errors import UnknownAccount
from domain.bots.errors import UnknownBot
from domain.kill_switch.switches import BY_OPERATOR, BY_OWNER, STOP, VENUE, Switch
from domain.kill_switch.switches import PLATFORM as PLATFORM_SCOPE


@dataclass(frozen=True, slots=True)
class EngageKillSwitch:
    """From here on nobody's bot places an order, or (a venue named) none at that venue.

    `close_all`: what is open is cancelled and what is held is sold; else it stays. Refusals: invalid_value
    (no reason given).
    """

    reason: str
    by: str
    venue: str = ""
    mode: str = STOP
    switch_id: str = ""

    def decide(self, work: Work) -> Result:
        engaged = work.platform().engage_kill_switch(
            reason=self.reason,
            by=self.by,
            at=work.now,
            venue=self.venue,
            mode=self.mode,
            switch_id=self.switch_id,
        )
        work.record(PLATFORM, engaged)
        scope = VENUE if self.venue else PLATFORM_SCOPE
        return _described(work.platform().switches.find(scope, self.venue), scope, self.venue)


@dataclass(frozen=True, slots=True)
class ReleaseKillSwitch:
    """Bots may place orders again. Refusals: invalid_value (no reason given)."""

    reason: str
    by: str
    venue: str = ""

    def decide(self, work: Work) -> Result:
        released = work.platform().release_kill_switch(
            reason=self.reason, by=self.by, at=work.now, venue=self.venue
        )
        work.record(PLATFORM, released)
        scope = VENUE if self.venue else PLATFORM_SCOPE
        return _described(None, scope, self.venue, reason=self.reason)


@dataclass(frozen=True, slots=True)
class EngageOwnersKillSwitch:
    """From here on none of the owner's bots places an order, or (a bot named) that one does not.

    Refusals, in order: unknown_account, account_frozen (of its owner: operators may), unknown_bot,
    invalid_value.
    """

    owner_id: str
    bot_id: str
    mode: str
    reason: str
    by: str
    switch_id: str
    by_operator: bool = False

    def decide(self, work: Work) -> Result:
        _require_theirs(work, self.owner_id, self.bot_id, by_operator=self.by_operator)
        engaged = work.risk(self.owner_id).engage_kill_switch(
            bot_id=self.bot_id,
            mode=self.mode,
            reason=self.reason,
            rank=BY_OPERATOR if self.by_operator else BY_OWNER,
            switch_id=self.switch_id,
            by=self.by,
            at=work.now,
        )
        work.record(risk_stream(self.owner_id), engaged)
        return _owners(work, self.owner_id, self.bot_id)


@dataclass(frozen=True, slots=True)
class ReleaseOwnersKillSwitch:
    """The owner's bots, or the one named, may place orders again.

    Refusals, in order: unknown_account, account_frozen (of its owner: operators may), unknown_bot,
    invalid_value, kill_switch_held_by_operator.
    """

    owner_id: str
    bot_id: str
    reason: str
    by: str
    by_operator: bool = False

    def decide(self, work: Work) -> Result:
        _require_theirs(work, self.owner_id, self.bot_id, by_operator=self.by_operator)
        released = work.risk(self.owner_id).release_kill_switch(
            bot_id=self.bot_id,
            reason=self.reason,
            rank=BY_OPERATOR if self.by_operator else BY_OWNER,
            by=self.by,
            at=work.now,
        )
        work.record(risk_stream(self.owner_id), released)
        return {**_owners(work, self.owner_id, self.bot_id), "reason": self.reason}


def _require_theirs(work: Work, owner_id: str, bot_id: str, *, by_operator: bool) -> None:
    account = work.account(owner_id)
    if not account.exists:
        raise UnknownAccount(account_id=owner_id)
    if not by_operator:
        account.require_active()
    if bot_id and work.bot(bot_id).owner_id != owner_id:
        raise UnknownBot(bot_id=bot_id)


def _owners(work: Work, owner_id: str, bot_id: str) -> dict[str, Any]:
    scope, target = ("bot", bot_id) if bot_id else ("account", owner_id)
    return _described(work.risk(owner_id).switches.find(scope, target), scope, target)


def _described(switch: Switch | None, scope: str, target: str, *, reason: str = "") -> dict[str, Any]:
    return {
        "engaged": switch is not None,
        "scope": scope,
        "target": target,
        "mode": switch.mode if switch is not None else "",
        "reason": switch.reason if switch is not None else reason,
    }
