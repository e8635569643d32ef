"""What becomes of breaks: cases opened and closed by a comparison, accepted or posted to suspense by hand."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from application.ledger.answers import told
from application.ports.commands import Result
from application.queries.books import UnknownBook
from application.queries.reconciliations import run_as_told
from application.streams import book_stream, cases_stream, reconciliation_stream
from application.work import Work
from domain.errors import InvalidValue
from domain.ledger.postings import SUSPENSE
from domain.reconciliation.breaks import Break, was_compared
from domain.reconciliation.cases import suspense_postings
from domain.reconciliation.errors import BookNotNamed
from domain.reconciliation.events import CaseClosed, CaseOpened, ReconciliationRecorded
from domain.reconciliation.statement import AccountStatement, account_name


@dataclass(frozen=True, slots=True)
class RecordBreaks:
    """A comparison of one venue account: cases opened, changed, closed. The same again changes nothing."""

    venue_account: str
    found: tuple[Break, ...]
    compared: AccountStatement  # what they were found by; its lines and balances themselves don't matter
    run_id: str
    by: str

    def decide(self, work: Work) -> Result:
        events = work.cases(self.venue_account).compare(
            self.found,
            was_compared=lambda found: was_compared(self.compared, found),
            run_id=self.run_id,
            by=self.by,
            at=work.now,
        )
        work.record(cases_stream(self.venue_account), events)
        after = work.cases(self.venue_account)
        return {
            "open": dict(Counter(case.found.kind for case in after.open.values())),
            "opened": sum(isinstance(event, CaseOpened) for event in events),
            "closed": sum(isinstance(event, CaseClosed) for event in events),
        }


@dataclass(frozen=True, slots=True)
class RecordReconciliation:
    """What a run came to, once per run id."""

    outcome: ReconciliationRecorded

    def decide(self, work: Work) -> Result:
        run_id = self.outcome.run_id
        work.record(reconciliation_stream(run_id), work.reconciliation(run_id).record(self.outcome))
        return run_as_told(self.outcome)


@dataclass(frozen=True, slots=True)
class AcceptCase:
    """An operator says why a break may stand: its case is closed until the break is another one.

    Refusals, in order: account_frozen (of an account that asks), unknown_case, case_not_open, invalid_value.
    """

    venue_account: str
    case_id: str
    reason: str
    by: str
    asked_by: str = ""  # an account id; "" for who works on the machine itself

    def decide(self, work: Work) -> Result:
        if self.asked_by:
            work.account(self.asked_by).require_active()
        cases = work.cases(self.venue_account)
        closed = cases.accept(self.case_id, reason=self.reason, by=self.by, at=work.now)
        work.record(cases_stream(self.venue_account), closed)
        return {"case_id": self.case_id, "outcome": "accepted", "reason": self.reason}


@dataclass(frozen=True, slots=True)
class PostToSuspense:
    """An operator posts what a case differs by: custody agrees then, `suspense` has what is to be explained.

    No owner's account is touched; a closed book takes it too. What stands on suspense opens a case of its own
    at the next comparison, and is alarmed until it is explained: reverse the entry then, and post what is
    right. Refusals, in order: account_frozen (of an account that asks), unknown_case, case_not_open,
    invalid_value, nothing_to_post, book_not_named, unknown_book.
    """

    venue_account: str
    case_id: str
    reason: str
    by: str
    book_id: str = ""  # where several books share the venue account
    asked_by: str = ""

    def decide(self, work: Work) -> Result:
        if self.asked_by:
            work.account(self.asked_by).require_active()
        cases = work.cases(self.venue_account)
        closed = cases.post(self.case_id, reason=self.reason, by=self.by, at=work.now)
        found = cases.require_open(self.case_id).found
        book_id = self.book_id or found.book_id
        if not book_id:
            raise BookNotNamed(case_id=self.case_id)
        book = work.book(book_id)
        if not book.exists:
            raise UnknownBook(book_id=book_id)
        if account_name(book.venue_account, book_id, book.purse) != self.venue_account:
            raise InvalidValue("book", f"{book_id} keeps its money at {book.venue_account}, not there")
        posted = book.post(
            entry_id=cases.suspense_entry_id(self.case_id),
            kind=SUSPENSE,
            postings=suspense_postings(self.venue_account, found),
            at=found.occurred_at_utc or work.now,
            reference=self.case_id,
            reason=self.reason,
        )
        work.record(book_stream(book_id), posted)
        work.record(cases_stream(self.venue_account), closed)
        return {
            "case_id": self.case_id,
            "outcome": "posted",
            "reason": self.reason,
            "book_id": book_id,
            "purse": book.purse,
            "entries": told(posted),
        }
