"""The secret that salts in proofs of liabilities are derived from, in a file that only its owner reads."""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets
from pathlib import Path

from application.ports.salts import Salts, SaltsUnusable

_NAME = b"evenkeel/liabilities/salt@v1\n"
_FILE = re.compile(r"LIABILITY\+SECRET\+([0-9a-f]{64})")


class FileSalts(Salts):
    """HMAC-SHA-256 over the context. The file is read when it is first needed."""

    def __init__(self, path: Path) -> None:
        self._path, self._secret = path, b""

    def salt(self, context: str) -> bytes:
        self._secret = self._secret or _read(self._path)
        return hmac.digest(self._secret, _NAME + context.encode(), hashlib.sha256)

    @property
    def exists(self) -> bool:
        return self._path.exists()

    def create(self) -> bool:
        """Make the secret, mode 0600, where there is no file yet; whether it was made. Raises SaltsUnusable.

        One that is there is never written over: without it no earlier proof can be made again.
        """
        if self.exists:
            return False
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            handle = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except OSError as e:
            raise _unusable(f"it cannot be made ({e.strerror or e})") from e
        with os.fdopen(handle, "w") as file:
            file.write(f"LIABILITY+SECRET+{secrets.token_hex(32)}\n")
            file.flush()
            os.fsync(file.fileno())
        return True


def _read(path: Path) -> bytes:
    try:
        text, others = path.read_text().strip(), path.stat().st_mode & 0o077
    except OSError as e:
        raise _unusable(f"it cannot be read ({e.strerror or e}); put it back") from e
    except UnicodeDecodeError:
        raise _unusable("the file holds something else") from None
    found = _FILE.fullmatch(text)
    if found is None:
        raise _unusable("the file holds something else")
    if others:
        raise _unusable("others may read it; `chmod 600` it")
    return bytes.fromhex(found[1])


def _unusable(problem: str) -> SaltsUnusable:
    """Without the path: owners who ask for a proof are told, too."""
    name = "the secret of the salts (EVENKEEL_LIABILITY_SALTS_FILE; by default the database's .salts file)"
    return SaltsUnusable(problem=f"{name} is not usable: {problem}")
