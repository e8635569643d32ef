"""What differs, to the last unit, and what becomes of it: a case once, closed by itself or by somebody."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import DomainError, InvalidValue
from domain.ledger.postings import imbalance
from domain.money import Money, add, subtract
from domain.reconciliation.breaks import (
    BALANCE,
    DIFFERING,
    EXTERNAL,
    MISSING_HERE,
    MISSING_THERE,
    NOT_CLEARED,
    Break,
    Comparison,
    amounts,
    case_id,
    compared,
    was_compared,
)
from domain.reconciliation.cases import ACCEPTED, AGREES, POSTED, Cases, suggested, suspense_postings
from domain.reconciliation.errors import CaseNotOpen, NothingToPost, UnknownCase
from domain.reconciliation.events import CaseChanged, CaseClosed, CaseEvent, CaseOpened
from domain.reconciliation.statement import (
    TRADE,
    TRANSFER,
    AccountLine,
    AccountStatement,
    BookedAccount,
    BookedLine,
    line_key,
)
from tests.builders import START, at, btc, folded, usdt

ACCOUNT = "paper-1"
Moves = Mapping[str, str]


def exact(of: Moves) -> dict[str, Decimal]:
    return {asset: Decimal(amount) for asset, amount in of.items()}


def trade(id: str, moved: Moves, *, order: str = "ours", when: datetime | None = START) -> AccountLine:
    return AccountLine(
        kind=TRADE, line_id=id, symbol="BTC/USDT", client_order_id=order, moved=exact(moved), at_utc=when
    )


def transfer(id: str, moved: Moves, *, when: datetime | None = None) -> AccountLine:
    return AccountLine(kind=TRANSFER, line_id=id, moved=exact(moved), at_utc=when)


def booked(lines: Mapping[str, Moves], *, suspense: Mapping[str, Moves] | None = None) -> BookedAccount:
    """Our side with these lines and what was posted to suspense by case; custody is what they come to."""
    in_suspense = {id: exact(of) for id, of in (suspense or {}).items()}
    custody: dict[str, Decimal] = {}
    for moved in [*map(exact, lines.values()), *in_suspense.values()]:
        for asset, amount in moved.items():
            custody[asset] = add(custody.get(asset, Decimal(0)), amount)
    return BookedAccount(
        venue_account=ACCOUNT,
        purse="PAPER",
        lines={
            key: BookedLine(
                moved=exact(moved), book_id="book-1", owner_id="acc-1", entry_id=f"of {key}", at_utc=START
            )
            for key, moved in lines.items()
        },
        custody={asset: amount for asset, amount in custody.items() if amount},
        in_suspense=in_suspense,
        book_id="book-1",
        owner_id="acc-1",
    )


def told(
    balances: Moves | None,
    *lines: AccountLine,
    none: bool = False,
    since: datetime | None = None,
    until: datetime | None = None,
) -> AccountStatement:
    return AccountStatement(
        venue_account=ACCOUNT,
        balances=None if balances is None else exact(balances),
        lines=None if none else lines,
        since_utc=since,
        until_utc=until,
    )


def compare(ours: BookedAccount, theirs: AccountStatement, *, known: Sequence[Break] = ()) -> Comparison:
    return compared(ours, theirs, is_ours=lambda id: id == "ours", known=known)


def words(found: Comparison) -> list[tuple[str, str, str]]:
    return [(one.kind, one.key, ", ".join(map(str, one.difference))) for one in found.breaks]


DEPOSIT, BUY = {"USDT": "1000"}, {"BTC": "0.01", "USDT": "-500.5"}
BOTH = {"transfer:d-1": DEPOSIT, "trade:BTC/USDT:t-1": BUY}
LEFT = {"BTC": "0.01", "USDT": "499.5"}


def test_what_is_the_same_on_both_sides_is_matched() -> None:
    found = compare(booked(BOTH), told(LEFT, transfer("d-1", DEPOSIT), trade("t-1", BUY)))

    assert found == Comparison(2, [])


def test_the_order_of_lines_and_zeros_do_not_matter_and_a_line_told_twice_counts_once() -> None:
    again = trade("t-1", {**BUY, "BNB": "0"})
    found = compare(booked(BOTH), told(LEFT, again, transfer("d-1", DEPOSIT), again))

    assert found == Comparison(2, [])


def test_a_fill_that_only_the_venue_has_is_missing_here_and_explains_the_balances() -> None:
    """Safety #46: the difference is a case; nothing of it is on the owner."""
    found = compare(
        booked({"transfer:d-1": DEPOSIT}), told(LEFT, transfer("d-1", DEPOSIT), trade("t-1", BUY))
    )

    assert words(found) == [(MISSING_HERE, "trade:BTC/USDT:t-1", "0.01 BTC, -500.5 USDT")]
    (one,) = found.breaks
    assert (one.here, one.there) == ((), (btc("0.01"), usdt("-500.5")))
    assert (one.book_id, one.owner_id, one.client_order_id) == ("book-1", "acc-1", "ours")


