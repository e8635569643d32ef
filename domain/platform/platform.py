"""The platform as a whole: its kill switches and limits, its log's keys, what it published."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import assert_never

from domain.errors import InvalidValue
from domain.kill_switch.events import HeldAtVenue, KillSwitchEngaged, KillSwitchFlat, KillSwitchReleased
from domain.kill_switch.switches import BY_OPERATOR, PLATFORM, STOP, VENUE, Switch, Switches
from domain.platform.errors import LiabilitiesPublishedSince
from domain.platform.events import (
    LiabilitiesPublished,
    LossAccepted,
    PlatformEvent,
    PlatformLimitsSet,
    SigningKeyRotated,
)
from domain.risk.limits import NO_LIMITS, Limits, require_within_hard_bounds


@dataclass(frozen=True, slots=True)
class Platform:
    """Where trading is stopped for everyone, and why; what no account may exceed."""

    switches: Switches = field(default_factory=Switches)  # of venues and of the platform
    limits: Limits = NO_LIMITS
    key_rotation: str = ""  # the newest one's note
    losses_accepted: tuple[str, ...] = ()  # the checkpoints that the log contradicts, and an operator knows
    liabilities_size: int = 0  # of the log at the newest publication
    liabilities_note: str = ""  # its statement

    @property
    def epoch(self) -> int:
        """Grows when the log goes on from an older backup: what was asked of venues since is not in it, so
        client order ids derived from it must be new ones (safety §4 #19).
        """
        return len(self.losses_accepted)

    @property
    def kill_switch_reason(self) -> str:
        """Why all trading is stopped; empty while it is not."""
        found = self.switches.find(PLATFORM)
        return "" if found is None else found.reason

    @property
    def is_stopped(self) -> bool:
        return self.switches.find(PLATFORM) is not None

    def require_trading(self, venue: str = "") -> None:
        """Raises KillSwitchIsEngaged while trading is stopped: everywhere, then at the venue."""
        self.switches.require_free(PLATFORM)
        if venue:
            self.switches.require_free(VENUE, venue)

    def engage_kill_switch(
        self, *, reason: str, by: str, at: datetime, venue: str = "", mode: str = STOP, switch_id: str = ""
    ) -> Sequence[PlatformEvent]:
        """Stop all trading, or all at one venue. Engaging it again is answered with no events: the first
        reason stands, unless it now is to close all.
        """
        return self.switches.engage(
            scope=VENUE if venue else PLATFORM,
            target=venue,
            mode=mode,
            reason=reason,
            rank=BY_OPERATOR,
            switch_id=switch_id,
            by=by,
            at=at,
        )

    def release_kill_switch(
        self, *, reason: str, by: str, at: datetime, venue: str = ""
    ) -> Sequence[PlatformEvent]:
        scope = VENUE if venue else PLATFORM
        return self.switches.release(scope=scope, target=venue, reason=reason, rank=BY_OPERATOR, by=by, at=at)

    def prove_flat(
        self, switch: Switch, *, held: Sequence[HeldAtVenue], at: datetime
    ) -> Sequence[PlatformEvent]:
        """Record that nothing is left of what the kill switch was to close. Raises NoSuchKillSwitch."""
        return self.switches.prove_flat(
            scope=switch.scope, target=switch.target, switch_id=switch.switch_id, held=held, at=at
        )

    def set_limits(self, limits: Limits, *, reason: str, by: str, at: datetime) -> Sequence[PlatformEvent]:
        """What no account may exceed, in place of what was set before.

        Refusals, in order: invalid_value, above_hard_bound.
        """
        require_within_hard_bounds(limits)
        if not reason.strip():
            raise InvalidValue("reason", "say why the limits change; auditors will read it")
        if limits == self.limits:
            return []
        return [PlatformLimitsSet(limits=limits, reason=reason, set_by=by, set_at_utc=at)]

    def accept_loss(
        self, *, checkpoint: str, problem: str, reason: str, by: str, at: datetime
    ) -> Sequence[PlatformEvent]:
        """Let a log go on that contradicts a signed checkpoint. The same again is answered with no events."""
        if not reason.strip() or "\n" in reason:
            raise InvalidValue("reason", "say in one line what happened; auditors will read it")
        if checkpoint in self.losses_accepted:
            return []
        return [
            LossAccepted(
                checkpoint=checkpoint, problem=problem, reason=reason, accepted_by=by, accepted_at_utc=at
            )
        ]

    def rotate_signing_key(self, *, note: str, by: str, at: datetime) -> Sequence[PlatformEvent]:
        """Record that another key signs for the log. The same again is answered with no events."""
        if note == self.key_rotation:
            return []
        return [SigningKeyRotated(note=note, rotated_by=by, rotated_at_utc=at)]

    def publish_liabilities(
        self, *, log_size: int, checkpoint: str, note: str, by: str, at: datetime
    ) -> Sequence[PlatformEvent]:
        """Record what was published. The same again is answered with no events.

        Publications only go forward, and there is one a size: two that differ would tell owners apart.
        Raises LiabilitiesPublishedSince.
        """
        if (log_size, note) == (self.liabilities_size, self.liabilities_note):
            return []
        if log_size <= self.liabilities_size:
            raise LiabilitiesPublishedSince(log_size=log_size, newest=self.liabilities_size)
        return [
            LiabilitiesPublished(
                log_size=log_size, checkpoint=checkpoint, note=note, published_by=by, published_at_utc=at
            )
        ]

    def evolve(self, event: PlatformEvent) -> Platform:
        """Fold one fact in. Never refuses."""
        match event:
            case KillSwitchEngaged() | KillSwitchReleased() | KillSwitchFlat():
                return replace(self, switches=self.switches.evolve(event))
            case PlatformLimitsSet():
                return replace(self, limits=event.limits)
            case SigningKeyRotated():
                return replace(self, key_rotation=event.note)
            case LiabilitiesPublished():
                return replace(self, liabilities_size=event.log_size, liabilities_note=event.note)
            case LossAccepted():
                return replace(self, losses_accepted=(*self.losses_accepted, event.checkpoint))
            case _:
                assert_never(event)
