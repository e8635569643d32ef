"""Import statements: every row is in the books exactly once, or the report says why it is not."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Any

from application.ledger.connected_book import (
    BookNotConnected,
    OpenConnectedBook,
    connected_book_id,
    opened_book,
)
from application.ledger.import_report import Changes, Report, Target, owned, totals_of
from application.ledger.stated_entries import (
    Ids,
    Keyed,
    StatedEntry,
    judged,
    keyed,
)
from application.ports.clock import Clock
from application.ports.commands import Caller, CommandBus, FactClaimed, Result
from application.ports.event_log import EventLog
from application.ports.venue_statements import RowProblem, StatedRow, Statement
from application.queries.books import UnknownBook
from application.streams import book_stream
from application.work import Work
from domain.ledger.book import CONNECTED, Book
from domain.ledger.errors import InsufficientFunds
from domain.ledger.events import BookOpened
from domain.ledger.postings import AVAILABLE
from domain.money import ZERO, subtract

BATCH_ROWS = 400
"""About as many rows are looked up, decided and committed together; an import that is run again goes on
after them."""

_DECIDED_MEANWHILE = (FactClaimed.code, InsufficientFunds.code)
"""Refusals of a part that was judged just now: somebody else wrote in between, so it is judged again."""

TRIES = 5
Progress = Callable[[int, int], None]
"""Called with the rows gone through and all there are: in the pass that posts, or the one of a dry run."""

Told = Callable[[StatedEntry], None]


@dataclass(frozen=True, slots=True)
class PostStatement:
    """A part of a statement, whole or not at all, in the owner's book, which is opened where it is not.

    Refusals, in order: unknown_account, account_frozen, invalid_value, unknown_book, book_not_connected,
    book_not_open, insufficient_funds, fact_already_recorded.
    """

    target: Target
    entries: tuple[StatedEntry, ...]
    report: Mapping[str, Any] = field(default_factory=dict)  # of the whole import, where this is all of it
    changes: Changes = field(default_factory=dict)

    @property
    def owner_id(self) -> str:
        return self.target.owner_id

    def decide(self, work: Work) -> Result:
        to = self.target
        before = owned(opened_book(work, to.book_id, OpenConnectedBook(to.owner_id, to.venue_account)))
        for entry in self.entries:
            for fact in entry.facts:
                work.claim(fact)
            work.record(book_stream(to.book_id), entry.post(work.book(to.book_id)))
        if not self.report:
            return {"book_id": to.book_id}
        return {**self.report, "totals": totals_of(before, owned(work.book(to.book_id)), self.changes)}


@dataclass(frozen=True, slots=True)
class ImportStatement:
    """Go through statements once to judge every row and, unless it is a dry run, once more to post them.

    Where a row was not understood nothing is posted at all, unless `partial` asks for the rest. Idempotent by
    each row's natural key; parts are committed as they come, so an import that was interrupted is run again.
    Errors: UnknownBook, BookNotConnected, BookNotOpen, StatementUnreadable; refusals as PostStatement has
    them, which a dry run hears by rehearsing one.
    """

    log: EventLog
    bus: CommandBus
    clock: Clock

    def plan(
        self,
        statements: Sequence[Statement],
        target: Target,
        *,
        told: Told | None = None,
        progress: Progress | None = None,
    ) -> Report:
        """What an import would do now, and nothing done; `told` gets every entry that it would post."""
        return self._judge(statements, target, told or (lambda _entry: None), progress or _silent)

    def post(
        self,
        statements: Sequence[Statement],
        target: Target,
        caller: Callable[[str], Caller],
        *,
        partial: bool,
        progress: Progress | None = None,
    ) -> Report:
        """`caller` names the command of each part."""
        report = self._judge(statements, target, lambda _entry: None, _silent)
        report.dry_run = False
        if report.not_understood and not partial:
            report.refused = True
            report.after = dict(report.before)
            return report
        posted, progress = Report(target, dry_run=False, before=report.before), progress or _silent
        total = sum(map(len, statements))
        for number, (statement, batch) in enumerate(_batches(statements)):
            self._commit(statement, batch, target, posted, caller(str(number)))
            progress(posted.rows, total)
        posted.after = owned(self._book(target))
        posted.low = report.low
        return posted

    def _judge(
        self, statements: Sequence[Statement], target: Target, told: Told, progress: Progress
    ) -> Report:
        book = self._book(target)
        report = Report(target, dry_run=True, before=owned(book))
        free = {
            asset: subtract(ZERO, amount)
            for (account, asset), amount in book.balances.items()
            if account == AVAILABLE
        }
        ids: dict[str, Ids] = {}
        total = sum(map(len, statements))
        for statement, batch in _batches(statements):
            moments, known = self._looked_up(statement, batch, target, report)
            for rows in moments:
                found, book = judged(
                    rows, book, known, ids.setdefault(statement.format, Ids()), self.clock.now()
                )
                report.take(statement.name, found)
                report.follow(free, found)
                for entry in found.entries:
                    told(entry)
            progress(report.rows, total)
        report.after = owned(book)
        return report

    def _commit(
        self,
        statement: Statement,
        batch: Sequence[StatedRow | RowProblem],
        target: Target,
        report: Report,
        caller: Caller,
    ) -> None:
        """Post one part. What somebody else booked meanwhile is there already when it is judged again."""
        for attempt in range(TRIES):
            part = Report(target, dry_run=False)
            moments, known = self._looked_up(statement, batch, target, part)
            book, ids, entries = self._book(target), Ids(), list[StatedEntry]()
            for rows in moments:
                found, book = judged(rows, book, known, ids, self.clock.now())
                part.take(statement.name, found)
                entries += found.entries
            if entries:
                named = replace(caller, command_id=f"{caller.command_id}:{attempt}")
                outcome = self.bus.execute(PostStatement(target, tuple(entries)), named)
                lost = outcome.refusal is not None and outcome.refusal.code in _DECIDED_MEANWHILE
                if lost and attempt < TRIES - 1:
                    continue
                outcome.unwrap()
            report.add(part)
            return

    def _looked_up(
        self, statement: Statement, batch: Sequence[StatedRow | RowProblem], target: Target, report: Report
    ) -> tuple[list[list[Keyed]], AbstractSet[str]]:
        """A batch's rows by moment, with the facts that the log has. Unreadable ones are reported."""
        read = []
        for said in batch:
            if isinstance(said, RowProblem):
                report.problem(statement.name, said)
            else:
                read.append(said)
        moments = [
            keyed(target.book_id, statement.format, rows)
            for _, rows in groupby(read, key=lambda said: said.at)
        ]
        return moments, self.log.claimed(fact for rows in moments for one in rows for fact in one.facts)

    def _book(self, target: Target) -> Book:
        book: Book = self.log.load(book_stream(target.book_id)).state
        if not book.exists:
            return book.evolve(
                BookOpened(
                    book_id=target.book_id,
                    owner_id=target.owner_id,
                    purse=CONNECTED,
                    venue_account=target.venue_account,
                    opened_at_utc=self.clock.now(),
                )
            )
        if book.owner_id != target.owner_id:
            raise UnknownBook(book_id=target.book_id)
        if book.purse != CONNECTED:
            raise BookNotConnected(book_id=target.book_id)
        book.require_open()
        return book