@pytest.mark.parametrize("order", ["theirs", ""])
def test_a_trade_of_an_order_that_is_not_ours_is_external(order: str) -> None:
    """Safety #46: the simulator adds a foreign order."""
    foreign = trade("t-9", {"BTC": "1", "USDT": "-50000"}, order=order)
    found = compare(booked({}), told({"BTC": "1", "USDT": "-50000"}, foreign))

    assert [one.kind for one in found.breaks] == [EXTERNAL]


def test_what_only_our_books_have_is_missing_there() -> None:
    found = compare(booked(BOTH), told({"USDT": "1000"}, transfer("d-1", DEPOSIT)))

    assert words(found) == [(MISSING_THERE, "trade:BTC/USDT:t-1", "-0.01 BTC, 500.5 USDT")]
    assert found.breaks[0].entry_id == "of trade:BTC/USDT:t-1"


def test_one_unit_of_the_last_place_is_a_difference() -> None:
    theirs = {"BTC": "0.01", "USDT": "-500.500000000000000001"}
    left = {"BTC": "0.01", "USDT": "499.499999999999999999"}
    found = compare(booked(BOTH), told(left, transfer("d-1", DEPOSIT), trade("t-1", theirs)))

    assert words(found) == [(DIFFERING, "trade:BTC/USDT:t-1", "-0.000000000000000001 USDT")]


def test_an_entry_that_was_reversed_here_differs_from_what_the_venue_did() -> None:
    reversed_here = booked({"transfer:d-1": DEPOSIT, "trade:BTC/USDT:t-1": {}})
    found = compare(reversed_here, told(LEFT, transfer("d-1", DEPOSIT), trade("t-1", BUY)))

    assert words(found) == [(DIFFERING, "trade:BTC/USDT:t-1", "0.01 BTC, -500.5 USDT")]
    assert compare(booked({"transfer:d-1": {}}), told({})) == Comparison(0, [])


def test_what_no_line_explains_is_a_break_of_the_balance() -> None:
    found = compare(booked(BOTH), told({"BTC": "0.01"}, transfer("d-1", DEPOSIT), trade("t-1", BUY)))

    assert words(found) == [(BALANCE, "balance:USDT", "-499.5 USDT")]


def test_a_balance_of_an_asset_that_we_never_heard_of_is_a_break() -> None:
    found = compare(booked({}), told({"DOGE": "7"}))

    assert words(found) == [(BALANCE, "balance:DOGE", "7 DOGE")]


def test_balances_alone_are_compared_less_what_is_known_already() -> None:
    ours = booked({"transfer:d-1": DEPOSIT})
    missing = compare(ours, told(LEFT, transfer("d-1", DEPOSIT), trade("t-1", BUY))).breaks

    assert compare(ours, told(LEFT, none=True), known=missing).breaks == []
    unexplained = compare(ours, told(LEFT, none=True)).breaks
    assert [one.key for one in unexplained] == ["balance:BTC", "balance:USDT"]


def test_a_period_compares_what_took_effect_in_it_and_balances_at_its_end() -> None:
    day = told({"USDT": "1000"}, since=at(-10), until=at(0))
    assert compare(booked(BOTH), day).breaks[0].kind == BALANCE  # the application gives custody as of the end
    whole = compare(booked(BOTH), told(None, since=at(-10), until=at(1)))
    assert {one.kind for one in whole.breaks} == {MISSING_THERE}
    assert compare(booked(BOTH), told(None, since=at(1))).breaks == []


def test_a_line_after_the_end_explains_nothing_of_the_balances() -> None:
    late = trade("t-1", BUY, when=at(5))
    found = compare(
        booked({"transfer:d-1": DEPOSIT}), told(DEPOSIT, transfer("d-1", DEPOSIT), late, until=at(5))
    )

    assert words(found) == [(MISSING_HERE, "trade:BTC/USDT:t-1", "0.01 BTC, -500.5 USDT")]


def test_what_was_posted_to_suspense_for_a_case_ends_its_break() -> None:
    id = case_id(ACCOUNT, "trade:BTC/USDT:t-1")
    posted = booked({"transfer:d-1": DEPOSIT}, suspense={id: BUY})

    assert compare(posted, told(LEFT, transfer("d-1", DEPOSIT), trade("t-1", BUY))) == Comparison(2, [])


