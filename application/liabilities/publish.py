"""Publish what the platform owes: root and totals under the newest checkpoint, signed, and put into the log.

In the log it is sealed with everything else: one that is shown to somebody alone is found out.
"""

from __future__ import annotations

from dataclasses import dataclass

from application.liabilities.publications import LiabilitiesNotPublished, Publication, Publications
from application.ports.commands import Caller, CommandBus, Result
from application.ports.event_log import EventLog
from application.ports.seals import Seals, Signer
from application.sealing.errors import LogContradictsCheckpoint
from application.sealing.proofs import newest_checkpoint
from application.streams import PLATFORM
from application.work import Work
from domain.liabilities.statement import Statement
from domain.platform.events import LiabilitiesPublished
from domain.sealing.notes import signed


@dataclass(frozen=True, slots=True)
class RecordLiabilities:
    """Record a signed statement. Refusals: liabilities_published_since."""

    log_size: int
    checkpoint: str
    note: str
    by: str

    def decide(self, work: Work) -> Result:
        published = work.platform().publish_liabilities(
            log_size=self.log_size, checkpoint=self.checkpoint, note=self.note, by=self.by, at=work.now
        )
        work.record(PLATFORM, published)
        return {"log_size": self.log_size}


@dataclass(frozen=True, slots=True)
class PublishLiabilities:
    """Of the newest checkpoint. Where nothing happened since the last publication, that one is the answer."""

    log: EventLog
    seals: Seals
    bus: CommandBus
    signer: Signer
    publications: Publications

    def __call__(self, caller: Caller) -> Publication:
        """Raises NotSealedYet, ImpossibleSum, AmountOutOfRange, SaltsUnusable, LogContradictsCheckpoint,
        LiabilitiesPublishedSince, MalformedNote for an asset without a code, and what the bus raises; nothing
        is published then."""
        note, checkpoint = newest_checkpoint(self.seals)
        root = self.seals.root(checkpoint.size)
        if root != checkpoint.root:
            problem = f"its root over {checkpoint.size} events is not that of the log"
            raise LogContradictsCheckpoint(sink="the database", problem=problem, note=note)
        last = self._last()
        if last is not None and not self._has_news(last.id, checkpoint.size):
            return last
        tree, due = self.publications.build(checkpoint.size, root)
        statement = Statement(
            origin=checkpoint.origin,
            log_size=checkpoint.size,
            log_root=root,
            leaves=tree.size,
            root=tree.root.hash,
            owed=tree.root.sums,
            due=due,
        )
        Statement.parse(statement.text)  # what cannot be read again is not published
        said = str(signed(statement.text, (self.signer.key, self.signer.sign)))
        command = RecordLiabilities(checkpoint.size, note, said, caller.actor)
        self.bus.execute(command, caller).unwrap()
        return self.publications.find(str(checkpoint.size))

    def _last(self) -> Publication | None:
        try:
            return self.publications.newest()
        except LiabilitiesNotPublished:
            return None

    def _has_news(self, before: int, now: int) -> bool:
        """Whether anything but publications came under a checkpoint since."""
        if now <= before:
            return False
        after, until = (self.seals.position_of(size - 1) for size in (before, now))
        events = (recorded.event for recorded in self.log.read(after=after, until=until))
        return any(not isinstance(event, LiabilitiesPublished) for event in events)
