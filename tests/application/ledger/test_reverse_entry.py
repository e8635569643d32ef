"""Taking an entry back: once, with a link, and nothing stays held for an order that has ended."""

from __future__ import annotations

import pytest

from application.accounts.commands import FreezeAccount
from application.ledger.reverse_entry import ReverseEntry, UnknownEntry, posted_entry
from application.paper.accounts import FundPaperBook, ResetPaperBook
from application.ports.commands import FactClaimed
from application.ports.exchange import OrderReport
from application.queries.books import UnknownBook
from application.rehearsal import rehearse
from domain.errors import InvalidValue
from domain.ledger.errors import InsufficientFunds
from domain.ledger.events import EntryPosted
from tests.application.harness import Store, signal, with_paper_account, with_running_bot
from tests.builders import fill, posted, usdt


def reverse(store: Store, named: str, reason: str = "a mistake", by: str = "") -> ReverseEntry:
    return ReverseEntry("book-1", posted_entry(store.log, "book-1", named), reason, by)


def bought(*, ended: bool) -> tuple[Store, str]:
    """bot-1 bought half of what its order is for; its id."""
    store = with_running_bot()
    order_id = str(store.do(signal())["client_order_id"])
    store.tell(
        OrderReport(
            client_order_id=order_id,
            venue_order_id="v-1",
            status="filled" if ended else "open",
            fills=(fill("t-1", "0.01", "50000", fee="0.5 USDT"),),
            reason="",
        )
    )
    return store, order_id


def test_a_deposit_is_taken_back_once_by_an_entry_that_names_it() -> None:
    store = with_paper_account(usdt("100"))
    store.do(FundPaperBook("book-1", "acc-1", usdt("40"), "d-1"))

    answer = store.do(reverse(store, "d-1", "booked twice"))

    assert (answer["reverses"], answer["reason"], answer["purse"]) == ("d-1", "booked twice", "PAPER")
    (told,) = answer["entries"]
    assert told["entry_id"] == "reversal:d-1"
    assert told["postings"] == [
        {"account": "custody:book-1", "asset": "USDT", "amount": "-40"},
        {"account": "owner:available", "asset": "USDT", "amount": "40"},
    ]
    assert store.owed("owner:available") == "100 USDT"
    last = store.events()[-1]
    assert isinstance(last, EntryPosted)
    assert (last.kind, last.reverses, last.reason) == ("reversal", "d-1", "booked twice")
    code, data = store.refused(reverse(store, "d-1"))
    assert (code, data) == ("fact_already_recorded", {"natural_key": "reversal:book-1:d-1"})


def test_the_same_request_is_answered_the_same() -> None:
    store = with_paper_account(usdt("100"))
    command = reverse(store, "opening:USDT")

    first, again = store.run(command, "key-1"), store.run(command, "key-1")

    assert (again.replayed, again.unwrap()) == (True, first.unwrap())
    assert store.owed("owner:available") == "0 USDT"


def test_an_entry_is_named_by_its_place_in_the_log_too() -> None:
    store = with_paper_account(usdt("100"))
    head = store.log.head()

    assert posted_entry(store.log, "book-1", str(head)).entry_id == "opening:USDT"
    for nothing in ("0-1", "0-0", "0-99", "d-9", str(head.id)):
        with pytest.raises(UnknownEntry):
            posted_entry(store.log, "book-1", nothing)
    with pytest.raises(UnknownBook):
        posted_entry(store.log, "book-9", str(head))


def test_what_was_spent_is_not_taken_back() -> None:
    store = with_running_bot(cash=usdt("1000"))

    code, data = store.refused(reverse(store, "opening:USDT"))

    assert (code, data["available"]) == ("insufficient_funds", "0 USDT")


