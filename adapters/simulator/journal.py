"""The simulator's truth: every command that changed something, in an append-only file, one JSON line each.

State is what the commands come to. A line also says how far the ids had come after it, so that a journal is
never replayed into another history than the one its readers were told.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from adapters.simulator.core import commands
from adapters.simulator.core.codec import command_of, to_json
from adapters.simulator.core.errors import Rejected
from adapters.simulator.core.exchange import Exchange
from domain.errors import DomainError

FORMAT = 1
_SHOWN_EVERY = 500
_HEADER = {"evenkeel_simulator_journal": FORMAT}


class JournalUnusable(DomainError, code="simulator_journal_unusable"):
    """The journal cannot be gone on with; the message says where and what to do."""

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(f"{path}: {problem}")
        self.path, self.problem = str(path), problem


class Journal:
    """One file, one writer. What was appended `durable` outlives a crash of the machine, the rest ours.

    A last line that was cut short by a crash is taken off: nobody was told of it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lines = 0
        self._together = False
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._file)
            raise JournalUnusable(path, "another simulator writes it; name another --journal") from None

    def replay(self, progress: Callable[[int, int], None] = lambda _done, _of: None) -> Exchange:
        """The exchange as it was after the last line; `progress` hears of bytes read, and of all."""
        exchange = Exchange()
        kept, size = 0, os.fstat(self._file).st_size
        with self.path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                if not line.endswith(b"\n"):
                    break
                if number == 1:
                    self._check_header(line)
                else:
                    self._redo(exchange, number, line)
                kept += len(line)
                self.lines = number
                if number % _SHOWN_EVERY == 0:
                    progress(kept, size)
        if kept < size:
            os.ftruncate(self._file, kept)
        if not kept:
            self._write(_HEADER)
        os.fsync(self._file)
        return exchange

    def append(self, command: commands.Command, exchange: Exchange, *, durable: bool) -> None:
        """After it was applied and before anybody is told. Raises OSError: then nobody may be told."""
        self._write(
            {
                "n": self.lines + 1,
                "at_ms": exchange.now_ms,
                "do": type(command).__name__,
                "with": to_json(command),
                "ids": exchange.ids(),
            }
        )
        if durable and not self._together:
            os.fsync(self._file)

    @contextmanager
    def together(self) -> Iterator[None]:
        """What is appended inside becomes durable once, at the end."""
        self._together = True
        try:
            yield
        finally:
            self._together = False
            os.fsync(self._file)

    def close(self) -> None:
        os.close(self._file)

    def _check_header(self, line: bytes) -> None:
        try:
            header = json.loads(line)
        except ValueError:
            header = None
        if header != _HEADER:
            raise JournalUnusable(self.path, f"no simulator's journal of format {FORMAT}; name another")

    def _redo(self, exchange: Exchange, number: int, line: bytes) -> None:
        way_out = (
            "the file was changed, or written by another version: begin a new one with another --journal"
        )
        try:
            written = json.loads(line)
            exchange.apply(command_of(written["do"], written["with"]), written["at_ms"])
            agrees = written["ids"] == exchange.ids() and written["n"] == number
        except (ValueError, KeyError, TypeError, ArithmeticError, Rejected, DomainError) as error:
            raise JournalUnusable(
                self.path, f"line {number} cannot be replayed ({error}); {way_out}"
            ) from error
        if not agrees:
            raise JournalUnusable(self.path, f"line {number} comes to other ids than it did; {way_out}")

    def _write(self, line: dict[str, Any]) -> None:
        data = json.dumps(line, separators=(",", ":")).encode() + b"\n"
        written = os.write(self._file, data)
        if written != len(data):
            raise OSError(f"{self.path}: wrote {written} of {len(data)} bytes")
        self.lines += 1
