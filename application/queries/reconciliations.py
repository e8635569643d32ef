"""Reconciliations and their cases as people see them, and the figures that alarms go by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from application.ports.event_log import EventLog, Position
from application.ports.read_models import Page, ReadModels
from application.queries.asset_codes import shown_asset
from application.queries.moments import iso_utc
from application.streams import reconciliation_stream
from application.views.reconciliations import CLOSED, OPEN
from application.views.rows import CaseRow, ReconciliationRow, TotalRow
from domain.errors import DomainError, InvalidValue
from domain.ledger.postings import SUSPENSE
from domain.money import Money, text
from domain.reconciliation.breaks import KINDS, Break, Monies
from domain.reconciliation.cases import suggested
from domain.reconciliation.errors import UnknownCase
from domain.reconciliation.events import AMOUNTS, ReconciliationRecorded
from domain.reconciliation.run import adds_up, agrees, is_clean


class UnknownReconciliation(DomainError, code="unknown_reconciliation"):
    """No reconciliation of that id."""

    def __init__(self, *, run_id: str) -> None:
        super().__init__(f"no reconciliation {run_id}")
        self.run_id = run_id


@dataclass(frozen=True, slots=True, kw_only=True)
class AmountView:
    amount: str
    asset: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LegView:
    account: str
    asset: str
    amount: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SuggestionView:
    """What would end the break, in words, and the entry by which suspense would take it."""

    action: str
    words: str
    postings: Sequence[LegView]


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseView:
    """One break: what our books say (here), what the other side says (there), and what custody lacks."""

    case_id: str
    position: str
    venue_account: str
    book_id: str
    owner_id: str
    subject: str
    kind: str
    here: Sequence[AmountView]
    there: Sequence[AmountView]
    difference: Sequence[AmountView]
    entry_id: str
    client_order_id: str
    status: str
    outcome: str
    reason: str
    closed_by: str
    run_id: str
    occurred_at: datetime | None
    opened_at: datetime
    closed_at: datetime | None
    age_seconds: int  # until it was closed
    suggestion: SuggestionView


@dataclass(frozen=True, slots=True, kw_only=True)
class DifferenceView:
    """What differs between an owner's book and its venue, as they are shown it."""

    case_id: str
    kind: str
    subject: str
    here: Sequence[AmountView]
    there: Sequence[AmountView]
    client_order_id: str
    opened_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RunLine:
    """One reconciliation in a list."""

    run_id: str
    position: str
    source: str
    by: str
    accounts: int
    unanswered: int
    lines_matched: int
    fills_booked: int
    open_cases: int
    cases_opened: int
    cases_closed: int
    clean: bool
    started_at: datetime
    ended_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PurseTotalView:
    """One purse and asset over all books compared.

    wallets + holds + revenue = custody + due + expense + clearing + other (`adds_up`); where the two were
    `compared`, custody is what the other side `reported` (`agrees`).
    """

    purse: str
    asset: str
    wallets: str
    holds: str
    due: str
    revenue: str
    expense: str
    clearing: str
    other: str
    custody: str
    compared: str
    reported: str
    adds_up: bool
    agrees: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RunView:
    """What one reconciliation came to. `clean`: no open case, every account answered, all books add up."""

    run_id: str
    source: str
    by: str
    accounts: int
    not_compared: int
    unanswered: int
    lines_matched: int
    fills_booked: int
    open_cases: Mapping[str, int]
    cases_opened: int
    cases_closed: int
    clean: bool
    totals: Sequence[PurseTotalView]
    started_at: str
    ended_at: str


@dataclass(frozen=True, slots=True)
class Alarms:
    """What should be zero, or fresh."""

    open_cases: Mapping[str, int]  # by kind, every kind
    oldest_age_s: float  # of an open case; 0 where there is none
    suspense: Mapping[tuple[str, str], Decimal]  # by purse and asset, where it is not zero
    last_ended_at: datetime | None


def run_as_told(recorded: ReconciliationRecorded) -> dict[str, Any]:
    """What a run came to, as JSON values: the fields of RunView."""
    return {
        "run_id": recorded.run_id,
        "source": recorded.source,
        "by": recorded.by,
        "accounts": recorded.accounts,
        "not_compared": recorded.not_compared,
        "unanswered": recorded.unanswered,
        "lines_matched": recorded.lines_matched,
        "fills_booked": recorded.fills_booked,
        "open_cases": dict(recorded.breaks),
        "cases_opened": recorded.cases_opened,
        "cases_closed": recorded.cases_closed,
        "clean": is_clean(recorded),
        "totals": [
            {
                "purse": total.purse,
                "asset": shown_asset(total.asset, total.purse),
                **{name: text(getattr(total, name)) for name in AMOUNTS},
                "adds_up": adds_up(total),
                "agrees": agrees(total),
            }
            for total in recorded.totals
        ],
        "started_at": iso_utc(recorded.started_at_utc),
        "ended_at": iso_utc(recorded.ended_at_utc),
    }


def run_view(told: Mapping[str, Any]) -> RunView:
    """Of run_as_told."""
    return RunView(**{**told, "totals": [PurseTotalView(**total) for total in told["totals"]]})