def test_a_trade_id_is_one_symbols_own() -> None:
    """Safety O6: (venue account, symbol, trade id)."""
    other = AccountLine(
        kind=TRADE, line_id="t-1", symbol="ETH/USDT", client_order_id="ours", moved=exact({"ETH": "1"})
    )
    found = compare(
        booked(BOTH), told({**LEFT, "ETH": "1"}, transfer("d-1", DEPOSIT), trade("t-1", BUY), other)
    )

    assert words(found) == [(MISSING_HERE, "trade:ETH/USDT:t-1", "1 ETH")]
    assert line_key(TRANSFER, "BTC/USDT", "t-1") == "transfer:t-1"


lines = st.dictionaries(
    st.sampled_from([f"transfer:{n}" for n in range(6)]),
    st.dictionaries(
        st.sampled_from(["BTC", "USDT", "BNB"]), st.integers(-5, 5).filter(bool).map(str), min_size=1
    ),
)
balances = st.dictionaries(st.sampled_from(["BTC", "USDT", "BNB", "ETH"]), st.integers(-9, 9).map(str))


@given(lines, lines, balances)
def test_all_breaks_together_are_the_whole_difference_of_the_balances(
    here: Mapping[str, Moves], there: Mapping[str, Moves], reported: Moves
) -> None:
    """Safety O4: what the lines don't explain is not lost; posting every break makes custody agree."""
    ours = booked(here)
    theirs = told(reported, *(transfer(key.partition(":")[2], of) for key, of in there.items()))
    found = compare(ours, theirs)
    custody = dict(ours.custody)
    for one in found.breaks:
        legs = suspense_postings(ACCOUNT, one)
        assert imbalance(legs) == {}
        for leg in legs:
            if leg.account.startswith("custody:"):
                custody[leg.asset] = add(custody.get(leg.asset, Decimal(0)), leg.amount)
    wanted = exact(reported)
    assert {asset: amount for asset, amount in custody.items() if amount} == {
        asset: amount for asset, amount in wanted.items() if amount
    }
    same = sum(exact(here.get(key, {})) == exact(of) for key, of in there.items())
    assert found.matched == same


# -- cases ---------------------------------------------------------------------------------------------------


def a_break(
    key: str = "trade:BTC/USDT:t-1",
    kind: str = MISSING_HERE,
    *,
    here: tuple[Money, ...] = (),
    there: tuple[Money, ...] = (usdt("5"),),
    order: str = "",
    undated: bool = False,
) -> Break:
    return Break(
        key=key,
        kind=kind,
        here=here,
        there=there,
        purse="PAPER",
        book_id="book-1",
        owner_id="acc-1",
        client_order_id=order,
        occurred_at_utc=None if undated else START,
    )


def run(cases: Cases, *found: Break, compared_all: bool = True, seconds: float = 0) -> Sequence[CaseEvent]:
    return cases.compare(
        found, was_compared=lambda _: compared_all, run_id="run-1", by="operator:cli", at=at(seconds)
    )


EMPTY = Cases(venue_account=ACCOUNT)
ID = case_id(ACCOUNT, "trade:BTC/USDT:t-1")


def test_a_break_opens_a_case_and_the_same_again_opens_none() -> None:
    opened = run(EMPTY, a_break())

    assert [type(event) for event in opened] == [CaseOpened]
    cases = folded(EMPTY, opened)
    assert run(cases, a_break(), seconds=60) == []
    assert cases.open[ID].found == a_break()
    assert cases.open[ID].opened_at_utc == START


def test_a_break_that_changes_stays_one_case_with_its_age() -> None:
    cases = folded(EMPTY, run(EMPTY, a_break()))
    changed = run(cases, a_break(there=(usdt("6"),)), seconds=60)

    assert [type(event) for event in changed] == [CaseChanged]
    after = folded(cases, changed)
    assert after.open[ID].found.there == (usdt("6"),)
    assert after.open[ID].opened_at_utc == START


def test_a_break_that_is_gone_closes_its_case_with_the_reason_and_may_open_it_again() -> None:
    cases = folded(EMPTY, run(EMPTY, a_break()))
    (closed,) = run(cases, seconds=60)

    assert isinstance(closed, CaseClosed)
    assert (closed.outcome, closed.reason) == (AGREES, "no longer breaks")
    after = folded(cases, [closed])
    assert run(after) == []
    assert [type(event) for event in run(after, a_break())] == [CaseOpened]


def test_a_comparison_that_would_not_have_found_it_closes_nothing() -> None:
    cases = folded(EMPTY, run(EMPTY, a_break()))

    assert run(cases, compared_all=False) == []


