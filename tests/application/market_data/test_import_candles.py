"""Importing candle files: all of them, or nothing, and again without harm."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapters.market_data.files import read_candles
from adapters.market_data.memory_candle_store import MemoryCandleStore
from application.market_data.import_candles import ImportCandles
from application.ports.candle_reader import CandleFileRefused
from application.ports.candle_store import CandleConflict, Series
from domain.errors import InvalidValue
from tests.adapters.market_data.candle_files import HOUR_MS, START_MS, clean, lines, write

SERIES = Series("binance", "BTC/USDT", "1h")


@pytest.fixture
def import_candles() -> ImportCandles:
    seconds = iter([0.0, 1.5] * 100)
    return ImportCandles(MemoryCandleStore(), read_candles, monotonic_s=lambda: next(seconds))


def file(folder: Path, name: str, rows: list[str]) -> str:
    return str(write(folder / name, rows))


def test_a_clean_file_is_imported_under_what_its_name_says(
    import_candles: ImportCandles, tmp_path: Path
) -> None:
    report = import_candles([file(tmp_path, "binance_BTCUSDT_1h.csv", lines(clean()))])

    assert report.series == SERIES
    assert (report.rows, report.added, report.unchanged, report.missing) == (10, 10, 0, 0)
    assert (report.first_open_time_ms, report.last_open_time_ms) == (START_MS, START_MS + 9 * HOUR_MS)
    assert (list(report.warnings), report.seconds) == ([], 1.5)
    assert list(import_candles.store.read(SERIES)) == clean()


def test_importing_again_adds_nothing(import_candles: ImportCandles, tmp_path: Path) -> None:
    path = file(tmp_path, "binance_BTCUSDT_1h.csv", lines(clean()))
    import_candles([path])

    report = import_candles([path])

    assert (report.added, report.unchanged) == (0, 10)


def test_what_was_given_wins_over_what_the_name_says(import_candles: ImportCandles, tmp_path: Path) -> None:
    path = file(tmp_path, "binance_BTCUSDT_1h.csv", lines(clean()))

    assert import_candles([path], source="copy", symbol="XBT/USDT").series == Series("copy", "XBT/USDT", "1h")


@pytest.mark.parametrize(
    ("given", "field"), [({}, "source"), ({"source": "mine"}, "symbol"), ({"symbol": "A/B"}, "source")]
)
def test_what_is_neither_given_nor_recognisable_is_asked_for(
    given: dict[str, str], field: str, import_candles: ImportCandles, tmp_path: Path
) -> None:
    with pytest.raises(InvalidValue) as refused:
        import_candles([file(tmp_path, "prices.csv", lines(clean()))], **given)  # type: ignore[arg-type]  # keywords

    assert refused.value.field == field


def test_a_file_with_an_error_is_refused_and_so_are_the_files_beside_it(
    import_candles: ImportCandles, tmp_path: Path
) -> None:
    good = file(tmp_path, "binance_BTCUSDT_1h_a.csv", lines(clean(10)))
    bad = file(tmp_path, "binance_BTCUSDT_1h_b.csv", [*lines(clean(3)), "x"])

    with pytest.raises(CandleFileRefused) as refused:
        import_candles([good, bad])

    assert (refused.value.code, refused.value.path, refused.value.rows) == ("candle_file_refused", bad, "5")
    assert list(import_candles.store.series()) == []


def test_files_are_joined_in_the_order_of_their_candles(
    import_candles: ImportCandles, tmp_path: Path
) -> None:
    early, late = lines(clean(10)[:5]), lines(clean(10)[7:])

    report = import_candles(
        [file(tmp_path, "binance_BTCUSDT_1h_2.csv", late), file(tmp_path, "binance_BTCUSDT_1h_1.csv", early)]
    )

    assert (report.added, report.warning_counts) == (8, {})
    (summary,) = import_candles.store.series()
    assert summary.missing == 2


def test_overlapping_files_are_named_and_equal_candles_are_kept_once(
    import_candles: ImportCandles, tmp_path: Path
) -> None:
    first = file(tmp_path, "binance_BTCUSDT_1h_1.csv", lines(clean(10)[:7]))
    second = file(tmp_path, "binance_BTCUSDT_1h_2.csv", lines(clean(10)[5:]))

    report = import_candles([first, second])

    assert (report.added, report.unchanged) == (10, 2)
    assert [(w.path, w.problem.code) for w in report.warnings] == [(second, "overlapping_files")]


def test_files_that_contradict_each_other_are_refused_together(
    import_candles: ImportCandles, tmp_path: Path
) -> None:
    first = file(tmp_path, "binance_BTCUSDT_1h_1.csv", lines(clean()))
    second = file(
        tmp_path, "binance_BTCUSDT_1h_2.csv", [r.replace(".00000034", ".7") for r in lines(clean())]
    )

    with pytest.raises(CandleConflict):
        import_candles([first, second])

    assert list(import_candles.store.series()) == []


def test_two_series_are_not_mixed(import_candles: ImportCandles, tmp_path: Path) -> None:
    btc = file(tmp_path, "binance_BTCUSDT_1h.csv", lines(clean()))
    eth = file(tmp_path, "binance_ETHUSDT_1h.csv", lines(clean()))

    with pytest.raises(InvalidValue, match="BTC/USDT and ETH/USDT"):
        import_candles([btc, eth])


def test_a_range_takes_a_part_and_says_how_much_was_left_out(
    import_candles: ImportCandles, tmp_path: Path
) -> None:
    path = file(tmp_path, "binance_BTCUSDT_1h.csv", lines(clean()))

    report = import_candles([path], from_ms=START_MS + 4 * HOUR_MS)

    assert (report.rows, report.added, report.left_out) == (10, 6, 4)
    assert list(import_candles.store.read(SERIES)) == clean()[4:]


def test_progress_ends_at_what_was_expected(import_candles: ImportCandles, tmp_path: Path) -> None:
    path = file(tmp_path, "binance_BTCUSDT_1h.csv", lines(clean(5_010)))
    progress: list[tuple[int, int]] = []

    import_candles([path], progress=lambda *done: progress.append(done))

    assert progress == [(5_000, 5_010), (5_010, 5_010)]


def test_warnings_name_file_and_row(import_candles: ImportCandles, tmp_path: Path) -> None:
    path = file(tmp_path, "binance_BTCUSDT_1h.csv", lines(clean(10)[:4] + clean(10)[6:]))

    report = import_candles([path])

    assert report.missing == 2
    assert [str(w) for w in report.warnings] == [
        f"{path}: row 6: 2 missing from 2024-01-01T04:00Z until 2024-01-01T06:00Z [gap]"
    ]
