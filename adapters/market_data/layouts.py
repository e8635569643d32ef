"""Which column is which: headers that people and venues write, and files without a header."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath

from adapters.market_data.cells import known_interval, time_unit

PRICES = ("open", "high", "low", "close")

_TIME_NAMES = (
    "timestamp_ms", "open_time_ms", "open_time", "opentime", "unix", "unix_timestamp", "unix_time",
    "timestamp", "time", "ts", "datetime", "date_time", "date",
)  # fmt: skip
"""The first of these that a header has is the candle's time; exact ones come before readable ones."""

_VOLUME_NAMES = ("volume", "vol", "base_volume", "volume_base", "v")
_SHORT = {"o": "open", "h": "high", "l": "low", "c": "close"}
_QUOTE = "USDT|USDC|FDUSD|BUSD|TUSD|DAI|USD|EUR|GBP|TRY|JPY|BTC|ETH|BNB"
_PAIR = re.compile(rf"(?P<base>[A-Z0-9]{{2,12}}?)(?P<quote>{_QUOTE})", re.ASCII)
_ENDINGS = (".gz", ".zip", ".csv", ".txt", ".parquet")


class NoLayout(Exception):
    """The columns of a file cannot be told; `code` and the message become its problem."""

    def __init__(self, code: str, message: str, row: int | None) -> None:
        super().__init__(message)
        self.code, self.message, self.row = code, message, row


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Where a file keeps what. Columns count from 0; `head_rows` lines come before the first candle."""

    time: int
    numbers: tuple[int, int, int, int, int]  # open, high, low, close, volume
    symbol: int | None
    width: int
    head_rows: int
    unit: str  # of the time column: s, ms, us, ns or iso


def csv_layout(sample: Sequence[str], *, delimiter: str, named: Names) -> Layout:
    """The layout of a text file by its first lines; raises NoLayout."""
    rows = [[cell.strip() for cell in row] for row in csv.reader(sample, delimiter=delimiter)]
    head = 0
    if rows and len(rows[0]) == 1 and rows[0][0].startswith(("http", "#")):
        head = 1  # CryptoDataDownload puts its address above the header
    if len(rows) <= head or not any(rows[head]):
        raise NoLayout("empty_file", "the file has no rows", None)
    if any(_looks_like_data(cell) for cell in rows[head][:1]):
        return _headless(rows[head:], head)
    return header_layout(rows[head], rows[head + 1 :], head_rows=head + 1, named=named)


def header_layout(
    header: Sequence[str], sample: Sequence[Sequence[str]], *, head_rows: int, named: Names
) -> Layout:
    """The layout of a file with column names; raises NoLayout."""
    names = [_simple(name) for name in header]
    row = head_rows or None
    time = _first(names, _TIME_NAMES)
    if time is None:
        raise NoLayout(
            "missing_column", f"no column holds the candle's time; call one of them {_TIME_NAMES[0]}", row
        )
    prices = [_first(names, (price,)) for price in PRICES]
    for price, found in zip(PRICES, prices, strict=True):
        if found is None:
            raise NoLayout("missing_column", f"no column is called {price} in {_shown(header)}", row)
    symbol = _first(names, ("symbol", "pair", "market"))
    base = _base_of(sample, symbol) or (named.symbol or "").partition("/")[0]
    volume = _volume(names, base.lower(), row, header)
    if not sample:
        raise NoLayout("header_only", "the file has a header and no candle", row)
    o, h, lo, c = (index for index in prices if index is not None)
    declared = "ms" if names[time].endswith("_ms") else None
    return Layout(
        time=time,
        numbers=(o, h, lo, c, volume),
        symbol=symbol,
        width=len(names),
        head_rows=head_rows,
        unit=declared or _usual_unit(sample, time),
    )


@dataclass(frozen=True, slots=True)
class Names:
    """What a file's name says: binance_BTCUSDT_1h_2024.csv.gz."""

    source: str | None = None
    symbol: str | None = None
    interval: str | None = None


