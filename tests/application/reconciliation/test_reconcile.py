"""Our books against the paper venue's own: matched line by line, and what is not is a case, once."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal

import pytest

from adapters.account_reports.report_file import FileStatements
from adapters.exchanges.paper.changes import stated
from adapters.exchanges.paper.memory_store import MemoryPaperStore
from adapters.exchanges.paper.venue import PaperExchange
from adapters.persistence.read_models import MemoryReadModels
from application.accounts.commands import FreezeAccount
from application.ledger.holds import PlaceHold, ReleaseHold
from application.ledger.reverse_entry import ReverseEntry, posted_entry
from application.orders.record_report import RecordReport
from application.paper.accounts import FundPaperBook, OpenPaperBook, PaperAccountService, ResetPaperBook
from application.ports.exchange import OrderReport, VenueOrderNotFound
from application.ports.paper_accounts import PaperTerms, VenueDeposit
from application.queries.reconciliations import alarms
from application.reconciliation.cases import AcceptCase, PostToSuspense
from application.reconciliation.reconcile import SETTLES_WITHIN
from application.reconciliation.sources import VenueStatements
from application.streams import book_stream
from application.work import Work
from domain.ledger.book import LIVE, PAPER
from domain.money import Money
from domain.reconciliation.breaks import EXTERNAL, MISSING_HERE, MISSING_THERE, NOT_CLEARED
from domain.reconciliation.events import CaseClosed, PurseTotal, ReconciliationRecorded
from domain.reconciliation.run import adds_up, agrees, is_clean
from domain.reconciliation.statement import TRADE, AccountStatement
from tests.adapters.exchanges.paper import venues
from tests.application.bots.market import Crash, CrashPoint, World, walk
from tests.application.harness import Store, with_account, with_paper_account, with_running_bot
from tests.application.reconciliation.desk import ACCOUNT, Books, Silent, behind, traded
from tests.builders import START, Decide, at, postings, usdt


def total(run: ReconciliationRecorded, asset: str = "USDT", purse: str = PAPER) -> PurseTotal:
    (found,) = (one for one in run.totals if (one.purse, one.asset) == (purse, asset))
    return found


def events_after(books: Books, head: object) -> list[str]:
    return [recorded.name for recorded in books.world.store.log.read() if recorded.position > head]  # type: ignore[operator]


# -- all is well ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fee_asset", ["quote", "received"])
def test_a_bot_that_traded_agrees_with_its_venue_line_by_line_and_in_total(fee_asset: str) -> None:
    """Safety O4: per asset, what is owed and earned is what the venue has."""
    books = traded(terms=PaperTerms(fee_asset=fee_asset, volume_cap=Decimal("0.1")))
    fills = sum(name == "fill" for name in kinds(books))

    run = books.run()

    assert fills > 3
    assert run.lines_matched == fills + 1
    assert (run.accounts, run.not_compared, run.unanswered, dict(run.breaks)) == (1, 0, 0, {})
    assert is_clean(run)
    assert books.waited == []
    for one in run.totals:
        assert adds_up(one)
        assert agrees(one)
    cash = total(run)
    assert cash.custody == cash.reported == cash.compared
    assert cash.custody == cash.wallets + cash.holds


def kinds(books: Books) -> list[str]:
    return [
        recorded.event.kind
        for recorded in books.world.store.log.stream(book_stream(ACCOUNT))
        if recorded.name == "ledger.entry_posted"
    ]


def test_a_clean_run_appends_nothing_but_itself() -> None:
    books = traded()
    head = books.world.store.log.head()

    books.run()

    assert events_after(books, head) == ["reconciliation.recorded"]


def test_a_book_that_was_reset_is_compared_too() -> None:
    store = with_paper_account(usdt("70"))
    store.do(ResetPaperBook("book-1", "book-2", "acc-1", (usdt("30"),)))
    books = Books(World(store))
    books.world.venue()
    world_follows(books, "book-2")

    run = books.run()

    assert (run.accounts, run.lines_matched, total(run).reported) == (2, 2, Decimal(100))
    assert is_clean(run)


def world_follows(books: Books, *book_ids: str) -> None:
    store = books.world.store
    PaperAccountService(store.bus, store.log, books.world.venue()).make_venue_follow(*book_ids)


# -- a proven missing fill -----------------------------------------------------------------------------------


def test_a_fill_that_the_venue_proves_is_booked_the_way_of_every_fill_and_once() -> None:
    """Safety #8, #46, §4.4, §4.19: the venue filled our order and we never heard of it."""
    books, order_id = behind()
    before = set(books.world.store.order(order_id).trade_ids)

    run = books.run()

    order = books.world.store.order(order_id)
    assert run.fills_booked == len(order.trade_ids) - len(before) >= 1
    assert is_clean(run)
    assert books.open_cases() == []
    assert books.waited == [SETTLES_WITHIN.total_seconds()]
    assert books.run().fills_booked == 0
    head = books.world.store.log.head()
    books.world.store.do(
        RecordReport(books.venue.report(ACCOUNT, venues.SYMBOL, order_id))
    )  # the bot wakes up and is told
    assert events_after(books, head) == []
    assert is_clean(books.run())


