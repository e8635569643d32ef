"""ETags from stream versions, If-Match checked where it counts, inside the decision, and warnings."""

from __future__ import annotations

from dataclasses import dataclass

from application.bots.manage_bots import owned_bot
from application.ports.commands import Command, Result
from application.streams import bot_stream
from application.work import Work
from domain.errors import DomainError


class VersionMismatch(DomainError, code="version_mismatch"):
    """The resource has changed since the client read it: read it again, then decide again."""

    def __init__(self, *, expected: str, current: str) -> None:
        super().__init__(f"the version is {current}, If-Match said {expected}")
        self.expected, self.current = expected, current


@dataclass(frozen=True, slots=True)
class OnlyAt:
    """A command on a bot that holds only while the bot's stream stands where the client saw it.

    In one transaction with what follows, so nobody can come in between (safety §2.48). Somebody else's bot
    stays unknown: its version is not told.
    """

    command: Command
    bot_id: str
    owner_id: str
    if_match: str

    def decide(self, work: Work) -> Result:
        owned_bot(work, self.bot_id, self.owner_id)
        current = etag(work.versions[bot_stream(self.bot_id)])
        if not matches(self.if_match, current):
            raise VersionMismatch(expected=self.if_match, current=current)
        return self.command.decide(work)


@dataclass(frozen=True, slots=True)
class Warned:
    """A command whose answer carries warnings: stored with it, so that a repeat has them, too."""

    command: Command
    warnings: tuple[str, ...]

    def decide(self, work: Work) -> Result:
        return {**self.command.decide(work), "warnings": list(self.warnings)}


def etag(version: int) -> str:
    return f'"{version}"'


def matches(header: str | None, tag: str) -> bool:
    """Whether an If-Match or If-None-Match header names the tag; `*` names any. Weak tags count."""
    if header is None:
        return False
    tags = (given.strip().removeprefix("W/") for given in header.split(","))
    return any(given in ("*", tag) for given in tags)
