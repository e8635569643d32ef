"""To which shard a stream or a command belongs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from application.kill_switch.close_position import ProveFlat
from application.ledger.post_batch import OVER_SHARDS, PostBatch
from application.liabilities.publish import RecordLiabilities
from application.platform.accept_loss import AcceptLoss
from application.platform.kill_switch import EngageKillSwitch, ReleaseKillSwitch
from application.platform.rotate_key import RotateSigningKey
from application.ports.commands import Command
from application.ports.event_log import EventLog, OneShardOnly
from application.ports.vault import PLATFORM as THE_PLATFORMS
from application.reconciliation.cases import AcceptCase, PostToSuspense, RecordBreaks, RecordReconciliation
from application.risk.set_limits import SetPlatformLimits
from application.sharding import shard_of
from application.streams import PLATFORM, book_stream, bot_stream, cases_stream, hold_stream, order_stream
from application.venue_accounts.commands import OpenPooledAccount
from application.venues.record_breaker import RecordBreaker

_ABOUT_THE_PLATFORM = (
    AcceptLoss,
    EngageKillSwitch,
    OpenPooledAccount,
    RecordBreaker,
    RecordLiabilities,
    RecordReconciliation,
    ReleaseKillSwitch,
    RotateSigningKey,
    SetPlatformLimits,
)
_ABOUT_CASES = (AcceptCase, PostToSuspense, RecordBreaks)
_BY_OWNER = ("owner_id", "account_id")
_BY_STREAM = (
    ("bot_id", bot_stream),
    ("book_id", book_stream),
    ("client_order_id", order_stream),
    ("hold_id", hold_stream),
)
_REMEMBERED = 200_000


class UnroutedCommand(TypeError):
    """A command that does not say whose it is; it is not sent to a shard by guess. A fault of ours."""


class Directory:
    """Where streams are. An account is where its id says; for what belongs to one, each shard is asked, once.

    A stream never moves, so what was found is remembered. Errors: StoreUnavailable.
    """

    def __init__(self, logs: Sequence[EventLog]) -> None:
        self._logs = logs
        self._found: dict[str, int] = {}

    def of_owner(self, owner_id: str) -> int:
        return shard_of(owner_id, len(self._logs))

    def of_stream(self, stream: str) -> int:
        """The first shard's for a stream that is nowhere: it is as empty there as on any."""
        if stream == PLATFORM:
            return 0
        kind, _, name = stream.partition(":")
        if kind in ("account", "risk"):
            return self.of_owner(name)
        known = self._found.get(stream)
        return self._look_for(stream) if known is None else known

    def of_command(self, command: Command) -> int:
        """By its owner where it names one, else by the bot, book or order that it is about.

        Raises UnroutedCommand, and OneShardOnly for one about books of several shards.
        """
        asked: Any = command
        while hasattr(asked, "command"):  # a command in a wrapper that adds a condition
            asked = asked.command
        if isinstance(asked, _ABOUT_THE_PLATFORM):
            return 0
        of_the_platform = getattr(asked, "owner_id", "") == THE_PLATFORMS
        if of_the_platform or (isinstance(asked, ProveFlat) and not asked.owner_id):
            return 0
        for name in _BY_OWNER:
            if hasattr(asked, name):
                return self.of_owner(getattr(asked, name))
        asked = getattr(asked, "report", asked)
        if isinstance(asked, PostBatch):
            return self._of_books(asked.book_ids)
        if isinstance(asked, _ABOUT_CASES):
            return self._of_cases(asked)
        for name, stream in _BY_STREAM:
            if hasattr(asked, name):
                return self.of_stream(stream(getattr(asked, name)))
        raise UnroutedCommand(type(asked).__name__)

    def _of_books(self, book_ids: Iterable[str]) -> int:
        shards = {self.of_stream(book_stream(book_id)) for book_id in book_ids}
        if len(shards) > 1:
            raise OneShardOnly(what=OVER_SHARDS)
        return shards.pop()

    def _of_cases(self, command: AcceptCase | PostToSuspense | RecordBreaks) -> int:
        """Where the venue account's cases are, or will be: with the book that keeps its money there."""
        account = command.venue_account
        breaks = command.found if isinstance(command, RecordBreaks) else ()
        books = [account, *(found.book_id for found in breaks if found.book_id)]
        streams = [cases_stream(account), *map(book_stream, books)]
        found = (self.of_stream(stream) for stream in streams if self._is_anywhere(stream))
        return next(found, 0)

    def _is_anywhere(self, stream: str) -> bool:
        self.of_stream(stream)
        return stream in self._found

    def _look_for(self, stream: str) -> int:
        for shard, log in enumerate(self._logs):
            if log.stream(stream, limit=1):
                if len(self._found) >= _REMEMBERED:
                    self._found.clear()
                self._found[stream] = shard
                return shard
        return 0