def test_a_fill_that_arrives_while_we_look_is_no_break() -> None:
    """Safety #9: the bot books it between the two looks."""
    books, order_id = behind()
    store = books.world.store
    books.while_waiting = lambda: store.do(RecordReport(books.venue.report(ACCOUNT, venues.SYMBOL, order_id)))

    run = books.run()

    assert run.fills_booked == 0
    assert is_clean(run)


@dataclass
class ForgetsOrders:
    """A venue that lists the trade and says that it has no such order."""

    inner: VenueStatements
    name: str = "paper"
    is_complete: bool = True
    names_orders: bool = True

    def accounts(self) -> Sequence[str]:
        return self.inner.accounts()

    def statement(self, venue_account: str, purse: str) -> AccountStatement | None:
        return self.inner.statement(venue_account, purse)

    def report(self, venue_account: str, symbol: str, client_order_id: str) -> OrderReport:
        raise VenueOrderNotFound(f"{venue_account}: {client_order_id}")


def test_a_missing_fill_that_is_not_proven_is_a_case_and_is_booked_once_it_is() -> None:
    """Safety #46: auto-fix only for proven missing fills."""
    books, _ = behind()
    head = books.world.store.log.head()

    run = books.run(ForgetsOrders(books.venue))

    assert run.fills_booked == 0
    assert {one.found.kind for one in books.open_cases()} == {MISSING_HERE}
    assert set(events_after(books, head)) == {"reconciliation.case_opened", "reconciliation.recorded"}
    after = books.run()
    assert after.fills_booked >= 1
    assert (after.cases_closed, is_clean(after)) == (len(run.breaks), True)


def test_a_report_that_cannot_be_is_not_booked_and_stays_a_case() -> None:
    """Safety #18: a hostile venue's fill."""
    books, order_id = behind()

    @dataclass
    class Hostile(ForgetsOrders):
        def report(self, venue_account: str, symbol: str, client_order_id: str) -> OrderReport:
            report = self.inner.report(venue_account, symbol, client_order_id)
            bad = [replace(fill, quote_amount=Decimal(-1)) for fill in report.fills]
            return replace(report, fills=bad)

    run = books.run(Hostile(books.venue))

    assert run.fills_booked == 0
    assert books.world.store.order(order_id).trade_ids == frozenset()
    assert {one.found.kind for one in books.open_cases()} == {MISSING_HERE}


# -- breaks --------------------------------------------------------------------------------------------------


def test_a_foreign_order_is_external_and_the_owners_balance_is_untouched() -> None:
    """Safety #46: the simulator adds a foreign order ⇒ EXTERNAL, user's balance untouched."""
    books = Books(World(with_paper_account(usdt("1000"))))
    before = dict(books.world.store.book().balances)
    books.trade_behind_our_back(venues.market_buy("100"))

    run = books.run()

    assert dict(run.breaks) == {EXTERNAL: 1}
    assert [kind for kind, _ in books.words()] == [EXTERNAL]
    assert dict(books.world.store.book().balances) == before
    assert not is_clean(run)
    assert not agrees(total(run))
    assert adds_up(total(run))