def test_a_second_reversal_is_told_so_though_the_funds_would_not_cover_it_either() -> None:
    store = with_paper_account(usdt("100"))
    command = reverse(store, "opening:USDT")
    store.do(command)

    code, data = store.refused(reverse(store, "opening:USDT", "again"))

    assert (code, data) == ("fact_already_recorded", {"natural_key": "reversal:book-1:opening:USDT"})
    with pytest.raises(FactClaimed):
        rehearse(store.log, store.clock, command)


def test_refusals_come_in_their_order() -> None:
    store = with_paper_account(usdt("100"))
    command = reverse(store, "opening:USDT")
    assert store.refused(reverse(store, "opening:USDT", " "))[0] == "invalid_value"
    assert store.refused(ReverseEntry("book-9", command.entry, "x"))[0] == "unknown_book"
    store.do(command)
    assert store.refused(reverse(store, "opening:USDT"))[0] == "fact_already_recorded"
    reversal = posted_entry(store.log, "book-1", "reversal:opening:USDT")
    assert store.refused(ReverseEntry("book-1", reversal, "x"))[0] == "entry_not_reversible"
    store.do(ResetPaperBook("book-1", "book-2", "acc-1", ()))
    assert store.refused(ReverseEntry("book-1", reversal, "x"))[0] == "book_not_open"
    store.do(FreezeAccount("acc-1", "lost", "op"))
    assert store.refused(reverse(store, "opening:USDT", by="acc-1"))[0] == "account_frozen"


def test_a_fill_of_an_open_order_goes_back_on_its_hold() -> None:
    store, order_id = bought(ended=False)
    held = f"owner:held:{order_id}"
    before = store.owed(held)

    answer = store.do(reverse(store, "fill:t-1"))

    assert len(answer["entries"]) == 1
    assert before == "499.5 USDT"
    assert store.owed(held) == "1000 USDT"
    assert store.owed("owner:bot:bot-1", "BTC") == "0 BTC"


def test_a_fill_of_an_order_that_has_ended_goes_back_to_the_bot() -> None:
    store, order_id = bought(ended=True)

    answer = store.do(reverse(store, "fill:t-1"))

    assert [entry["kind"] for entry in answer["entries"]] == ["reversal", "release"]
    assert answer["entries"][1]["entry_id"] == f"release:reversal:fill:t-1:{order_id}"
    assert store.owed(f"owner:held:{order_id}") == "0 USDT"
    assert store.owed("owner:bot:bot-1") == "1000 USDT"


def test_a_dry_run_decides_and_appends_nothing() -> None:
    store = with_paper_account(usdt("100"))
    command = reverse(store, "opening:USDT")
    head = store.log.head()

    told = rehearse(store.log, store.clock, command)

    assert store.log.head() == head
    assert told == {**store.do(command), "dry_run": True}
    with pytest.raises(FactClaimed, match="reversal:book-1:opening:USDT"):
        rehearse(store.log, store.clock, command)


def test_a_dry_run_refuses_what_was_spent() -> None:
    store = with_running_bot(cash=usdt("1000"))
    with pytest.raises(InsufficientFunds):
        rehearse(store.log, store.clock, reverse(store, "opening:USDT"))


def test_an_id_that_two_entries_have_is_not_guessed(monkeypatch: pytest.MonkeyPatch) -> None:
    store = with_paper_account(usdt("100"))
    twice = [recorded for recorded in store.log.stream("book:book-1") if recorded.name.endswith("posted")] * 2
    monkeypatch.setattr("application.ledger.reverse_entry.book_events", lambda *_: iter(twice))

    with pytest.raises(InvalidValue, match="log position"):
        posted_entry(store.log, "book-1", "opening:USDT")


def test_what_was_posted_by_another_book_is_no_entry_of_this_one() -> None:
    """A command carries what was read from its own book: a made-up entry would overdraw."""
    store = with_paper_account(usdt("100"))
    foreign = posted("custody:paper 500 USDT", "owner:available -500 USDT", entry_id="theirs", kind="deposit")

    assert store.refused(ReverseEntry("book-1", foreign, "x"))[0] == "insufficient_funds"
