"""What every CandleStore promises: memory, SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.market_data.memory_candle_store import MemoryCandleStore
from adapters.persistence.candle_store import PAGE, SqlCandleStore
from adapters.persistence.database import Database, open_database
from adapters.persistence.migrations import upgrade
from application.ports.candle_store import CandleConflict, CandleStore, SaveReport, Series
from domain.market import Candle

HOUR_MS = 3_600_000
BTC = Series("binance", "BTC/USDT", "1h")
ETH = Series("binance", "ETH/USDT", "1h")


def candle(hour: int, close: str = "101.5", volume: str = "2.25") -> Candle:
    return Candle(
        hour * HOUR_MS, Decimal(100), Decimal("110.25"), Decimal("99.5"), Decimal(close), Decimal(volume)
    )


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[CandleStore]:
    if request.param == "memory":
        yield MemoryCandleStore()
        return
    url = f"sqlite:///{tmp_path}/candles.db"
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres_url")
    else:
        upgrade(url)
    with open_database(url) as database:
        yield SqlCandleStore(database)


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[Database]:
    upgrade(f"sqlite:///{tmp_path}/candles.db")
    with open_database(f"sqlite:///{tmp_path}/candles.db") as database:
        yield database


def test_saved_candles_are_read_back_oldest_first(store: CandleStore) -> None:
    report = store.save(BTC, [candle(3), candle(1), candle(2)])

    assert report == SaveReport(added=3, unchanged=0)
    assert list(store.read(BTC)) == [candle(1), candle(2), candle(3)]


def test_saving_the_same_candles_again_changes_nothing(store: CandleStore) -> None:
    store.save(BTC, [candle(1), candle(2)])

    assert store.save(BTC, [candle(1), candle(2), candle(3)]) == SaveReport(added=1, unchanged=2)
    assert list(store.read(BTC)) == [candle(1), candle(2), candle(3)]


def test_equal_numbers_written_in_another_way_are_the_same_candle(store: CandleStore) -> None:
    store.save(BTC, [candle(1, close="101.5", volume="0.00000034")])

    assert store.save(BTC, [candle(1, close="101.500", volume="3.4e-7")]) == SaveReport(added=0, unchanged=1)


def test_other_numbers_at_a_stored_time_are_refused_and_nothing_is_saved(store: CandleStore) -> None:
    store.save(BTC, [candle(2)])

    with pytest.raises(CandleConflict) as refused:
        store.save(BTC, [candle(1), candle(2, close="101.6"), candle(3)])

    assert refused.value.code == "candle_conflict"
    assert (refused.value.series, refused.value.open_time_ms) == (BTC, 2 * HOUR_MS)
    assert "close 101.5 " in refused.value.stored
    assert "close 101.6 " in refused.value.offered
    assert list(store.read(BTC)) == [candle(2)]


def test_a_late_conflict_in_a_long_import_takes_the_first_pages_back(store: CandleStore) -> None:
    last = PAGE + 10
    store.save(BTC, [candle(last)])

    with pytest.raises(CandleConflict):
        store.save(BTC, [*map(candle, range(last)), candle(last, close="100")])

    assert list(store.read(BTC)) == [candle(last)]


def test_two_different_candles_of_one_time_in_one_call_are_refused(store: CandleStore) -> None:
    with pytest.raises(CandleConflict):
        store.save(BTC, [candle(1), candle(1, close="100")])

    assert list(store.read(BTC)) == []


def test_one_candle_twice_in_one_call_is_saved_once(store: CandleStore) -> None:
    assert store.save(BTC, [candle(1), candle(1)]) == SaveReport(added=1, unchanged=1)


def test_an_error_in_the_iterable_saves_nothing(store: CandleStore) -> None:
    def broken() -> Iterator[Candle]:
        yield from map(candle, range(PAGE + 1))
        raise OSError("the disk went away")

    with pytest.raises(OSError, match="went away"):
        store.save(BTC, broken())

    assert list(store.read(BTC)) == []


def test_others_write_while_a_long_import_is_read_and_between_its_pages(sqlite: Database) -> None:
    """A bot's commands do not wait for somebody's import."""
    store = SqlCandleStore(sqlite)
    said: list[str] = []
    committed: list[int] = []

    def count() -> int:
        with sqlite.reading() as connection:
            return int(connection.exec_driver_sql("SELECT count(*) FROM candles").scalar() or 0)

    def written_by_another_thread() -> None:
        with sqlite.transaction() as connection:
            connection.exec_driver_sql("DELETE FROM outbox")
        committed.append(count())

    def while_read() -> Iterator[Candle]:
        for number in range(2 * PAGE + 1):
            if number % PAGE == 0:
                with ThreadPoolExecutor(1) as other:
                    other.submit(written_by_another_thread).result(30)
            yield candle(number)

    assert store.save(BTC, while_read()) == SaveReport(added=2 * PAGE + 1, unchanged=0)
    assert committed == [0, 0, 0]
    sqlite.sqlite_connection.set_trace_callback(said.append)
    assert store.save(BTC, map(candle, range(2 * PAGE + 5))) == SaveReport(added=4, unchanged=2 * PAGE + 1)
    sqlite.sqlite_connection.set_trace_callback(None)
    assert said.count("COMMIT") == 3


def test_a_long_import_in_no_order_is_whole_or_nothing(store: CandleStore) -> None:
    backwards = [candle(number) for number in range(PAGE + 10, 0, -1)]
    with pytest.raises(CandleConflict):
        store.save(BTC, [*backwards, candle(PAGE, close="100")])
    assert list(store.read(BTC)) == []

    assert store.save(BTC, [*backwards, candle(PAGE)]) == SaveReport(added=PAGE + 10, unchanged=1)


def test_a_range_holds_its_first_and_not_its_last_moment(store: CandleStore) -> None:
    store.save(BTC, map(candle, range(10)))

    found = store.read(BTC, from_ms=3 * HOUR_MS, until_ms=6 * HOUR_MS)

    assert [c.open_time_ms // HOUR_MS for c in found] == [3, 4, 5]
    assert list(store.read(BTC, from_ms=20 * HOUR_MS)) == []


@pytest.mark.parametrize("count", [PAGE - 1, PAGE, PAGE + 1, 2 * PAGE + 1])
def test_reading_goes_on_over_page_ends(store: CandleStore, count: int) -> None:
    store.save(BTC, map(candle, range(count)))

    assert [c.open_time_ms // HOUR_MS for c in store.read(BTC)] == list(range(count))


def test_candles_saved_while_reading_do_not_disturb_the_reader(store: CandleStore) -> None:
    store.save(BTC, map(candle, range(PAGE + 5)))
    reader = store.read(BTC, until_ms=(PAGE + 5) * HOUR_MS)

    first = next(reader)
    store.save(BTC, [candle(PAGE + 5)])

    assert [first, *reader] == list(map(candle, range(PAGE + 5)))


def test_series_are_kept_apart(store: CandleStore) -> None:
    daily = replace(BTC, interval="1d")
    store.save(BTC, [candle(0)])
    store.save(ETH, [candle(0, close="105")])
    store.save(daily, [candle(0, close="106")])

    assert list(store.read(BTC)) == [candle(0)]
    assert list(store.read(ETH)) == [candle(0, close="105")]
    assert list(store.read(daily)) == [candle(0, close="106")]


def test_the_list_of_series_says_what_is_there_and_what_is_missing(store: CandleStore) -> None:
    store.save(ETH, [candle(5)])
    store.save(BTC, [candle(1), candle(2), candle(7)])

    btc, eth = store.series()

    assert (btc.series, btc.candles, btc.missing) == (BTC, 3, 4)
    assert (btc.first_open_time_ms, btc.last_open_time_ms) == (HOUR_MS, 7 * HOUR_MS)
    assert (eth.series, eth.candles, eth.missing) == (ETH, 1, 0)


def test_an_empty_store_has_no_series(store: CandleStore) -> None:
    assert list(store.series()) == []
    assert store.save(BTC, []) == SaveReport(added=0, unchanged=0)
    assert list(store.series()) == []


prices = st.decimals(min_value="0.000000000000000001", max_value=10**17, places=18, allow_nan=False)


@given(numbers=st.lists(st.tuples(*[prices] * 5), max_size=5))
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_digit_survives(store: CandleStore, numbers: list[tuple[Decimal, ...]]) -> None:
    series = replace(BTC, source=f"run-{_next_run()}")
    candles = [Candle(hour * HOUR_MS, *five) for hour, five in enumerate(numbers)]

    store.save(series, candles)

    assert list(store.read(series)) == candles


def _counter() -> Callable[[], int]:
    numbers = iter(range(1_000_000))
    return lambda: next(numbers)


_next_run = _counter()
