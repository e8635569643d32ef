"""What happens to kill switches, in the stream that keeps them: their owner's risk, or the platform's."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class KillSwitchEngaged:
    """From here on no bot of the scope places an order: of one bot, one account, one venue, or at all.

    Those of bots and accounts are in their owner's risk stream, those of venues and the platform in the
    platform's. Engaged again it takes the place of the one before: it only gets stronger.
    """

    reason: str
    engaged_by: str
    engaged_at_utc: datetime
    scope: str = "platform"  # bot, account, venue or platform
    target: str = ""  # the bot, account or venue
    mode: str = "stop"  # or close_all: what is held is sold, too
    rank: str = "operator"  # owner, limit (it tripped) or operator: who may release it
    switch_id: str = ""  # what the ids of its closing orders are derived from


@dataclass(frozen=True, slots=True, kw_only=True)
class KillSwitchReleased:
    """Bots of the scope may place orders again."""

    reason: str
    released_by: str
    released_at_utc: datetime
    scope: str = "platform"
    target: str = ""
    switch_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldAtVenue:
    """What one venue account has of an asset: our books and the venue, as compared for a proof."""

    venue_account: str
    asset: str
    ours: Decimal
    theirs: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class KillSwitchFlat:
    """Nothing of the scope is open at any venue and nothing is held by its bots: proven, and how."""

    scope: str
    target: str
    switch_id: str
    held: tuple[HeldAtVenue, ...]  # of each venue account and asset that was to be sold
    proven_at_utc: datetime


SwitchEvent = KillSwitchEngaged | KillSwitchReleased | KillSwitchFlat
