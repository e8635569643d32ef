"""The cases of one venue account: opened by a comparison, closed by one, or by an operator who says why."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import assert_never

from domain.errors import InvalidValue
from domain.ledger.postings import SUSPENSE, Posting, custody_account
from domain.money import negate
from domain.reconciliation.breaks import (
    BALANCE,
    DIFFERING,
    EXTERNAL,
    LOCAL_ONLY,
    MISSING_HERE,
    MISSING_THERE,
    NOT_CLEARED,
    ORDER_KINDS,
    QUANTITY_DIFFERS,
    VENUE_ONLY,
    Break,
    case_id,
)
from domain.reconciliation.errors import CaseNotOpen, NothingToPost, UnknownCase
from domain.reconciliation.events import CaseChanged, CaseClosed, CaseEvent, CaseOpened
from domain.reconciliation.statement import venue_account_of

AGREES, ACCEPTED, POSTED = "agrees", "accepted", "posted"
NO_LONGER_BREAKS = "no longer breaks"

BOOK_FILL, REVERSE, POST, CLEAR = (
    "book_fill",  # a fill of our order: a comparison with its venue books it
    "reverse",  # our entry, unless the other side takes it after all
    "post",  # to suspense, until it is explained
    "clear",  # bring an account of ours back to zero
)
LOOK = "look"  # at the order; no money differs


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One break with its age."""

    case_id: str
    found: Break
    run_id: str  # that opened it
    opened_at_utc: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestion:
    """What would end a break. Nothing does it by itself, but for a fill that its venue proves."""

    action: str
    words: str
    postings: tuple[Posting, ...] = ()


@dataclass(frozen=True, slots=True)
class Cases:
    """Every open case of one venue account, and those that an operator accepted as they stood."""

    venue_account: str = ""
    open: Mapping[str, Case] = field(default_factory=dict)
    accepted: Mapping[str, Break] = field(default_factory=dict)
    closed: Mapping[str, int] = field(default_factory=dict)  # how often, by id

    # -- commands ------------------------------------------------------------------------------------------

    def compare(
        self,
        found: Sequence[Break],
        *,
        was_compared: Callable[[Break], bool],
        run_id: str,
        by: str,
        at: datetime,
    ) -> Sequence[CaseEvent]:
        """Take what a comparison found. The same again is answered with no events.

        `was_compared` says of an open case's break whether the comparison would have found it: only then is
        it closed for not being found. What an operator accepted stays closed while it is the same break.
        """
        breaks = {case_id(self.venue_account, one.key): one for one in found}
        events: list[CaseEvent] = []
        for id, one in sorted(breaks.items()):
            if id in self.open:
                if not _is_same(self.open[id].found, one):
                    events.append(
                        CaseChanged(
                            case_id=id,
                            kind=one.kind,
                            here=one.here,
                            there=one.there,
                            run_id=run_id,
                            changed_at_utc=at,
                        )
                    )
            elif id not in self.accepted or not _is_same(self.accepted[id], one):
                events.append(self._opened(id, one, run_id, at))
        events += [
            CaseClosed(
                case_id=id,
                outcome=AGREES,
                reason=NO_LONGER_BREAKS,
                entry_id="",
                closed_by=by,
                closed_at_utc=at,
            )
            for id, case in sorted(self.open.items())
            if id not in breaks and was_compared(case.found)
        ]
        return events

    def accept(self, id: str, *, reason: str, by: str, at: datetime) -> Sequence[CaseEvent]:
        """Close a case that may stand. Refusals, in order: unknown_case, case_not_open, invalid_value."""
        self.require_open(id)
        _require_reason(reason)
        return [
            CaseClosed(
                case_id=id, outcome=ACCEPTED, reason=reason, entry_id="", closed_by=by, closed_at_utc=at
            )
        ]

    def post(self, id: str, *, reason: str, by: str, at: datetime) -> Sequence[CaseEvent]:
        """Close a case whose difference is posted to suspense, by the entry of suspense_entry_id.

        Refusals, in order: unknown_case, case_not_open, invalid_value, nothing_to_post.
        """
        case = self.require_open(id)
        _require_reason(reason)
        if not suspense_postings(self.venue_account, case.found):
            raise NothingToPost(case_id=id)
        return [
            CaseClosed(
                case_id=id,
                outcome=POSTED,
                reason=reason,
                entry_id=self.suspense_entry_id(id),
                closed_by=by,
                closed_at_utc=at,
            )
        ]

    # -- queries -------------------------------------------------------------------------------------------

    def require_open(self, id: str) -> Case:
        """The open case. Raises UnknownCase, CaseNotOpen."""
        if id not in self.open:
            raise CaseNotOpen(case_id=id) if id in self.closed else UnknownCase(case_id=id)
        return self.open[id]

    def suspense_entry_id(self, id: str) -> str:
        """The id of the entry that posts an open case to suspense: another one if it opens again."""
        return f"{SUSPENSE}:{id}:{self.closed.get(id, 0) + 1}"

    # -- folding -------------------------------------------------------------------------------------------

    def evolve(self, event: CaseEvent) -> Cases:
        """Fold one fact in. Never refuses."""
        match event:
            case CaseOpened():
                accepted = {id: one for id, one in self.accepted.items() if id != event.case_id}
                case = Case(
                    case_id=event.case_id,
                    found=_found(event),
                    run_id=event.run_id,
                    opened_at_utc=event.opened_at_utc,
                )
                return replace(self, open={**self.open, event.case_id: case}, accepted=accepted)
            case CaseChanged():
                case = self.open[event.case_id]
                after = replace(case.found, kind=event.kind, here=event.here, there=event.there)
                return replace(self, open={**self.open, event.case_id: replace(case, found=after)})
            case CaseClosed():
                accepted = dict(self.accepted)
                if event.outcome == ACCEPTED:
                    accepted[event.case_id] = self.open[event.case_id].found
                return replace(
                    self,
                    open={id: case for id, case in self.open.items() if id != event.case_id},
                    accepted=accepted,
                    closed={**self.closed, event.case_id: self.closed.get(event.case_id, 0) + 1},
                )
            case _:
                assert_never(event)

    def _opened(self, id: str, one: Break, run_id: str, at: datetime) -> CaseOpened:
        return CaseOpened(
            case_id=id,
            venue_account=self.venue_account,
            key=one.key,
            kind=one.kind,
            here=one.here,
            there=one.there,
            purse=one.purse,
            book_id=one.book_id,
            owner_id=one.owner_id,
            entry_id=one.entry_id,
            client_order_id=one.client_order_id,
            occurred_at_utc=one.occurred_at_utc,
            run_id=run_id,
            opened_at_utc=at,
        )


