"""Candle files: every shape reads to the same candles, every fault is named by its row."""

from __future__ import annotations

import gzip
import zipfile
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import cast

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.market_data.files import CandleFile, read_candles
from application.ports.candle_reader import CandleFileRefused
from domain.errors import InvalidValue
from domain.market import Candle
from tests.adapters.market_data import candle_files
from tests.adapters.market_data.candle_files import HOUR_MS, START_MS, Writer, clean, line, lines, write


def refused(path: Path, interval: str | None = None) -> list[tuple[int | None, str]]:
    """Row and code of each error; the file must be refused, in reading it and in taking its candles."""
    file = read_candles(path, interval=interval)
    with pytest.raises(CandleFileRefused):
        file.require_clean()
    with pytest.raises(CandleFileRefused):
        list(file.candles)
    return [(problem.row, problem.code) for problem in file.errors]


def with_row(folder: Path, row: str, at: int = 5) -> Path:
    """A clean file whose line of that number (from 1, header included) is another one."""
    rows = lines(clean())
    rows[at - 1] = row
    return write(folder / "binance_BTCUSDT_1h.csv", rows)


def with_cell(folder: Path, column: str, text: str, at: int = 5) -> Path:
    cells = lines(clean())[at - 1].split(",")
    cells[candle_files.HEADER.split(",").index(column)] = text
    return with_row(folder, ",".join(cells), at)


@pytest.mark.parametrize("shape", candle_files.SHAPES, ids=lambda shape: cast(Writer, shape).__name__)
def test_every_shape_reads_to_the_same_candles(shape: Writer, tmp_path: Path) -> None:
    file = read_candles(shape(tmp_path, clean()))

    assert list(file.problems) == []
    assert list(file.candles) == clean()
    assert (file.interval, file.rows, len(file.candles)) == ("1h", 10, 10)


prices = st.decimals(min_value="0.00000001", max_value=10**9, places=8)


@st.composite
def possible_candles(draw: st.DrawFn) -> list[Candle]:
    candles = []
    for hour in range(draw(st.integers(2, 12))):
        low, open_, close, high = sorted(draw(st.tuples(prices, prices, prices, prices)))
        if draw(st.booleans()):
            open_, close = close, open_
        volume = draw(st.decimals(min_value="0.00000001", max_value=10**9, places=8))
        candles.append(Candle(START_MS + hour * HOUR_MS, open_, high, low, close, volume))
    return candles


@pytest.mark.parametrize(
    "shape",
    [shape for shape in candle_files.SHAPES if shape is not candle_files.parquet_float],
    ids=lambda shape: cast(Writer, shape).__name__,
)
@given(candles=possible_candles())
@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_was_written_is_read_to_the_last_digit(
    shape: Writer, candles: list[Candle], tmp_path: Path
) -> None:
    assert list(read_candles(shape(tmp_path, candles)).candles) == candles


def test_candles_can_be_gone_through_twice(tmp_path: Path) -> None:
    file = read_candles(candle_files.own_gzip(tmp_path, clean()))

    assert list(file.candles) == list(file.candles) == clean()


def test_a_file_that_changes_after_the_check_is_not_trusted(tmp_path: Path) -> None:
    path = candle_files.own(tmp_path, clean())
    file = read_candles(path)
    candle_files.own(tmp_path, clean(9))

    with pytest.raises(CandleFileRefused, match="file_changed"):
        list(file.candles)


