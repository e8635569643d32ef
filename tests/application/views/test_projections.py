"""The folds agree with the aggregates whose events they fold."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given

from adapters.persistence.codec import REGISTRY
from adapters.persistence.read_models import MemoryReadModels
from application.streams import (
    account_stream,
    book_stream,
    bot_stream,
    cases_stream,
    order_stream,
    reconciliation_stream,
    venue_account_stream,
)
from application.views.bots import OBSERVED
from application.views.missing import MissingRow
from application.views.projections import PROJECTIONS
from application.views.rows import (
    ROWS,
    AccountRow,
    BalanceRow,
    BookRow,
    BotRow,
    CaseRow,
    EntryRow,
    FillRow,
    OrderRow,
    PositionRow,
    PostingRow,
    ReconciliationRow,
    SignalRow,
    TotalRow,
    VenueAccountRow,
)
from application.views.totals import account_class
from tests.application.views.histories import OWNERS, History, a_history, folded, histories


def test_each_row_class_belongs_to_one_projection() -> None:
    owned = [kind for projection in PROJECTIONS for kind in projection.rows]
    assert sorted(owned, key=str) == sorted(ROWS, key=str)


def test_only_events_that_exist_are_folded_and_all_but_the_platforms_risks_and_transfers_are() -> None:
    known = {kind.name for kind in REGISTRY}
    asked = {name for projection in PROJECTIONS for name in projection.names}
    assert {name.partition(".")[0] for name in known - asked} <= {"platform", "risk", "transfers", "venues"}
    assert asked <= known


@given(histories())
def test_balances_are_the_books_own(history: History) -> None:
    rows = folded(history)
    for owner in OWNERS:
        book = history.state(book_stream(owner))
        found = {(row.account, row.asset): row.amount for row in rows.where(BalanceRow, book_id=owner)}
        assert found == dict(book.balances)
        row = rows.get(BookRow, owner)
        assert row is not None
        assert (row.status == "open") == book.is_open
        assert row.version == history.versions[book_stream(owner)]


@given(histories())
def test_totals_are_the_sum_of_all_balances(history: History) -> None:
    rows = folded(history)
    sums: dict[tuple[str, str, str], Decimal] = {}
    for row in rows.where(BalanceRow):
        key = ("PAPER", account_class(row.account), row.asset)
        sums[key] = sums.get(key, Decimal(0)) + row.amount
    found = {(row.purse, row.account_class, row.asset): row.amount for row in rows.where(TotalRow)}
    assert found == {key: amount for key, amount in sums.items() if amount}


@given(histories())
def test_entries_and_postings_are_the_journal(history: History) -> None:
    rows = folded(history)
    entries = {row.position: row for row in rows.where(EntryRow)}
    posted = [recorded for recorded in history.log if recorded.name == "ledger.entry_posted"]
    assert list(entries) == [recorded.position.id for recorded in posted]
    for recorded in posted:
        legs = rows.where(PostingRow, position=recorded.position.id)
        assert [(leg.account, leg.asset, leg.amount) for leg in legs] == [
            (posting.account, posting.asset, posting.amount) for posting in recorded.event.postings
        ]
        assert entries[recorded.position.id].owner_id == recorded.stream.removeprefix("book:")


@given(histories())
def test_orders_stand_where_the_orders_stand(history: History) -> None:
    rows = folded(history)
    for row in rows.where(OrderRow):
        order = history.state(order_stream(row.client_order_id))
        assert (row.status, row.filled_base, row.venue_order_id, row.fills) == (
            order.status,
            order.filled_base,
            order.venue_order_id,
            len(order.trade_ids),
        )
        fills = rows.where(FillRow, client_order_id=row.client_order_id)
        assert sum((f.base_quantity * f.price_quote_per_base for f in fills), Decimal(0)) == row.filled_quote


@given(histories())
def test_bots_stand_where_the_bots_stand(history: History) -> None:
    rows = folded(history)
    for row in rows.where(BotRow):
        bot = history.state(bot_stream(row.bot_id))
        assert (row.status, row.run, row.mode, row.version) == (
            bot.status,
            bot.run,
            bot.mode,
            history.versions[bot_stream(row.bot_id)],
        )
        signals = rows.where(SignalRow, bot_id=row.bot_id)
        assert len(signals) == row.signals
        tripped = [signal for signal in signals if signal.guardrail not in ("", OBSERVED)]
        assert len(tripped) == row.guardrails_tripped
        assert all(bool(signal.guardrail) != bool(signal.client_order_id) for signal in signals)
    for account in rows.where(AccountRow):
        state = history.state(account_stream(account.account_id))
        assert account.roles == ",".join(state.roles)
        assert (account.status == "frozen") == bool(state.frozen_reason)
        assert account.live_trading == state.live_trading


@given(histories())
def test_venue_accounts_stand_where_the_venue_accounts_stand(history: History) -> None:
    for row in folded(history).where(VenueAccountRow):
        stream = venue_account_stream(row.venue_account_id)
        account = history.state(stream)
        assert (row.kind, row.owner_id, row.book_id, row.venue, row.version) == (
            account.kind,
            account.owner_id,
            account.book_id,
            account.venue,
            history.versions[stream],
        )
        assert (row.status == "open") == account.is_open
        key = account.key
        assert (row.key_id, row.fingerprint, row.rights, bool(row.is_ip_restricted), row.key_since_utc) == (
            (key.key_id, key.fingerprint, ",".join(key.rights), key.is_ip_restricted, key.since_utc)
            if key
            else ("", "", "", False, None)
        )


@given(histories())
def test_cases_stand_where_the_cases_stand(history: History) -> None:
    rows = folded(history)
    for owner in OWNERS:
        cases = history.state(cases_stream(f"paper-{owner}"))
        open_rows = {row.case_id: row for row in rows.where(CaseRow, owner_id=owner, status="open")}
        assert open_rows.keys() == cases.open.keys()
        for id, row in open_rows.items():
            found = cases.open[id].found
            assert (row.subject, row.kind, row.opened_at_utc, row.run_id) == (
                found.key,
                found.kind,
                cases.open[id].opened_at_utc,
                cases.open[id].run_id,
            )
            assert row.there == ", ".join(map(str, found.there))
            assert row.difference == ", ".join(map(str, found.difference))
        assert all(row.closed_at_utc for row in rows.where(CaseRow, owner_id=owner, status="closed"))
    for run in rows.where(ReconciliationRow):
        recorded = history.state(reconciliation_stream(run.run_id)).recorded
        assert (run.open_cases, bool(run.is_clean)) == (
            sum(recorded.breaks.values()),
            not recorded.unanswered and not sum(recorded.breaks.values()),
        )


@given(histories())
def test_profit_is_what_came_in_minus_what_went_out(history: History) -> None:
    """Nothing is lost or invented: cost and profit together are the quote that moved, fees included."""
    rows = folded(history)
    for position in rows.where(PositionRow):
        held = spent = Decimal(0)
        for fill in rows.where(FillRow, bot_id=position.bot_id):
            sign = 1 if fill.side == "buy" else -1
            value = fill.base_quantity * fill.price_quote_per_base
            held += sign * fill.base_quantity - (fill.fee_amount if fill.fee_asset == "BTC" else 0)
            spent += sign * value + (fill.fee_amount if fill.fee_asset == "USDT" else 0)
        assert position.base_quantity == held
        assert position.cost_quote - position.realised_quote == spent


def test_every_kind_of_row_occurs_in_the_fixed_history() -> None:
    rows = folded(a_history())
    assert [kind.__name__ for kind in ROWS if not rows.where(kind)] == []


def test_an_event_whose_beginning_is_missing_cannot_be_folded() -> None:
    (ledger,) = (projection for projection in PROJECTIONS if projection.name == "ledger")
    entry = next(recorded for recorded in a_history().log if recorded.name == "ledger.entry_posted")
    with pytest.raises(MissingRow, match="BookRow ann"):
        ledger.fold(MemoryReadModels(), entry)


@pytest.mark.parametrize(
    ("account", "expected"),
    [
        ("owner:available", "owner:available"),
        ("owner:due", "owner:due"),
        ("owner:held:o-1", "owner:held"),
        ("owner:bot:b:1", "owner:bot"),
        ("custody:paper-1", "custody"),
        ("in_transit:t-1", "in_transit"),
        ("revenue:trading_fee", "revenue:trading_fee"),
        ("equity:opening", "equity:opening"),
        ("suspense", "suspense"),
    ],
)
def test_classes_of_accounts(account: str, expected: str) -> None:
    assert account_class(account) == expected
