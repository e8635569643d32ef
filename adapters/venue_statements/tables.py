"""A statement that is a table: its rows in order of time; what stays in memory is where each begins."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from adapters.venue_statements.cells import Options, Unclear
from adapters.venue_statements.formats import TABLES
from adapters.venue_statements.formats.base import TableFormat
from adapters.venue_statements.sources import Source
from application.ports.venue_statements import RowProblem, StatedRow, StatementUnreadable
from domain.errors import InvalidValue

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_HEADER_WITHIN = 20  # records; before it, reports have a preamble
_MOST_COLUMNS = 1_000
_NO_TIME = -(2**63)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(slots=True)
class _Index:
    """Where each row begins and when it happened, in file order."""

    times: array[int] = field(default_factory=lambda: array("q"))
    offsets: array[int] = field(default_factory=lambda: array("q"))
    lines: array[int] = field(default_factory=lambda: array("q"))
    order: Sequence[int] | None = None  # None: the file is in order


class TableStatement:
    """See application.ports.venue_statements.Statement."""

    def __init__(self, source: Source, layout: TableFormat, header: _Header, options: Options) -> None:
        self.name, self.format, self.venue = source.name, layout.name, layout.venue
        self._source, self._layout, self._header, self._options = source, layout, header, options
        self._fingerprint = source.fingerprint()
        self._index = self._indexed()

    def __len__(self) -> int:
        return len(self._index.times)

    def rows(self) -> Iterator[StatedRow | RowProblem]:
        if self._source.fingerprint() != self._fingerprint:
            raise StatementUnreadable(file=self.name, problem="it changed while it was read; import it again")
        index = self._index
        if index.order is None:
            for line, _, cells in self._body():
                yield self._read(line, cells)
            return
        for number in index.order:
            line, _, cells = next(self._source.records(index.offsets[number], index.lines[number]))
            yield self._read(line, cells)

    def close(self) -> None:
        self._source.close()

    def _body(self) -> Iterator[tuple[int, int, list[str]]]:
        records = self._source.records(self._header.offset, self._header.line)
        next(records)  # the header itself
        return (record for record in records if any(cell.strip() for cell in record[2]))

    def _indexed(self) -> _Index:
        index, latest, sorted_already = _Index(), _NO_TIME, True
        for line, offset, cells in self._body():
            said = self._read(line, cells)
            at = (said.at - _EPOCH) // _MICROSECOND if isinstance(said, StatedRow) else _NO_TIME
            sorted_already = sorted_already and at >= latest
            latest = max(latest, at)
            index.times.append(at)
            index.offsets.append(offset)
            index.lines.append(line)
        if not sorted_already:
            index.order = array("q", sorted(range(len(index.times)), key=index.times.__getitem__))
        return index

    def _read(self, line: int, cells: list[str]) -> StatedRow | RowProblem:
        names = self._header.names
        try:
            if any(cell.strip() for cell in cells[len(names) :]):
                raise Unclear("row", ",".join(cells)[:200], f"has more cells than the header's {len(names)}")
            padded = cells + [""] * (len(names) - len(cells))
            return self._layout.read(line, dict(zip(names, padded, strict=False)), self._options)
        except Unclear as e:
            return RowProblem(
                row=line, field=e.field, value=e.value[:200], problem=e.problem, way_out=e.way_out
            )


@dataclass(frozen=True, slots=True)
class _Header:
    names: list[str]
    offset: int
    line: int


def open_table(source: Source, wanted: str | None, options: Options) -> TableStatement:
    """Raises StatementUnreadable where no known header is found, InvalidValue where it is another's."""
    header = _header(source)
    known = [layout for layout in TABLES if layout.columns <= set(header.names)]
    chosen = next((layout for layout in known if wanted in (None, layout.name)), None)
    if chosen is None or (wanted is None and len(known) > 1):
        names = " or ".join(layout.name for layout in known)
        raise InvalidValue("format", f"{source.name} has the columns of {names}; name that one, or none")
    named = [name for name in header.names if name]
    if len(set(named)) < len(named):
        raise StatementUnreadable(file=source.name, problem="a column stands twice in its header")
    return TableStatement(source, chosen, header, options)


def _header(source: Source) -> _Header:
    for line, offset, cells in source.records():
        names = [cell.strip() for cell in cells]
        if any(layout.columns <= set(names) for layout in TABLES):
            if len(names) > _MOST_COLUMNS:
                problem = f"its header has more than {_MOST_COLUMNS:,} columns; this is no statement"
                raise StatementUnreadable(file=source.name, problem=problem)
            return _Header(names, offset, line)
        if line > _HEADER_WITHIN:
            break
    raise StatementUnreadable(
        file=source.name,
        problem=f"none of its first {_HEADER_WITHIN} lines is the header of a statement that we know; "
        "docs/import.md lists them",
    )
