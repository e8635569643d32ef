"""Every refusal of the ledger: its stable code, its data, and its place in the order of checks."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterator

import pytest

import application
import domain
from domain.errors import DomainError
from domain.ledger.book import Book, Settlement
from domain.ledger.events import EntryPosted
from domain.money import Money
from tests.builders import START, book_with, btc, folded, posted, postings, settlement, usdt


def refusal_classes() -> Iterator[type[DomainError]]:
    for package in (domain, application):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            importlib.import_module(module.name)
    waiting = [DomainError]
    while waiting:
        found = waiting.pop()
        waiting += found.__subclasses__()
        if found.__module__.partition(".")[0] in ("domain", "application"):
            yield found


def test_no_two_refusals_share_a_code() -> None:
    by_code: dict[str, set[str]] = {}
    for refusal in refusal_classes():
        if refusal is not DomainError and refusal.__name__ != "Refused":  # Refused repeats a stored code
            by_code.setdefault(refusal.code, set()).add(f"{refusal.__module__}.{refusal.__qualname__}")

    assert len(by_code) > 25
    assert {code: names for code, names in by_code.items() if len(names) > 1} == {}
    assert "refused" not in by_code


def test_every_refusal_says_in_its_docstring_what_it_means() -> None:
    assert [refusal.__name__ for refusal in refusal_classes() if not refusal.__doc__] == []


CLOSED = folded(book_with(), book_with().close(reason="reset", at=START))
FUNDED = book_with(posted("custody:paper 100 USDT", "owner:available -100 USDT"))
ALLOCATED = book_with(posted("custody:paper 100 USDT", "owner:bot:bot-1 -100 USDT"))
HOLDING = folded(ALLOCATED, ALLOCATED.place_hold("o-1", usdt("40"), source="owner:bot:bot-1", at=START))


def _hold(book: Book, amount: Money, hold_id: str = "o-1") -> Callable[[], object]:
    return lambda: book.place_hold(hold_id, amount, source="owner:bot:bot-1", at=START)


def _reverse(book: Book, entry: EntryPosted, reason: str = "a mistake") -> Callable[[], object]:
    return lambda: book.reverse(entry, reason=reason, at=START)


def _post(*legs: str) -> Callable[[], object]:
    return lambda: FUNDED.post(entry_id="e-1", kind="adjustment", postings=postings(*legs), at=START)


def _deposit(book: Book, amount: Money) -> Callable[[], object]:
    return lambda: book.credit_deposit(amount, entry_id="d-1", at=START)


def _allocate(book: Book, amount: Money) -> Callable[[], object]:
    return lambda: book.allocate(amount, bot_id="bot-1", entry_id="a-1", at=START)


def _open(book: Book, *, owner_id: str = "acc-1", purse: str = "PAPER", venue: str = "paper") -> object:
    return book.open(book_id="book-1", owner_id=owner_id, purse=purse, venue_account=venue, at=START)


NEVER_OPENED = Book(book_id="book-9")
ROWS: dict[str, tuple[Callable[[], object], str, dict[str, str]]] = {
    "open: a purse there is not": (lambda: _open(Book(), purse="GOLD"), "invalid_value", {"field": "purse"}),
    "open: the purse is looked at before the owner": (
        lambda: _open(book_with(), owner_id="acc-2", purse="GOLD"),
        "invalid_value",
        {"field": "purse"},
    ),
    "open: another owner's": (
        lambda: _open(book_with(), owner_id="acc-2"),
        "book_already_open",
        {"book_id": "book-1"},
    ),
    "open: another purse": (lambda: _open(book_with(), purse="LIVE"), "book_already_open", {}),
    "open: another venue account": (lambda: _open(book_with(), venue="v-2"), "book_already_open", {}),
    "open: a closed book is not opened for somebody else": (
        lambda: _open(CLOSED, owner_id="acc-2"),
        "book_already_open",
        {},
    ),
    "close: never opened": (
        lambda: NEVER_OPENED.close(reason="x", at=START),
        "book_not_open",
        {"book_id": "book-9"},
    ),
    "deposit: closed comes before a bad amount": (
        _deposit(CLOSED, usdt("-1")),
        "book_not_open",
        {"book_id": "book-1"},
    ),
    "deposit: never opened": (_deposit(NEVER_OPENED, usdt("1")), "book_not_open", {"book_id": "book-9"}),
    "deposit: negative": (_deposit(FUNDED, usdt("-1")), "invalid_value", {"field": "amount"}),
    "deposit: zero": (_deposit(FUNDED, usdt("0")), "invalid_value", {"field": "amount"}),
    "deposit: not a number": (_deposit(FUNDED, usdt("NaN")), "invalid_value", {"field": "amount"}),
    "deposit: endless": (_deposit(FUNDED, usdt("Infinity")), "invalid_value", {"field": "amount"}),
    "deposit: 19 digits": (_deposit(FUNDED, usdt("1e18")), "invalid_value", {"field": "amount"}),
    "deposit: finer than 18 places": (_deposit(FUNDED, usdt("1e-19")), "invalid_value", {"field": "amount"}),
    "deposit: an asset no venue has": (
        lambda: FUNDED.credit_deposit(Money(btc("1").amount, "btc!"), entry_id="d", at=START),
        "invalid_value",
        {"field": "asset"},
    ),
    "allocate: closed": (_allocate(CLOSED, usdt("1")), "book_not_open", {}),
    "allocate: negative comes before too much": (
        _allocate(FUNDED, usdt("-101")),
        "invalid_value",
        {"field": "amount"},
    ),
    "allocate: too much": (
        _allocate(FUNDED, usdt("100.01")),
        "insufficient_funds",
        {"required": "100.01 USDT", "available": "100 USDT"},
    ),
    "allocate: an asset the owner never had": (
        _allocate(FUNDED, btc("1")),
        "insufficient_funds",
        {"required": "1 BTC", "available": "0 BTC"},
    ),
    "deallocate: zero": (
        lambda: ALLOCATED.deallocate(usdt("0"), bot_id="bot-1", entry_id="a", at=START),
        "invalid_value",
        {},
    ),
    "deallocate: another bot's": (
        lambda: ALLOCATED.deallocate(usdt("1"), bot_id="bot-2", entry_id="a", at=START),
        "insufficient_funds",
        {"required": "1 USDT", "available": "0 USDT"},
    ),
    "deallocate: what is held": (
        lambda: HOLDING.deallocate(usdt("61"), bot_id="bot-1", entry_id="a", at=START),
        "insufficient_funds",
        {"required": "61 USDT", "available": "60 USDT"},
    ),
    "hold: closed comes before a bad amount": (_hold(CLOSED, usdt("-1")), "book_not_open", {}),
    "hold: negative": (_hold(HOLDING, usdt("-40")), "invalid_value", {"field": "amount"}),
    "hold: other amount comes before too much": (
        _hold(HOLDING, usdt("1000")),
        "hold_conflict",
        {"hold_id": "o-1", "held": "40 USDT", "requested": "1000 USDT"},
    ),
    "hold: too much": (
        _hold(HOLDING, usdt("60.000000000000000001"), "o-2"),
        "insufficient_funds",
        {"required": "60.000000000000000001 USDT", "available": "60 USDT"},
    ),
    "reverse: closed": (
        _reverse(CLOSED, posted("custody:paper 1 USDT", "owner:available -1 USDT")),
        "book_not_open",
        {},
    ),
    "reverse: no reason": (_reverse(FUNDED, posted(), reason=" "), "invalid_value", {"field": "reason"}),
    "reverse: a reversal": (
        _reverse(FUNDED, posted(entry_id="reversal:d", kind="reversal")),
        "entry_not_reversible",
        {"entry_id": "reversal:d"},
    ),
    "reverse: a hold": (
        _reverse(HOLDING, posted(kind="hold")),
        "entry_not_reversible",
        {"entry_id": "given"},
    ),
    "reverse: a release": (_reverse(HOLDING, posted(kind="release")), "entry_not_reversible", {}),
    "reverse: what is spent": (
        _reverse(ALLOCATED, posted("custody:paper 100 USDT", "owner:available -100 USDT")),
        "insufficient_funds",
        {"required": "100 USDT", "available": "0 USDT"},
    ),
    "post: one leg": (_post("owner:available -1 USDT"), "invalid_posting", {"entry_id": "e-1"}),
    "post: no leg": (_post(), "invalid_posting", {}),
    "post: a zero leg": (
        _post("custody:paper 0 USDT", "owner:available 0 USDT"),
        "invalid_posting",
        {"problem": "a leg is never zero"},
    ),
    "post: an endless leg": (
        _post("custody:paper Infinity USDT", "owner:available -Infinity USDT"),
        "invalid_posting",
        {"problem": "a leg is a finite amount"},
    ),
    "post: no number": (_post("custody:paper NaN USDT", "owner:available NaN USDT"), "invalid_posting", {}),
    "post: one-sided, money from nothing": (
        _post("owner:available -1 USDT", "owner:bot:bot-1 -1 USDT"),
        "unbalanced_entry",
        {"entry_id": "e-1", "left_over": "-2 USDT"},
    ),
    "post: balanced over two assets only": (
        _post("custody:paper 1 USDT", "owner:available -1 BTC"),
        "unbalanced_entry",
        {"left_over": "1 USDT"},
    ),
    "post: unbalanced comes before overdrawn": (
        _post("owner:available 101 USDT", "custody:paper -100 USDT"),
        "unbalanced_entry",
        {},
    ),
    "post: overdraws an owner account": (
        _post("owner:available 101 USDT", "custody:paper -101 USDT"),
        "insufficient_funds",
        {"required": "101 USDT", "available": "100 USDT"},
    ),
}


@pytest.mark.parametrize("case", ROWS)
def test_a_wrong_step_is_refused_by_code_with_its_data(case: str) -> None:
    """Safety #18 for signs, #45 for entries of one side."""
    step, code, data = ROWS[case]

    with pytest.raises(DomainError) as refusal:
        step()

    assert refusal.value.code == code
    assert data.items() <= refusal.value.data.items()
    assert str(refusal.value)


