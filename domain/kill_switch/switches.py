"""Kill switches: whose trading is stopped, how far, and what may free it again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from domain.errors import InvalidValue
from domain.kill_switch.errors import KillSwitchHeldByOperator, KillSwitchIsEngaged, NoSuchKillSwitch
from domain.kill_switch.events import (
    HeldAtVenue,
    KillSwitchEngaged,
    KillSwitchFlat,
    KillSwitchReleased,
    SwitchEvent,
)

PLATFORM, VENUE, ACCOUNT, BOT = "platform", "venue", "account", "bot"
SCOPES = (PLATFORM, VENUE, ACCOUNT, BOT)
STOP, CLOSE_ALL = "stop", "close_all"
MODES = (STOP, CLOSE_ALL)
BY_OWNER, BY_LIMIT, BY_OPERATOR = "owner", "limit", "operator"
"""Who engaged it, the mightiest last: an operator's is not the owner's to release."""

_RANKS = (BY_OWNER, BY_LIMIT, BY_OPERATOR)


@dataclass(frozen=True, slots=True)
class Switch:
    """One engaged kill switch."""

    scope: str
    target: str  # the venue, account or bot; empty for the platform
    mode: str
    reason: str
    rank: str
    switch_id: str  # what the ids of its closing orders are derived from
    engaged_by: str
    engaged_at_utc: datetime
    flat_at_utc: datetime | None = None  # when it was proven that nothing is left
    held: tuple[HeldAtVenue, ...] = ()  # what that proof compared

    @property
    def lets_sell(self) -> bool:
        """Whether bots may leave their positions: a limit stops what adds to them, and nobody wanted more."""
        return self.rank == BY_LIMIT and self.mode == STOP


@dataclass(frozen=True, slots=True)
class Switches:
    """The engaged kill switches that one stream keeps, by scope and target.

    STOP cancels what is open and lets no order follow; positions stay. CLOSE_ALL sells them, too. While one
    is engaged it only gets stronger: a stop does not weaken close-all, nor an owner what an operator did.
    """

    engaged: Mapping[str, Switch] = field(default_factory=dict)

    def find(self, scope: str, target: str = "") -> Switch | None:
        return self.engaged.get(_key(scope, target))

    def require_free(self, scope: str, target: str = "", *, to_sell: bool = False) -> None:
        """Raises KillSwitchIsEngaged."""
        found = self.find(scope, target)
        if found is not None and not (to_sell and found.lets_sell):
            raise KillSwitchIsEngaged(reason=found.reason, scope=scope, target=target)

    def engage(
        self,
        *,
        scope: str,
        target: str,
        mode: str,
        reason: str,
        rank: str,
        switch_id: str,
        by: str,
        at: datetime,
    ) -> Sequence[KillSwitchEngaged]:
        """Stop trading of a scope. What adds nothing to one that is engaged is answered with no events."""
        if mode not in MODES:
            raise InvalidValue("mode", f"{mode!r} is not one of {', '.join(MODES)}")
        if not reason.strip():
            raise InvalidValue("reason", "say why trading stops; auditors will read it")
        found = self.find(scope, target)
        if found is not None:
            if _reaches(found.mode, mode) and _RANKS.index(found.rank) >= _RANKS.index(rank):
                return []
            if _reaches(found.mode, mode):  # an operator makes it theirs; what it does stays as it is
                mode, switch_id = found.mode, found.switch_id
            rank = max(found.rank, rank, key=_RANKS.index)
        return [
            KillSwitchEngaged(
                reason=reason,
                engaged_by=by,
                engaged_at_utc=at,
                scope=scope,
                target=target,
                mode=mode,
                rank=rank,
                switch_id=switch_id,
            )
        ]

    def release(
        self, *, scope: str, target: str, reason: str, rank: str, by: str, at: datetime
    ) -> Sequence[KillSwitchReleased]:
        """Let trading go on. One that is not engaged is answered with no events.

        Refusals, in order: invalid_value (no reason given), kill_switch_held_by_operator.
        """
        if not reason.strip():
            raise InvalidValue("reason", "say why trading may go on; auditors will read it")
        found = self.find(scope, target)
        if found is None:
            return []
        if found.rank == BY_OPERATOR and rank != BY_OPERATOR:
            raise KillSwitchHeldByOperator(scope=scope, target=target, reason=found.reason)
        return [
            KillSwitchReleased(
                reason=reason,
                released_by=by,
                released_at_utc=at,
                scope=scope,
                target=target,
                switch_id=found.switch_id,
            )
        ]

    def prove_flat(
        self, *, scope: str, target: str, switch_id: str, held: Sequence[HeldAtVenue], at: datetime
    ) -> Sequence[KillSwitchFlat]:
        """Record that nothing of the scope is open and nothing held, and what shows it; once a switch.

        Raises NoSuchKillSwitch where it was released meanwhile.
        """
        found = self.find(scope, target)
        if found is None or found.switch_id != switch_id:
            raise NoSuchKillSwitch(scope=scope, target=target)
        if found.flat_at_utc is not None:
            return []
        return [
            KillSwitchFlat(
                scope=scope, target=target, switch_id=switch_id, held=tuple(held), proven_at_utc=at
            )
        ]

    def evolve(self, event: SwitchEvent) -> Switches:
        """Fold one fact in. Never refuses."""
        key = _key(event.scope, event.target)
        if isinstance(event, KillSwitchReleased):
            return Switches({name: switch for name, switch in self.engaged.items() if name != key})
        if isinstance(event, KillSwitchFlat):
            found = self.engaged.get(key)
            if found is None:
                return self
            return Switches(
                {**self.engaged, key: replace(found, flat_at_utc=event.proven_at_utc, held=event.held)}
            )
        return Switches({**self.engaged, key: _switch(event)})


def _switch(event: KillSwitchEngaged) -> Switch:
    return Switch(
        scope=event.scope,
        target=event.target,
        mode=event.mode,
        reason=event.reason,
        rank=event.rank,
        switch_id=event.switch_id,
        engaged_by=event.engaged_by,
        engaged_at_utc=event.engaged_at_utc,
    )


def _reaches(mode: str, wanted: str) -> bool:
    return MODES.index(mode) >= MODES.index(wanted)


def _key(scope: str, target: str) -> str:
    return f"{scope}:{target}"