def target_of(log: EventLog, owner_id: str, *, book_id: str = "", venue_account: str = "") -> Target:
    """The book that is named, or else the owner's of that venue account, whether or not it is open yet.

    Any owner's where `owner_id` is empty. Errors: UnknownBook, also when it is somebody else's; InvalidValue.
    """
    if not book_id:
        return Target(connected_book_id(owner_id, venue_account), owner_id, venue_account)
    book: Book = log.load(book_stream(book_id)).state
    if not book.exists or owner_id not in ("", book.owner_id):
        raise UnknownBook(book_id=book_id)
    return Target(book_id, book.owner_id, book.venue_account)


def _batches(statements: Sequence[Statement]) -> Iterator[tuple[Statement, list[StatedRow | RowProblem]]]:
    """About so many rows of one statement; a moment is never divided."""
    for statement in statements:
        batch: list[StatedRow | RowProblem] = []
        for said in statement.rows():
            if len(batch) >= BATCH_ROWS and _moment(said) != _moment(batch[-1]):
                yield statement, batch
                batch = []
            batch.append(said)
        if batch:
            yield statement, batch


def _moment(said: StatedRow | RowProblem) -> object:
    return said.at if isinstance(said, StatedRow) else said.row


def _silent(_done: int, _total: int) -> None:
    """Nobody asked."""