def test_what_was_done_is_answered_with_no_events() -> None:
    assert _open(book_with()) == []
    assert CLOSED.close(reason="again", at=START) == []
    assert HOLDING.place_hold("o-1", usdt("40"), source="owner:bot:bot-1", at=START) == []
    assert ALLOCATED.release_hold("o-1", to="owner:bot:bot-1", at=START) == []


def test_a_closed_book_still_settles_releases_and_gives_back() -> None:
    book = folded(HOLDING, HOLDING.close(reason="reset", at=START))
    fill: Settlement = settlement(received="0.001 BTC", paid="30 USDT")

    book = folded(book, book.settle_fill(fill))
    book = folded(book, book.release_hold("o-1", to="owner:bot:bot-1", at=START))
    book = folded(book, book.deallocate(usdt("70"), bot_id="bot-1", entry_id="a", at=START))

    assert book.owed("owner:available", "USDT") == usdt("70")
    assert book.held_total("USDT") == usdt("0")


def test_a_hold_in_two_assets_is_given_back_in_both_in_one_entry() -> None:
    book = book_with(
        posted("custody:paper 3 BNB", "owner:held:o-1 -3 BNB"),
        posted("custody:paper 5 USDT", "owner:held:o-1 -5 USDT"),
    )

    (release,) = book.release_hold("o-1", to="owner:bot:bot-1", at=START)

    assert folded(book, [release]).owed("owner:bot:bot-1", "BNB").amount == 3
    assert folded(book, [release]).held_total("USDT").amount == 0
