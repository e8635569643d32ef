"""What runs pre-flights, as faces see it: application/live/preflight.py."""

from __future__ import annotations

from typing import Protocol

from application.ports.commands import Caller, Outcome


class Preflights(Protocol):
    """Checks a bot for a mode, asks the venue, and keeps what was found."""

    def __call__(self, bot_id: str, owner_id: str, for_mode: str, caller: Caller) -> Outcome:
        """Errors: UnknownBot, foreign ones included; ModeNotPossible as a refusal."""
        ...
