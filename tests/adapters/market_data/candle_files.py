"""Candle files for tests, in the shapes people and venues leave them."""

from __future__ import annotations

import gzip
import zipfile
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from domain.market import Candle

HOUR_MS = 3_600_000
START_MS = 1_704_067_200_000  # 2024-01-01T00:00Z
HEADER = "timestamp_ms,open,high,low,close,volume"

Writer = Callable[[Path, Sequence[Candle]], Path]


def clean(count: int = 10, start_ms: int = START_MS) -> list[Candle]:
    """Hourly candles without any fault, every one with other numbers."""
    return [
        Candle(
            start_ms + hour * HOUR_MS,
            Decimal(f"{100 + hour}.5"),
            Decimal(f"{103 + hour}.25"),
            Decimal(f"{98 + hour}"),
            Decimal(f"{101 + hour}.125"),
            Decimal(f"{hour + 1}.00000034"),
        )
        for hour in range(count)
    ]


def line(candle: Candle, time: object | None = None) -> str:
    """One row of our own shape."""
    numbers = (candle.open, candle.high, candle.low, candle.close, candle.volume)
    return ",".join([str(candle.open_time_ms if time is None else time), *(f"{n:f}" for n in numbers)])


def lines(candles: Sequence[Candle]) -> list[str]:
    return [HEADER, *map(line, candles)]


def write(path: Path, rows: Sequence[str]) -> Path:
    path.write_text("\n".join(rows) + "\n")
    return path


def own(folder: Path, candles: Sequence[Candle]) -> Path:
    return write(folder / "own.csv", lines(candles))


def own_gzip(folder: Path, candles: Sequence[Candle]) -> Path:
    path = folder / "own.csv.gz"
    path.write_bytes(gzip.compress(("\n".join(lines(candles)) + "\n").encode()))
    return path


def windows(folder: Path, candles: Sequence[Candle]) -> Path:
    """As a spreadsheet on Windows saves it: byte order mark, CRLF, blank lines at the end."""
    path = folder / "windows.csv"
    path.write_bytes(b"\xef\xbb\xbf" + ("\r\n".join(lines(candles)) + "\r\n\r\n").encode())
    return path


def no_newline_at_the_end(folder: Path, candles: Sequence[Candle]) -> Path:
    path = folder / "cut.csv"
    path.write_text("\n".join(lines(candles)))
    return path


def semicolons(folder: Path, candles: Sequence[Candle]) -> Path:
    return write(folder / "semicolons.csv", [row.replace(",", ";") for row in lines(candles)])


def quoted(folder: Path, candles: Sequence[Candle]) -> Path:
    rows = [",".join(f'"{cell}"' for cell in row.split(",")) for row in lines(candles)]
    return write(folder / "quoted.csv", rows)


def binance_ms(folder: Path, candles: Sequence[Candle]) -> Path:
    return _binance(folder / "BTCUSDT-1h-2024-01.csv", candles, 1)


def binance_us(folder: Path, candles: Sequence[Candle]) -> Path:
    """The public archive since 2025."""
    return _binance(folder / "BTCUSDT-1h-2025-01.csv", candles, 1_000)


def binance_zip(folder: Path, candles: Sequence[Candle]) -> Path:
    path = folder / "BTCUSDT-1h-2025-01.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(binance_us(folder, candles), "BTCUSDT-1h-2025-01.csv")
    return path


def binance_headed(folder: Path, candles: Sequence[Candle]) -> Path:
    header = (
        "Open time,Open,High,Low,Close,Volume,Close time,Quote asset volume,Number of trades,"
        "Taker buy base asset volume,Taker buy quote asset volume,Ignore"
    )
    path = binance_ms(folder, candles)
    return write(folder / "headed.csv", [header, *path.read_text().splitlines()])


