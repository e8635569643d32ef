"""What every ReadModels promises, each filled from the same log."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest

from adapters.persistence.projector import Projector
from adapters.persistence.read_models import MemoryReadModels, SqlReadModels
from application.ports.event_log import Position, RecordedEvent
from application.ports.read_models import Narrowed, ReadModels
from application.views.rows import (
    ROWS,
    AccountRow,
    BalanceRow,
    BotRow,
    EntryRow,
    OrderRow,
    PostingRow,
)
from tests.adapters.persistence.stored_logs import append
from tests.application.views.histories import a_history, folded
from tests.contracts.stores import STORES, database_of

HISTORY = a_history()
HEAD = len(HISTORY.log)
START = Position()


class ListLog:
    """A log that is a list: all that MemoryReadModels asks of one."""

    def __init__(self) -> None:
        self.events: list[RecordedEvent] = []

    def read(
        self, *, after: Position = START, until: Position | None = None, names: Any = ()
    ) -> Iterator[RecordedEvent]:
        return iter([event for event in self.events if event.position > after])

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"{name} is not asked for")


@dataclass
class Stack:
    views: ReadModels
    append: Callable[[list[RecordedEvent]], None]
    fold: Callable[[], None]


@pytest.fixture(params=STORES)
def stack(request: pytest.FixtureRequest) -> Iterator[Stack]:
    with database_of(request) as db:
        if db is None:
            log = ListLog()
            yield Stack(MemoryReadModels(log), log.events.extend, lambda: None)
        else:
            projector = Projector(db)
            yield Stack(SqlReadModels(db), lambda events: append(db, events), projector.catch_up)


@pytest.fixture
def views(stack: Stack) -> ReadModels:
    stack.append(HISTORY.log)
    stack.fold()
    return stack.views


def test_rows_are_what_the_log_says(views: ReadModels) -> None:
    expected = folded(HISTORY)
    for kind in ROWS:
        assert list(views.where(kind)) == list(expected.where(kind))


def test_a_row_is_found_by_its_key(views: ReadModels) -> None:
    bot = views.get(BotRow, "ann")
    assert bot is not None
    assert bot.owner_id == "ann"
    assert views.get(BotRow, "nobody") is None
    balance = views.get(BalanceRow, "ann", "owner:available", "USDT")
    assert balance is None or balance.amount < 0


def test_rows_are_chosen_by_their_columns(views: ReadModels) -> None:
    every = views.where(OrderRow)
    bot_id, status = every[0].bot_id, every[0].status
    chosen = views.where(OrderRow, bot_id=bot_id, status=status)
    assert list(chosen) == [row for row in every if (row.bot_id, row.status) == (bot_id, status)]
    assert 0 < len(chosen) < len(every)
    assert views.where(OrderRow, bot_id="bob", status="lost") == []
    assert [row.account_id for row in views.where(AccountRow)] == ["ann", "bob"]


def test_pages_go_from_the_newest_to_the_oldest_and_miss_nothing(views: ReadModels) -> None:
    seen: list[EntryRow] = []
    cursor: Position | None = None
    while True:
        page = views.page(EntryRow, equal={"owner_id": "ann"}, before=cursor, limit=7)
        assert len(page.rows) <= 7
        seen += page.rows
        cursor = page.next_cursor
        if cursor is None:
            break
    assert [row.position for row in seen] == sorted((row.position for row in seen), reverse=True)
    assert sorted(seen, key=lambda row: row.position) == list(views.where(EntryRow, owner_id="ann"))


def test_a_page_is_narrowed_by_times_and_by_what_stands_beside(views: ReadModels) -> None:
    every = sorted(views.where(EntryRow), key=lambda row: row.position, reverse=True)
    middle = every[len(every) // 2].recorded_at_utc
    legs = [leg for leg in views.where(PostingRow) if leg.account == "owner:available"]
    free = {leg.position for leg in legs}

    def found(narrowed: Narrowed, **equal: Any) -> list[EntryRow]:
        rows: list[EntryRow] = []
        cursor: Position | None = None
        while True:
            page = views.page(EntryRow, equal=equal, narrowed=narrowed, before=cursor, limit=3)
            rows += page.rows
            cursor = page.next_cursor
            if cursor is None:
                return rows

    since, before = Narrowed(since={"recorded_at_utc": middle}), Narrowed(before={"recorded_at_utc": middle})
    assert found(since) == [row for row in every if row.recorded_at_utc >= middle]
    assert found(before) == [row for row in every if row.recorded_at_utc < middle]
    beside = Narrowed(
        since={"recorded_at_utc": middle}, beside=[(PostingRow, {"account": "owner:available"})]
    )
    expected = [row for row in every if row.recorded_at_utc >= middle and row.position in free]
    assert found(beside) == expected
    assert found(beside, book_id="ann") == [row for row in expected if row.book_id == "ann"]
    in_btc = [(PostingRow, {"account": "owner:available", "asset": "BTC"})]
    both = {leg.position for leg in legs if leg.asset == "BTC"}
    assert found(Narrowed(beside=in_btc)) == [row for row in every if row.position in both]
    assert 0 < len(expected) < len(every)


def test_the_rows_of_one_position_stay_on_one_page(views: ReadModels) -> None:
    seen: list[PostingRow] = []
    cursor: Position | None = None
    while True:
        page = views.page(PostingRow, equal={"book_id": "ann"}, before=cursor, limit=4)
        seen += page.rows
        cursor = page.next_cursor
        if cursor is None:
            break
    assert sorted(seen, key=lambda row: (row.position, row.leg)) == list(
        views.where(PostingRow, book_id="ann")
    )


def test_a_page_that_holds_all_has_no_cursor(views: ReadModels) -> None:
    everything = views.where(OrderRow)
    page = views.page(OrderRow, equal={}, limit=500)
    assert len(page.rows) == len(everything)
    assert page.next_cursor is None
    assert views.page(OrderRow, equal={"owner_id": "nobody"}).rows == []


def test_every_projection_says_how_far_it_is(views: ReadModels) -> None:
    for name in ("accounts", "balances", "ledger", "trading"):
        assert views.position(name) == Position(id=HEAD)
    assert views.position("nothing") == Position()


def test_waiting_ends_when_the_position_is_reached_or_time_is_up(stack: Stack) -> None:
    stack.append(HISTORY.log[:100])
    stack.fold()
    assert stack.views.wait_for(100, timeout_s=5)
    assert not stack.views.wait_for(101, timeout_s=0.01)


def test_what_comes_later_is_folded_onto_what_is_there(stack: Stack) -> None:
    for start in range(0, HEAD, 90):
        stack.append(HISTORY.log[start : start + 90])
        stack.fold()
    expected = folded(HISTORY)
    for kind in ROWS:
        assert list(stack.views.where(kind)) == list(expected.where(kind))


def test_balances_sum_to_zero_per_asset(views: ReadModels) -> None:
    """O3."""
    sums: dict[str, Decimal] = {}
    for row in views.where(BalanceRow):
        sums[row.asset] = sums.get(row.asset, Decimal(0)) + row.amount
    assert sums
    assert set(sums.values()) == {Decimal(0)}