def names_in(path: str) -> Names:
    """Source, pair and interval, each where the file name has it in a recognisable form."""
    stem = PurePath(path).name
    while stem.lower().endswith(_ENDINGS):
        stem = stem.rpartition(".")[0]
    words = [word for word in re.split(r"[_\-. ]+", stem) if word]
    symbol, at = None, len(words)
    for index, word in enumerate(words):
        pair = _PAIR.fullmatch(word)
        following = words[index + 1] if index + 1 < len(words) else ""
        if pair:
            symbol, at = f"{pair['base']}/{pair['quote']}", index
            break
        if following in _QUOTE.split("|") and re.fullmatch(r"[A-Z0-9]{2,12}", word):
            symbol, at = f"{word}/{following}", index
            break
    interval = next(filter(None, map(known_interval, words[at + 1 :])), None)
    before = [word.lower() for word in words[:at] if word.isalpha()] if symbol else []
    return Names(source="_".join(before) or None, symbol=symbol, interval=interval)


def as_pair(text: str) -> str | None:
    """BTC/USDT out of BTC/USDT, BTCUSDT, BTC-USDT or btc_usdt; None where it is not recognisable."""
    base, separator, quote = re.sub(r"[-_]", "/", text.strip().upper()).partition("/")
    if separator and base.isalnum() and quote.isalnum():
        return f"{base}/{quote}"
    pair = _PAIR.fullmatch(base)
    return f"{pair['base']}/{pair['quote']}" if pair and not separator else None


def _headless(rows: Sequence[Sequence[str]], head_rows: int) -> Layout:
    """Time, open, high, low, close, volume, then anything: Binance's 12 columns and Kraken's 7 alike."""
    width = Counter(map(len, rows)).most_common(1)[0][0]
    if width < 6:
        raise NoLayout(
            "missing_column",
            f"without a header a file has time, open, high, low, close, volume; here are {width} columns",
            head_rows + 1,
        )
    return Layout(
        time=0, numbers=(1, 2, 3, 4, 5), symbol=None, width=width, head_rows=head_rows,
        unit=_usual_unit(rows, 0),
    )  # fmt: skip


def _usual_unit(sample: Sequence[Sequence[str]], time: int) -> str:
    """The unit of most times, so that one wrong cell in the first row does not judge all others."""
    units = Counter(unit for row in sample if len(row) > time and (unit := time_unit(row[time])))
    return units.most_common(1)[0][0] if units else "ms"


def _volume(names: Sequence[str], base: str, row: int | None, header: Sequence[str]) -> int:
    plain = _first(names, _VOLUME_NAMES)
    if plain is not None:
        return plain
    in_base = _first(names, (f"volume_{base}", f"{base}_volume")) if base else None
    if in_base is not None:
        return in_base
    named = [index for index, name in enumerate(names) if name.startswith("volume_")]
    if len(named) == 1:
        return named[0]
    if named:
        raise NoLayout(
            "ambiguous_volume",
            f"which of {_shown([header[index] for index in named])} is in the base asset? "
            "call that column volume",
            row,
        )
    raise NoLayout("missing_column", f"no column is called volume; the header is {_shown(header)}", row)


def _base_of(sample: Sequence[Sequence[str]], symbol: int | None) -> str:
    if symbol is None or not sample or len(sample[0]) <= symbol:
        return ""
    return (as_pair(sample[0][symbol]) or "").partition("/")[0]


def _first(names: Sequence[str], wanted: Sequence[str]) -> int | None:
    return next((names.index(name) for name in wanted if name in names), None)


def _simple(name: str) -> str:
    """volume_btc and open_time for "Volume (BTC)" and "Open time"."""
    simple = re.sub(r"[^a-z0-9]+", "_", name.strip().lower()).strip("_")
    return _SHORT.get(simple, simple)


def _looks_like_data(cell: str) -> bool:
    return bool(cell) and (cell[0].isdigit() or cell[0] in "-.")


def _shown(names: Sequence[str]) -> str:
    return ", ".join(name[:40] for name in names[:20])