def test_an_order_id_of_another_account_is_not_ours_here() -> None:
    """Safety #46: accounts mixed up (a peer's defect)."""
    books, order_id = behind()
    store = books.world.store
    store.do(OpenPaperBook("book-2", "acc-1", (usdt("1000"),), PaperTerms()))
    world_follows(books, "book-2")
    venue = books.world.venue()
    venue.submit(venues.request(venues.market_buy("100"), order_id, minute=10_000, account="book-2"))
    venue.show("elsewhere", "BTC/USDT", "1m", venues.candle(10_000, "100"))

    run = books.run()

    assert books.words("book-1") == []
    assert [kind for kind, _ in books.words("book-2")] == [EXTERNAL]
    assert run.fills_booked >= 1


def test_money_that_left_without_a_line_is_a_break_of_the_balance() -> None:
    books = traded()
    books.steal("1.5")

    books.run()

    assert books.words() == [("balance", "-1.5 USDT")]


def test_money_that_came_without_our_knowing_is_missing_here() -> None:
    """Safety #23: a deposit that nobody announced."""
    books = Books(World(with_paper_account(usdt("100"))))
    books.deposit_behind_our_back(usdt("5"))

    books.run()

    assert books.words() == [("missing_here", "5 USDT")]


def test_what_the_venue_has_not_made_yet_is_missing_there_until_it_follows() -> None:
    books = Books(World(with_paper_account(usdt("100"))))
    books.world.venue()
    books.world.store.do(FundPaperBook("book-1", "acc-1", usdt("40"), "d-1"))

    old = statement_of(books)
    books.run(Lagging(books.venue, old))
    assert books.words() == [("missing_there", "-40 USDT")]
    world_follows(books, "book-1")
    run = books.run()

    assert (run.cases_closed, is_clean(run)) == (1, True)


def statement_of(books: Books) -> AccountStatement:
    """What the venue has now, without being made to follow our books first."""
    history = books.world.paper_store.history(ACCOUNT)
    assert history is not None
    return stated(ACCOUNT, history)


@dataclass
class Lagging:
    """A venue that answers what it answered before."""

    inner: VenueStatements
    old: AccountStatement
    name: str = "paper"
    is_complete: bool = True
    names_orders: bool = True

    def accounts(self) -> Sequence[str]:
        return [ACCOUNT]

    def statement(self, venue_account: str, purse: str) -> AccountStatement | None:
        return self.old if (venue_account, purse) == (ACCOUNT, PAPER) else None

    def report(self, venue_account: str, symbol: str, client_order_id: str) -> OrderReport:
        return self.inner.report(venue_account, symbol, client_order_id)


def test_an_account_that_the_venue_does_not_have_misses_everything_there() -> None:
    books = Books(World(with_paper_account(usdt("100"))))

    run = books.run(VenueStatements(PaperExchange(MemoryPaperStore()), list))

    assert books.words() == [("missing_there", "-100 USDT")]
    assert run.accounts == 1


def test_an_account_at_the_venue_that_is_in_no_book_is_listed() -> None:
    """Safety O4: the simulator's true balances are all accounted for."""
    books = Books(World(with_paper_account(usdt("100"))))
    venue = books.world.venue()
    venue.open_account("stray", PaperTerms())
    venue.deposit([VenueDeposit("stray", "d-1", usdt("7"))])

    books.run()

    assert books.words("stray") == [("missing_here", "7 USDT")]
    assert books.open_cases("stray")[0].found.book_id == ""


def test_a_venue_that_does_not_answer_proves_nothing() -> None:
    """Safety #7: no answer is neither agreement nor a break."""
    books = Books(World(with_paper_account(usdt("100"))))
    books.deposit_behind_our_back(usdt("5"))
    books.run()

    run = books.run(Silent(books.venue))

    assert (run.accounts, run.unanswered, run.cases_closed) == (0, 1, 0)
    assert not is_clean(run)
    assert len(books.open_cases()) == 1


