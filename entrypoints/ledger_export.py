"""The books as one file for accountants' own programs. Whole or not there: docs/ledger.md has the formats."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, assert_never

from application.ports.event_log import EventLog, Position
from application.queries.journal import JournalEntry, journal
from domain.errors import DomainError, InvalidValue

Format = Literal["hledger", "beancount", "csv", "parquet"]
_TOLD_EVERY = 1_000


class NotInThisFormat(DomainError, code="not_in_this_format"):
    """The program would count with other amounts than the books have."""

    def __init__(self, *, file_format: str, problem: str) -> None:
        super().__init__(f"format: {problem}, which {file_format} would round; take another format")
        self.file_format = file_format


class EntryWriter(Protocol):
    """Writes entries to a file that is whole after finish. Close it in any case."""

    def add(self, entry: JournalEntry) -> None: ...

    def finish(self) -> None: ...

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class ExportedBooks:
    """What a file holds."""

    entries: int
    postings: int
    position: Position


def export_books(
    log: EventLog,
    *,
    file_format: Format,
    output: Path,
    until: Position,
    book_id: str | None,
    progress: Callable[[int, int], None],
) -> ExportedBooks:
    """Raises InvalidValue for a file that cannot be one, NotInThisFormat for amounts that it cannot hold.

    What was there under that name is replaced once the new file is whole and on the disk. It is readable by
    its owner alone.
    """
    from adapters.accounting.beancount import TooExactForBeancount  # not for the sake of --help
    from entrypoints.private_files import private

    if not output.parent.is_dir():
        raise InvalidValue("output", f"there is no directory {output.parent}")
    if output.exists() and not output.is_file():
        raise InvalidValue("output", f"{output} is no file")
    entries = postings = 0
    partial = output.with_name(f".{output.name}.{os.getpid()}.part")
    try:
        private(partial, "wb").close()  # the writers keep its mode
        with closing(_writer(file_format, partial, str(until))) as writer:
            for entry in journal(log, until=until, book_id=book_id):
                writer.add(entry)
                entries, postings = entries + 1, postings + len(entry.postings)
                if entries % _TOLD_EVERY == 0:
                    progress(entry.position.id, until.id)
            writer.finish()
        with partial.open("rb") as written:
            os.fsync(written.fileno())
        partial.replace(output)
    except TooExactForBeancount as refusal:
        raise NotInThisFormat(file_format=file_format, problem=str(refusal)) from refusal
    finally:
        partial.unlink(missing_ok=True)
    progress(until.id, until.id)
    return ExportedBooks(entries, postings, until)


def _writer(file_format: Format, path: Path, as_of: str) -> EntryWriter:
    match file_format:
        case "hledger":
            from adapters.accounting.hledger import HledgerJournal

            return HledgerJournal(path, as_of)
        case "beancount":
            from adapters.accounting.beancount import BeancountJournal

            return BeancountJournal(path, as_of)
        case "csv":
            from adapters.accounting.csv_table import CsvTable

            return CsvTable(path, as_of)
        case "parquet":
            from adapters.accounting.parquet_table import ParquetTable

            return ParquetTable(path, as_of)
        case _:
            assert_never(file_format)