@pytest.mark.parametrize(
    ("column", "text", "code"),
    [
        ("open", "0", "price_not_positive"),
        ("low", "0.0", "price_not_positive"),
        ("close", "-104.125", "price_not_positive"),
        ("volume", "-1", "negative_volume"),
        ("high", "1", "high_below_low"),
        ("open", "1", "open_outside_range"),
        ("close", "99999", "close_outside_range"),
        ("high", "NaN", "not_a_number"),
        ("high", "Infinity", "not_a_number"),
        ("low", "-inf", "not_a_number"),
        ("volume", "null", "not_a_number"),
        ("close", "", "empty_cell"),
        ("timestamp_ms", "", "empty_cell"),
        ("open", "1.03E+02", "mangled_number"),
        ("open", "1_03", "mangled_number"),
        ("open", "103.5.1", "mangled_number"),
        ("open", "103 5", "mangled_number"),
        ("open", "+103.5", "mangled_number"),
        ("open", "１０３", "mangled_number"),
        ("open", "0x67", "mangled_number"),
        ("open", ".", "mangled_number"),
        ("volume", "9" * 19, "mangled_number"),
        ("volume", "0." + "1" * 31, "mangled_number"),
        ("volume", "1e-400", "mangled_number"),
        ("timestamp_ms", "1.70408E+12", "mangled_time"),
        ("timestamp_ms", "1704078000", "wrong_time_unit"),
        ("timestamp_ms", "1704078000000000", "wrong_time_unit"),
        ("timestamp_ms", "2024-01-01T03:00Z", "wrong_time_unit"),
        ("timestamp_ms", "17040780", "time_out_of_range"),
        ("timestamp_ms", "9704078000000", "time_out_of_range"),
        ("timestamp_ms", "-1704078000000", "bad_time"),
        ("timestamp_ms", "01/02/2024", "bad_time"),
        ("timestamp_ms", "1704078000001", "off_grid"),
        ("timestamp_ms", "1704079800000", "off_grid"),
        ("timestamp_ms", str(START_MS - HOUR_MS), "out_of_order"),
        ("timestamp_ms", str(START_MS + HOUR_MS), "conflicting_duplicate"),
    ],
)
@pytest.mark.parametrize("at", [5, 11], ids=["inside", "last"])
def test_one_wrong_cell_is_named_by_its_row(
    column: str, text: str, code: str, at: int, tmp_path: Path
) -> None:
    if text in ("1704078000001", "1704079800000") and at == 11:
        text = str(int(text) + 6 * HOUR_MS)
    assert refused(with_cell(tmp_path, column, text, at)) == [(at, code)]


@pytest.mark.parametrize("at", [2, 5, 10])
def test_a_time_far_ahead_is_named_not_the_rows_behind_it(at: int, tmp_path: Path) -> None:
    path = with_cell(tmp_path, "timestamp_ms", str(START_MS + 999 * HOUR_MS), at)

    assert refused(path) == [(at, "out_of_order")]


@pytest.mark.parametrize("at", [2, 3, 5, 8])
def test_a_time_that_comes_again_later_is_named(at: int, tmp_path: Path) -> None:
    path = with_cell(tmp_path, "timestamp_ms", str(START_MS + 8 * HOUR_MS), at)

    assert refused(path) == [(at, "out_of_order")]


@pytest.mark.parametrize("text", ["3.4e-7", "3.4E-07", ".5", "7.", "0007.10", "1" * 18 + "." + "1" * 30])
def test_numbers_that_lose_nothing_are_read_as_they_stand(text: str, tmp_path: Path) -> None:
    file = read_candles(with_cell(tmp_path, "volume", text))

    assert list(file.candles)[3].volume == Decimal(text)


CORRUPTIONS = ("", "x", "1e5", "1.7E+12", "NaN", "-5", "--1", "0", "12,5", "\x00", "1;2", "٣", "1" * 60)


@given(
    shape=st.sampled_from([candle_files.own, candle_files.binance_us, candle_files.kraken_seconds]),
    index=st.integers(0, 29),
    column=st.integers(0, 5),
    corruption=st.sampled_from(CORRUPTIONS),
)
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_corrupted_cell_is_always_found_in_its_row(
    shape: Writer, index: int, column: int, corruption: str, tmp_path: Path
) -> None:
    path = shape(tmp_path, clean(30))
    rows = path.read_text().splitlines()
    head = 1 if shape is candle_files.own else 0
    cells = rows[head + index].split(",")
    cells[column] = corruption
    if (column, corruption) == (5, "0") or (head == 0 and index == 0 and column == 0):
        return  # no trade is possible; the first cell of a file without header would be read as a header
    rows[head + index] = ",".join(cells)
    write(path, rows)

    assert {row for row, _ in refused(path)} == {head + index + 1}


