"""Every row of the table of entries in design §3: the fact, and the one entry it becomes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal

import pytest

from domain.ledger.book import Book
from domain.ledger.events import BookEvent, EntryPosted
from domain.ledger.postings import imbalance
from domain.money import Money
from tests.builders import START, book_with, btc, folded, legs, money, posted, settlement, usdt

DEPOSITED = posted("custody:paper 1000 USDT", "owner:available -1000 USDT")
ALLOCATED = posted("owner:available 1000 USDT", "owner:bot:bot-1 -1000 USDT")
HELD_FOR_BUY = posted("owner:bot:bot-1 500.75 USDT", "owner:held:o-1 -500.75 USDT")
HAS_BTC = posted("custody:paper 0.01 BTC", "owner:bot:bot-1 -0.01 BTC")
HELD_FOR_SELL = posted("owner:bot:bot-1 0.01 BTC", "owner:held:o-1 -0.01 BTC")
HAS_BNB = posted("custody:paper 1 BNB", "owner:bot:bot-1 -1 BNB")
BUYING = (DEPOSITED, ALLOCATED, HELD_FOR_BUY)
SELLING = (DEPOSITED, ALLOCATED, HAS_BTC, HELD_FOR_SELL)

Command = Callable[[Book], Sequence[BookEvent]]


def fills(**terms: str) -> Command:
    return lambda book: book.settle_fill(settlement(**terms))


ROWS: dict[str, tuple[tuple[BookEvent, ...], Command, set[str]]] = {
    "deposit credited 1,000": (
        (),
        lambda book: book.credit_deposit(usdt("1000"), entry_id="d-1", at=START),
        {"custody:paper 1000 USDT", "owner:available -1000 USDT"},
    ),
    "allocated to a bot": (
        (DEPOSITED,),
        lambda book: book.allocate(usdt("1000"), bot_id="bot-1", entry_id="a-1", at=START),
        {"owner:available 1000 USDT", "owner:bot:bot-1 -1000 USDT"},
    ),
    "given back by a bot": (
        (DEPOSITED, ALLOCATED),
        lambda book: book.deallocate(usdt("400"), bot_id="bot-1", entry_id="a-2", at=START),
        {"owner:bot:bot-1 400 USDT", "owner:available -400 USDT"},
    ),
    "buy 0.01 at 50,000 placed, fees up to 0.75": (
        (DEPOSITED, ALLOCATED),
        lambda book: book.place_hold("o-1", usdt("500.75"), source="owner:bot:bot-1", at=START),
        {"owner:bot:bot-1 500.75 USDT", "owner:held:o-1 -500.75 USDT"},
    ),
    "filled, venue fee 0.5, platform fee 0.25": (
        BUYING,
        fills(received="0.01 BTC", paid="500 USDT", venue_fee="0.5 USDT", platform_fee="0.25 USDT"),
        {
            "owner:held:o-1 500.75 USDT",
            "custody:paper -500.5 USDT",
            "revenue:trading_fee -0.25 USDT",
            "custody:paper 0.01 BTC",
            "owner:bot:bot-1 -0.01 BTC",
        },
    ),
    "partial fill 0.004 of it": (
        BUYING,
        fills(received="0.004 BTC", paid="200 USDT", venue_fee="0.2 USDT", platform_fee="0.1 USDT"),
        {
            "owner:held:o-1 200.3 USDT",
            "custody:paper -200.2 USDT",
            "revenue:trading_fee -0.1 USDT",
            "custody:paper 0.004 BTC",
            "owner:bot:bot-1 -0.004 BTC",
        },
    ),
    "filled, venue fee 0.00001 BTC": (
        BUYING,
        fills(received="0.01 BTC", paid="500 USDT", venue_fee="0.00001 BTC", platform_fee="0.25 USDT"),
        {
            "owner:held:o-1 500.25 USDT",
            "custody:paper -500 USDT",
            "revenue:trading_fee -0.25 USDT",
            "custody:paper 0.00999 BTC",
            "owner:bot:bot-1 -0.00999 BTC",
        },
    ),
    "filled with a rebate of 0.05": (
        BUYING,
        fills(received="0.01 BTC", paid="500 USDT", venue_fee="-0.05 USDT", platform_fee="0.25 USDT"),
        {
            "owner:held:o-1 500.2 USDT",
            "custody:paper -499.95 USDT",
            "revenue:trading_fee -0.25 USDT",
            "custody:paper 0.01 BTC",
            "owner:bot:bot-1 -0.01 BTC",
        },
    ),
    "remainder r of a hold": (
        (*BUYING, posted("owner:held:o-1 500.2 USDT", "custody:paper -500.2 USDT")),
        lambda book: book.release_hold("o-1", to="owner:bot:bot-1", at=START),
        {"owner:held:o-1 0.55 USDT", "owner:bot:bot-1 -0.55 USDT"},
    ),
    "sell 0.01 BTC placed": (
        (HAS_BTC,),
        lambda book: book.place_hold("o-1", btc("0.01"), source="owner:bot:bot-1", at=START),
        {"owner:bot:bot-1 0.01 BTC", "owner:held:o-1 -0.01 BTC"},
    ),
    "sold at 51,000, venue 0.51, platform 0.255": (
        SELLING,
        fills(received="510 USDT", paid="0.01 BTC", venue_fee="0.51 USDT", platform_fee="0.255 USDT"),
        {
            "owner:held:o-1 0.01 BTC",
            "custody:paper -0.01 BTC",
            "custody:paper 509.49 USDT",
            "owner:bot:bot-1 -509.235 USDT",
            "revenue:trading_fee -0.255 USDT",
        },
    ),
    "fee f in BNB, from the bot": (
        (*BUYING, HAS_BNB),
        fills(received="0.01 BTC", paid="500 USDT", venue_fee="0.002 BNB"),
        {
            "owner:held:o-1 500 USDT",
            "custody:paper -500 USDT",
            "custody:paper 0.01 BTC",
            "owner:bot:bot-1 -0.01 BTC",
            "owner:bot:bot-1 0.002 BNB",
            "custody:paper -0.002 BNB",
        },
    ),
    "fee f in BNB, from the hold": (
        (*BUYING, posted("custody:paper 1 BNB", "owner:held:o-1 -1 BNB")),
        fills(received="0.01 BTC", paid="500 USDT", venue_fee="0.002 BNB"),
        {
            "owner:held:o-1 500 USDT",
            "custody:paper -500 USDT",
            "custody:paper 0.01 BTC",
            "owner:bot:bot-1 -0.01 BTC",
            "owner:held:o-1 0.002 BNB",
            "custody:paper -0.002 BNB",
        },
    ),
    "fee in BNB that the owner has none of": (
        BUYING,
        fills(received="0.01 BTC", paid="500 USDT", venue_fee="0.002 BNB"),
        {
            "owner:held:o-1 500 USDT",
            "custody:paper -500 USDT",
            "custody:paper 0.01 BTC",
            "owner:bot:bot-1 -0.01 BTC",
            "owner:due 0.002 BNB",
            "custody:paper -0.002 BNB",
        },
    ),
    "late fee: from the bot": (
        (DEPOSITED, ALLOCATED),
        fills(received="0 BTC", paid="0 USDT", venue_fee="0.4 USDT"),
        {"owner:bot:bot-1 0.4 USDT", "custody:paper -0.4 USDT"},
    ),
    "overfill cost: hold, then bot, then available, then due": (
        (
            DEPOSITED,
            posted("owner:available 990 USDT", "owner:bot:bot-1 -990 USDT"),
            posted("owner:bot:bot-1 500.75 USDT", "owner:held:o-1 -500.75 USDT"),
        ),
        fills(received="0.03 BTC", paid="1500 USDT", venue_fee="1.5 USDT"),
        {
            "owner:held:o-1 500.75 USDT",
            "owner:bot:bot-1 489.25 USDT",
            "owner:available 10 USDT",
            "owner:due 501.5 USDT",
            "custody:paper -1501.5 USDT",
            "custody:paper 0.03 BTC",
            "owner:bot:bot-1 -0.03 BTC",
        },
    ),
    "sell whose fee is more than its proceeds": (
        (*SELLING[:1], HAS_BTC, HELD_FOR_SELL),
        fills(received="0.1 USDT", paid="0.01 BTC", venue_fee="0.5 USDT"),
        {
            "owner:held:o-1 0.01 BTC",
            "custody:paper -0.01 BTC",
            "custody:paper -0.4 USDT",
            "owner:available 0.4 USDT",
        },
    ),
    "sell with the fee in base": (
        (*SELLING, posted("custody:paper 0.001 BTC", "owner:bot:bot-1 -0.001 BTC")),
        fills(received="510 USDT", paid="0.01 BTC", venue_fee="0.00001 BTC"),
        {
            "owner:held:o-1 0.01 BTC",
            "owner:bot:bot-1 0.00001 BTC",
            "custody:paper -0.01001 BTC",
            "custody:paper 510 USDT",
            "owner:bot:bot-1 -510 USDT",
        },
    ),
}


@pytest.mark.parametrize("fact", ROWS)
def test_a_fact_becomes_this_entry(fact: str) -> None:
    given, command, expected = ROWS[fact]

    events = command(book_with(*given))

    assert legs(events) == expected
    assert all(isinstance(event, EntryPosted) and not imbalance(event.postings) for event in events)


@pytest.mark.parametrize("fact", ROWS)
def test_after_any_fact_no_owner_account_but_due_stands_in_debit_and_all_accounts_sum_to_zero(
    fact: str,
) -> None:
    given, command, _ = ROWS[fact]
    book = book_with(*given)

    after = folded(book, command(book))

    sums: dict[str, Decimal] = {}
    for (account, asset), amount in after.balances.items():
        sums[asset] = sums.get(asset, Decimal(0)) + amount
        assert amount <= 0 or not account.startswith("owner:") or account == "owner:due"
    assert not any(sums.values())


@pytest.mark.parametrize(
    ("venue_fee", "noted"), [("0.5 USDT", "0.5 USDT"), ("-0.05 USDT", "-0.05 USDT"), ("0 USDT", None)]
)
def test_the_venue_fee_is_a_field_of_the_entry_so_that_statements_can_sum_it(
    venue_fee: str, noted: str | None
) -> None:
    (event,) = book_with(*BUYING).settle_fill(
        settlement(received="0.01 BTC", paid="500 USDT", venue_fee=venue_fee)
    )

    assert isinstance(event, EntryPosted)
    assert event.venue_fee == (None if noted is None else money(noted))
    assert (event.entry_id, event.kind, event.reference) == ("fill:t-1", "fill", "o-1")


def test_balances_with_more_than_28_digits_are_moved_held_settled_and_released_to_the_last_digit() -> None:
    wide = usdt("123456789012345678.123456789012345678")
    book = book_with()
    book = folded(book, book.credit_deposit(wide, entry_id="d-1", at=START))
    book = folded(book, book.allocate(wide, bot_id="bot-1", entry_id="a-1", at=START))
    book = folded(book, book.place_hold("o-1", wide, source="owner:bot:bot-1", at=START))
    paid = Money(Decimal("100000000000000000.000000000000000001"), "USDT")
    book = folded(book, book.settle_fill(settlement(received="1 BTC", paid=str(paid))))
    book = folded(book, book.release_hold("o-1", to="owner:bot:bot-1", at=START))

    assert book.owed("owner:bot:bot-1", "USDT") == wide - paid
    assert book.held_total("USDT").amount == 0
