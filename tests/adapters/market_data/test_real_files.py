"""The candle files of the shared data folder: each imports or is refused with its rows named."""

from __future__ import annotations

import gzip

import pytest

from adapters.market_data.files import read_candles
from application.ports.candle_reader import CandleFileRefused
from tests.shared_data import shared

# rows, interval, pair, source, missing candles, zero volumes
FILES = {
    "binance_BTCUSDT_1h_2017-08_2024-04": (58_419, "1h", "BTC/USDT", "binance", 128, 4),
    "binance_BTCUSDT_1m_2025-05_2025-08": (130_708, "1m", "BTC/USDT", "binance", 0, 0),
    "binance_BTCUSDT_5m_2024-01_2024-11": (96_480, "5m", "BTC/USDT", "binance", 0, 0),
    "binance_ETHUSDT_1h_2017-08_2023-08": (52_106, "1h", "ETH/USDT", "binance", 128, 6),
    "binance_ETHUSDT_1m_2025-05_2025-08": (130_708, "1m", "ETH/USDT", "binance", 0, 0),
    "binance_ETHUSDT_5m_2024-01_2024-11": (96_480, "5m", "ETH/USDT", "binance", 0, 0),
    "binance_SOLUSDT_15m_2023-04_2024-04": (35_999, "15m", "SOL/USDT", "binance", 0, 0),
    "binance_SOLUSDT_1h_2022-05_2026-05": (35_039, "1h", "SOL/USDT", "binance", 1, 1),
    "binance_SOLUSDT_5m_2024-01_2024-11": (96_480, "5m", "SOL/USDT", "binance", 0, 0),
    "binance_XRPETH_1m_2019-10": (2_469, "1m", "XRP/ETH", "binance", 1_091, 0),
    "binance_XRPETH_5m_2019-10": (706, "5m", "XRP/ETH", "binance", 6, 0),
    "binance_perp_BTCUSDT_1d_to_2026-05": (2_190, "1d", "BTC/USDT", "binance_perp", 0, 0),
    "binance_perp_ETHUSDT_1d_to_2026-05": (2_190, "1d", "ETH/USDT", "binance_perp", 0, 0),
    "binance_perp_SOLUSDT_1d_to_2026-05": (2_084, "1d", "SOL/USDT", "binance_perp", 0, 0),
    "bitfinex_BTCUSD_1m_20180404": (1_440, "1m", "BTC/USD", "bitfinex", 0, 0),
    "bitfinex_BTCUSD_1m_2019": (512_727, "1m", "BTC/USD", "bitfinex", 12_873, 0),
    "bitfinex_ETHUSD_1m_20180404": (1_433, "1m", "ETH/USD", "bitfinex", 7, 0),
    "bitstamp_BTCUSD_1d_2014-11_2025-02": (3_730, "1d", "BTC/USD", "bitstamp", 0, 8),
    "bittrex_ETHBTC_5m_2018-01": (5_760, "5m", "ETH/BTC", "bittrex", 0, 0),
    "coinbase_BTCUSD_1d_2014-12_2018-08": (1_318, "1d", "BTC/USD", "coinbase", 34, 0),
    "coinbase_BTCUSD_1h_2017-07_2020-10": (29_056, "1h", "BTC/USD", "coinbase", 5, 35),
    "coinbase_BTCUSD_1m_20180404": (1_007, "1m", "BTC/USD", "coinbase", 1, 0),
    "coinbase_ETHUSD_1m_20180404": (1_009, "1m", "ETH/USD", "coinbase", 4, 0),
    "perp_XRPUSDT_5m_2021-11": (1_999, "5m", "XRP/USDT", "perp", 0, 0),
}


@pytest.mark.parametrize("name", FILES)
def test_a_real_file_is_read_to_the_last_digit(name: str) -> None:
    path = shared(f"candles/{name}.csv.gz")
    rows, interval, pair, source, missing, zero_volumes = FILES[name]

    file = read_candles(path)

    assert list(file.errors) == []
    assert (file.rows, file.interval, file.symbol_guess, file.source_guess) == (rows, interval, pair, source)
    assert (file.missing, file.counts.get("zero_volume", 0)) == (missing, zero_volumes)
    with gzip.open(path, "rt") as text:
        next(text)
        for candle, line in zip(file.candles, text, strict=True):
            time, *numbers = line.split(",")
            assert candle.open_time_ms == int(time)
            assert f"{candle.close:f}" == f"{_plain(numbers[3])}"
            assert f"{candle.volume:f}" == f"{_plain(numbers[4])}"


def test_every_file_of_the_folder_is_covered() -> None:
    there = {path.name.removesuffix(".csv.gz") for path in shared("candles").glob("*.csv.gz")}

    assert there - {name for name in there if name.startswith("DIRTY_")} == {
        *FILES, "gemini_BTCUSD_1h_2015-10_2021-03",
    }  # fmt: skip


def test_a_first_candle_with_zero_prices_is_refused_and_can_be_left_out_by_range() -> None:
    path = shared("candles/gemini_BTCUSD_1h_2015-10_2021-03.csv.gz")

    assert [(p.row, p.code) for p in read_candles(path).errors] == [(2, "price_not_positive")]

    file = read_candles(path, from_ms=1_444_312_800_000)
    file.require_clean()
    assert (file.rows, file.left_out, sum(1 for _ in file.candles)) == (47_673, 1, 47_672)
    assert file.counts["zero_volume"] == 1_109


@pytest.mark.parametrize(
    ("name", "rows"),
    [
        ("DIRTY_binance_SOLUSDT_1h_excel_mangled_2021.csv.gz", 5_363),
        ("binance_BTCUSDT_1h_2023-11-18_public-data-format.csv", 25),
    ],
)
def test_times_that_a_spreadsheet_mangled_are_refused_with_every_row(name: str, rows: int) -> None:
    file = read_candles(shared(f"candles/{name}"))

    with pytest.raises(CandleFileRefused) as refused:
        file.require_clean()
    assert refused.value.data["count"] == str(rows)
    assert [p.row for p in file.errors][:1_000] == list(range(2, min(rows, 1_000) + 2))
    assert {p.code for p in file.errors} == {"mangled_time"}


def _plain(text: str) -> str:
    """3.4e-7 written out; anything else as it stands."""
    digits, exponent, places = text.strip().partition("e-")
    if not exponent:
        return digits
    whole, _, fraction = digits.partition(".")
    return "0." + "0" * (int(places) - 1) + whole + fraction
