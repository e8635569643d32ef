"""The entries as CSV (RFC 4180), one row a leg."""

from __future__ import annotations

import csv
from pathlib import Path

from adapters.accounting.names import Chart
from adapters.accounting.rows import Row, rows_of
from application.queries.journal import JournalEntry
from application.queries.moments import iso_utc


def _no_formula(text: str) -> str:
    """What somebody wrote, as no spreadsheet takes it for a formula (safety §2 item 52)."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


class CsvTable:
    """Amounts and times are text, as everywhere at the edges."""

    def __init__(self, path: Path, as_of: str) -> None:  # noqa: ARG002 - a table has no place for it
        self.chart = Chart()
        self._file = path.open("w", encoding="utf-8", newline="")
        self._rows = csv.writer(self._file)
        self._rows.writerow(Row._fields)

    def add(self, entry: JournalEntry) -> None:
        recorded, effective = iso_utc(entry.recorded_at_utc), iso_utc(entry.effective_at_utc)
        for row in rows_of(entry, self.chart):
            if row.reason or row.reference:
                row = row._replace(reason=_no_formula(row.reason), reference=_no_formula(row.reference))
            self._rows.writerow((row[0], row[1], recorded, effective, *row[4:]))

    def finish(self) -> None:
        self._file.close()

    def close(self) -> None:
        self._file.close()
