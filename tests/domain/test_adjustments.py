"""What an operator posts by hand: with a reason, on certain accounts, and never money from nowhere."""

from __future__ import annotations

import pytest

from domain.errors import DomainError, InvalidValue
from domain.ledger.book import Book
from domain.ledger.errors import AdjustmentNotAllowed, InsufficientFunds, UnbalancedEntry
from domain.ledger.events import EntryPosted
from domain.ledger.metadata import parse_metadata, parse_pair
from tests.builders import START, book_with, legs, posted

OPEN = book_with(posted("custody:paper 100 USDT", "owner:available -100 USDT"))
IN_DEBT = book_with(posted("owner:due 3 USDT", "custody:paper -3 USDT"))


def adjust(book: Book, *postings: str, reason: str = "a mistake of ours") -> list[object]:
    return list(book.adjust(posted(*postings).postings, entry_id="adjustment:b:0", reason=reason, at=START))


@pytest.mark.parametrize(
    "postings",
    [
        ("equity:adjustment 5 USDT", "owner:available -5 USDT"),
        ("owner:available 5 USDT", "revenue:custody_fee -5 USDT"),
        ("suspense 5 USDT", "owner:available -5 USDT"),
        ("custody:paper 5 USDT", "suspense -5 USDT"),
        ("expense:goodwill 5 USDT", "owner:available -5 USDT"),
        ("owner:available 5 USDT", "in_transit:t-1 -5 USDT"),
        ("custody:paper 5 BTC", "suspense -5 BTC", "suspense 1 USDT", "owner:available -1 USDT"),
    ],
)
def test_these_accounts_stand_against_each_other(postings: tuple[str, ...]) -> None:
    (event,) = adjust(OPEN, *postings)
    assert isinstance(event, EntryPosted)
    assert (event.kind, event.reason) == ("adjustment", "a mistake of ours")
    assert legs([event]) == set(postings)


@pytest.mark.parametrize(
    ("postings", "refusal", "words"),
    [
        (("custody:paper 5 USDT", "owner:available -5 USDT"), AdjustmentNotAllowed, "through suspense"),
        (("owner:due 5 USDT", "custody:paper -5 USDT"), AdjustmentNotAllowed, "never stand in one entry"),
        (("equity:adjustment 5 USDT", "owner:bot:b -5 USDT"), AdjustmentNotAllowed, "owner:bot:b"),
        (("equity:adjustment 5 USDT", "owner:held:o -5 USDT"), AdjustmentNotAllowed, "owner:held:o"),
        (("custody:other 5 USDT", "suspense -5 USDT"), AdjustmentNotAllowed, "custody:other"),
        (("equity:opening 5 USDT", "suspense -5 USDT"), AdjustmentNotAllowed, "equity:opening"),
        (("rounding 5 USDT", "suspense -5 USDT"), AdjustmentNotAllowed, "rounding"),
        (("revenue:A 5 USDT", "suspense -5 USDT"), AdjustmentNotAllowed, "revenue:A"),
        (("equity:adjustment 5 USDT", "owner:due -5 USDT"), AdjustmentNotAllowed, "only 0 USDT is due"),
        (("owner:available 101 USDT", "suspense -101 USDT"), InsufficientFunds, "available 100 USDT"),
        (("suspense 5 USDT", "owner:available -4 USDT"), UnbalancedEntry, "leaves 1 USDT"),
    ],
)
def test_others_do_not(postings: tuple[str, ...], refusal: type[DomainError], words: str) -> None:
    """Safety #45: nothing one-sided, and no customer's money with one stroke."""
    with pytest.raises(refusal, match=words):
        adjust(OPEN, *postings)


def test_what_is_due_is_written_off_or_collected_up_to_what_it_is() -> None:
    assert adjust(IN_DEBT, "expense:bad_debt 3 USDT", "owner:due -3 USDT")
    with pytest.raises(AdjustmentNotAllowed, match="only 3 USDT is due"):
        adjust(IN_DEBT, "expense:bad_debt 4 USDT", "owner:due -4 USDT")


def test_nobody_adjusts_without_a_reason() -> None:
    with pytest.raises(InvalidValue, match="reason: say why"):
        adjust(OPEN, "suspense 5 USDT", "owner:available -5 USDT", reason="  ")


def test_metadata_is_short_words_in_the_order_of_their_keys() -> None:
    assert list(parse_metadata({"b": "2", "a": "ünï"})) == ["a", "b"]
    assert len(parse_metadata({f"k{n}": "v" * 200 for n in range(16)})) == 16


@pytest.mark.parametrize(
    ("raw", "field"),
    [
        (["a"], "metadata"),
        ({f"k{n}": "v" for n in range(17)}, "metadata"),
        ({"A": "v"}, "metadata"),
        ({"": "v"}, "metadata"),
        ({"1a": "v"}, "metadata"),
        ({"k" * 41: "v"}, "metadata"),
        ({1: "v"}, "metadata"),
        ({"a": ""}, "metadata.a"),
        ({"a": "v" * 201}, "metadata.a"),
        ({"a": "\n"}, "metadata.a"),
        ({"a": "\x00"}, "metadata.a"),
        ({"a": "\ud800"}, "metadata.a"),
        ({"a": 1}, "metadata.a"),
    ],
)
def test_other_metadata_is_refused_by_name(raw: object, field: str) -> None:
    with pytest.raises(InvalidValue) as refused:
        parse_metadata(raw)
    assert refused.value.field == field


@pytest.mark.parametrize(
    ("raw", "sentence"),
    [
        (["a"], 'metadata: must be an object of text by key, such as {"ticket": "OPS-7"}'),
        ({f"k{n}": "v" for n in range(17)}, "metadata: has 17 keys; 16 is the most"),
        (
            {"A": "v"},
            "metadata: 'A' is no key; write a small letter, then up to 39 small letters, digits, '_' or '-'",
        ),
        ({"a": ""}, "metadata.a: must be text of 1 to 200 printable characters"),
    ],
)
def test_refused_metadata_is_told_the_way_out(raw: object, sentence: str) -> None:
    with pytest.raises(InvalidValue) as refused:
        parse_metadata(raw)
    assert str(refused.value) == sentence


def test_a_pair_is_a_key_and_a_value_that_may_have_an_equals_sign_too() -> None:
    assert parse_pair("ticket=a=b", "metadata") == ("ticket", "a=b")


@pytest.mark.parametrize(
    ("raw", "sentence"),
    [
        ("ticket", "m: 'ticket' is no pair; write it as key=value, such as ticket=OPS-7"),
        ("A=v", "m: 'A' is no key; write a small letter, then up to 39 small letters, digits, '_' or '-'"),
        ("a=", "m: must be text of 1 to 200 printable characters"),
    ],
)
def test_what_is_no_pair_is_told_the_way_out(raw: str, sentence: str) -> None:
    with pytest.raises(InvalidValue) as refused:
        parse_pair(raw, "m")
    assert str(refused.value) == sentence
