"""Candles in files, as the end-to-end tests hand them to the command line."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Iterable
from decimal import Decimal
from itertools import islice
from pathlib import Path

from adapters.market_data.synthetic import generate
from domain.market import Candle
from tests.shared_data import shared

HOUR_MS = 3_600_000
START_MS = 1_699_999_200_000
SEED = 3


def write(path: Path, candles: Iterable[Candle]) -> Path:
    with path.open("w", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(("timestamp", "open", "high", "low", "close", "volume"))
        for c in candles:
            rows.writerow((c.open_time_ms, c.open, c.high, c.low, c.close, c.volume))
    return path


def synthetic_file(folder: Path, count: int, *, symbol: str = "BTC/USDT", seed: int = SEED) -> Path:
    """Generated hourly candles, named as a venue's export would be."""
    path = folder / f"binance_{symbol.replace('/', '')}_1h_{count}_{seed}.csv"
    return write(path, generate(symbol, "1h", START_MS, count, seed))


def golden() -> list[Candle]:
    """ETH/BTC of January 2018 as the peers' benchmark scales it: prices × 10,000, volumes × 1,000,000."""
    with gzip.open(shared("candles/bittrex_ETHBTC_5m_2018-01.csv.gz"), "rt") as file:
        return [_scaled(row) for row in csv.DictReader(file)]


def bitcoin_file(folder: Path, count: int) -> Path:
    """The first real BTC/USDT candles of an hour."""
    source = shared("candles/binance_BTCUSDT_1h_2017-08_2024-04.csv.gz")
    path = folder / "binance_BTCUSDT_1h_slice.csv"
    with gzip.open(source, "rt") as file:
        path.write_text("".join(islice(file, count + 1)))
    return path


def _scaled(row: dict[str, str]) -> Candle:
    first, high, low, last = (
        Decimal(f"{round(float(row[name]) * 10_000, 4):.4f}") for name in ("open", "high", "low", "close")
    )
    volume = Decimal(round(float(row["volume"]) * 1_000_000))
    opens_at = int(row["timestamp_ms"])
    return Candle(opens_at, first, max(high, first, last), min(low, first, last), last, volume)