@given(data=st.data())
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_quick_way_and_the_row_by_row_way_agree(data: st.DataObject, tmp_path: Path) -> None:
    """A row that is left out by range switches the quick way off for its chunk: nothing else may change."""
    numbers = st.sampled_from(
        ["1", "2", "0", "0.0", "1e-7", "3E-7", "1E+5", "5.", ".5", "", "1" * 18, "1" * 19, "-1", "nan", " 7",
         "0000000000000000000000000000001", "9.99", "1e-40", "1_0"]
    )  # fmt: skip
    rows = [
        ",".join([str(START_MS + hour * HOUR_MS), *data.draw(st.tuples(*[numbers] * 5))]) for hour in range(4)
    ]
    last = line(clean(5)[-1])
    quick = read_candles(write(tmp_path / "quick.csv", [candle_files.HEADER, *rows]), interval="1h")
    slow = read_candles(
        write(tmp_path / "slow.csv", [candle_files.HEADER, *rows, last]),
        interval="1h",
        until_ms=START_MS + 4 * HOUR_MS,
    )

    assert slow.left_out == 1
    assert list(quick.problems) == list(slow.problems)
    if not quick.error_count:
        assert list(quick.candles) == list(slow.candles)


def test_a_gap_is_a_warning_with_its_ends_and_the_candles_are_kept(tmp_path: Path) -> None:
    candles = [c for hour, c in enumerate(clean()) if hour not in (3, 4)]

    file = read_candles(candle_files.own(tmp_path, candles))

    (gap,) = file.problems
    assert (gap.row, gap.code, gap.severity) == (5, "gap", "warning")
    assert gap.message == "2 missing from 2024-01-01T03:00Z until 2024-01-01T05:00Z"
    assert (file.missing, list(file.candles)) == (2, candles)


def test_a_candle_without_trades_is_a_warning(tmp_path: Path) -> None:
    file = read_candles(with_cell(tmp_path, "volume", "0"))

    assert [(p.row, p.code, p.severity) for p in file.problems] == [(5, "zero_volume", "warning")]
    assert len(list(file.candles)) == 10


def test_an_equal_duplicate_is_named_as_such(tmp_path: Path) -> None:
    rows = lines(clean())
    rows.insert(5, rows[4].replace("103.5", "103.50"))

    assert refused(write(tmp_path / "twice.csv", rows)) == [(6, "duplicate")]


def test_a_distant_duplicate_is_found(tmp_path: Path) -> None:
    rows = lines(clean())
    rows.append(rows[3])

    assert refused(write(tmp_path / "again.csv", rows)) == [(12, "duplicate")]


def test_swapped_rows_are_out_of_order(tmp_path: Path) -> None:
    rows = lines(clean())
    rows[4], rows[5] = rows[5], rows[4]

    assert refused(write(tmp_path / "swapped.csv", rows)) == [(6, "out_of_order")]


def test_a_newest_first_file_is_refused_once_not_row_by_row(tmp_path: Path) -> None:
    assert refused(candle_files.own(tmp_path, clean()[::-1])) == [(3, "newest_first")]


def test_close_times_instead_of_open_times_are_refused(tmp_path: Path) -> None:
    late = [replace(c, open_time_ms=c.open_time_ms + HOUR_MS - 1) for c in clean()]

    assert refused(candle_files.own(tmp_path, late)) == [(None, "shifted_grid")]


