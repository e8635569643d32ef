"""What every Leases promises. Time is the store's own, so one that ran out was taken for no time at all."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from adapters.persistence.database import open_database
from adapters.persistence.leases import MemoryLeases, SqlLeases
from application.ports.clock import ManualClock
from application.ports.leases import Leases
from tests.adapters.persistence.stored_logs import postgres_database, sqlite_database
from tests.contracts.stores import STORES, database_of

MINUTE, NO_TIME = timedelta(minutes=1), timedelta(0)


@pytest.fixture(params=STORES)
def leases(request: pytest.FixtureRequest) -> Iterator[Leases]:
    clock = ManualClock(datetime(2026, 1, 1, tzinfo=UTC))
    with database_of(request) as db:
        yield MemoryLeases(clock) if db is None else SqlLeases(db, clock)


def test_a_lease_has_one_holder(leases: Leases) -> None:
    assert leases.acquire("bot:1", holder="a", lasts=MINUTE) is not None
    assert leases.acquire("bot:1", holder="b", lasts=MINUTE) is None
    assert leases.acquire("bot:2", holder="b", lasts=MINUTE) is not None


def test_its_holder_renews_it_under_the_same_token(leases: Leases) -> None:
    first = leases.acquire("bot:1", holder="a", lasts=MINUTE)
    assert first is not None
    assert leases.acquire("bot:1", holder="a", lasts=MINUTE) == first


def test_one_that_ran_out_is_taken_with_a_higher_token(leases: Leases) -> None:
    """Safety §3.31."""
    first = leases.acquire("bot:1", holder="a", lasts=NO_TIME)
    second = leases.acquire("bot:1", holder="b", lasts=MINUTE)
    assert first is not None
    assert second is not None
    assert second.token > first.token
    assert leases.acquire("bot:1", holder="a", lasts=MINUTE) is None


def test_one_that_was_given_back_is_free_at_once(leases: Leases) -> None:
    first = leases.acquire("bot:1", holder="a", lasts=MINUTE)
    assert first is not None
    leases.release(first)
    second = leases.acquire("bot:1", holder="b", lasts=MINUTE)
    assert second is not None
    assert second.token > first.token


def test_giving_back_a_lost_one_changes_nothing(leases: Leases) -> None:
    first = leases.acquire("bot:1", holder="a", lasts=NO_TIME)
    second = leases.acquire("bot:1", holder="b", lasts=MINUTE)
    assert first is not None
    leases.release(first)
    assert leases.acquire("bot:1", holder="a", lasts=MINUTE) is None
    assert leases.acquire("bot:1", holder="b", lasts=MINUTE) == second


def test_who_holds_what_can_be_asked_by_the_beginning_of_the_name(leases: Leases) -> None:
    leases.acquire("series:a_%:1h", holder="a", lasts=MINUTE)
    leases.acquire("series:b:1h", holder="b", lasts=MINUTE)
    leases.acquire("series:c:1h", holder="b", lasts=NO_TIME)
    leases.acquire("bot:1", holder="a", lasts=MINUTE)
    assert leases.holders("series:") == {"series:a_%:1h": "a", "series:b:1h": "b"}
    assert leases.holders("series:a_%") == {"series:a_%:1h": "a"}
    assert leases.holders("nothing") == {}


def test_of_many_who_want_it_one_gets_it(leases: Leases) -> None:
    def take(n: int) -> object:
        return leases.acquire("bot:1", holder=str(n), lasts=MINUTE)

    with ThreadPoolExecutor(8) as pool:
        assert sum(fence is not None for fence in pool.map(take, range(8))) == 1


def test_who_opens_a_sqlite_file_need_not_wait_for_a_dead_process(tmp_path: Path) -> None:
    """Safety §3.31: one process writes to a file, so what others held is free, with a higher token."""
    clock = ManualClock(datetime(2026, 1, 1, tzinfo=UTC))
    with sqlite_database(tmp_path) as db:
        before = SqlLeases(db, clock).acquire("bot:1", holder="dead", lasts=MINUTE)
    with sqlite_database(tmp_path) as db:
        after = SqlLeases(db, clock).acquire("bot:1", holder="b", lasts=MINUTE)
        assert before is not None
        assert after is not None
        assert after.token > before.token
        with open_database(db.url, role="reader") as reading:
            assert SqlLeases(reading, clock).holders("bot:") == {"bot:1": "b"}


def test_who_opens_a_postgresql_database_frees_nothing(postgres_url: str) -> None:
    with postgres_database(postgres_url) as db:
        assert SqlLeases(db).acquire("bot:1", holder="a", lasts=MINUTE) is not None
    with postgres_database(postgres_url) as db:
        assert SqlLeases(db).acquire("bot:1", holder="b", lasts=MINUTE) is None
