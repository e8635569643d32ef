"""What happens to the platform as a whole."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from domain.kill_switch.events import KillSwitchEngaged, KillSwitchFlat, KillSwitchReleased
from domain.risk.limits import Limits


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformLimitsSet:
    """What no account may do more of; these are in place of all that were set before."""

    limits: Limits
    reason: str
    set_by: str
    set_at_utc: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class LossAccepted:
    """The log goes on although a signed checkpoint says that it held more, or something else."""

    checkpoint: str  # the signed note that this log contradicts, as it was
    problem: str  # in what it contradicts it
    reason: str
    accepted_by: str
    accepted_at_utc: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningKeyRotated:
    """From here on another key signs for the log. Both keys signed the note that says so."""

    note: str  # a signed note: the old verifier key and the new one, a line each
    rotated_by: str
    rotated_at_utc: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class LiabilitiesPublished:
    """What the platform owed all owners of pooled LIVE books was published, as of a signed checkpoint."""

    log_size: int  # of the checkpoint: events under it. Names the publication
    checkpoint: str  # the signed note of the log
    note: str  # the signed statement: root of the sum tree, totals
    published_by: str
    published_at_utc: datetime


PlatformEvent = (
    KillSwitchEngaged
    | KillSwitchReleased
    | KillSwitchFlat
    | PlatformLimitsSet
    | LossAccepted
    | SigningKeyRotated
    | LiabilitiesPublished
)