def test_another_purse_is_not_the_paper_venues_to_answer_for() -> None:
    """Safety #43."""
    store = with_account()

    def open_live(work: Work) -> dict[str, str]:
        opened = work.book("live-1").open(
            book_id="live-1", owner_id="acc-1", purse=LIVE, venue_account="kraken-1", at=work.now
        )
        work.record(book_stream("live-1"), opened)
        credited = work.book("live-1").credit_deposit(usdt("9"), entry_id="d", at=work.now)
        work.record(book_stream("live-1"), credited)
        return {}

    store.do(Decide(open_live))
    books = Books(World(store))

    run = books.run()

    assert (run.accounts, run.not_compared, is_clean(run)) == (0, 1, True)
    assert (total(run, purse=LIVE).custody, total(run, purse=LIVE).compared) == (Decimal(9), Decimal(0))


# -- cases ---------------------------------------------------------------------------------------------------


def test_running_twice_opens_no_second_case_and_does_not_wait_again() -> None:
    """Idempotent: the same break is the same case, with its age."""
    books = Books(World(with_paper_account(usdt("100"))))
    books.deposit_behind_our_back(usdt("5"))
    books.run()
    (first,) = books.open_cases()
    books.world.store.clock.move_to(START + timedelta(days=3))

    run = books.run()

    assert (run.cases_opened, run.cases_closed, dict(run.breaks)) == (0, 0, {MISSING_HERE: 1})
    assert books.open_cases() == [first]
    assert len(books.waited) == 1


def test_the_same_run_id_is_answered_as_the_first_time() -> None:
    books = Books(World(with_paper_account(usdt("100"))))
    first = books.outcome(None, "run-x")
    books.deposit_behind_our_back(usdt("5"))

    again = books.outcome(None, "run-x")

    assert again.replayed
    assert again.unwrap() == first.unwrap()
    assert books.open_cases() == []


def test_what_is_there_at_one_look_only_is_no_break() -> None:
    books = Books(World(with_paper_account(usdt("100"))))
    books.world.venue()
    books.steal("5")
    books.while_waiting = lambda: books.steal("-5")

    run = books.run()

    assert is_clean(run)
    assert len(books.waited) == 1


def by_hand(books: Books, case: str, *, reason: str = "ticket 4711", book: str = "") -> PostToSuspense:
    return PostToSuspense(ACCOUNT, case, reason, by="operator:cli", book_id=book)


