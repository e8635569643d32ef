"""Statements: on either axis, and whatever was posted, opening and movements come to the closing balance."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from application.ports.commands import Result
from application.queries.books import UnknownBook
from application.queries.statements import EFFECTIVE, RECORDED, Period, StatedEntry, Statement, statement_of
from application.streams import book_stream
from application.work import Work
from domain.errors import InvalidValue
from domain.ledger.postings import DUE, Posting
from domain.money import Money
from tests.application.harness import Store, with_paper_account
from tests.builders import START, Decide, at, btc, usdt


def post(store: Store, entry_id: str, amount: Money, *, recorded: float, effective: float) -> None:
    """A deposit, those many seconds after START."""

    def decide(work: Work) -> Result:
        book = work.book("book-1")
        legs = (
            Posting("custody:book-1", amount.asset, amount.amount),
            Posting("owner:available", amount.asset, -amount.amount),
        )
        work.record(
            book_stream("book-1"),
            book.post(
                entry_id=entry_id,
                kind="deposit",
                postings=legs,
                at=at(effective),
                venue_fee=Money(amount.amount / 10, amount.asset),
            ),
        )
        return {}

    store.clock.move_to(at(recorded))
    store.do(Decide(decide))


def a_book() -> Store:
    """At 0: 100 USDT. At 10: 1 BTC. At 20, late: 7 USDT of -50. At 30: 5 USDT."""
    store = with_paper_account(usdt("100"))
    post(store, "b", btc("1"), recorded=10, effective=10)
    post(store, "late", usdt("7"), recorded=20, effective=-50)
    post(store, "d", usdt("5"), recorded=30, effective=30)
    return store


def shown(statement: Statement) -> dict[str, tuple[str, str, str]]:
    return {
        f"{line.account} {line.asset}": (line.opening, line.movement, line.closing)
        for line in statement.lines
        if line.account == "owner:available"
    }


def ids(entries: Sequence[StatedEntry]) -> list[str]:
    return [entry.entry_id for entry in entries]


@pytest.mark.parametrize(
    ("by", "lines", "entries", "fees"),
    [
        (
            RECORDED,
            {
                "owner:available BTC.PAPER": ("0", "-1", "-1"),
                "owner:available USDT.PAPER": ("-100", "-7", "-107"),
            },
            ["b", "late"],
            {"BTC.PAPER": "0.1", "USDT.PAPER": "0.7"},
        ),
        (
            EFFECTIVE,
            {
                "owner:available BTC.PAPER": ("0", "-1", "-1"),
                "owner:available USDT.PAPER": ("-107", "0", "-107"),
            },
            ["b"],
            {"BTC.PAPER": "0.1"},
        ),
    ],
)
def test_a_statement_counts_by_its_axis(
    by: str, lines: dict[str, tuple[str, str, str]], entries: list[str], fees: dict[str, str]
) -> None:
    made = statement_of(a_book().log, "book-1", Period(at(10), at(30), by))

    assert shown(made) == lines
    assert ids(list(made.entries())) == entries
    assert made.venue_fees == fees
    assert made.adds_up


def test_a_running_balance_goes_on_from_the_opening() -> None:
    made = statement_of(
        a_book().log, "book-1", Period(at(20), at(31)), account="owner:available", owner_id="acc-1"
    )

    legs = [leg for entry in made.entries() for leg in entry.legs if leg.account == "owner:available"]
    assert [leg.balance for leg in legs] == ["-107", "-112"]


def test_a_statement_of_nothing_is_empty_and_one_of_no_time_still_has_its_balances() -> None:
    log = a_book().log

    before = statement_of(log, "book-1", Period(at(-99), at(-60), EFFECTIVE))
    assert (list(before.lines), list(before.entries())) == ([], [])
    now = statement_of(log, "book-1", Period(at(15), at(15)))
    assert shown(now)["owner:available USDT.PAPER"] == ("-100", "0", "-100")


def test_a_long_book_is_read_a_page_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = statement_of(a_book().log, "book-1", Period(at(0), at(99)))
    monkeypatch.setattr("application.queries.moments._PAGE", 2)
    in_pages = statement_of(a_book().log, "book-1", Period(at(0), at(99)))

    assert list(in_pages.entries()) == list(whole.entries())
    assert ids(list(whole.entries(1, 2))) == ["b", "late"]


def test_there_is_no_statement_of_no_book_or_of_somebody_elses() -> None:
    store = a_book()
    with pytest.raises(UnknownBook):
        statement_of(store.log, "book-2", Period(at(0), at(9)))
    with pytest.raises(UnknownBook):
        statement_of(store.log, "book-1", Period(at(0), at(9)), owner_id="acc-2")


def test_a_period_is_one() -> None:
    with pytest.raises(InvalidValue, match="by"):
        Period(START, START, "position")
    with pytest.raises(InvalidValue, match="before from"):
        Period(at(1), at(0))


moments = st.integers(-100, 100)


@given(
    st.lists(st.tuples(st.integers(1, 99), moments), max_size=12), st.lists(moments, min_size=3, max_size=3)
)
def test_statements_tile_the_time(entries: list[tuple[int, int]], cuts: list[int]) -> None:
    """Each opens with what the one before closed with, and every entry is in exactly one."""
    store = with_paper_account()
    for number, (amount, effective) in enumerate(entries):
        post(store, f"e-{number}", usdt(str(amount)), recorded=number, effective=effective)
    first, middle, last = sorted(cuts)
    log = store.log
    for by in (RECORDED, EFFECTIVE):
        parts = [
            statement_of(log, "book-1", Period(_at(start), _at(end), by))
            for start, end in ((-999, first), (first, middle), (middle, last), (last, 999))
        ]
        assert all(part.adds_up for part in parts)
        for earlier, later in pairwise(parts):
            closed = {line.account: line.closing for line in earlier.lines if line.closing != "0"}
            opened = {line.account: line.opening for line in later.lines if line.opening != "0"}
            assert opened == closed
        found = [entry.entry_id for part in parts for entry in part.entries()]
        assert sorted(found) == sorted(f"e-{number}" for number in range(len(entries)))


def _at(seconds: int) -> datetime:
    return START + timedelta(seconds=seconds)


def test_what_is_due_is_stated_like_any_account() -> None:
    store = a_book()

    def decide(work: Work) -> Result:
        legs = (Posting(DUE, "USDT", usdt("3").amount), Posting("custody:book-1", "USDT", usdt("-3").amount))
        posted = work.book("book-1").post(entry_id="x", kind="correction", postings=legs, at=at(40))
        work.record(book_stream("book-1"), posted)
        return {}

    store.clock.move_to(at(40))
    store.do(Decide(decide))
    made = statement_of(store.log, "book-1", Period(at(40), at(41)), account=DUE)
    assert [(line.opening, line.closing) for line in made.lines] == [("0", "3")]
