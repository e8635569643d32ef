"""Hold our books against what a source reports, and record what that comes to."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal

from application.orders.record_report import RecordReport
from application.ports.account_reports import StatementSource
from application.ports.clock import Clock
from application.ports.commands import Caller, CommandBus, Outcome, fingerprint
from application.ports.event_log import EventLog
from application.ports.exchange import VenueOrderNotFound, VenueOutcomeUnknown, VenueRefused
from application.ports.maintenance import Progress
from application.reconciliation.cases import RecordBreaks, RecordReconciliation
from application.reconciliation.our_books import (
    OurBooks,
    Totals,
    VenueAccount,
    order_symbols,
    unknown_account,
    venue_accounts,
)
from application.streams import cases_stream, order_stream, reconciliation_stream
from domain.errors import InvalidValue
from domain.ledger.postings import DUE, HELD_PREFIX, OWNER_PREFIX, SUSPENSE
from domain.money import ZERO, add, negate, text
from domain.orders.order import Order
from domain.reconciliation.breaks import LINE_KINDS, MISSING_HERE, Break, compared
from domain.reconciliation.cases import Cases
from domain.reconciliation.events import AMOUNTS, PurseTotal, ReconciliationRecorded
from domain.reconciliation.run import is_clean
from domain.reconciliation.statement import AccountStatement

SETTLES_WITHIN = timedelta(seconds=2)
"""How long what happens on one side may take to be on the other one, while all is well."""

log = logging.getLogger("evenkeel.reconciliation")


@dataclass(slots=True)
class _Look:
    """What one look at both sides of a venue account found."""

    account: VenueAccount
    theirs: AccountStatement | None  # without its lines; None: the source says nothing of it
    matched: int
    breaks: Sequence[Break]
    totals: Totals
    custody: Mapping[str, Decimal]


@dataclass(slots=True)
class _Run:
    """What has been found so far."""

    source: StatementSource
    caller: Caller
    run_id: str
    started_at: datetime
    looks: dict[str, _Look] = field(default_factory=dict)
    booked: int = 0
    opened: int = 0
    closed: int = 0
    breaks: Counter[str] = field(default_factory=Counter)  # open cases by kind


@dataclass(frozen=True, slots=True)
class Reconcile:
    """Compares every venue account that a source reports on with our books, line by line and in total.

    Our side is read first. What does not agree is looked at again, on both sides, after SETTLES_WITHIN: only
    what is there both times is a break. One thing is mended by itself: a fill of an order of ours that is
    missing here and that its venue proves; it goes the way of every fill, and is booked once. Every other
    break is a case; a case whose break is gone is closed. Run again, nothing happens twice.
    """

    log: EventLog
    bus: CommandBus
    clock: Clock
    wait: Callable[[float], object]  # for so many seconds

    def __call__(
        self,
        source: StatementSource,
        *,
        run_id: str,
        caller: Caller,
        progress: Progress = lambda _d, _t: None,
    ) -> Outcome:
        """The outcome of recording the run: `reconciliation_stream(run_id)` has what it came to.

        A run id that was recorded before is answered as then. Errors: StoreUnavailable, QueueFull.
        """
        if known := self.log.load(reconciliation_stream(run_id)).state.recorded:
            return self.bus.execute(RecordReconciliation(known), caller)
        run = _Run(source, caller, run_id, self.clock.now())
        accounts = self._accounts(source)
        books = OurBooks(self.log, order_symbols(self.log))
        for number, account in enumerate(accounts):
            progress(number, len(accounts))
            if look := self._look(source, account, books):
                run.looks[account.name] = look
        self._look_again(run, books)
        for look in run.looks.values():
            self._record_breaks(run, look)
        progress(len(accounts), len(accounts))
        recorded = self._recorded(run, len(accounts))
        outcome = self.bus.execute(RecordReconciliation(recorded), caller)
        _tell(recorded)
        return outcome

    # -- looking -------------------------------------------------------------------------------------------

    def _accounts(self, source: StatementSource) -> list[VenueAccount]:
        """Theirs first: an account is in our books before it is anywhere else."""
        theirs, ours = source.accounts(), venue_accounts(self.log)
        if source.is_complete:
            return [ours.get(name) or unknown_account(name) for name in sorted({*theirs, *ours})]
        named = [_named(reported, ours) for reported in sorted(theirs)]
        for name, times in Counter(account.name for account in named).items():
            if times > 1:
                raise InvalidValue("venue_account", f"{name} is there twice, under two names; leave one out")
        return named

    def _look(self, source: StatementSource, account: VenueAccount, books: OurBooks) -> _Look | None:
        """None where the source did not answer."""
        id, reported_as = account.name, account.reported_as
        try:
            if source.is_complete:
                ours = books.side(account)
                theirs = source.statement(reported_as, account.purse)
            else:  # it says as of when
                theirs = source.statement(reported_as, account.purse)
                ours = books.side(account, until=theirs.until_utc if theirs else None)
        except VenueOutcomeUnknown as problem:
            log.warning("no statement", extra={"venue_account": id, "problem": str(problem)})
            return None
        if theirs is None:
            return _Look(account, None, 0, ours.not_cleared, ours.totals, {})

        def is_ours(client_order_id: str) -> bool:
            if not client_order_id:
                return not source.names_orders
            order = books.order(client_order_id)
            return order.exists and order.venue_account == account.venue_account

        comparison = compared(ours.booked, theirs, is_ours=is_ours, known=self._known(id, theirs))
        breaks = [*comparison.breaks, *ours.not_cleared]
        kept = theirs if theirs.lines is None else replace(theirs, lines=())  # or all lines there are pile up
        return _Look(account, kept, comparison.matched, breaks, ours.totals, ours.booked.custody)

    def _known(self, name: str, theirs: AccountStatement) -> list[Break]:
        """What is known of lines, where a statement has none."""
        if theirs.lines is not None:
            return []
        cases = self._cases(name)
        return [case.found for case in cases.open.values() if case.found.kind in LINE_KINDS]

    def _look_again(self, run: _Run, books: OurBooks) -> None:
        """At what did not agree: what was under way has arrived, or is mended, or is a break."""
        doubtful = [look for look in run.looks.values() if look.breaks]
        if not doubtful:
            return
        if any(self._is_news(look) for look in doubtful):
            self.wait(SETTLES_WITHIN.total_seconds())
        books = OurBooks(self.log, books.symbols)
        for first in doubtful:
            id = first.account.name
            look = self._look(run.source, first.account, books)
            if look is not None and (booked := self._book_missing(run, first, look)):
                run.booked += booked
                look = self._look(run.source, first.account, books)
            if look is None:
                del run.looks[id]
                continue
            seen_before = {one.key for one in first.breaks}
            look.breaks = [one for one in look.breaks if one.key in seen_before]
            run.looks[id] = look

    def _is_news(self, look: _Look) -> bool:
        """Whether a look found more than what is known for a while."""
        cases = self._cases(look.account.name)
        known = {case.found.key for case in cases.open.values()} | {
            one.key for one in cases.accepted.values()
        }
        return any(one.key not in known for one in look.breaks)

    def _book_missing(self, run: _Run, first: _Look, look: _Look) -> int:
        """Book the fills of our orders that were missing at both looks, as far as the venue proves them."""
        before = {one.key for one in first.breaks if one.kind == MISSING_HERE}
        missing = [one for one in look.breaks if one.kind == MISSING_HERE and one.key in before]
        booked = 0
        for order_id in sorted({one.client_order_id for one in missing if one.client_order_id}):
            symbol = self._symbol_of(order_id)
            try:
                report = run.source.report(look.account.reported_as, symbol, order_id)
            except (VenueOrderNotFound, VenueRefused, VenueOutcomeUnknown):
                continue
            caller = _step(run, f"fills:{order_id}")
            outcome = self.bus.execute(RecordReport(report), caller)
            new = 0 if outcome.refusal else int(outcome.unwrap()["new_fills"])
            log.warning(
                "missing fills",
                extra={
                    "client_order_id": order_id,
                    "booked": new,
                    "refused": outcome.refusal.code if outcome.refusal else "",
                    "run_id": run.run_id,
                },
            )
            booked += new
        return booked

    # -- recording -----------------------------------------------------------------------------------------

    def _record_breaks(self, run: _Run, look: _Look) -> None:
        id = look.account.name
        if not look.breaks and not (look.account.had_cases and self._cases(id).open):
            return
        found = tuple(look.breaks)
        theirs = look.theirs or AccountStatement(venue_account=id, balances=None, lines=None)
        command = RecordBreaks(id, found, theirs, run.run_id, run.caller.actor)
        step = f"cases:{id}:{fingerprint(repr(found))[:16]}"  # run again under its id, it may find others
        result = self.bus.execute(command, _step(run, step)).unwrap()
        run.opened += int(result["opened"])
        run.closed += int(result["closed"])
        run.breaks.update(result["open"])

    def _symbol_of(self, order_id: str) -> str:
        order: Order = self.log.load(order_stream(order_id)).state
        return order.terms.symbol if order.terms is not None else ""

    def _cases(self, venue_account: str) -> Cases:
        cases: Cases = self.log.load(cases_stream(venue_account)).state
        return cases

    def _recorded(self, run: _Run, accounts: int) -> ReconciliationRecorded:
        answered = sum(look.theirs is not None for look in run.looks.values())
        return ReconciliationRecorded(
            run_id=run.run_id,
            source=run.source.name,
            by=run.caller.actor,
            accounts=answered,
            not_compared=len(run.looks) - answered,
            unanswered=accounts - len(run.looks),
            lines_matched=sum(look.matched for look in run.looks.values()),
            fills_booked=run.booked,
            breaks=dict(sorted(run.breaks.items())),
            cases_opened=run.opened,
            cases_closed=run.closed,
            totals=_totals(run.looks.values()),
            started_at_utc=run.started_at,
            ended_at_utc=self.clock.now(),
        )


def _named(reported: str, ours: Mapping[str, VenueAccount]) -> VenueAccount:
    """The account that a source means. Raises InvalidValue where several owners call theirs so."""
    known = ours.get(reported) or unknown_account(reported)
    if known.books:
        return replace(known, reported_as=reported)
    own = [account for account in ours.values() if account.venue_account == reported and account.books]
    if len(own) > 1:
        raise InvalidValue(
            "venue_account", f"{len(own)} owners call theirs {reported}; name one, such as {own[0].name}"
        )
    return replace(own[0], reported_as=reported) if own else known


def _step(run: _Run, step: str) -> Caller:
    """Who does one part of a run."""
    return Caller(
        actor=run.caller.actor,
        command_id=f"{run.run_id}:{step}",
        correlation_id=run.caller.correlation_id,
        causation_id=run.run_id,
    )


# -- totals --------------------------------------------------------------------------------------------------


def _totals(looks: Iterable[_Look]) -> tuple[PurseTotal, ...]:
    """Per purse and asset, what all these accounts' books and the source say."""
    sums: dict[tuple[str, str], dict[str, Decimal]] = {}

    def count(purse: str, asset: str, column: str, amount: Decimal) -> None:
        row = sums.setdefault((purse, asset), dict.fromkeys(AMOUNTS, ZERO))
        row[column] = add(row[column], amount)

    for look in looks:
        purse = look.account.purse
        for (account, asset), amount in look.totals.items():
            column, sign = _column(account)
            count(purse, asset, column, amount if sign > 0 else negate(amount))
        if look.theirs is not None and look.theirs.balances is not None:
            for asset, amount in look.custody.items():
                count(purse, asset, "compared", amount)
            for asset, amount in look.theirs.balances.items():
                count(purse, asset, "reported", amount)
    return tuple(PurseTotal(purse=purse, asset=asset, **row) for (purse, asset), row in sorted(sums.items()))


