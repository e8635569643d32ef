"""A directory for the time of a drill, and no other directory once it is over."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PREFIX = "evenkeel-drill-"
_JUST_MADE_S = 60
"""So old a directory that nobody has locked is nobody's; a younger one may be about to be locked."""


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """Empty, and gone afterwards. Those that killed processes left are removed first."""
    _remove_left(Path(tempfile.gettempdir()))
    with tempfile.TemporaryDirectory(prefix=PREFIX) as folder:
        handle = os.open(folder, os.O_RDONLY)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield Path(folder)
        finally:
            os.close(handle)


def _remove_left(parent: Path) -> None:
    for path in parent.glob(f"{PREFIX}*"):
        try:
            handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        except OSError:
            continue  # another person's, or gone by now
        try:
            found = os.fstat(handle)
            if found.st_uid == os.geteuid() and time.time() - found.st_mtime > _JUST_MADE_S:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(path, ignore_errors=True)
        except BlockingIOError:
            continue  # a drill that runs
        finally:
            os.close(handle)
