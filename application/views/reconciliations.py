"""Reconciliations, and the cases that they opened and closed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import assert_never

from application.ports.event_log import RecordedEvent
from application.ports.read_models import Rows
from application.views.changed import changed
from application.views.missing import the
from application.views.rows import CaseRow, ReconciliationRow
from domain.money import Money
from domain.reconciliation.breaks import amounts, less, monies
from domain.reconciliation.events import (
    CaseChanged,
    CaseClosed,
    CaseOpened,
    ReconciliationEvent,
    ReconciliationRecorded,
)
from domain.reconciliation.run import is_clean

OPEN, CLOSED = "open", "closed"


class Reconciliations:
    """One row a run and a case."""

    name = "reconciliations"
    rows: tuple[type, ...] = (CaseRow, ReconciliationRow)
    names: tuple[str, ...] = (
        "reconciliation.case_opened",
        "reconciliation.case_changed",
        "reconciliation.case_closed",
        "reconciliation.recorded",
    )

    def fold(self, rows: Rows, recorded: RecordedEvent) -> None:
        event: ReconciliationEvent = recorded.event
        match event:
            case CaseOpened():
                rows.put(_case(recorded.position.number, event))
            case CaseChanged():
                row = the(rows, CaseRow, event.case_id)
                rows.put(changed(row, kind=event.kind, **_figures(event.here, event.there)))
            case CaseClosed():
                row = the(rows, CaseRow, event.case_id)
                rows.put(
                    changed(
                        row,
                        status=CLOSED,
                        outcome=event.outcome,
                        reason=event.reason,
                        closed_by=event.closed_by,
                        closed_at_utc=event.closed_at_utc,
                    )
                )
            case ReconciliationRecorded():
                rows.put(_run(recorded.position.number, event))
            case _:
                assert_never(event)


def listed(of: Iterable[Money]) -> str:
    """As a row has it: "100 USDT, -0.1 BTC"."""
    return ", ".join(map(str, of))


def _figures(here: tuple[Money, ...], there: tuple[Money, ...]) -> dict[str, str]:
    difference = monies(less(amounts(there), amounts(here)))
    return {"here": listed(here), "there": listed(there), "difference": listed(difference)}


def _case(position: int, event: CaseOpened) -> CaseRow:
    return CaseRow(
        case_id=event.case_id,
        position=position,
        venue_account=event.venue_account,
        purse=event.purse,
        book_id=event.book_id,
        owner_id=event.owner_id,
        subject=event.key,
        kind=event.kind,
        entry_id=event.entry_id,
        client_order_id=event.client_order_id,
        status=OPEN,
        outcome="",
        reason="",
        closed_by="",
        run_id=event.run_id,
        occurred_at_utc=event.occurred_at_utc,
        opened_at_utc=event.opened_at_utc,
        closed_at_utc=None,
        **_figures(event.here, event.there),
    )


def _run(position: int, event: ReconciliationRecorded) -> ReconciliationRow:
    return ReconciliationRow(
        run_id=event.run_id,
        position=position,
        source=event.source,
        run_by=event.by,
        accounts=event.accounts,
        unanswered=event.unanswered,
        lines_matched=event.lines_matched,
        fills_booked=event.fills_booked,
        open_cases=sum(event.breaks.values()),
        cases_opened=event.cases_opened,
        cases_closed=event.cases_closed,
        is_clean=int(is_clean(event)),
        started_at_utc=event.started_at_utc,
        ended_at_utc=event.ended_at_utc,
    )
