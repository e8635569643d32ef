"""Owners' own venue accounts: two owners may call theirs the same, and each is compared by itself."""

from __future__ import annotations

from decimal import Decimal

import pytest

from adapters.account_reports.report_file import FileStatements
from application.ledger.connected_book import OpenConnectedBook, connected_book_id
from application.reconciliation.cases import PostToSuspense
from application.streams import book_stream
from application.work import Work
from domain.errors import InvalidValue
from domain.ledger.book import PAPER
from domain.reconciliation.breaks import BALANCE, NOT_CLEARED
from domain.reconciliation.run import is_clean
from domain.reconciliation.statement import AccountStatement
from tests.application.bots.market import World
from tests.application.harness import Store, with_account, with_paper_account
from tests.application.reconciliation.desk import Books
from tests.builders import Decide, postings, usdt


def connected(store: Store, owner: str, venue_account: str = "kraken", *legs: str) -> str:
    """The owner's book of that account; the legs are what happened there."""
    store.do(OpenConnectedBook(owner, venue_account))
    book_id = connected_book_id(owner, venue_account)

    def decide(work: Work) -> dict[str, str]:
        entry = work.book(book_id).post(
            entry_id="row-1", kind="deposit", postings=postings(*legs), at=work.now
        )
        work.record(book_stream(book_id), entry)
        return {}

    if legs:
        store.do(Decide(decide))
    return book_id


def says(name: str, amount: str) -> FileStatements:
    there = AccountStatement(venue_account=name, balances={"USDT": Decimal(amount)}, lines=None)
    return FileStatements("march.json", {name: there})


def two_owners() -> tuple[Books, str, str]:
    """5 USDT of one owner's and 7 of another's, both at kraken."""
    store = with_account("acc-2", store=with_account("acc-1"))
    first, second = (
        connected(store, owner, "kraken", f"custody:kraken {held} USDT", f"owner:available -{held} USDT")
        for owner, held in (("acc-1", 5), ("acc-2", 7))
    )
    return Books(World(store)), first, second


def test_the_accounts_of_two_owners_are_two_accounts_whatever_they_are_called() -> None:
    books, first, second = two_owners()

    with pytest.raises(InvalidValue, match=f"2 owners call theirs kraken; name one, such as kraken@{first}"):
        books.run(says("kraken", "12"))
    assert is_clean(books.run(says(f"kraken@{first}", "5")))
    assert dict(books.run(says(f"kraken@{second}", "8")).breaks) == {BALANCE: 1}

    (case,) = books.open_cases(f"kraken@{second}")
    assert (case.found.book_id, case.found.owner_id) == (second, "acc-2")
    answer = books.world.store.do(
        PostToSuspense(f"kraken@{second}", case.case_id, "ticket 4711", by="operator:cli")
    )
    assert answer["entries"][0]["postings"][0] == {
        "account": "custody:kraken",
        "asset": "USDT",
        "amount": "1",
    }
    assert dict(books.run(says(f"kraken@{second}", "8")).breaks) == {NOT_CLEARED: 1}
    assert is_clean(books.run(says(f"kraken@{first}", "5")))


def test_an_account_that_one_owner_has_is_called_as_its_venue() -> None:
    store = with_account()
    connected(store, "acc-1", "kraken", "custody:kraken 5 USDT", "owner:available -5 USDT")

    assert is_clean(Books(World(store)).run(says("kraken", "5")))


def test_nobody_takes_a_paper_account_out_of_reconciliation_by_calling_their_own_the_same() -> None:
    store = with_paper_account(usdt("100"))
    connected(store, "acc-1", "book-1", "custody:book-1 3 USDT", "owner:available -3 USDT")
    books = Books(World(store))

    run = books.run()

    assert (run.accounts, run.not_compared, is_clean(run)) == (1, 1, True)
    assert [(one.purse, one.custody, one.reported) for one in run.totals] == [
        ("CONNECTED", Decimal(3), Decimal(0)),
        (PAPER, Decimal(100), Decimal(100)),
    ]


def test_what_is_between_places_of_one_account_is_not_cleared_by_what_is_between_anothers() -> None:
    store = with_account("acc-2", store=with_account("acc-1"))
    connected(store, "acc-1", "kraken", "in_transit:kraken 5 USDT", "owner:available -5 USDT")
    connected(store, "acc-2", "kraken", "in_transit:kraken -5 USDT", "equity:opening 5 USDT")

    assert dict(Books(World(store)).run().breaks) == {NOT_CLEARED: 2}