def kraken_seconds(folder: Path, candles: Sequence[Candle]) -> Path:
    rows = [line(c, c.open_time_ms // 1_000) + ",17" for c in candles]
    return write(folder / "XBTUSD_60.csv", rows)


def crypto_data_download(folder: Path, candles: Sequence[Candle]) -> Path:
    rows = [
        "https://www.CryptoDataDownload.com",
        "unix,date,symbol,open,high,low,close,Volume USDT,Volume BTC",
    ]
    for c in candles:
        o, h, lo, cl, v = (f"{n:f}" for n in (c.open, c.high, c.low, c.close, c.volume))
        rows.append(f"{c.open_time_ms // 1_000},{_iso(c, ' ')},BTC/USDT,{o},{h},{lo},{cl},77.5,{v}")
    return write(folder / "Binance_BTCUSDT_1h.csv", rows)


def iso_dates(folder: Path, candles: Sequence[Candle]) -> Path:
    rows = ["Date,Open,High,Low,Close,Volume", *(line(c, _iso(c, "T") + "Z") for c in candles)]
    return write(folder / "dates.csv", rows)


def iso_dates_with_offset(folder: Path, candles: Sequence[Candle]) -> Path:
    zone = timedelta(hours=2)
    rows = ["date,open,high,low,close,volume"]
    rows += [line(c, _iso(c, " ", zone) + "+02:00") for c in candles]
    return write(folder / "offset.csv", rows)


def nanoseconds(folder: Path, candles: Sequence[Candle]) -> Path:
    return write(
        folder / "nanoseconds.csv",
        ["ts,o,h,l,c,v", *(line(c, c.open_time_ms * 1_000_000) for c in candles)],
    )


def parquet_text(folder: Path, candles: Sequence[Candle]) -> Path:
    return _parquet(folder, candles, lambda numbers: pa.array([f"{n:f}" for n in numbers]))


def parquet_decimal(folder: Path, candles: Sequence[Candle]) -> Path:
    return _parquet(folder, candles, lambda numbers: pa.array(numbers, pa.decimal128(38, 12)))


def parquet_float(folder: Path, candles: Sequence[Candle]) -> Path:
    return _parquet(folder, candles, lambda numbers: pa.array([float(n) for n in numbers]))


def parquet_timestamp(folder: Path, candles: Sequence[Candle]) -> Path:
    times = pa.array([c.open_time_ms for c in candles], pa.timestamp("ms", tz="UTC"))
    table = pq.read_table(parquet_text(folder, candles))
    table = table.set_column(0, "datetime", times)
    pq.write_table(table, folder / "timestamps.parquet")
    return folder / "timestamps.parquet"


SHAPES: Sequence[Writer] = (
    own, own_gzip, windows, no_newline_at_the_end, semicolons, quoted, binance_ms, binance_us, binance_zip,
    binance_headed, kraken_seconds, crypto_data_download, iso_dates, iso_dates_with_offset, nanoseconds,
    parquet_text, parquet_decimal, parquet_float, parquet_timestamp,
)  # fmt: skip


def _binance(path: Path, candles: Sequence[Candle], factor: int) -> Path:
    rows = [
        line(c, c.open_time_ms * factor)
        + f",{(c.open_time_ms + HOUR_MS) * factor - 1},36712312.49831390,35985,440.81212,16088534.76584510,0"
        for c in candles
    ]
    return write(path, rows)


def _parquet(folder: Path, candles: Sequence[Candle], column: Callable[[list[Decimal]], pa.Array]) -> Path:
    columns = {"timestamp_ms": pa.array([c.open_time_ms for c in candles], pa.int64())}
    for name in ("open", "high", "low", "close", "volume"):
        columns[name] = column([getattr(c, name) for c in candles])
    path = folder / "candles.parquet"
    pq.write_table(pa.table(columns), path)
    return path


def _iso(candle: Candle, separator: str, zone: timedelta = timedelta()) -> str:
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=candle.open_time_ms) + zone
    return moment.strftime(f"%Y-%m-%d{separator}%H:%M:%S")