def test_days_that_begin_elsewhere_are_a_warning(tmp_path: Path) -> None:
    days = [
        replace(c, open_time_ms=START_MS + day * 24 * HOUR_MS + 16 * HOUR_MS) for day, c in enumerate(clean())
    ]

    file = read_candles(candle_files.own(tmp_path, days))

    assert (file.interval, [p.code for p in file.warnings]) == ("1d", ["shifted_grid"])
    file.require_clean()


@pytest.mark.parametrize(
    ("rows", "row", "code"),
    [
        ([], None, "empty_file"),
        ([candle_files.HEADER], 1, "header_only"),
        (["timestamp_ms,open,high,low,volume", "1,2,3,4,5"], 1, "missing_column"),
        (["open,high,low,close,volume", "1,2,3,4,5"], 1, "missing_column"),
        (["timestamp_ms,open,high,low,close", "1,2,3,4,5"], 1, "missing_column"),
        (["unix,open,high,low,close,Volume BTC,Volume USDT", "1,2,3,4,5,6,7"], 1, "ambiguous_volume"),
        (["1704067200000,1,2,3,4"], 1, "missing_column"),
    ],
)
def test_a_file_without_the_columns_is_refused(
    rows: list[str], row: int | None, code: str, tmp_path: Path
) -> None:
    path = tmp_path / "candles.csv"
    path.write_text("\n".join(rows))

    assert refused(path) == [(row, code)]


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ("1704078000000,1,2", "missing_cells"),
        ("1704078000000,1,203.5,2,101,99,104.1,4", "extra_cells"),
        ("", "blank_row"),
        ("hello", "missing_cells"),
    ],
)
def test_a_row_of_another_width_is_named(row: str, code: str, tmp_path: Path) -> None:
    assert refused(with_row(tmp_path, row)) == [(5, code)]


def test_a_truncated_gzip_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "cut.csv.gz"
    path.write_bytes(gzip.compress("\n".join(lines(clean(5_000))).encode())[:-200])

    ((_, code),) = refused(path)
    assert code == "damaged_file"


def test_a_damaged_zip_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "cut.zip"
    path.write_bytes(candle_files.binance_zip(tmp_path, clean(2_000)).read_bytes()[:-300])

    assert refused(path) == [(None, "damaged_file")]


def test_an_archive_must_hold_one_table(tmp_path: Path) -> None:
    path = tmp_path / "two.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.csv", "\n".join(lines(clean())))
        archive.writestr("b.csv", "\n".join(lines(clean())))

    assert refused(path) == [(None, "not_one_table")]


def test_a_damaged_parquet_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "cut.parquet"
    path.write_bytes(candle_files.parquet_text(tmp_path, clean()).read_bytes()[:-20])

    assert refused(path) == [(None, "damaged_file")]


@pytest.mark.parametrize(("encoding", "row"), [("latin-1", 4), ("utf-16", 1)])
def test_another_encoding_is_refused(encoding: str, row: int, tmp_path: Path) -> None:
    path = tmp_path / "encoded.csv"
    rows = lines(clean())
    rows[3] += "é"
    path.write_bytes("\n".join(rows).encode(encoding))

    assert refused(path) == [(row, "wrong_encoding")]


def test_parquet_names_rows_from_one_and_finds_absent_values(tmp_path: Path) -> None:
    table = pq.read_table(candle_files.parquet_float(tmp_path, clean()))
    values = table.column("close").to_pylist()
    values[3], values[6] = None, float("nan")
    path = tmp_path / "holes.parquet"
    pq.write_table(table.set_column(4, "close", pa.array(values, pa.float64())), path)

    assert refused(path) == [(4, "empty_cell"), (7, "not_a_number")]


def test_two_pairs_in_one_file_are_refused(tmp_path: Path) -> None:
    path = candle_files.crypto_data_download(tmp_path, clean())
    rows = path.read_text().splitlines()
    rows[7] = rows[7].replace("BTC/USDT", "ETH/USDT")

    assert refused(write(path, rows)) == [(8, "mixed_symbols")]


