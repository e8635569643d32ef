"""Where corrections by hand meet reconciliation: batches, reversals and suspense end with nothing open."""

from __future__ import annotations

from application.ledger.post_batch import NewEntry, PostBatch
from application.ledger.reverse_entry import ReverseEntry, posted_entry
from application.paper.accounts import FundPaperBook, OpenPaperBook, ResetPaperBook
from application.ports.paper_accounts import PaperTerms
from application.reconciliation.cases import PostToSuspense
from domain.reconciliation.breaks import DIFFERING, MISSING_THERE, NOT_CLEARED
from domain.reconciliation.cases import POST, suggested
from domain.reconciliation.run import is_clean
from tests.application.bots.market import World
from tests.application.harness import with_paper_account
from tests.application.ledger.test_batches import entry
from tests.application.reconciliation.desk import ACCOUNT, Books
from tests.builders import usdt


def post(books: Books, *entries: NewEntry, batch_id: str = "b-1") -> None:
    books.world.store.do(PostBatch(batch_id=batch_id, entries=entries))


def surprised() -> Books:
    """The venue has 5 USDT more than we know of, and there is a case of it."""
    books = Books(World(with_paper_account(usdt("100"))))
    books.deposit_behind_our_back(usdt("5"))
    books.run()
    return books


def to_suspense(books: Books) -> str:
    (case,) = books.open_cases()
    books.world.store.do(PostToSuspense(ACCOUNT, case.case_id, "ticket 4711", by="operator:cli"))
    return f"suspense:{case.case_id}:1"


def test_what_a_batch_takes_from_book_to_book_is_no_break_of_either() -> None:
    store = with_paper_account(usdt("100"))
    store.do(OpenPaperBook("book-2", "acc-1", (), PaperTerms()))
    books = Books(World(store))
    books.world.venue().open_account("book-2", PaperTerms())
    post(
        books,
        entry("book-1", "owner:available 30 USDT", "in_transit:t-1 -30 USDT"),
        entry("book-2", "in_transit:t-1 30 USDT", "owner:available -30 USDT"),
    )

    assert is_clean(books.run())

    store.do(ReverseEntry("book-2", posted_entry(store.log, "book-2", "adjustment:b-1:1"), "too soon"))
    assert dict(books.run().breaks) == {NOT_CLEARED: 1}
    store.do(ReverseEntry("book-1", posted_entry(store.log, "book-1", "adjustment:b-1:0"), "too soon"))
    assert is_clean(books.run())


def test_what_stood_on_suspense_is_explained_by_an_entry_that_moves_it_on() -> None:
    books = surprised()
    to_suspense(books)

    post(books, entry("book-1", "suspense 5 USDT", "owner:available -5 USDT"))

    assert is_clean(books.run())
    assert books.world.store.owed("owner:available") == "105 USDT"


def test_a_suggested_entry_is_posted_in_a_batch_with_the_case_as_its_reference() -> None:
    books = surprised()
    (case,) = books.open_cases()
    custody, _ = suggested(ACCOUNT, case.found).postings
    explained = entry(
        "book-1", f"{custody.account} 5 USDT", "revenue:interest -5 USDT", reference=case.case_id
    )

    post(books, explained)
    assert is_clean(books.run())

    store = books.world.store
    store.do(ReverseEntry("book-1", posted_entry(store.log, "book-1", "adjustment:b-1:0"), "not ours"))
    books.run()
    assert [one.case_id for one in books.open_cases()] == [case.case_id]


def test_a_reference_of_somebodys_own_makes_an_entry_the_answer_to_no_case() -> None:
    books = Books(World(with_paper_account(usdt("100"))))

    post(books, entry("book-1", "custody:book-1 5 USDT", "revenue:interest -5 USDT", reference="case-7"))

    assert dict(books.run().breaks) == {MISSING_THERE: 1}


def test_suspense_in_a_closed_book_is_explained_or_taken_back() -> None:
    books = surprised()
    store = books.world.store
    suspense = to_suspense(books)
    store.do(ResetPaperBook("book-1", "book-2", "acc-1", ()))
    books.world.venue().open_account("book-2", PaperTerms())

    post(books, entry("book-1", "suspense 5 USDT", "revenue:interest -5 USDT"))

    assert is_clean(books.run())
    store.do(ReverseEntry("book-1", posted_entry(store.log, "book-1", "adjustment:b-1:0"), "not ours"))
    store.do(ReverseEntry("book-1", posted_entry(store.log, "book-1", suspense), "the venue took it back"))
    code, _ = store.refused(
        PostBatch(batch_id="b-2", entries=[entry("book-1", "suspense 5 USDT", "owner:available -5 USDT")])
    )
    assert code == "book_not_open"


def test_nobody_is_told_to_take_back_what_was_taken_back() -> None:
    store = with_paper_account(usdt("100"))
    books = Books(World(store))
    store.do(FundPaperBook("book-1", "acc-1", usdt("40"), "d-1"))
    books.deposit_behind_our_back(usdt("40"), "d-1")
    store.do(ReverseEntry("book-1", posted_entry(store.log, "book-1", "d-1"), "booked twice"))
    books.run()

    (case,) = books.open_cases()

    assert case.found.kind == DIFFERING
    advice = suggested(ACCOUNT, case.found)
    assert (advice.action, advice.words) == (
        POST,
        "d-1 was taken back here and stands there: until it is undone there, post it to suspense",
    )