def suspense_postings(venue_account: str, found: Break) -> tuple[Posting, ...]:
    """The legs that make custody agree, against suspense; no owner's account is touched."""
    if found.kind == NOT_CLEARED or found.kind in ORDER_KINDS:
        return ()
    custody = custody_account(venue_account_of(venue_account, found.book_id))
    legs: list[Posting] = []
    for money in found.difference:
        legs.append(Posting(custody, money.asset, money.amount))
        legs.append(Posting(SUSPENSE, money.asset, negate(money.amount)))
    return tuple(legs)


def suggested(venue_account: str, found: Break) -> Suggestion:
    """What an operator is advised to do about a break, with the entry that suspense would take."""
    legs = suspense_postings(venue_account, found)
    action, words = _ADVICE[found.kind]
    if found.kind == DIFFERING and not found.here:
        action, words = POST, _TAKEN_BACK_HERE
    if found.kind == MISSING_HERE and found.client_order_id:
        action, words = BOOK_FILL, "a fill of our order: reconcile with its venue, which books what it proves"
    return Suggestion(action=action, words=words.format(entry=found.entry_id), postings=legs)


_TAKEN_BACK_HERE = (
    "{entry} was taken back here and stands there: until it is undone there, post it to suspense"
)
_ADVICE = {
    MISSING_HERE: (POST, "find out what came or went; until then, post it to suspense"),
    EXTERNAL: (POST, "no order of ours: find out who traded there; until then, post it to suspense"),
    MISSING_THERE: (REVERSE, "the other side does not know it: have it made there, or reverse {entry}"),
    DIFFERING: (REVERSE, "reverse {entry} and post what is right, or post what it lacks to suspense"),
    BALANCE: (POST, "no line explains it: find out what moved; until then, post it to suspense"),
    NOT_CLEARED: (CLEAR, "explain what stands there, then post or reverse it"),
    LOCAL_ONLY: (LOOK, "the venue does not show it: its keeper asks on; then review the order"),
    VENUE_ONLY: (LOOK, "find out who placed it: cancel it there, or accept that it stands"),
    QUANTITY_DIFFERS: (LOOK, "a fill is under way, or missing: its keeper asks on; then review the order"),
}


def _found(event: CaseOpened) -> Break:
    return Break(
        key=event.key,
        kind=event.kind,
        here=event.here,
        there=event.there,
        purse=event.purse,
        book_id=event.book_id,
        owner_id=event.owner_id,
        entry_id=event.entry_id,
        client_order_id=event.client_order_id,
        occurred_at_utc=event.occurred_at_utc,
    )


def _is_same(one: Break, other: Break) -> bool:
    return (one.kind, one.here, one.there) == (other.kind, other.here, other.there)


def _require_reason(reason: str) -> None:
    if not reason.strip():
        raise InvalidValue("reason", "say why; owners and auditors will read it")
