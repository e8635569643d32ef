"""Corrections are new facts: an entry is taken back by another one that names it."""

from __future__ import annotations

from datetime import timedelta

from domain.ledger.book import reversal_id
from domain.ledger.events import EntryPosted
from tests.builders import START, at, book_with, folded, legs, money, posted, settlement, shown

DEPOSITED = posted("custody:paper 1000 USDT", "owner:available -1000 USDT", entry_id="d-1", kind="deposit")
ALLOCATED = posted("owner:available 400 USDT", "owner:bot:bot-1 -400 USDT", entry_id="a-1", kind="allocation")
HELD = posted("owner:bot:bot-1 200 USDT", "owner:held:o-1 -200 USDT", entry_id="hold:o-1", kind="hold")


def test_a_reversal_has_the_legs_the_other_way_round_and_names_what_it_takes_back() -> None:
    book = book_with(DEPOSITED)

    events = book.reverse(DEPOSITED, reason="it was somebody else's", at=at(60))

    assert legs(events) == {"custody:paper -1000 USDT", "owner:available 1000 USDT"}
    (event,) = events
    assert isinstance(event, EntryPosted)
    assert (event.entry_id, event.kind, event.reverses) == ("reversal:d-1", "reversal", "d-1")
    assert (event.reason, event.effective_at_utc) == ("it was somebody else's", START + timedelta(minutes=1))
    assert shown(folded(book, events)) == {}


def test_a_reversed_fill_gives_its_fee_back_and_its_hold_stands_again() -> None:
    book = book_with(DEPOSITED, ALLOCATED, HELD)
    before = shown(book)
    (fill,) = book.settle_fill(settlement(received="0.01 BTC", paid="100 USDT", venue_fee="0.5 USDT"))
    assert isinstance(fill, EntryPosted)
    book = folded(book, [fill])

    (reversal,) = book.reverse(fill, reason="the venue took it back", at=START)

    assert isinstance(reversal, EntryPosted)
    assert (reversal.venue_fee, reversal.reference) == (money("-0.5 USDT"), "o-1")
    assert shown(folded(book, [reversal])) == before


def test_two_trades_of_one_id_have_two_reversals() -> None:
    """A venue's trade ids are unique within a symbol only."""
    fills = [
        EntryPosted(entry_id="fill:7", kind="fill", postings=(), effective_at_utc=START, reference=order)
        for order in ("o-1", "o-2")
    ]
    assert [reversal_id(fill) for fill in fills] == ["reversal:fill:7:o-1", "reversal:fill:7:o-2"]


def test_what_is_due_may_be_taken_back() -> None:
    late_fee = posted("owner:due 3 USDT", "custody:paper -3 USDT")

    assert legs(book_with(late_fee).reverse(late_fee, reason="waived", at=START)) == {
        "owner:due -3 USDT",
        "custody:paper 3 USDT",
    }


def test_a_release_after_a_correction_has_an_id_of_its_own() -> None:
    book = book_with(posted("owner:held:o-1 -5 USDT", "custody:paper 5 USDT"))

    (release,) = book.release_hold("o-1", to="owner:bot:bot-1", at=START, entry_id="release:again")

    assert isinstance(release, EntryPosted)
    assert (release.entry_id, release.kind, release.reference) == ("release:again", "release", "o-1")


def test_a_book_knows_what_it_has_taken_back() -> None:
    """Safety #1: also after other entries; so a second one is told apart from one without funds."""
    other = posted("custody:paper 5 USDT", "owner:available -5 USDT", entry_id="d-2", kind="deposit")
    book = book_with(DEPOSITED, other)
    assert not book.has_reversed(DEPOSITED)

    book = folded(book, book.reverse(DEPOSITED, reason="twice", at=START))
    assert (book.has_reversed(DEPOSITED), book.has_reversed(other)) == (True, False)

    book = folded(book, book.reverse(other, reason="too", at=START))
    later = posted("custody:paper 1 USDT", "owner:available -1 USDT", entry_id="d-3", kind="deposit")
    book = folded(book, [later])
    assert [book.has_reversed(one) for one in (DEPOSITED, other, later)] == [True, True, False]
