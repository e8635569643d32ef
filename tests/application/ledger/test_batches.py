"""Batches: whole or not at all, once, and the first refusal says where."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from application.ledger.batch_requests import parse_batch_id, parse_entries
from application.ledger.post_batch import NewEntry, NewLeg, PostBatch
from application.ledger.reverse_entry import ReverseEntry, posted_entry
from application.paper.accounts import OpenPaperBook
from application.ports.commands import FactClaimed, Result
from application.ports.paper_accounts import PaperTerms
from application.rehearsal import rehearse
from application.streams import book_stream
from application.work import Work
from domain.errors import InvalidValue
from domain.ledger.book import LIVE
from tests.application.harness import Store, with_account, with_paper_account
from tests.builders import START, Decide, usdt


def entry(book_id: str, *legs: str, reason: str = "a mistake", **more: Any) -> NewEntry:
    parts = [leg.split() for leg in legs]
    of = tuple(NewLeg(account, asset, Decimal(amount)) for account, amount, asset in parts)
    return NewEntry(book_id=book_id, reason=reason, legs=of, **more)


def gift(amount: str = "5", book_id: str = "book-1", **more: Any) -> NewEntry:
    return entry(book_id, f"equity:adjustment {amount} USDT", f"owner:available -{amount} USDT", **more)


def batch(*entries: NewEntry, batch_id: str = "b-1", by: str = "") -> PostBatch:
    return PostBatch(batch_id=batch_id, entries=entries, asked_by=by)


def two_books() -> Store:
    store = with_paper_account(usdt("100"))
    store.do(OpenPaperBook("book-2", "acc-1", (), PaperTerms()))
    return store


def live_book(store: Store) -> None:
    def decide(work: Work) -> Result:
        opened = work.book("live-1").open(
            book_id="live-1", owner_id="acc-1", purse=LIVE, venue_account="kraken", at=work.now
        )
        work.record(book_stream("live-1"), opened)
        return {}

    store.do(Decide(decide))


def test_entries_of_several_books_are_posted_in_one_append() -> None:
    store = two_books()
    sent = entry("book-1", "owner:available 30 USDT", "in_transit:t-1 -30 USDT.PAPER")
    got = entry("book-2", "in_transit:t-1 30 USDT", "owner:available -30 USDT")
    when = START - timedelta(days=1)

    answer = store.do(batch(sent, got, gift(effective_at=when, reference="case-1", metadata={"ticket": "7"})))

    assert (answer["batch_id"], answer["purse"]) == ("b-1", "PAPER")
    assert [one["entry_id"] for one in answer["entries"]] == [f"adjustment:b-1:{n}" for n in range(3)]
    assert [one["book_id"] for one in answer["entries"]] == ["book-1", "book-2", "book-1"]
    assert (store.owed("owner:available"), store.owed("owner:available", book_id="book-2")) == (
        "75 USDT",
        "30 USDT",
    )
    last = store.log.stream("book:book-1")[-1]
    assert (last.event.effective_at_utc, last.event.reference, last.event.metadata) == (
        when,
        "case-1",
        {"ticket": "7"},
    )
    assert len({recorded.metadata.command_id for recorded in list(store.log.read())[-3:]}) == 1


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        (gift(book_id="book-9"), "unknown_book"),
        (entry("live-1", "suspense 1 USDT", "equity:adjustment -1 USDT"), "purses_mixed"),
        (gift(effective_at=START + timedelta(days=1)), "invalid_value"),
        (gift(reason=" "), "invalid_value"),
        (entry("book-1", "equity:adjustment 1 USDT", "owner:bot:x -1 USDT"), "adjustment_not_allowed"),
        (entry("book-1", "equity:adjustment 1 USDT"), "invalid_posting"),
        (entry("book-1", "equity:adjustment 1 USDT", "suspense -2 USDT"), "unbalanced_entry"),
        (entry("book-1", "owner:available 500 USDT", "suspense -500 USDT"), "insufficient_funds"),
    ],
)
def test_one_refusal_and_nothing_is_posted(wrong: NewEntry, code: str) -> None:
    store = two_books()
    live_book(store)

    refused, data = store.refused(batch(gift(), wrong, gift(book_id="book-8")))

    assert (refused, data["index"]) == (code, "1")
    assert store.owed("owner:available") == "100 USDT"


def test_what_one_entry_spent_the_next_has_not() -> None:
    store = two_books()
    take = entry("book-1", "owner:available 60 USDT", "suspense -60 USDT")

    code, data = store.refused(batch(take, take))

    assert (code, data["index"], data["available"]) == ("insufficient_funds", "1", "40 USDT")


def test_what_is_sent_is_delivered_in_the_same_batch() -> None:
    store = two_books()
    sent = entry("book-1", "owner:available 30 USDT", "in_transit:t-1 -30 USDT")
    got = entry("book-2", "in_transit:t-1 29 USDT", "owner:available -29 USDT")

    code, data = store.refused(batch(sent, got))

    assert (code, data) == ("transfer_unfinished", {"transfer": "t-1", "left_over": "-1 USDT"})


def test_a_batch_is_posted_once_whatever_it_is_sent_with() -> None:
    """Safety #1."""
    store = two_books()
    first = store.run(batch(gift()), "key-1")
    assert store.run(batch(gift()), "key-1").unwrap() == first.unwrap()
    assert store.refused(batch(gift("7"))) == ("fact_already_recorded", {"natural_key": "batch:b-1"})
    assert store.owed("owner:available") == "105 USDT"


