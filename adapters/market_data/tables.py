"""Candle files as chunks of rows: text, gzip, zip and parquet. Reading streams, nothing is judged here."""

from __future__ import annotations

import csv
import gzip
import io
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import repeat
from typing import Any, BinaryIO, Protocol, cast

import pyarrow as pa
import pyarrow.parquet as pq

from adapters.market_data.layouts import Layout, Names, NoLayout, csv_layout, header_layout

Columns = Sequence[Sequence[str]]
"""Texts of time, open, high, low, close, volume and, where the file has it, symbol; all of one length."""

_BLOCK_BYTES = 1 << 18
_SAMPLE_LINES = 100
_BATCH_ROWS = 8_192
_DAMAGE = (EOFError, zlib.error, gzip.BadGzipFile, zipfile.BadZipFile, pa.ArrowException)


class DamagedFile(Exception):
    """Reading stopped at a row; `code` and the message become the file's problem."""

    def __init__(self, code: str, message: str, row: int | None) -> None:
        super().__init__(message)
        self.code, self.message, self.row = code, message, row


class Chunk(Protocol):
    """Some rows on end. `columns` is the quick way in where every row has its cells, `rows` always works."""

    def columns(self) -> Columns | None: ...

    def rows(self) -> Iterator[Sequence[str]]:
        """The cells of each row, stripped; an empty sequence for a blank line."""
        ...


class Table(Protocol):
    """A candle file whose columns are known. Each call of chunks reads the file again."""

    @property
    def layout(self) -> Layout: ...

    def chunks(self) -> Iterator[Chunk]:
        """All rows after the head. Raises DamagedFile where reading cannot go on."""
        ...


def open_table(path: str, named: Names) -> Table:
    """Tells the kind of file by its first bytes, not by its name. Raises NoLayout, DamagedFile, OSError."""
    with open(path, "rb") as file:
        magic = file.read(4)
    if magic == b"PAR1":
        return ParquetTable(path, named)
    if magic[:2] == b"\x1f\x8b":
        return TextTable(lambda: _gzip(path), named)
    if magic == b"PK\x03\x04":
        return TextTable(lambda: _zip_member(path), named)
    return TextTable(lambda: cast(BinaryIO, open(path, "rb")), named)


class TextTable:
    """Rows of separated text, compressed or not."""

    def __init__(self, open_stream: Callable[[], BinaryIO], named: Names) -> None:
        self._open = open_stream
        sample: list[str] = []
        for _, lines in self._blocks():
            sample = lines[:_SAMPLE_LINES]
            break
        self._delimiter = max(",;\t", key=sample[-1].count) if sample else ","
        try:
            self._layout = csv_layout(sample, delimiter=self._delimiter, named=named)
        except csv.Error as e:
            raise NoLayout("unreadable_row", f"the file is no table: {e}", 1) from e

    @property
    def layout(self) -> Layout:
        return self._layout

    def chunks(self) -> Iterator[Chunk]:
        for first_row, lines in self._blocks():
            head = max(0, self._layout.head_rows - first_row + 1)
            yield TextChunk(lines[head:], self._layout, self._delimiter)

    def _blocks(self) -> Iterator[tuple[int, list[str]]]:
        """(row number of the first line, lines) of about a block's bytes each."""
        row = 1
        with self._open() as stream:
            rest = b""
            while True:
                with _damage(row):
                    block = stream.read(_BLOCK_BYTES)
                complete, newline, rest = (rest + block).rpartition(b"\n") if block else (rest, b"", b"")
                if newline or complete:
                    lines = _decoded(complete, row).replace("\r\n", "\n").removesuffix("\r").split("\n")
                    yield row, lines
                    row += len(lines)
                if not block:
                    return


@dataclass(frozen=True, slots=True)
class TextChunk:
    lines: Sequence[str]
    layout: Layout
    delimiter: str

    def columns(self) -> Columns | None:
        return self._cut() or self._parsed()

    def _cut(self) -> Columns | None:
        """Without quotes every separator separates: one split does for all rows."""
        width = self.layout.width
        if set(map(str.count, self.lines, repeat(self.delimiter))) != {width - 1}:
            return None
        joined = self.delimiter.join(self.lines)
        if '"' in joined or "\r" in joined:
            return None
        cells = joined.split(self.delimiter)
        return self._wanted([cells[index::width] for index in range(width)])

    def _parsed(self) -> Columns | None:
        try:
            rows = list(csv.reader(self.lines, delimiter=self.delimiter))
            every = list(zip(*rows, strict=True))
        except (csv.Error, ValueError):
            return None
        if len(rows) != len(self.lines) or len(every) != self.layout.width:
            return None
        return self._wanted(every)

    def _wanted(self, every: Columns) -> Columns:
        layout = self.layout
        symbol = [] if layout.symbol is None else [every[layout.symbol]]
        return [every[layout.time], *(every[index] for index in layout.numbers), *symbol]

    def rows(self) -> Iterator[Sequence[str]]:
        for line in self.lines:
            if not line.strip():
                yield ()
                continue
            try:
                yield [cell.strip() for cell in next(csv.reader([line], delimiter=self.delimiter))]
            except csv.Error:
                yield (line[:40],)  # a NUL byte and the like: too few cells, named as such


