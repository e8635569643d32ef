"""The entries as Parquet, one row a leg."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from adapters.accounting.names import Chart
from adapters.accounting.rows import Row, rows_of
from application.queries.journal import JournalEntry

_ROWS = 50_000
_TYPES = {
    "leg": pa.int32(),
    "recorded_at": pa.timestamp("us", "UTC"),
    "effective_at": pa.timestamp("us", "UTC"),
}
SCHEMA = pa.schema([(name, _TYPES.get(name, pa.string())) for name in Row._fields])
"""Amounts are text: no decimal type that programs commonly read has their digits."""


class ParquetTable:
    """Holds a group of rows at a time."""

    def __init__(self, path: Path, as_of: str) -> None:
        self.chart = Chart()
        self._writer = pq.ParquetWriter(path, SCHEMA.with_metadata({"evenkeel.position": as_of}))
        self._rows: list[Row] = []

    def add(self, entry: JournalEntry) -> None:
        self._rows.extend(rows_of(entry, self.chart))
        if len(self._rows) >= _ROWS:
            self._write()

    def finish(self) -> None:
        self._write()
        self._writer.close()

    def close(self) -> None:
        self._writer.close()

    def _write(self) -> None:
        if self._rows:
            columns = [
                pa.array(column, field.type)
                for column, field in zip(zip(*self._rows, strict=True), SCHEMA, strict=True)
            ]
            self._writer.write_table(pa.Table.from_arrays(columns, schema=self._writer.schema))
            self._rows.clear()
