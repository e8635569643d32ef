"""Reading candle files. Everything wrong is named by row, nothing is ever mended."""

from __future__ import annotations

import os
from array import array
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import cached_property
from operator import le

from adapters.market_data.cells import (
    END_MS,
    FIRST_MS,
    NUMBER_LIMIT,
    PLAIN_LENGTH,
    UNITS_PER_SECOND,
    WrongCell,
    parse_number,
    parse_time,
)
from adapters.market_data.findings import Findings
from adapters.market_data.layouts import PRICES, Layout, NoLayout, as_pair, names_in
from adapters.market_data.tables import Chunk, Columns, DamagedFile, Table, open_table
from adapters.market_data.timeline import BLANK, LEFT_OUT, UNREADABLE, Timeline, judge_times
from application.market_data.candle_rules import contradiction
from application.ports.candle_reader import CandleFileRefused, Problem
from domain.market import Candle, interval_ms

_NUMBERS = (*PRICES, "volume")
_DIGITS = {unit: len(str(FIRST_MS * per_second // 1_000)) for unit, per_second in UNITS_PER_SECOND.items()}


@dataclass(frozen=True, slots=True)
class Range:
    """from_ms <= open time < until_ms; None is open-ended."""

    from_ms: int | None
    until_ms: int | None

    def __contains__(self, time: int) -> bool:
        return (self.from_ms is None or time >= self.from_ms) and (
            self.until_ms is None or time < self.until_ms
        )


def read_candles(
    path: str | os.PathLike[str],
    *,
    interval: str | None = None,
    from_ms: int | None = None,
    until_ms: int | None = None,
) -> CandleFile:
    """Reads a csv, csv.gz, zip or parquet file to its end and judges every row; see docs/market-data.md.

    Numbers become Decimals from their text and never pass through a float (parquet's own floats: see
    ParquetTable). Streams: what stays in memory is eight bytes a row. Candles outside from_ms <= open time
    < until_ms (UTC) are left out and not judged.
    Errors: OSError where the file cannot be opened, InvalidValue for an interval that does not exist. What is
    wrong in the file is in `problems`; require_clean() raises it.
    """
    if interval is not None:
        interval_ms(interval)
    scan = _Scan(os.fspath(path), Range(from_ms, until_ms))
    return scan.judged(interval)


class Candles:
    """The candles of one file, oldest first, read again from disk on every pass."""

    def __init__(self, file: CandleFile) -> None:
        self._file = file

    def __len__(self) -> int:
        return self._file.rows - self._file.left_out

    def __iter__(self) -> Iterator[Candle]:
        self._file.require_clean()
        return self._file._read_again()


@dataclass(frozen=True, eq=False)
class CandleFile:
    """A candle file that was read to its end and judged; see application.ports.candle_reader.CandleFile."""

    path: str
    interval: str
    symbol_guess: str | None
    source_guess: str | None
    rows: int
    left_out: int
    missing: int
    first_open_time_ms: int | None
    last_open_time_ms: int | None
    problems: Sequence[Problem]
    counts: Mapping[str, int]
    error_count: int
    _table: Table | None
    _range: Range
    _fingerprint: tuple[int, int]

    @cached_property
    def errors(self) -> Sequence[Problem]:
        return [problem for problem in self.problems if problem.severity == "error"]

    @cached_property
    def warnings(self) -> Sequence[Problem]:
        return [problem for problem in self.problems if problem.severity == "warning"]

    @property
    def candles(self) -> Candles:
        return Candles(self)

    def require_clean(self) -> None:
        if self.error_count:
            raise CandleFileRefused(path=self.path, errors=self.errors, count=self.error_count)

    def _read_again(self) -> Iterator[Candle]:
        if self._table is None or _fingerprint(self.path) != self._fingerprint:
            changed = Problem(None, "file_changed", "it changed after it was checked; read it again", "error")
            raise CandleFileRefused(path=self.path, errors=[changed], count=1)
        layout = self._table.layout
        for chunk in self._table.chunks():
            quick = None if self.left_out else _quick(chunk.columns(), layout)
            if quick is not None:
                yield from map(Candle, *quick)
                continue
            for cells in chunk.rows():
                if not cells:
                    continue  # only blank lines at the end get here
                time = parse_time(cells[layout.time], layout.unit)
                if time in self._range:
                    yield Candle(time, *_numbers(cells, layout))


class _Scan:
    """One pass over a file: collects the times and what is wrong with each row."""

    def __init__(self, path: str, wanted: Range) -> None:
        self._path, self._range = path, wanted
        self._named = names_in(path)
        self._findings = Findings()
        self._times = array("q")
        self._symbol_text: str | None = None
        self._fingerprint = _fingerprint(path)
        self._table: Table | None = None
        try:
            self._table = open_table(path, self._named)
            self._scan(self._table)
        except (NoLayout, DamagedFile) as e:
            self._findings.error(e.row, e.code, e.message)

    def judged(self, interval: str | None) -> CandleFile:
        head_rows = self._table.layout.head_rows if self._table else 0
        self._drop_blank_end(head_rows)
        times, findings = self._times, self._findings
        timeline = Timeline("", 0, None, None, ())
        if any(time > 0 for time in times):
            timeline = judge_times(times, head_rows, interval, self._named.interval, findings)
            self._compare(timeline.duplicates, head_rows)
        elif not findings.error_count:
            findings.error(None, "no_candles", "no candle opens in the time range that was asked for")
        symbol = as_pair(self._symbol_text) if self._symbol_text else None
        return CandleFile(
            path=self._path,
            interval=timeline.interval,
            symbol_guess=symbol or self._named.symbol,
            source_guess=self._named.source,
            rows=len(times),
            left_out=times.count(LEFT_OUT),
            missing=timeline.missing,
            first_open_time_ms=timeline.first_ms,
            last_open_time_ms=timeline.last_ms,
            problems=findings.problems(),
            counts=dict(findings.counts),
            error_count=findings.error_count,
            _table=self._table,
            _range=self._range,
            _fingerprint=self._fingerprint,
        )

    def _scan(self, table: Table) -> None:
        layout = table.layout
        for chunk in table.chunks():
            columns = chunk.columns()
            quick = _quick(columns, layout)
            if columns and quick and self._all_right(quick) and self._one_symbol(columns, layout):
                self._report_zero_volumes(quick[-1], layout)
                self._times.extend(quick[0])
            else:
                self._scan_rows(chunk, layout)

    def _all_right(self, quick: _Quick) -> bool:
        times, opens, highs, lows, closes, volumes = quick
        return (
            min(times) in self._range
            and max(times) in self._range
            and min(lows) > 0
            and min(volumes) >= 0
            and all(map(le, lows, opens))
            and all(map(le, lows, closes))
            and all(map(le, opens, highs))
            and all(map(le, closes, highs))
        )

    def _report_zero_volumes(self, volumes: Sequence[Decimal], layout: Layout) -> None:
        first_row = layout.head_rows + len(self._times) + 1
        if not min(volumes):
            for row, volume in enumerate(volumes, first_row):
                if not volume:
                    self._zero_volume(row)

    def _zero_volume(self, row: int) -> None:
        self._findings.warning(row, "zero_volume", "nothing was traded")

    def _one_symbol(self, columns: Columns, layout: Layout) -> bool:
        if layout.symbol is None:
            return True
        texts = set(columns[-1])
        return len(texts) == 1 and self._same_symbol(texts.pop().strip())

    def _same_symbol(self, text: str) -> bool:
        if self._symbol_text is None:
            self._symbol_text = text
        return text == self._symbol_text

    def _scan_rows(self, chunk: Chunk, layout: Layout) -> None:
        for cells in chunk.rows():
            row = layout.head_rows + len(self._times) + 1
            self._times.append(self._judge_row(row, cells, layout) if cells else BLANK)

    def _judge_row(self, row: int, cells: Sequence[str], layout: Layout) -> int:
        """The row's time, or what stands in for it."""
        findings = self._findings
        if len(cells) != layout.width:
            few = len(cells) < layout.width
            findings.error(
                row,
                "missing_cells" if few else "extra_cells",
                f"{len(cells)} cells where the file has {layout.width} columns"
                + ("" if few else "; are there commas inside the numbers?"),
            )
            return UNREADABLE
        time = UNREADABLE
        try:
            time = parse_time(cells[layout.time], layout.unit)
            if time not in self._range:
                return LEFT_OUT
        except WrongCell as wrong:
            findings.error(row, wrong.code, wrong.message)
        if layout.symbol is not None and not self._same_symbol(cells[layout.symbol]):
            findings.error(
                row, "mixed_symbols", f"{cells[layout.symbol]!r} in a file of {self._symbol_text!r}"
            )
        try:
            numbers = _numbers(cells, layout)
        except WrongCell as wrong:
            findings.error(row, wrong.code, wrong.message)
            return time
        wrong_candle = contradiction(*numbers)
        if wrong_candle is not None:
            findings.error(row, *wrong_candle)
        elif not numbers[-1]:
            self._zero_volume(row)
        return time

    def _drop_blank_end(self, head_rows: int) -> None:
        """A file may end in blank lines; in between they are errors."""
        while self._times and self._times[-1] == BLANK:
            self._times.pop()
        for index, time in enumerate(self._times if BLANK in self._times else ()):
            if time == BLANK:
                self._findings.error(head_rows + index + 1, "blank_row", "the row is empty")

    def _compare(self, duplicates: Sequence[tuple[int, int]], head_rows: int) -> None:
        """Names each duplicate after what it holds: the same numbers again, or other ones."""
        if not duplicates or self._table is None:
            return
        wanted = {index for pair in duplicates for index in pair}
        found: dict[int, object] = {}
        index = 0
        with suppress(DamagedFile):  # named already; every duplicate stands before the damage
            for chunk in self._table.chunks():
                for cells in chunk.rows():
                    if index in wanted:
                        found[index] = _numbers_or_texts(cells, self._table.layout)
                    index += 1
        for later, earlier in duplicates:
            same = found[later] == found[earlier]
            self._findings.error(
                later + head_rows + 1,
                "duplicate" if same else "conflicting_duplicate",
                f"opens at the same time as row {earlier + head_rows + 1}, with "
                + ("the same numbers" if same else "other numbers: which one is true?"),
            )


_Quick = tuple[
    list[int], list[Decimal], list[Decimal], list[Decimal], list[Decimal], list[Decimal]
]  # times in ms, open, high, low, close, volume


def _quick(columns: Columns | None, layout: Layout) -> _Quick | None:
    """A whole chunk at C speed, where it holds nothing but plain digits; else None: look at each row.

    What passes here would pass row by row with the same result (a test holds the two together).
    """
    if columns is None or not columns[0]:
        return None
    times = _quick_times(columns[0], layout.unit)
    if times is None or not all(map(_is_plain, columns[1:6])):
        return None
    try:
        opens, highs, lows, closes, volumes = (list(map(Decimal, column)) for column in columns[1:6])
    except InvalidOperation:  # an empty cell, two points
        return None
    if max(map(max, (opens, highs, lows, closes, volumes))) >= NUMBER_LIMIT:
        return None
    return times, opens, highs, lows, closes, volumes


def _quick_times(texts: Sequence[str], unit: str) -> list[int] | None:
    joined = "".join(texts)
    digits = _DIGITS.get(unit)
    if not joined.isascii() or not joined.isdigit() or set(map(len, texts)) != {digits}:
        return None
    times = list(map(int, texts))
    if unit != "ms":
        per_second = UNITS_PER_SECOND[unit]
        if per_second > 1_000 and any(time % (per_second // 1_000) for time in times):
            return None
        times = [time * 1_000 // per_second for time in times]
    return times if min(times) >= FIRST_MS and max(times) < END_MS else None


def _is_plain(texts: Sequence[str]) -> bool:
    """Digits and points only; the few small numbers in between that have an exponent are looked at singly."""
    joined = "".join(texts)
    if "e" in joined:
        try:
            for text in texts:
                if "e" in text:
                    parse_number(text, "")
        except WrongCell:
            return False
        joined = "".join(text for text in texts if "e" not in text)
    return joined.isascii() and joined.replace(".", "").isdigit() and max(map(len, texts)) <= PLAIN_LENGTH


def _numbers(cells: Sequence[str], layout: Layout) -> tuple[Decimal, Decimal, Decimal, Decimal, Decimal]:
    o, h, lo, c, v = (
        parse_number(cells[index], name) for index, name in zip(layout.numbers, _NUMBERS, strict=True)
    )
    return o, h, lo, c, v


def _numbers_or_texts(cells: Sequence[str], layout: Layout) -> object:
    try:
        return _numbers(cells, layout)
    except WrongCell:
        return list(cells)


def _fingerprint(path: str) -> tuple[int, int]:
    found = os.stat(path)
    return found.st_size, found.st_mtime_ns
