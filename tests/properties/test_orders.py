"""However a venue's reports of one order arrive, the order and the book end the same (safety §3 #9, #11)."""

from __future__ import annotations

import random
from dataclasses import replace
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from application.orders.record_report import settlement
from application.ports.exchange import OrderReport
from domain.ledger.book import Book
from domain.money import Money
from domain.orders.order import CANCELED, FILLED, Fill, Order
from tests.application.harness import Store, held_order
from tests.builders import START, at, book_with, folded, intended_order, limit_buy, posted, usdt

QUANTITIES = st.lists(st.integers(1, 10**20).map(lambda n: Decimal(n).scaleb(-18)), min_size=1, max_size=8)
FEES = st.sampled_from(("0.1 USDT", "-0.05 USDT", "0.0001 BTC", "0.003 BNB", "0 USDT"))


@st.composite
def fills(draw: st.DrawFn) -> list[Fill]:
    """The fills of one order, in the order they were made."""
    made = []
    for number, quantity in enumerate(draw(QUANTITIES)):
        price = Decimal(draw(st.integers(1, 100_000)))
        amount, asset = draw(FEES).split()
        made.append(
            Fill(
                venue_trade_id=f"t-{number}",
                base_quantity=quantity,
                price_quote_per_base=price,
                quote_amount=Decimal(draw(st.integers(0, 10**20))).scaleb(-18),
                fee=Money(Decimal(amount), asset),
                traded_at_utc=at(number),
            )
        )
    return made


def told(made: list[Fill], seed: int, ending: str) -> Order:
    """The order after its messages came shuffled, each up to three times, the end anywhere among them."""
    rng = random.Random(seed)
    messages: list[Fill | str] = [fill for fill in made for _ in range(rng.randint(1, 3))]
    messages += ["accepted"] * rng.randint(1, 2) + [ending] * rng.randint(1, 2) + ["lost"] * rng.randint(0, 2)
    rng.shuffle(messages)
    messages.append("accepted")
    order = intended_order(limit_buy())
    for message in messages:
        if isinstance(message, Fill):
            is_last = ending == FILLED and message is made[-1]
            order = folded(order, order.record_fill(message, is_last=is_last))
        elif message == "accepted":
            order = folded(order, order.accept(venue_order_id="v-1", at=START))
        elif message == "lost":
            order = folded(order, order.lose_track(problem="timeout", at=START))
        elif message == CANCELED:
            order = folded(order, order.cancel(reason="asked", at=START))
    return order


@given(
    made=fills(),
    seeds=st.lists(st.integers(0, 2**32), min_size=2, max_size=4),
    ending=st.sampled_from((FILLED, CANCELED)),
)
def test_shuffled_and_repeated_messages_end_in_the_same_order(
    made: list[Fill], seeds: list[int], ending: str
) -> None:
    clean = told(made, -1, ending)

    for seed in seeds:
        order = told(made, seed, ending)
        assert order.status == ending
        assert order.filled_base == clean.filled_base == sum((f.base_quantity for f in made), Decimal(0))
        assert order.trade_ids == clean.trade_ids == {fill.venue_trade_id for fill in made}


@given(made=fills(), seed=st.integers(0, 2**32))
def test_fills_settle_to_the_same_balances_in_any_order(made: list[Fill], seed: int) -> None:
    order = intended_order(limit_buy())
    assert order.terms is not None
    funded = book_with(
        posted(
            "custody:paper 10000000000 USDT",
            "owner:bot:bot-1 -5000000000 USDT",
            "owner:held:o-1 -5000000000 USDT",
        ),
        posted("custody:paper 1000 BNB", "owner:bot:bot-1 -1000 BNB"),
        posted("custody:paper 1000 BTC", "owner:bot:bot-1 -1000 BTC"),
    )
    shuffled = list(made)
    random.Random(seed).shuffle(shuffled)

    books: list[Book] = []
    for each in (made, shuffled):
        book = funded
        for fill in each:
            book = folded(book, book.settle_fill(settlement(order, order.terms, fill)))
        books.append(folded(book, book.release_hold("o-1", to="owner:bot:bot-1", at=START)))

    assert dict(books[0].balances) == dict(books[1].balances)


@settings(max_examples=60)
@given(made=fills(), seed=st.integers(0, 2**32), ending=st.sampled_from((FILLED, CANCELED)))
def test_reports_that_come_shuffled_repeated_and_late_leave_the_same_balances_and_no_hold(
    made: list[Fill], seed: int, ending: str
) -> None:
    rng = random.Random(seed)
    made = [replace(fill, fee=replace(fill.fee, asset="USDT")) for fill in made]
    reports = [
        OrderReport(client_order_id="o-1", venue_order_id="v-1", status="open", fills=tuple(made[:count]))
        for count in range(len(made) + 1)
    ]
    final = replace(reports[-1], status=ending)
    store, again = held_order(usdt("100000")), held_order(usdt("100000"))

    store.tell(final)
    shuffled = [report for report in (*reports, final) for _ in range(rng.randint(1, 2))]
    rng.shuffle(shuffled)
    for report in shuffled:
        fills_shuffled = list(report.fills)
        rng.shuffle(fills_shuffled)
        again.tell(replace(report, fills=tuple(fills_shuffled)))
    again.tell(final)

    for one in (store, again):
        assert _order(one).status == ending
        assert _book(one).held_total("USDT").amount == 0
    assert dict(_book(again).balances) == dict(_book(store).balances)
    assert _order(again).trade_ids == _order(store).trade_ids


def _order(store: Store) -> Order:
    order = store.load("order:o-1").state
    assert isinstance(order, Order)
    return order


def _book(store: Store) -> Book:
    book = store.load("book:book-1").state
    assert isinstance(book, Book)
    return book