def run_of(log: EventLog, run_id: str) -> RunView:
    """One run, fresh from its stream; raises UnknownReconciliation."""
    recorded: ReconciliationRecorded | None = log.load(reconciliation_stream(run_id)).state.recorded
    if recorded is None:
        raise UnknownReconciliation(run_id=run_id)
    return run_view(run_as_told(recorded))


def runs_page(views: ReadModels, *, before: Position | None, limit: int) -> Page[ReconciliationRow]:
    """Runs, newest first."""
    return views.page(ReconciliationRow, equal={}, before=before, limit=limit)


def run_line(row: ReconciliationRow) -> RunLine:
    return RunLine(
        run_id=row.run_id,
        position=str(Position.of(row.position)),
        source=row.source,
        by=row.run_by,
        accounts=row.accounts,
        unanswered=row.unanswered,
        lines_matched=row.lines_matched,
        fills_booked=row.fills_booked,
        open_cases=row.open_cases,
        cases_opened=row.cases_opened,
        cases_closed=row.cases_closed,
        clean=bool(row.is_clean),
        started_at=row.started_at_utc,
        ended_at=row.ended_at_utc,
    )


def cases_page(
    views: ReadModels,
    *,
    status: str | None = None,
    kind: str | None = None,
    before: Position | None = None,
    limit: int,
) -> Page[CaseRow]:
    """Cases, newest first; None asks for any. Raises InvalidValue for no such status or kind."""
    if status not in (None, OPEN, CLOSED):
        raise InvalidValue("status", f"{status!r} is neither {OPEN} nor {CLOSED}")
    if kind is not None and kind not in KINDS:
        raise InvalidValue("kind", f"{kind!r} is not one of {', '.join(KINDS)}")
    asked = {"status": status, "kind": kind}
    equal = {name: value for name, value in asked.items() if value is not None}
    return views.page(CaseRow, equal=equal, before=before, limit=limit)


def differences(views: ReadModels, book_id: str) -> list[DifferenceView]:
    """The open cases that concern one book, oldest first."""
    rows = [row for row in views.where(CaseRow, book_id=book_id) if row.status == OPEN]
    return [
        DifferenceView(
            case_id=row.case_id,
            kind=row.kind,
            subject=row.subject,
            here=_shown(_monies(row.here), row.purse),
            there=_shown(_monies(row.there), row.purse),
            client_order_id=row.client_order_id,
            opened_at=row.opened_at_utc,
        )
        for row in sorted(rows, key=lambda row: row.position)
    ]


def case_row(views: ReadModels, case_id: str) -> CaseRow:
    """One case; raises UnknownCase."""
    row = views.get(CaseRow, case_id)
    if row is None:
        raise UnknownCase(case_id=case_id)
    return row


def case_view(row: CaseRow, now: datetime) -> CaseView:
    found = Break(
        key=row.subject,
        kind=row.kind,
        here=_monies(row.here),
        there=_monies(row.there),
        book_id=row.book_id,
        entry_id=row.entry_id,
        client_order_id=row.client_order_id,
    )
    advice = suggested(row.venue_account, found)
    until = row.closed_at_utc or max(now, row.opened_at_utc)
    return CaseView(
        case_id=row.case_id,
        position=str(Position.of(row.position)),
        venue_account=row.venue_account,
        book_id=row.book_id,
        owner_id=row.owner_id,
        subject=row.subject,
        kind=row.kind,
        here=_shown(found.here, row.purse),
        there=_shown(found.there, row.purse),
        difference=_shown(found.difference, row.purse),
        entry_id=row.entry_id,
        client_order_id=row.client_order_id,
        status=row.status,
        outcome=row.outcome,
        reason=row.reason,
        closed_by=row.closed_by,
        run_id=row.run_id,
        occurred_at=row.occurred_at_utc,
        opened_at=row.opened_at_utc,
        closed_at=row.closed_at_utc,
        age_seconds=int((until - row.opened_at_utc).total_seconds()),
        suggestion=SuggestionView(
            action=advice.action,
            words=advice.words,
            postings=[
                LegView(account=leg.account, asset=shown_asset(leg.asset, row.purse), amount=text(leg.amount))
                for leg in advice.postings
            ],
        ),
    )


def alarms(views: ReadModels, now: datetime) -> Alarms:
    """As far as the read models have come."""
    open_cases = views.where(CaseRow, status=OPEN)
    newest = views.page(ReconciliationRow, equal={}, limit=1).rows
    return Alarms(
        open_cases={kind: sum(row.kind == kind for row in open_cases) for kind in KINDS},
        oldest_age_s=max(((now - row.opened_at_utc).total_seconds() for row in open_cases), default=0),
        suspense={
            (row.purse, row.asset): row.amount for row in views.where(TotalRow, account_class=SUSPENSE)
        },
        last_ended_at=newest[0].ended_at_utc if newest else None,
    )


def _monies(listed: str) -> Monies:
    """Of a row's "100 USDT, -0.1 BTC"."""
    parts = (one.split(" ") for one in listed.split(", ") if one)
    return tuple(Money(Decimal(amount), asset) for amount, asset in parts)


def _shown(of: Monies, purse: str) -> list[AmountView]:
    return [AmountView(amount=text(one.amount), asset=shown_asset(one.asset, purse)) for one in of]