def test_unexplained_money_is_on_suspense_by_an_operators_command_and_alarms_until_it_is_explained(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Safety #23, #45: owned, aged, alarmed; contra account and reason; no owner's balance moves."""
    books = Books(World(with_paper_account(usdt("100"))))
    store = books.world.store
    books.deposit_behind_our_back(usdt("5"))
    books.run()
    (case,) = books.open_cases()
    owed = dict(store.book().balances)

    answer = store.do(by_hand(books, case.case_id))

    assert answer["entries"][0]["postings"] == [
        {"account": "custody:book-1", "asset": "USDT", "amount": "5"},
        {"account": "suspense", "asset": "USDT", "amount": "-5"},
    ]
    assert {key: amount for key, amount in store.book().balances.items() if key[0].startswith("owner:")} == {
        key: amount for key, amount in owed.items() if key[0].startswith("owner:")
    }
    assert store.names("cases:book-1")[-1] == "reconciliation.case_closed"
    caplog.set_level(logging.INFO, "evenkeel.reconciliation")
    caplog.clear()
    run = books.run()
    assert dict(run.breaks) == {NOT_CLEARED: 1}
    assert agrees(total(run))
    assert total(run).clearing == Decimal(-5)
    assert [record.message for record in caplog.records] == [
        "reconciled",
        "clearing accounts are not at zero",
    ]
    assert caplog.records[1].amounts == {"PAPER USDT": "-5"}  # type: ignore[attr-defined]
    (stands,) = books.open_cases()
    assert (stands.found.owner_id, stands.found.here) == ("acc-1", (usdt("-5"),))
    seen = alarms(MemoryReadModels(store.log), store.clock.now() + timedelta(hours=2))
    assert seen.suspense == {(PAPER, "USDT"): Decimal(-5)}
    assert (seen.open_cases[NOT_CLEARED], seen.oldest_age_s) == (1, 7200)

    entry = posted_entry(store.log, ACCOUNT, f"suspense:{case.case_id}:1")
    store.do(ReverseEntry(ACCOUNT, entry, "explained: the venue took it back"))
    after = books.run()

    assert dict(after.breaks) == {MISSING_HERE: 1}  # the venue still has it: the case is open again
    assert books.cases().suspense_entry_id(case.case_id) == f"suspense:{case.case_id}:2"


def test_a_balance_that_nothing_explains_is_posted_to_suspense_and_agrees_then() -> None:
    books = traded()
    books.steal("1.5")
    books.run()
    (case,) = books.open_cases()

    books.world.store.do(by_hand(books, case.case_id))
    run = books.run()

    assert agrees(total(run))
    assert books.words() == [("not_cleared", "-1.5 USDT")]


def test_a_foreign_trade_is_posted_to_suspense_in_both_assets() -> None:
    books = Books(World(with_paper_account(usdt("1000"))))
    books.trade_behind_our_back(venues.market_buy("100"))
    books.run()

    books.world.store.do(by_hand(books, books.open_cases()[0].case_id))
    run = books.run()

    assert all(map(agrees, run.totals))
    assert sorted(kind for kind, _ in books.words()) == [NOT_CLEARED, NOT_CLEARED]


def test_a_closed_book_takes_what_suspense_takes() -> None:
    books = Books(World(with_paper_account(usdt("100"))))
    books.deposit_behind_our_back(usdt("5"))
    books.world.store.do(ResetPaperBook("book-1", "book-2", "acc-1", ()))
    world_follows(books, "book-2")
    books.run()

    books.world.store.do(by_hand(books, books.open_cases()[0].case_id))

    assert agrees(total(books.run()))


def test_a_case_that_may_stand_is_accepted_and_no_longer_counts() -> None:
    books = Books(World(with_paper_account(usdt("100"))))
    books.deposit_behind_our_back(usdt("5"))
    books.run()
    (case,) = books.open_cases()

    books.world.store.do(AcceptCase(ACCOUNT, case.case_id, "a gift of the venue's", by="operator:cli"))
    run = books.run()

    assert dict(run.breaks) == {}
    assert is_clean(run)
    books.deposit_behind_our_back(usdt("1"), "another")
    assert dict(books.run().breaks) == {MISSING_HERE: 1}


def test_refusals_come_in_their_order() -> None:
    books = Books(World(with_paper_account(usdt("100"))))
    store = books.world.store
    books.deposit_behind_our_back(usdt("5"))
    venue = books.world.venue()
    venue.open_account("stray", PaperTerms())
    venue.deposit([VenueDeposit("stray", "d-1", usdt("7"))])
    books.run()
    (case,), (stray,) = books.open_cases(), books.open_cases("stray")

    assert store.refused(by_hand(books, "case-9", reason=" "))[0] == "unknown_case"
    assert store.refused(by_hand(books, case.case_id, reason=" "))[0] == "invalid_value"
    in_stray = PostToSuspense("stray", stray.case_id, "x", by="op")
    assert store.refused(in_stray) == ("book_not_named", {"case_id": stray.case_id})
    assert store.refused(replace(in_stray, book_id="book-9"))[0] == "unknown_book"
    assert store.refused(replace(in_stray, book_id="book-1"))[0] == "invalid_value"
    store.do(by_hand(books, case.case_id))
    assert store.refused(by_hand(books, case.case_id))[0] == "case_not_open"
    accept = AcceptCase(ACCOUNT, case.case_id, "x", by="op")
    assert store.refused(accept)[0] == "case_not_open"
    books.run()
    (suspense,) = books.open_cases()
    assert store.refused(by_hand(books, suspense.case_id))[0] == "nothing_to_post"
    store.do(FreezeAccount("acc-1", "lost", "op"))
    assert store.refused(replace(accept, asked_by="acc-1"))[0] == "account_frozen"
    assert store.refused(replace(by_hand(books, suspense.case_id), asked_by="acc-1"))[0] == "account_frozen"


# -- what should be at zero ----------------------------------------------------------------------------------


def posting(store: Store, *legs: str, entry_id: str = "e") -> None:
    def decide(work: Work) -> dict[str, str]:
        posted = work.book("book-1").post(
            entry_id=entry_id, kind="adjustment", postings=postings(*legs), at=work.now
        )
        work.record(book_stream("book-1"), posted)
        return {}

    store.do(Decide(decide))


@pytest.mark.parametrize(
    ("legs", "listed"),
    [
        (("in_transit:t-1 3 USDT", "equity:opening -3 USDT"), ["cleared:book-1:in_transit:t-1:USDT"]),
        (("suspense 3 USDT", "equity:opening -3 USDT"), ["cleared:book-1:suspense:USDT"]),
        (("rounding 0.01 USDT", "equity:opening -0.01 USDT"), ["cleared:book-1:rounding:USDT"]),
        (("rounding -0.000001 USDT", "equity:opening 0.000001 USDT"), []),
        (("owner:available 3 USDT", "owner:held:x -3 USDT"), ["cleared:book-1:owner:held:x:USDT"]),
        (("revenue:trading_fee -3 USDT", "expense:network 3 USDT"), []),
    ],
)  # fmt: skip
def test_accounts_that_should_be_at_zero_are_listed_when_they_are_not(
    legs: tuple[str, ...], listed: list[str]
) -> None:
    """Safety #13, #44, and Stripe's measure: every flow ends in clearing accounts that return to zero."""
    store = with_paper_account(usdt("100"))
    posting(store, *legs)
    books = Books(World(store))

    run = books.run()

    assert [case.found.key for case in books.open_cases()] == listed
    assert is_clean(run) == (not listed)
    assert all(map(adds_up, run.totals))


def test_what_is_held_for_an_order_that_has_ended_is_listed_and_what_is_open_is_not() -> None:
    """Safety #44, O3: holds are what open orders need."""
    books, order_id = behind()
    held = books.world.store.book().held_total("USDT")
    assert held.amount
    books.run()
    store = books.world.store
    assert store.order(order_id).has_ended
    assert books.open_cases() == []
    bot_has = store.book().owed("owner:bot:bot-1", "BTC")
    assert bot_has.amount
    stranded = Money(bot_has.amount, "BTC")
    posting(store, f"owner:bot:bot-1 {stranded}", f"owner:held:{order_id} -{stranded}")

    run = books.run()

    (case,) = books.open_cases()
    assert (case.found.kind, case.found.client_order_id) == (NOT_CLEARED, order_id)
    assert dict(run.breaks) == {NOT_CLEARED: 1}


def test_what_is_held_by_hand_is_no_break_while_the_hold_is_open() -> None:
    store = with_paper_account(usdt("100"))
    books = Books(World(store))
    store.do(PlaceHold(hold_id="h-1", book_id="book-1", amount=usdt("10"), reason="a dispute"))
    assert books.run().breaks == {}
    store.do(ReleaseHold(hold_id="h-1", book_id="book-1"))
    posting(store, "owner:available 4 USDT", "owner:held:h-1 -4 USDT")
    assert books.run().breaks == {NOT_CLEARED: 1}
    (case,) = books.open_cases()
    assert case.found.client_order_id == ""


# -- files ---------------------------------------------------------------------------------------------------


def file_of(*statements: AccountStatement) -> FileStatements:
    return FileStatements("march.csv", {one.venue_account: one for one in statements})


def test_a_file_is_compared_with_the_accounts_that_it_names_alone() -> None:
    store = with_paper_account(usdt("100"))
    store.do(OpenPaperBook("book-2", "acc-1", (usdt("9"),), PaperTerms()))
    books = Books(World(store))

    run = books.run(
        file_of(AccountStatement(venue_account="book-2", balances={"USDT": Decimal(9)}, lines=None))
    )

    assert (run.source, run.accounts, is_clean(run)) == ("march.csv", 1, True)
    assert total(run).custody == Decimal(9)


def test_a_files_balances_are_those_of_the_end_of_its_period() -> None:
    store = with_paper_account(usdt("100"))
    store.clock.move_to(at(3600))
    store.do(FundPaperBook("book-1", "acc-1", usdt("40"), "d-1"))
    books = Books(World(store))
    then = AccountStatement(
        venue_account=ACCOUNT, balances={"USDT": Decimal(100)}, lines=None, until_utc=at(60)
    )

    assert is_clean(books.run(file_of(then)))
    assert books.run(file_of(replace(then, balances={"USDT": Decimal(101)}))).breaks == {"balance": 1}
    (case,) = books.open_cases()
    store.do(by_hand(books, case.case_id))
    assert books.run(file_of(replace(then, balances={"USDT": Decimal(101)}))).breaks == {NOT_CLEARED: 1}
    assert books.run().breaks == {"balance": 1, NOT_CLEARED: 1}  # the venue itself does not say so


def test_a_fill_in_a_file_is_no_proof_and_a_line_without_an_order_may_be_ours() -> None:
    """Safety #46: a file is what somebody says; only the venue proves a fill."""
    books, order_id = behind()
    (line,) = (one for one in statement_of(books).lines or () if one.kind == TRADE)
    stated = statement_of(books)
    unnamed = replace(stated, lines=[replace(one, client_order_id="") for one in stated.lines or ()])

    run = books.run(file_of(unnamed))

    assert run.fills_booked == 0
    (case,) = books.open_cases()
    assert (case.found.kind, case.found.key) == (MISSING_HERE, line.key)
    named = books.run(file_of(stated))
    assert (named.fills_booked, dict(named.breaks)) == (0, {MISSING_HERE: 1})
    assert books.world.store.order(order_id).trade_ids == frozenset()
    assert is_clean(books.run())


def test_a_file_of_one_day_closes_no_case_of_another() -> None:
    books = Books(World(with_paper_account(usdt("100"))))
    books.trade_behind_our_back(venues.market_buy("10"))
    books.run()
    day = AccountStatement(
        venue_account=ACCOUNT, balances=None, lines=(), since_utc=at(0), until_utc=at(86_400)
    )

    run = books.run(file_of(day))

    assert sorted(case.found.kind for case in books.open_cases()) == [EXTERNAL, MISSING_THERE]
    assert run.cases_closed == 0


def test_closings_say_by_whom_and_why() -> None:
    books = Books(World(with_paper_account(usdt("100"))))
    books.world.venue()
    books.steal("5")
    books.run()
    books.steal("-5")
    books.run()

    (closed,) = (event for event in books.world.store.events() if isinstance(event, CaseClosed))
    assert (closed.outcome, closed.reason, closed.closed_by) == ("agrees", "no longer breaks", "acc-1")


def test_wherever_a_process_dies_a_reconciliation_mends_the_books_and_the_bot_goes_on_unharmed() -> None:
    """Safety §4.4, §3.8, O4, O6: killed after the venue's fill, before ours, at every step there is."""
    candles = walk(3)[:18]
    unharmed = World(with_running_bot(cash=usdt("1000")))
    last = CrashPoint()
    unharmed.process(candles, last)
    booked = 0
    for nth in range(1, last.steps + 1):
        world = World(with_running_bot(cash=usdt("1000")))
        with pytest.raises(Crash):
            world.process(candles, CrashPoint(nth))
        run = Books(world).run()
        booked += run.fills_booked
        assert is_clean(run), nth
        assert all(map(agrees, run.totals)), nth
        world.process(candles, CrashPoint())
        assert world.store.book().balances == unharmed.store.book().balances, nth
    assert booked > 0