def test_what_a_comparison_would_have_found() -> None:
    line, balance = a_break(), a_break("balance:USDT", BALANCE)
    undated = Break(key="transfer:d", kind=MISSING_HERE, here=(), there=(usdt("1"),))
    cleared = a_break("cleared:book-1:suspense:USDT", NOT_CLEARED)
    whole, only_balances = told({}), told({}, none=True)
    today, tomorrow = told(None, since=at(0), until=at(1)), told(None, since=at(1))

    def by(theirs: AccountStatement) -> list[bool]:
        return [was_compared(theirs, one) for one in (line, balance, undated, cleared)]

    assert by(whole) == [True, True, True, True]
    assert by(only_balances) == [False, True, False, True]
    assert by(today) == [True, False, False, True]
    assert by(tomorrow) == [False, False, False, True]
    now = a_break("balance:USDT", BALANCE, undated=True)
    assert [was_compared(told({}, until=at(end)), balance) for end in (0, 1)] == [False, True]
    assert not was_compared(told({}, until=at(1)), now)
    assert was_compared(whole, now)


def test_an_accepted_case_stays_closed_until_the_break_is_another_one() -> None:
    cases = folded(EMPTY, run(EMPTY, a_break()))
    accepted = cases.accept(ID, reason="shown twice", by="operator:cli", at=at(1))
    after = folded(cases, accepted)

    assert isinstance(accepted[0], CaseClosed)
    assert accepted[0].outcome == ACCEPTED
    assert run(after, a_break()) == []
    again = run(after, a_break(there=(usdt("6"),)))
    assert [type(event) for event in again] == [CaseOpened]
    assert folded(after, again).accepted == {}


def test_posting_closes_the_case_and_names_the_entry_another_one_each_time() -> None:
    cases = folded(EMPTY, run(EMPTY, a_break()))
    (posted,) = cases.post(ID, reason="asked the venue", by="operator:cli", at=at(1))

    assert isinstance(posted, CaseClosed)
    assert (posted.outcome, posted.entry_id) == (POSTED, f"suspense:{ID}:1")
    after = folded(cases, [posted])
    reopened = folded(after, run(after, a_break()))
    assert reopened.suspense_entry_id(ID) == f"suspense:{ID}:2"


@pytest.mark.parametrize("command", ["accept", "post"])
@pytest.mark.parametrize(
    ("id", "reason", "refusal"),
    [("case-9", " ", UnknownCase), ("closed", " ", CaseNotOpen), (ID, " ", InvalidValue)],
)
def test_refusals_come_in_their_order(command: str, id: str, reason: str, refusal: type[DomainError]) -> None:
    other = a_break("transfer:d-1")
    cases = folded(EMPTY, run(EMPTY, a_break(), other))
    cases = folded(cases, run(cases, a_break()))
    named = case_id(ACCOUNT, "transfer:d-1") if id == "closed" else id

    with pytest.raises(refusal):
        getattr(cases, command)(named, reason=reason, by="operator:cli", at=START)


def test_an_account_of_our_own_is_not_posted_to_suspense() -> None:
    stands = a_break("cleared:book-1:suspense:USDT", NOT_CLEARED, here=(usdt("-5"),), there=())
    cases = folded(EMPTY, run(EMPTY, stands))

    with pytest.raises(NothingToPost):
        cases.post(case_id(ACCOUNT, stands.key), reason="x", by="operator:cli", at=START)


def test_suspense_takes_what_custody_lacks_and_no_owners_account_is_touched() -> None:
    """Safety #46, #45: the user's balance is untouched, and the entry has two sides."""
    foreign = a_break(kind=EXTERNAL, there=(btc("1"), usdt("-50000")))
    postings = suggested(ACCOUNT, foreign).postings

    assert [(leg.account, str(Money(leg.amount, leg.asset))) for leg in postings] == [
        ("custody:paper-1", "1 BTC"),
        ("suspense", "-1 BTC"),
        ("custody:paper-1", "-50000 USDT"),
        ("suspense", "50000 USDT"),
    ]
    assert imbalance(postings) == {}


@pytest.mark.parametrize(
    ("kind", "order", "action"),
    [
        (MISSING_HERE, "ours", "book_fill"),
        (MISSING_HERE, "", "post"),
        (EXTERNAL, "theirs", "post"),
        (MISSING_THERE, "", "reverse"),
        (DIFFERING, "", "reverse"),
        (BALANCE, "", "post"),
        (NOT_CLEARED, "", "clear"),
    ],
)
def test_every_kind_of_break_has_a_suggestion(kind: str, order: str, action: str) -> None:
    here = (usdt("4"),) if kind == DIFFERING else ()
    advice = suggested(ACCOUNT, a_break(kind=kind, here=here, order=order))

    assert advice.action == action
    assert advice.words
    assert bool(advice.postings) == (kind != NOT_CLEARED)


def test_the_difference_is_theirs_less_ours() -> None:
    one = a_break(kind=DIFFERING, here=(btc("1"), usdt("3")), there=(usdt("5"),))

    assert amounts(one.difference) == {"BTC": subtract(Decimal(0), Decimal(1)), "USDT": Decimal(2)}
