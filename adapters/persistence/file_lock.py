"""One writing process a SQLite file: a lock that ends with its process, and names it."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from adapters.persistence.database_errors import DatabaseInUse


def claim(path: Path) -> int:
    """The file descriptor of the lock, held until it is closed or the process ends, however it ends."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(_lock_path(path), os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise DatabaseInUse(path=str(path), pid=holder_of(path)) from None
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, str(os.getpid()).encode(), 0)
    return descriptor


def _lock_path(path: Path) -> Path:
    return path.with_name(path.name + ".lock")


def holder_of(path: Path) -> str:
    try:
        return _lock_path(path).read_text().strip() or "unknown"
    except FileNotFoundError:
        return "unknown"
