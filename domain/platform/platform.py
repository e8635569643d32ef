"""The platform as a whole: the kill switch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import assert_never

from domain.errors import InvalidValue
from domain.platform.errors import KillSwitchIsEngaged, LiabilitiesPublishedSince
from domain.platform.events import (
    KillSwitchEngaged,
    KillSwitchReleased,
    LiabilitiesPublished,
    LossAccepted,
    PlatformEvent,
    SigningKeyRotated,
)


@dataclass(frozen=True, slots=True)
class Platform:
    """Whether trading is stopped for everyone, and why."""

    kill_switch_reason: str = ""
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
    def is_stopped(self) -> bool:
        return bool(self.kill_switch_reason)

    def require_trading(self) -> None:
        """Raises KillSwitchIsEngaged while trading is stopped."""
        if self.is_stopped:
            raise KillSwitchIsEngaged(reason=self.kill_switch_reason)

    def engage_kill_switch(self, *, reason: str, by: str, at: datetime) -> Sequence[PlatformEvent]:
        """Stop all trading. Engaging it again is answered with no events: the first reason stands."""
        if not reason.strip():
            raise InvalidValue("reason", "say why trading stops; auditors will read it")
        if self.is_stopped:
            return []
        return [KillSwitchEngaged(reason=reason, engaged_by=by, engaged_at_utc=at)]

    def release_kill_switch(self, *, reason: str, by: str, at: datetime) -> Sequence[PlatformEvent]:
        if not reason.strip():
            raise InvalidValue("reason", "say why trading may go on; auditors will read it")
        if not self.is_stopped:
            return []
        return [KillSwitchReleased(reason=reason, released_by=by, released_at_utc=at)]

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
            case KillSwitchEngaged():
                return replace(self, kill_switch_reason=event.reason)
            case KillSwitchReleased():
                return replace(self, kill_switch_reason="")
            case SigningKeyRotated():
                return replace(self, key_rotation=event.note)
            case LiabilitiesPublished():
                return replace(self, liabilities_size=event.log_size, liabilities_note=event.note)
            case LossAccepted():
                return replace(self, losses_accepted=(*self.losses_accepted, event.checkpoint))
            case _:
                assert_never(event)