def _column(account: str) -> tuple[str, int]:
    """Where an account is counted, and whether as a debit or, what is owed or earned, as a credit."""
    if account == DUE:
        return "due", 1
    if account.startswith(HELD_PREFIX):
        return "holds", -1
    if account.startswith(OWNER_PREFIX):
        return "wallets", -1
    head = account.partition(":")[0]
    if head == "revenue":
        return "revenue", -1
    if head in ("custody", "expense"):
        return head, 1
    return ("clearing", 1) if head in (SUSPENSE, "in_transit", "rounding") else ("other", 1)


def _tell(recorded: ReconciliationRecorded) -> None:
    """One line a run, and another while money is unexplained."""
    level = logging.INFO if is_clean(recorded) else logging.WARNING
    log.log(
        level,
        "reconciled",
        extra={
            "run_id": recorded.run_id,
            "source": recorded.source,
            "accounts": recorded.accounts,
            "unanswered": recorded.unanswered,
            "lines_matched": recorded.lines_matched,
            "fills_booked": recorded.fills_booked,
            "open_cases": dict(recorded.breaks),
            "cases_opened": recorded.cases_opened,
            "cases_closed": recorded.cases_closed,
            "seconds": (recorded.ended_at_utc - recorded.started_at_utc).total_seconds(),
        },
    )
    uncleared = {
        f"{total.purse} {total.asset}": text(total.clearing) for total in recorded.totals if total.clearing
    }
    if uncleared:
        log.warning(
            "clearing accounts are not at zero", extra={"run_id": recorded.run_id, "amounts": uncleared}
        )
