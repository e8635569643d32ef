"""What each command of a book records, field by field, and what each refusal says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from domain.errors import DomainError, InvalidValue
from domain.ledger.book import LIVE, PAPER, Book
from domain.ledger.errors import (
    AdjustmentNotAllowed,
    BookAlreadyOpen,
    BookNotOpen,
    EntryNotReversible,
    HoldConflict,
    InsufficientFunds,
    InvalidPosting,
    PursesMixed,
    TransferUnfinished,
    UnbalancedEntry,
    UnknownBook,
)
from domain.ledger.events import BookClosed, BookOpened, EntryPosted
from domain.ledger.postings import Posting, added, imbalance, moved, negated
from domain.money import (
    ZERO,
    AmountOutOfRange,
    AssetMismatch,
    Money,
    divide_down,
    floor_to_step,
    multiply_down,
    multiply_up,
    parse_amount,
    parse_positive_amount,
    subtract,
)
from tests.builders import START, at, book_with, btc, folded, money, posted, postings, settlement, usdt

FUNDED = ("custody:paper 1000 USDT", "owner:available -1000 USDT")
TO_BOT = ("owner:available 400 USDT", "owner:bot:bot-1 -400 USDT")
BOOK = book_with(posted(*FUNDED), posted(*TO_BOT))
HELD = book_with(posted(*FUNDED), posted("owner:available 40 USDT", "owner:held:o-1 -40 USDT"))
CREDITED = book_with(posted("custody:paper 1 USDT", "equity:adjustment 5 USDT", "owner:available -6 USDT"))
NOWHERE = book_with(posted("equity:adjustment 5 USDT", "owner:available -5 USDT"))
SENT = book_with(posted(*FUNDED), posted("owner:available 40 USDT", "in_transit:t-1 -40 USDT"))
IN_DEBT = book_with(posted("owner:due 3 USDT", "custody:paper -3 USDT"))
NOON = at(60)


def entry(*legs: str, entry_id: str, kind: str, **other: Any) -> EntryPosted:
    return EntryPosted(entry_id=entry_id, kind=kind, postings=postings(*legs), effective_at_utc=NOON, **other)


COMMANDS: dict[str, tuple[Callable[[], Any], EntryPosted]] = {
    "deposit": (
        lambda: BOOK.credit_deposit(usdt("5"), entry_id="d-1", at=NOON),
        entry("custody:paper 5 USDT", "owner:available -5 USDT", entry_id="d-1", kind="deposit"),
    ),
    "deposit of another kind": (
        lambda: BOOK.credit_deposit(usdt("5"), entry_id="d-1", at=NOON, kind="gift", reference="why"),
        entry(
            *("custody:paper 5 USDT", "owner:available -5 USDT"), entry_id="d-1", kind="gift", reference="why"
        ),
    ),
    "allocation": (
        lambda: BOOK.allocate(usdt("600"), bot_id="bot-2", entry_id="a-1", at=NOON),
        entry(
            *("owner:available 600 USDT", "owner:bot:bot-2 -600 USDT"),
            entry_id="a-1",
            kind="allocation",
            reference="bot-2",
        ),
    ),
    "deallocation": (
        lambda: BOOK.deallocate(usdt("400"), bot_id="bot-1", entry_id="a-2", at=NOON),
        entry(
            *("owner:bot:bot-1 400 USDT", "owner:available -400 USDT"),
            entry_id="a-2",
            kind="deallocation",
            reference="bot-1",
        ),
    ),
    "hold": (
        lambda: BOOK.place_hold("o-1", usdt("400"), source="owner:bot:bot-1", at=NOON),
        entry(
            *("owner:bot:bot-1 400 USDT", "owner:held:o-1 -400 USDT"),
            entry_id="hold:o-1",
            kind="hold",
            reference="o-1",
        ),
    ),
    "release": (
        lambda: HELD.release_hold("o-1", to="owner:bot:bot-1", at=NOON),
        entry(
            *("owner:held:o-1 40 USDT", "owner:bot:bot-1 -40 USDT"),
            entry_id="release:o-1",
            kind="release",
            reference="o-1",
        ),
    ),
    "reversal": (
        lambda: BOOK.reverse(
            entry(*TO_BOT, entry_id="a", kind="allocation", reference="bot-1"), reason="oh", at=NOON
        ),
        entry(
            *("owner:available -400 USDT", "owner:bot:bot-1 400 USDT"),
            entry_id="reversal:a",
            kind="reversal",
            reference="bot-1",
            reverses="a",
            reason="oh",
        ),
    ),
    "hold by hand": (
        lambda: BOOK.place_hold(
            "h-1", usdt("6"), source="owner:available", at=NOON, reason="why", metadata={"a": "1"}
        ),
        entry(
            *("owner:available 6 USDT", "owner:held:h-1 -6 USDT"),
            entry_id="hold:h-1",
            kind="hold",
            reference="h-1",
            reason="why",
            metadata={"a": "1"},
        ),
    ),
    "settlement": (
        lambda: HELD.settle_hold(
            "o-1", usdt("40"), to="suspense", entry_id="s", at=NOON, reason="why", metadata={"a": "1"}
        ),
        entry(
            *("owner:held:o-1 40 USDT", "suspense -40 USDT"),
            entry_id="s",
            kind="settlement",
            reference="o-1",
            reason="why",
            metadata={"a": "1"},
        ),
    ),
    "adjustment": (
        lambda: BOOK.adjust(
            postings("suspense 1 USDT", "owner:available -1 USDT"), entry_id="e", reason="why", at=NOON
        ),
        entry("suspense 1 USDT", "owner:available -1 USDT", entry_id="e", kind="adjustment", reason="why"),
    ),
    "adjustment with more said of it": (
        lambda: BOOK.adjust(
            postings("suspense 1 USDT", "owner:available -1 USDT"),
            entry_id="e",
            reason="why",
            at=NOON,
            reference="r",
            metadata={"a": "1"},
        ),
        entry(
            *("suspense 1 USDT", "owner:available -1 USDT"),
            entry_id="e",
            kind="adjustment",
            reference="r",
            reason="why",
            metadata={"a": "1"},
        ),
    ),
    "transfer sent": (
        lambda: BOOK.send(usdt("600"), transfer_id="t-1", at=NOON),
        entry(
            *("owner:available 600 USDT", "in_transit:t-1 -600 USDT"),
            entry_id="transfer:t-1:sent",
            kind="transfer_sent",
            reference="t-1",
        ),
    ),
    "transfer received": (
        lambda: BOOK.receive(usdt("5"), transfer_id="t-1", at=NOON),
        entry(
            *("in_transit:t-1 5 USDT", "owner:available -5 USDT"),
            *("custody:paper 5 USDT", "in_transit:t-1 -5 USDT"),
            entry_id="transfer:t-1:received",
            kind="transfer_received",
            reference="t-1",
        ),
    ),
    "transfer settled": (
        lambda: SENT.settle_transfer(usdt("40"), transfer_id="t-1", at=NOON),
        entry(
            *("in_transit:t-1 40 USDT", "custody:paper -40 USDT"),
            entry_id="transfer:t-1:settled",
            kind="transfer_settled",
            reference="t-1",
        ),
    ),
    "transfer taken back": (
        lambda: SENT.take_back(usdt("40"), transfer_id="t-1", reason="why", at=NOON),
        entry(
            *("owner:available -40 USDT", "in_transit:t-1 40 USDT"),
            entry_id="reversal:transfer:t-1:sent",
            kind="reversal",
            reference="t-1",
            reverses="transfer:t-1:sent",
            reason="why",
        ),
    ),
    "any entry": (
        lambda: BOOK.post(
            entry_id="e",
            kind="k",
            postings=postings("a 1 USDT", "b -1 USDT"),
            at=NOON,
            reference="r",
            venue_fee=usdt("2"),
            reverses="x",
            reason="y",
        ),
        entry(
            *("a 1 USDT", "b -1 USDT"),
            entry_id="e",
            kind="k",
            reference="r",
            venue_fee=usdt("2"),
            reverses="x",
            reason="y",
        ),
    ),
    "any entry, no more said of it": (
        lambda: BOOK.post(entry_id="e", kind="k", postings=postings("a 1 USDT", "b -1 USDT"), at=NOON),
        entry("a 1 USDT", "b -1 USDT", entry_id="e", kind="k"),
    ),
}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_records_one_entry_with_these_fields(command: str) -> None:
    run, expected = COMMANDS[command]
    assert run() == [expected]


def test_a_fill_is_recorded_with_its_legs_by_asset_and_the_platforms_fee_last() -> None:
    fill = settlement(received="0.01 BTC", paid="30 USDT", venue_fee="0.001 BNB", platform_fee="0.25 USDT")
    (event,) = HELD.settle_fill(fill)
    assert event == EntryPosted(
        entry_id="fill:t-1",
        kind="fill",
        postings=postings(
            "owner:due 0.001 BNB",
            "custody:paper -0.001 BNB",
            "owner:bot:bot-1 -0.01 BTC",
            "custody:paper 0.01 BTC",
            "owner:held:o-1 30.25 USDT",
            "custody:paper -30 USDT",
            "revenue:trading_fee -0.25 USDT",
        ),
        effective_at_utc=START,
        reference="o-1",
        venue_fee=money("0.001 BNB"),
    )


def test_a_fill_whose_fee_is_all_that_it_received_moves_nothing_at_the_venue_in_that_asset() -> None:
    fill = settlement(received="0.01 BTC", paid="30 USDT", venue_fee="0.01 BTC", platform_fee="0 BTC")
    (event,) = HELD.settle_fill(fill)
    assert isinstance(event, EntryPosted)
    assert event.postings == postings("owner:held:o-1 30 USDT", "custody:paper -30 USDT")


def test_a_book_is_opened_once_and_closed_once_with_these_fields() -> None:
    named = {"book_id": "b", "owner_id": "o", "purse": LIVE, "venue_account": "v"}
    (opened,) = Book().open(**named, at=NOON, venue_terms={"seed": "1"})
    assert opened == BookOpened(**named, opened_at_utc=NOON, venue_terms={"seed": "1"})
    (without,) = Book().open(**named, at=NOON)  # type: ignore[arg-type]
    assert without == BookOpened(**named, opened_at_utc=NOON)  # type: ignore[arg-type]

    book = Book().evolve(opened)
    assert book == Book("b", "o", LIVE, "v", True, {"seed": "1"}, {})
    (closed,) = book.close(reason="why", at=NOON)
    assert closed == BookClosed(book_id="b", reason="why", closed_at_utc=NOON)
    assert book.evolve(closed) == Book("b", "o", LIVE, "v", False, {"seed": "1"}, {})
    posted_to = book.evolve(posted("custody:v 1 X", "owner:available -1 X"))
    balances = {("custody:v", "X"): Decimal(1), ("owner:available", "X"): Decimal(-1)}
    assert posted_to == Book("b", "o", LIVE, "v", True, {"seed": "1"}, balances)


def test_what_is_owed_and_held_is_told_per_account_and_asset() -> None:
    book = folded(
        HELD,
        [
            posted("custody:paper 3 BTC", "owner:held:o-2 -3 BTC"),
            posted("owner:available 2 USDT", "owner:held:o-2 -2 USDT"),
        ],
    )
    assert book.held_total("USDT") == usdt("42")
    assert book.held_total("BTC") == btc("3")
    assert book.held_total("ETH") == Money(ZERO, "ETH")
    assert book.owed("owner:held:o-2", "BTC") == btc("3")
    assert book.owed("owner:held:o-2", "ETH") == Money(ZERO, "ETH")
    assert book.owed("custody:paper", "BTC") == btc("-3")
    assert book.custody == "custody:paper"


def test_a_hold_of_all_there_is_and_a_fill_of_all_that_is_held_leave_nothing() -> None:
    book = folded(BOOK, BOOK.place_hold("o-1", usdt("400"), source="owner:bot:bot-1", at=NOON))
    book = folded(book, book.settle_fill(settlement(received="1 BTC", paid="400 USDT")))
    assert book.release_hold("o-1", to="owner:bot:bot-1", at=NOON) == []
    assert book.owed("owner:bot:bot-1", "USDT") == usdt("0")
    assert book.held_total("USDT") == usdt("0")


def test_an_entry_that_meets_an_account_twice_is_judged_by_where_it_ends() -> None:
    through = postings("owner:available 700 USDT", "owner:available -200 USDT", "owner:bot:b -500 USDT")
    assert BOOK.post(entry_id="e", kind="k", postings=through, at=NOON)
    too_much = postings("owner:available 700 USDT", "owner:available -99 USDT", "owner:bot:b -601 USDT")
    with pytest.raises(InsufficientFunds) as refused:
        BOOK.post(entry_id="e", kind="k", postings=too_much, at=NOON)
    assert refused.value.data == {"required": "700 USDT", "available": "600 USDT"}


def test_legs_are_moved_negated_added_and_weighed_exactly() -> None:
    legs = moved(usdt("2.5"), "from", "to")
    assert legs == (Posting("from", "USDT", Decimal("2.5")), Posting("to", "USDT", Decimal("-2.5")))
    assert negated(legs) == (Posting("from", "USDT", Decimal("-2.5")), Posting("to", "USDT", Decimal("2.5")))
    before = {("from", "USDT"): Decimal("-2.5"), ("else", "USDT"): Decimal(1)}
    assert added(before, legs) == {("else", "USDT"): Decimal(1), ("to", "USDT"): Decimal("-2.5")}
    assert before == {("from", "USDT"): Decimal("-2.5"), ("else", "USDT"): Decimal(1)}
    assert imbalance(legs) == {}
    assert imbalance([*legs, Posting("x", "BTC", Decimal(1)), Posting("x", "USDT", Decimal(3))]) == {
        "BTC": Decimal(1),
        "USDT": Decimal(3),
    }


def test_legs_of_zero_leave_no_trace() -> None:
    """No book posts them; what folds old history must not stumble over one."""
    assert added({}, postings("a 0 X")) == {}


def test_a_platform_fee_may_be_in_an_asset_that_the_trade_had_nothing_of() -> None:
    (event,) = HELD.settle_fill(settlement(received="1 BTC", paid="30 USDT", platform_fee="2 BNB"))
    assert isinstance(event, EntryPosted)
    assert event.postings == postings(
        "owner:due 2 BNB",
        "owner:bot:bot-1 -1 BTC",
        "custody:paper 1 BTC",
        "owner:held:o-1 30 USDT",
        "custody:paper -30 USDT",
        "revenue:trading_fee -2 BNB",
    )


def test_an_event_that_is_none_of_a_books_is_a_fault_of_the_program() -> None:
    with pytest.raises(AssertionError, match="'something else'"):
        Book().evolve("something else")  # type: ignore[arg-type]


def test_what_is_rounded_is_as_wide_as_an_amount_whatever_context_the_caller_has() -> None:
    wide = Decimal("123456789012345678.1234567890123456789")
    assert multiply_down(wide, Decimal(1), 18) == Decimal("123456789012345678.123456789012345678")
    assert multiply_up(wide, Decimal(1), 18) == Decimal("123456789012345678.123456789012345679")
    assert divide_down(wide, Decimal(1), 18) == Decimal("123456789012345678.123456789012345678")


def test_an_amount_out_of_range_is_told_with_its_data() -> None:
    with pytest.raises(AmountOutOfRange) as refused:
        divide_down(Decimal(1), ZERO, 2)
    assert refused.value.data == {"problem": "1 / 0 is no amount"}


def refuse(refusal: DomainError) -> None:
    raise refusal


@pytest.mark.parametrize("purse", [PAPER, LIVE])
def test_who_lacks_funds_is_told_whose_money_it_is_unless_it_is_paper(purse: str) -> None:
    """By the post itself and by what asks for the funds first: paper codes are shown by it."""
    book = replace(BOOK, purse=purse)
    too_much = postings("owner:available 601 USDT", "owner:bot:b -601 USDT")
    steps: list[Callable[[], object]] = [
        lambda: book.post(entry_id="e", kind="k", postings=too_much, at=NOON),
        lambda: book.allocate(usdt("601"), bot_id="b", entry_id="e", at=NOON),
    ]
    for step in steps:
        with pytest.raises(InsufficientFunds) as refused:
            step()
        assert refused.value.data.get("purse") == (None if purse == PAPER else LIVE)


def test_what_custody_cannot_cover_is_refused_without_a_purse_which_is_paper() -> None:
    with pytest.raises(InsufficientFunds) as refused:
        CREDITED.send(usdt("2"), transfer_id="t", at=NOON)
    assert refused.value.data == {"required": "2 USDT", "available": "1 USDT"}


def test_refusals_of_corrections_carry_what_they_are_about() -> None:
    with pytest.raises(EntryNotReversible) as refused:
        BOOK.require_reversible(posted(entry_id="t", kind="transfer_sent"), reason="x")
    assert refused.value.data["entry_id"] == "t"
    paid = folded(IN_DEBT, [posted("suspense 3 USDT", "owner:due -3 USDT")])
    with pytest.raises(EntryNotReversible) as refused:
        paid.reverse(posted("owner:due 3 USDT", "custody:paper -3 USDT", entry_id="d"), reason="x", at=NOON)
    assert refused.value.data["entry_id"] == "d"
    assert UnknownBook(book_id="b").data == {"book_id": "b"}


NO_AMOUNT = "is not an amount; write it as a string of digits such as '1500.25'"
SAID: list[tuple[Callable[[], object], type[DomainError], str]] = [
    (
        lambda: BOOK.open(book_id="b", owner_id="o", purse="GOLD", venue_account="v", at=NOON),
        InvalidValue,
        "purse: 'GOLD' is not one of PAPER, LIVE, CONNECTED",
    ),
    (
        lambda: BOOK.open(book_id="b", owner_id="o", purse=PAPER, venue_account="v", at=NOON),
        BookAlreadyOpen,
        "book b is open already",
    ),
    (lambda: Book("b").require_open(), BookNotOpen, "book b is not open"),
    (
        lambda: BOOK.credit_deposit(usdt("1e18"), entry_id="d", at=NOON),
        InvalidValue,
        "amount: 1000000000000000000 USDT has more than 18 digits before or after the point",
    ),
    (
        lambda: BOOK.credit_deposit(usdt("-1.50"), entry_id="d", at=NOON),
        InvalidValue,
        "amount: must be above zero, is -1.5 USDT",
    ),
    (
        lambda: BOOK.credit_deposit(Money(Decimal(1), "a"), entry_id="d", at=NOON),
        InvalidValue,
        "asset: 'a' is not an asset code; write 1 to 16 capital letters or digits such as 'BTC'",
    ),
    (
        lambda: BOOK.allocate(usdt("601"), bot_id="b", entry_id="a", at=NOON),
        InsufficientFunds,
        "required 601 USDT, available 600 USDT",
    ),
    (
        lambda: HELD.place_hold("o-1", usdt("41"), source="owner:available", at=NOON),
        HoldConflict,
        "hold o-1 stands at 40 USDT, requested 41 USDT",
    ),
    (
        lambda: BOOK.reverse(posted(), reason=" ", at=NOON),
        InvalidValue,
        "reason: say why the entry is taken back; its owner and auditors will read it",
    ),
    (
        lambda: BOOK.reverse(posted(entry_id="r", kind="reversal"), reason="x", at=NOON),
        EntryNotReversible,
        "entry r is a reversal itself; post what is right as a new entry",
    ),
    (
        lambda: BOOK.reverse(entry(entry_id="r", kind="k", reverses="d"), reason="x", at=NOON),
        EntryNotReversible,
        "entry r is a reversal itself; post what is right as a new entry",
    ),
    (
        lambda: BOOK.reverse(posted(entry_id="h", kind="hold"), reason="x", at=NOON),
        EntryNotReversible,
        "entry h is a hold: what is held follows its order",
    ),
    (
        lambda: BOOK.reverse(posted(entry_id="t", kind="transfer_sent"), reason="x", at=NOON),
        EntryNotReversible,
        "entry t is one side of a transfer; send the money back by another",
    ),
    (
        lambda: IN_DEBT.adjust(
            postings("suspense 4 USDT", "owner:due -4 USDT"), entry_id="e", reason="x", at=NOON
        ),
        AdjustmentNotAllowed,
        "owner:due: only 3 USDT is due",
    ),
    (
        lambda: BOOK.adjust(postings("rounding 4 X", "suspense -4 X"), entry_id="e", reason="x", at=NOON),
        AdjustmentNotAllowed,
        "rounding: only these are adjusted: owner:available, owner:due, the book's own custody, revenue:…",
    ),
    (
        lambda: BOOK.adjust(
            postings("custody:paper 4 X", "owner:available -4 X"), entry_id="e", reason="x", at=NOON
        ),
        AdjustmentNotAllowed,
        "custody:paper: an owner's X and custody never stand in one entry; take it through suspense, in two",
    ),
    (
        lambda: BOOK.adjust(
            postings("suspense 4 X", "owner:available -4 X"), entry_id="e", reason="", at=NOON
        ),
        InvalidValue,
        "reason: say why the books are adjusted; its owner and auditors will read it",
    ),
    (
        lambda: HELD.settle_hold("o-1", usdt("1"), to="suspense", entry_id="e", at=NOON, reason=" "),
        InvalidValue,
        "reason: say why the hold is settled; its owner and auditors will read it",
    ),
    (
        lambda: HELD.settle_hold("o-1", usdt("1"), to="owner:due", entry_id="e", at=NOON, reason="x"),
        InvalidValue,
        "to: 'owner:due' is not paid from a hold: name custody:paper, suspense, revenue:… or expense:…",
    ),
    (
        lambda: CREDITED.send(usdt("2"), transfer_id="t", at=NOON),
        InsufficientFunds,
        "required 2 USDT, available 1 USDT",
    ),
    (
        lambda: NOWHERE.send(usdt("2"), transfer_id="t", at=NOON),
        InsufficientFunds,
        "required 2 USDT, available 0 USDT",
    ),
    (
        lambda: refuse(PursesMixed(book_id="b", purse=PAPER, other=LIVE)),
        PursesMixed,
        "book b is a PAPER one, the batch began with a LIVE one; post two batches",
    ),
    (
        lambda: refuse(TransferUnfinished(transfer="t", left_over=usdt("1"))),
        TransferUnfinished,
        "in_transit:t is left with 1 USDT; it must come to zero in the batch",
    ),
    (lambda: refuse(UnknownBook(book_id="b")), UnknownBook, "no book b"),
    (
        lambda: BOOK.post(entry_id="e", kind="k", postings=postings("a 1 X"), at=NOON),
        InvalidPosting,
        "entry e: an entry has at least two legs",
    ),
    (
        lambda: BOOK.post(entry_id="e", kind="k", postings=postings("a 0 X", "b 0 X"), at=NOON),
        InvalidPosting,
        "entry e: a leg is never zero",
    ),
    (
        lambda: BOOK.post(entry_id="e", kind="k", postings=postings("a Infinity X", "b 1 X"), at=NOON),
        InvalidPosting,
        "entry e: a leg is a finite amount",
    ),
    (
        lambda: BOOK.post(entry_id="e", kind="k", postings=postings("a 3 X", "b -1 X"), at=NOON),
        UnbalancedEntry,
        "entry e leaves 2 X over",
    ),
    (lambda: usdt("1") + btc("1"), AssetMismatch, "USDT and BTC are different assets"),
    (
        lambda: subtract(Decimal("1e60"), Decimal("0.1")),
        AmountOutOfRange,
        "1E+60 - 0.1 needs more than 60 digits",
    ),
    (
        lambda: usdt("1e60") + usdt("0.1"),
        AmountOutOfRange,
        "1E+60 + 0.1 needs more than 60 digits",
    ),
    (lambda: parse_amount("1,5"), InvalidValue, f"amount: '1,5' {NO_AMOUNT}"),
    (lambda: parse_positive_amount("-1"), InvalidValue, f"amount: '-1' {NO_AMOUNT}"),
    (lambda: parse_positive_amount("-1", "price"), InvalidValue, f"price: '-1' {NO_AMOUNT}"),
    (lambda: parse_positive_amount("0", "price"), InvalidValue, "price: must be above zero"),
    (
        lambda: multiply_up(Decimal("1e999999"), Decimal("1e9"), 2),
        AmountOutOfRange,
        "1E+999999 × 1E+9 is no amount",
    ),
    (
        lambda: multiply_down(Decimal("1e200"), Decimal(1), 2),
        AmountOutOfRange,
        "1E+200 does not fit 2 decimal places",
    ),
    (lambda: divide_down(Decimal(1), ZERO, 2), AmountOutOfRange, "1 / 0 is no amount"),
    (lambda: floor_to_step(Decimal(1), ZERO), AmountOutOfRange, "1 is no multiple of steps of 0"),
]


@pytest.mark.parametrize(("step", "kind", "sentence"), SAID, ids=[said[2][:60] for said in SAID])
def test_a_refusal_says_what_is_wrong_and_the_way_out(
    step: Callable[[], object], kind: type[DomainError], sentence: str
) -> None:
    with pytest.raises(kind) as refused:
        step()
    assert str(refused.value).startswith(sentence)
