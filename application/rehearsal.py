"""A dry run: what a command would answer now, with its refusals, and nothing appended."""

from __future__ import annotations

from application.ledger.post_batch import OVER_SHARDS, PostBatch
from application.ports.clock import Clock
from application.ports.commands import Command, FactClaimed, Result
from application.ports.event_log import EventLog, OneShardOnly
from application.streams import book_stream
from application.work import Work


def rehearse(log: EventLog, clock: Clock, command: Command) -> Result:
    """Decides as the writer would, in the same order; no command id is taken. Raises the refusal.

    What it says holds for the log as it stood: the command itself decides again.
    """
    if isinstance(command, PostBatch):
        homes = {id(log.home(book_stream(book_id))) for book_id in command.book_ids}
        if len(homes) > 1:
            raise OneShardOnly(what=OVER_SHARDS)
    work = Work(load=log.load, now=clock.now())
    result = command.decide(work)
    taken = log.claimed(work.claims)
    for fact in work.claims:
        if fact in taken:
            raise FactClaimed(natural_key=fact)
    return {**result, "dry_run": True}