def test_the_volume_in_the_base_asset_is_taken(tmp_path: Path) -> None:
    file = read_candles(candle_files.crypto_data_download(tmp_path, clean()))

    assert [c.volume for c in file.candles] == [c.volume for c in clean()]
    assert file.symbol_guess == "BTC/USDT"


def test_one_candle_needs_an_interval(tmp_path: Path) -> None:
    path = candle_files.own(tmp_path, clean(1))

    assert refused(path) == [(None, "interval_unknown")]
    assert list(read_candles(path, interval="1h").candles) == clean(1)


def test_another_interval_than_the_candles_have_is_refused(tmp_path: Path) -> None:
    assert refused(candle_files.own(tmp_path, clean()), interval="5m") == [(None, "interval_mismatch")]


def test_an_interval_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidValue, match="7m"):
        read_candles(candle_files.own(tmp_path, clean()), interval="7m")


def test_a_range_leaves_rows_out_by_name_and_does_not_judge_them(tmp_path: Path) -> None:
    path = with_cell(tmp_path, "low", "0", at=2)

    file = read_candles(path, from_ms=START_MS + HOUR_MS, until_ms=START_MS + 8 * HOUR_MS)

    assert list(file.candles) == clean()[1:8]
    assert (file.rows, file.left_out, len(file.candles)) == (10, 3, 7)
    assert list(file.problems) == []


def test_a_range_without_candles_is_refused(tmp_path: Path) -> None:
    file = read_candles(candle_files.own(tmp_path, clean()), from_ms=START_MS + 99 * HOUR_MS)

    assert [p.code for p in file.errors] == ["no_candles"]


def test_many_problems_are_all_counted_and_the_first_are_kept(tmp_path: Path) -> None:
    rows = [candle_files.HEADER, *(line(c) + "x" for c in clean(3_000))]

    file = read_candles(write(tmp_path / "bad.csv", rows))

    assert (file.error_count, len(file.errors)) == (3_000, 1_000)
    with pytest.raises(CandleFileRefused) as refusal:
        file.require_clean()
    assert refusal.value.data["count"] == "3000"
    assert refusal.value.data["rows"].startswith("2, 3, 4, ")
    assert "bad.csv: 3000 errors\n" in str(refusal.value)
    assert "… and 2980 more" in str(refusal.value)


def test_one_error_is_called_one_error(tmp_path: Path) -> None:
    file = read_candles(with_cell(tmp_path, "low", "0", at=2))

    with pytest.raises(CandleFileRefused, match=r"\.csv: 1 error\n"):
        file.require_clean()


@pytest.mark.parametrize(
    ("name", "source", "symbol", "interval"),
    [
        ("binance_BTCUSDT_1h_2017-08.csv.gz", "binance", "BTC/USDT", "1h"),
        ("binance_perp_ETHUSDT_1d_to_2026.csv", "binance_perp", "ETH/USDT", "1d"),
        ("BTCUSDT-1m-2025-01.zip", None, "BTC/USDT", "1m"),
        ("BTC_USDT-5m.parquet", None, "BTC/USDT", "5m"),
        ("bittrex_ETHBTC_5m.csv", "bittrex", "ETH/BTC", "5m"),
        ("Gemini_BTCUSD_1D.csv", "gemini", "BTC/USD", "1d"),
        ("prices.csv", None, None, None),
    ],
)
def test_names_tell_source_pair_and_interval(
    name: str, source: str | None, symbol: str | None, interval: str | None, tmp_path: Path
) -> None:
    write(tmp_path / name, lines(clean(1)))

    file: CandleFile = read_candles(tmp_path / name)

    assert (file.source_guess, file.symbol_guess, file.interval or None) == (source, symbol, interval)


def test_a_missing_file_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_candles(tmp_path / "nowhere.csv")
