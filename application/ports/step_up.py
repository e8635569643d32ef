"""Proof that whoever asks is at the keyboard: the password, entered again for one act."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from application.ports.commands import fingerprint

STEP_UP_VALID = timedelta(minutes=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class StepUpProof:
    """That a session's person proved who they are, for one act and no other."""

    step_up_id: str
    session_sha256: str
    account_id: str
    act_sha256: str
    address: str  # where it was entered: personal data, kept outside the log
    proved_at_utc: datetime


class StepUps(Protocol):
    """Proofs, in rows outside the log."""

    def add(self, proof: StepUpProof) -> None: ...

    def newest(self, session_sha256: str, act_sha256: str) -> StepUpProof | None: ...


class StepUp(Protocol):
    """How somebody proves it: by password until there is something better."""

    def prove(
        self, *, account_id: str, session_sha256: str, password: str, act_sha256: str, address: str
    ) -> StepUpProof:
        """Errors: BadCredentials; the same in the same time for an account without a password."""
        ...

    def proof(self, *, session_sha256: str, act_sha256: str) -> StepUpProof | None:
        """The newest for that act, in that session; who takes it checks its age."""
        ...


def mode_act(bot_id: str, to_mode: str, preflight_id: str, reason: str) -> str:
    """The digest of switching a bot: another bot, mode, pre-flight or reason is another act."""
    return fingerprint("bot-mode", bot_id, to_mode, preflight_id, reason)