class ParquetTable:
    """Columns by the same names as in a text file. Rows count from 1, there is no header row.

    Decimals and texts are taken as they stand. A binary floating-point number has no decimal text of its
    own: the shortest one that names it (Python's repr) is taken, 0.1 as 0.1.
    """

    def __init__(self, path: str, named: Names) -> None:
        self._path = path
        with _damage(None):
            file = pq.ParquetFile(path)
            self._names: list[str] = list(file.schema_arrow.names)
            if not file.metadata.num_rows:
                raise NoLayout("header_only", "the file has columns and no candle", None)
            first = next(file.iter_batches(batch_size=_SAMPLE_LINES))
            sample = list(zip(*(_texts(column) for column in first.columns), strict=True))
        self._layout = header_layout(self._names, sample, head_rows=0, named=named)

    @property
    def layout(self) -> Layout:
        return self._layout

    def chunks(self) -> Iterator[Chunk]:
        layout = self._layout
        wanted = [layout.time, *layout.numbers] + ([] if layout.symbol is None else [layout.symbol])
        names = [self._names[index] for index in wanted]
        row = 1
        batches = pq.ParquetFile(self._path).iter_batches(batch_size=_BATCH_ROWS, columns=names)
        while True:
            with _damage(row):
                batch = next(batches, None)
                if batch is None:
                    return
                columns = [_texts(batch.column(batch.schema.get_field_index(name))) for name in names]
            row += batch.num_rows
            yield ParquetChunk(columns, layout)


@dataclass(frozen=True, slots=True)
class ParquetChunk:
    texts: Columns
    layout: Layout

    def columns(self) -> Columns | None:
        return self.texts

    def rows(self) -> Iterator[Sequence[str]]:
        """Rows as wide as the file, so that the layout's columns are where it says."""
        layout = self.layout
        wanted = [layout.time, *layout.numbers] + ([] if layout.symbol is None else [layout.symbol])
        for cells in zip(*self.texts, strict=True):
            row = [""] * layout.width
            for index, cell in zip(wanted, cells, strict=True):
                row[index] = cell.strip()
            yield row


def _texts(column: Any) -> list[str]:
    """A parquet column as exact text; nothing for an absent value."""
    kind = column.type
    if pa.types.is_date(kind):
        column = column.cast(pa.timestamp("ms")).cast(pa.int64())
    elif pa.types.is_timestamp(kind):
        column = column.cast(pa.int64())
    if pa.types.is_floating(kind):
        if not pa.types.is_float64(kind):  # a narrow float's shortest text is its own, not that of the wide
            return ["" if value is None else value for value in column.cast(pa.string()).to_pylist()]
        return ["" if value is None else repr(value) for value in column.to_pylist()]
    if pa.types.is_decimal(kind):
        return ["" if value is None else format(value, "f") for value in column.to_pylist()]
    return ["" if value is None else str(value) for value in column.to_pylist()]


def _gzip(path: str) -> BinaryIO:
    return cast(BinaryIO, io.BufferedReader(cast(io.RawIOBase, gzip.open(path, "rb"))))


def _zip_member(path: str) -> BinaryIO:
    """The one table inside a zip archive, as Binance publishes them."""
    with _damage(None):
        archive = zipfile.ZipFile(path)
        tables = [name for name in archive.namelist() if name.lower().endswith((".csv", ".txt"))]
        if len(tables) != 1:
            archive.close()
            raise DamagedFile(
                "not_one_table", f"the archive holds {len(tables)} csv files; it must hold exactly one", None
            )
        return cast(BinaryIO, archive.open(tables[0]))


@contextmanager
def _damage(row: int | None) -> Iterator[None]:
    try:
        yield
    except _DAMAGE as e:
        where = "" if row is None else f" after row {row - 1}"
        raise DamagedFile("damaged_file", f"the file is cut off or damaged{where}: {e}", row) from e


def _decoded(block: bytes, row: int) -> str:
    """UTF-8 text; a byte order mark before the first row is no part of it."""
    if row == 1 and block.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise DamagedFile("wrong_encoding", "the file is UTF-16 text; save it as UTF-8", 1)
    try:
        return block.decode("utf-8-sig" if row == 1 else "utf-8")
    except UnicodeDecodeError as e:
        at = row + block.count(b"\n", 0, e.start)
        raise DamagedFile("wrong_encoding", "the row is not UTF-8 text; save the file as UTF-8", at) from e