def test_a_dry_run_answers_the_same_and_does_nothing() -> None:
    store = two_books()
    head, command = store.log.head(), batch(gift())

    told = rehearse(store.log, store.clock, command)

    assert store.log.head() == head
    assert told == {**store.do(command), "dry_run": True}
    with pytest.raises(FactClaimed):
        rehearse(store.log, store.clock, command)


@pytest.mark.parametrize("entries", [(), (gift(),) * 501])
def test_a_batch_has_some_entries_and_not_too_many(entries: Sequence[NewEntry]) -> None:
    assert two_books().refused(batch(*entries))[0] == "invalid_value"


def test_who_is_frozen_posts_nothing() -> None:
    from application.accounts.commands import FreezeAccount

    store = with_account()
    store.do(FreezeAccount("acc-1", "lost", "op"))
    assert store.refused(batch(gift(), by="acc-1"))[0] == "account_frozen"


LEG = {"account": "suspense", "asset": "USDT", "amount": "1"}
ENTRY = {"book_id": "b", "reason": "why", "postings": [LEG]}


def test_a_request_is_read_as_it_stands() -> None:
    raw = {
        **ENTRY,
        "effective_at": "2024-05-01T12:00:00Z",
        "reference": "case-1",
        "metadata": {"b": "2", "a": "1"},
        "postings": [{**LEG, "amount": "-1.50", "asset": "USDT.PAPER"}],
    }
    (read,) = parse_entries([raw])
    assert read.legs == (NewLeg("suspense", "USDT.PAPER", Decimal("-1.50")),)
    assert (read.effective_at, read.reference, list(read.metadata)) == (START, "case-1", ["a", "b"])


@pytest.mark.parametrize(
    ("raw", "field"),
    [
        ({}, "entries"),
        ([], "entries"),
        (["x"], "entries[0]"),
        ([{**ENTRY, "amount": "1"}], "entries[0].amount"),
        ([ENTRY, {"book_id": "b", "reason": "why"}], "entries[1].postings"),
        ([{**ENTRY, "reason": " "}], "entries[0].reason"),
        ([{**ENTRY, "reason": "w" * 501}], "entries[0].reason"),
        ([{**ENTRY, "book_id": 7}], "entries[0].book_id"),
        ([{**ENTRY, "effective_at": "soon"}], "entries[0].effective_at"),
        ([{**ENTRY, "metadata": {"A": "b"}}], "entries[0].metadata"),
        ([{**ENTRY, "postings": [LEG, {**LEG, "amount": 1}]}], "entries[0].postings[1].amount"),
        ([{**ENTRY, "postings": [{**LEG, "amount": "0"}]}], "entries[0].postings[0].amount"),
        ([{**ENTRY, "postings": [{**LEG, "amount": "--1"}]}], "entries[0].postings[0].amount"),
        ([{**ENTRY, "postings": [{**LEG, "amount": "1e3"}]}], "entries[0].postings[0].amount"),
        ([{**ENTRY, "postings": [{**LEG, "asset": "usdt"}]}], "entries[0].postings[0].asset"),
        ([{**ENTRY, "postings": [{**LEG, "account": "Owner"}]}], "entries[0].postings[0].account"),
    ],
)
def test_what_is_wrong_in_a_request_is_named_by_its_place(raw: object, field: str) -> None:
    with pytest.raises(InvalidValue) as refused:
        parse_entries(raw)
    assert refused.value.field == field


@pytest.mark.parametrize("raw", ["", "a b", "x" * 81, 7, None])
def test_a_batch_id_is_a_short_word(raw: object) -> None:
    with pytest.raises(InvalidValue, match="batch_id"):
        parse_batch_id(raw)


def test_what_was_due_and_paid_is_not_taken_back_while_the_payment_stands() -> None:
    """owner:due is what the owner owes: less than nothing would be money owed where no total looks for it."""
    store = with_paper_account(usdt("100"))
    store.do(batch(entry("book-1", "owner:due 5 USDT", "revenue:late_fee -5 USDT"), batch_id="made-due"))
    store.do(batch(entry("book-1", "owner:available 5 USDT", "owner:due -5 USDT"), batch_id="paid"))

    def back(batch_id: str) -> ReverseEntry:
        entry_id = f"adjustment:{batch_id}:0"
        return ReverseEntry("book-1", posted_entry(store.log, "book-1", entry_id), "waived")

    code, data = store.refused(back("made-due"))

    assert code == "entry_not_reversible"
    assert data["problem"] == "made USDT due that was paid since; take back what paid it first"
    store.do(back("paid"))
    store.do(back("made-due"))
    assert (store.owed("owner:due"), store.owed("owner:available")) == ("0 USDT", "100 USDT")
