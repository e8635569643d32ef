"""A file's bytes, whatever they are packed in: read again from any place, and known to be the same."""

from __future__ import annotations

import csv
import gzip
import io
import os
import shutil
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from application.ports.venue_statements import StatementUnreadable

LONGEST_LINE = 256 * 1024
_GZIP, _BOM = b"\x1f\x8b", b"\xef\xbb\xbf"
_SPOOLED = 8 * 1024 * 1024  # of an unpacked file; what is more goes to a temporary file on disk


class Source:
    """One open file or text that can be read from any offset. Close it."""

    def __init__(self, name: str, stream: IO[bytes]) -> None:
        self.name, self.stream = name, stream

    @classmethod
    def of_text(cls, name: str, text: str) -> Source:
        return cls(name, io.BytesIO(text.encode("utf-8", errors="surrogatepass")))

    @classmethod
    def of_file(cls, path: Path) -> Source:
        """Raises OSError, and StatementUnreadable for a pipe or a damaged archive."""
        raw = path.open("rb")
        if not raw.seekable():
            raw.close()
            raise StatementUnreadable(file=path.name, problem="is a pipe, read once; save it as a file first")
        if raw.read(2) != _GZIP:
            return cls(path.name, raw)
        raw.seek(0)
        unpacked = tempfile.SpooledTemporaryFile(_SPOOLED)  # noqa: SIM115  # it is this source's to close
        try:
            with raw, gzip.GzipFile(fileobj=raw) as packed:
                shutil.copyfileobj(packed, unpacked, 1024 * 1024)
        except (EOFError, zlib.error, gzip.BadGzipFile) as e:
            unpacked.close()
            raise StatementUnreadable(
                file=path.name, problem=f"the archive is damaged ({e}); download it again"
            ) from e
        return cls(path.name, unpacked)

    def close(self) -> None:
        self.stream.close()

    def fingerprint(self) -> tuple[int, int]:
        """Changes when the file does."""
        try:
            stat = os.fstat(self.stream.fileno())
        except (OSError, io.UnsupportedOperation):
            return 0, 0  # in memory: nobody changes it
        return stat.st_size, stat.st_mtime_ns

    def text(self, most: int) -> str:
        """All of it, where it is not longer than that."""
        self.stream.seek(0)
        raw = self.stream.read(most + 1)
        if len(raw) > most:
            raise StatementUnreadable(file=self.name, problem=f"is longer than {most:,} bytes; split it")
        return self._decoded(raw.removeprefix(_BOM), 1)

    def records(self, offset: int = 0, line: int = 1) -> Iterator[tuple[int, int, list[str]]]:
        """Records of a CSV from a place where one begins: first line, offset and cells of each."""
        at, number = offset, line
        self.stream.seek(offset)

        def lines() -> Iterator[str]:
            nonlocal at, number
            while raw := self.stream.readline(LONGEST_LINE):
                if len(raw) == LONGEST_LINE and not raw.endswith(b"\n"):
                    problem = f"line {number} is longer than {LONGEST_LINE:,} bytes; this is no statement"
                    raise StatementUnreadable(file=self.name, problem=problem)
                decoded = self._decoded(raw.removeprefix(_BOM) if at == 0 else raw, number)
                at, number = at + len(raw), number + 1
                yield decoded

        reader = csv.reader(lines(), strict=True)
        while True:
            began, first = at, number
            try:
                cells = next(reader, None)
            except csv.Error as e:
                problem = f"line {first} is not CSV: {e}; export the file again"
                raise StatementUnreadable(file=self.name, problem=problem) from e
            if cells is None:
                return
            yield first, began, cells

    def _decoded(self, raw: bytes, line: int) -> str:
        try:
            return raw.decode("utf-8")
        except UnicodeDecodeError as e:
            problem = f"line {line} is not UTF-8 ({e.reason}); save the file as UTF-8"
            raise StatementUnreadable(file=self.name, problem=problem) from e
