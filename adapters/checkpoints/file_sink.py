"""An append-only file of signed checkpoints: on another disk, or on one that is copied elsewhere."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from application.ports.seals import CheckpointSink, SinkUnavailable
from domain.sealing.notes import Checkpoint, MalformedNote, SignedNote

_END = "\f\n"
"""Between two notes, which hold no control characters but line feeds."""
_TAIL = 65_536


class CheckpointFile(CheckpointSink):
    """Notes one after the other; the last whole one counts, so a write that a crash cut off does no harm."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._last = ""

    @property
    def name(self) -> str:
        return str(self._path)

    def publish(self, note: str) -> None:
        if note == self._last:
            return
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            is_new = not self._path.exists()
            handle = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
            try:
                left = memoryview((self._mend() + note + _END).encode())
                while left:  # a disk that fills up takes a part
                    left = left[os.write(handle, left) :]
                os.fsync(handle)
            finally:
                os.close(handle)
            if is_new:
                _sync_folder(self._path.parent)
        except OSError as e:
            raise SinkUnavailable(f"{self._path}: {e.strerror or e}") from e
        self._last = note

    def newest(self) -> str | None:
        try:
            with self._path.open("rb") as file:
                size = file.seek(0, os.SEEK_END)
                file.seek(max(0, size - _TAIL))
                tail = file.read().decode(errors="replace")
        except FileNotFoundError:
            return None
        except OSError as e:
            raise SinkUnavailable(f"{self._path}: {e.strerror or e}") from e
        for piece in reversed(tail.split(_END)[:-1]):
            if _is_note(piece):
                return piece
        if _END in tail:
            raise SinkUnavailable(f"{self._path}: it holds no checkpoint that can be read; move it away")
        return None

    def newest_within(self, size: int) -> str | None:
        """The note published last of those that cover at most so many events; raises SinkUnavailable."""
        try:
            with self._path.open("rb") as file:
                return next((piece for piece in _backwards(file) if _covers(piece) <= size), None)
        except FileNotFoundError:
            return None
        except OSError as e:
            raise SinkUnavailable(f"{self._path}: {e.strerror or e}") from e

    def close(self, timeout_s: float) -> None:
        """What was published is on the disk."""

    def _mend(self) -> str:
        """What ends a note that was cut off, if the file ends with one."""
        if self._path.stat().st_size == 0:
            return ""
        with self._path.open("rb") as file:
            file.seek(-min(len(_END), self._path.stat().st_size), os.SEEK_END)
            return "" if file.read().decode(errors="replace") == _END else _END


def _backwards(file: BinaryIO) -> Iterator[str]:
    """What has a note's end, last first, read in parts of a size."""
    at, end = file.seek(0, os.SEEK_END), _END.encode()
    rest, is_ended = b"", False
    while at:
        start = max(0, at - _TAIL)
        file.seek(start)
        rest, *pieces = (file.read(at - start) + rest).split(end)
        if pieces and not is_ended:
            pieces.pop()  # after the last end: nothing, or one that was cut off
            is_ended = True
        yield from (piece.decode(errors="replace") for piece in reversed(pieces))
        at = start
    if is_ended:
        yield rest.decode(errors="replace")


def _covers(piece: str) -> float:
    """How many events a note covers; infinitely many where it is none, or was cut off."""
    try:
        return Checkpoint.parse(SignedNote.parse(piece.encode()).text).size
    except MalformedNote:
        return math.inf


def _is_note(piece: str) -> bool:
    try:
        SignedNote.parse(piece.encode())
    except MalformedNote:
        return False
    return True


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
