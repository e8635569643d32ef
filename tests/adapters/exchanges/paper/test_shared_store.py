"""Several processes on one store: each commit rests on the newest state, whoever wrote it."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from decimal import Decimal

import pytest

from adapters.exchanges.paper.memory_store import MemoryPaperStore
from adapters.exchanges.paper.venue import PaperExchange
from adapters.persistence.database import open_database
from adapters.persistence.paper_store import SqlPaperStore
from adapters.persistence.paper_tables import metadata
from application.ports.exchange import VenueRefused
from application.ports.paper_accounts import VenueDeposit
from domain.money import Money
from tests.adapters.exchanges.paper.venues import (
    ACCOUNT,
    FREE_OF_CHARGE,
    balances,
    candle,
    fills,
    funded,
    limit_buy,
    market_buy,
    report,
    request,
    show,
)


@pytest.fixture(params=["memory", "postgresql"])
def two_venues(request: pytest.FixtureRequest) -> Iterator[tuple[PaperExchange, PaperExchange]]:
    """Two venues with nothing in common but the store, as in two processes; 1,000 USDT on one account."""
    if request.param == "memory":
        store = MemoryPaperStore(exclusive=False)
        yield funded(FREE_OF_CHARGE, store=store), PaperExchange(store)
        return
    url = request.getfixturevalue("empty_postgres_url")
    with ExitStack() as stack:
        first, second = (stack.enter_context(open_database(url, check_schema=False)) for _ in range(2))
        with first.transaction() as connection:
            metadata.create_all(connection)
        yield funded(FREE_OF_CHARGE, store=SqlPaperStore(first)), PaperExchange(SqlPaperStore(second))


def test_an_order_taken_by_one_is_filled_by_the_candles_of_the_other(
    two_venues: tuple[PaperExchange, PaperExchange],
) -> None:
    one, other = two_venues
    show(other, candle(0, "100"))
    one.submit(request(market_buy("1000")))

    show(other, candle(1, "100"))
    show(one, candle(1, "100"))

    assert fills(one) == fills(other) == [("10", "100", "0 USDT")]
    assert balances(one) == balances(other) == {"BTC": ("10", "0")}


def test_the_same_money_is_not_locked_twice(two_venues: tuple[PaperExchange, PaperExchange]) -> None:
    """20 orders of 80 from two processes at once against 1,000: exactly 12 fit."""

    def send(number: int) -> bool:
        try:
            two_venues[number % 2].submit(request(limit_buy("1", "80"), f"o-{number}"))
        except VenueRefused:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        taken = list(pool.map(send, range(20)))

    assert sum(taken) == 12
    assert balances(two_venues[0]) == balances(two_venues[1]) == {"USDT": ("40", "960")}


def test_one_request_sent_to_both_opens_one_order(two_venues: tuple[PaperExchange, PaperExchange]) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda n: two_venues[n % 2].submit(request(limit_buy("1", "80"))), range(16)))

    assert all(answer == answers[0] for answer in answers)
    assert balances(two_venues[0]) == {"USDT": ("920", "80")}


def test_one_candle_shown_to_both_fills_once(two_venues: tuple[PaperExchange, PaperExchange]) -> None:
    for number in range(10):
        two_venues[0].submit(request(market_buy("100"), f"o-{number}"))

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda venue: show(venue, candle(1, "100")), two_venues))

    assert balances(two_venues[1]) == {"BTC": ("10", "0")}
    assert all(len(report(two_venues[1], f"o-{number}").fills) == 1 for number in range(10))


def test_one_deposit_made_through_both_counts_once(two_venues: tuple[PaperExchange, PaperExchange]) -> None:
    amount = Money(Decimal(5), "USDT")

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda n: two_venues[n % 2].deposit([VenueDeposit(ACCOUNT, "d-2", amount)]), range(8)))

    assert balances(two_venues[0]) == {"USDT": ("1005", "0")}
