"""The log's Ed25519 key, in a file that only its owner reads."""

from __future__ import annotations

import base64
import os
from binascii import Error as NotBase64
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from application.ports.seals import Signer
from domain.errors import DomainError
from domain.sealing.notes import ED25519, KEY_BYTES, MalformedNote, VerifierKey

_MARK = "PRIVATE+KEY+"


class UnusableKey(DomainError, code="unusable_signing_key"):
    """The signing key is not there, not readable or not one; nothing is signed without it."""

    def __init__(self, *, path: str, problem: str) -> None:
        super().__init__(f"{path}: {problem}")
        self.path, self.problem = path, problem


class FileSigner(Signer):
    """Signs with the key in a file, in the text form of C2SP's signed notes."""

    def __init__(self, path: Path) -> None:
        """Raises UnusableKey."""
        name, seed = _read(path)
        self._private = Ed25519PrivateKey.from_private_bytes(seed)
        self._key = VerifierKey(name, self._private.public_key().public_bytes_raw())

    @property
    def key(self) -> VerifierKey:
        return self._key

    def sign(self, message: bytes) -> bytes:
        return self._private.sign(message)


def create_key(path: Path, name: str) -> VerifierKey:
    """A new key in a new file of mode 0600, and its public half beside it as `.pub`. Raises UnusableKey.

    A file that is there is never written over: who loses the key cannot continue the log's checkpoints.
    """
    private = Ed25519PrivateKey.generate()
    key = VerifierKey(name, private.public_key().public_bytes_raw())
    secret = base64.b64encode(ED25519 + private.private_bytes_raw()).decode()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w") as file:
            file.write(f"{_MARK}{name}+{key.id.hex()}+{secret}\n")
            file.flush()
            os.fsync(file.fileno())
        path.with_suffix(".pub").write_text(f"{key}\n")
    except OSError as e:
        raise UnusableKey(path=str(path), problem=e.strerror or str(e)) from e
    return key


def adopt_key(new: Path, path: Path) -> Path:
    """Put a new key in the old one's place, and keep the old pair under a name with its id: where it is now.

    The new public half goes first: whoever finds both halves different reads a key that signs already.
    """
    old = FileSigner(path).key
    retired = path.with_name(f"{path.stem}.{old.id.hex()}.key")
    try:
        os.link(path, retired)
        retired.with_suffix(".pub").write_text(f"{old}\n")
        new.with_suffix(".pub").replace(path.with_suffix(".pub"))
        new.replace(path)
    except OSError as e:
        raise UnusableKey(path=str(path), problem=e.strerror or str(e)) from e
    return retired


def public_key(path: Path) -> VerifierKey | None:
    """The key of a `.pub` file; None where there is none. Raises UnusableKey."""
    try:
        return VerifierKey.parse(path.read_text()) if path.exists() else None
    except (OSError, UnicodeDecodeError, MalformedNote) as e:
        raise UnusableKey(path=str(path), problem=str(e)) from e


def verify(public: bytes, signature: bytes, message: bytes) -> bool:
    """Whether the key made the signature of the message."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def _read(path: Path) -> tuple[str, bytes]:
    try:
        text = path.read_text().strip()
        others = path.stat().st_mode & 0o077
    except OSError as e:
        raise UnusableKey(path=str(path), problem=e.strerror or str(e)) from e
    except UnicodeDecodeError:
        raise UnusableKey(path=str(path), problem="it is no signing key") from None
    if others:
        raise UnusableKey(path=str(path), problem="others may read it; `chmod 600` it, or make a new one")
    name, _, rest = text.removeprefix(_MARK).partition("+")
    id, _, encoded = rest.partition("+")
    try:
        raw = base64.b64decode(encoded, validate=True)
    except (NotBase64, ValueError):
        raw = b""
    if not text.startswith(_MARK) or raw[:1] != ED25519 or len(raw) != 1 + KEY_BYTES:
        raise UnusableKey(path=str(path), problem="it is no Ed25519 signing key of a note")
    public = Ed25519PrivateKey.from_private_bytes(raw[1:]).public_key().public_bytes_raw()
    if VerifierKey(name, public).id.hex() != id:
        raise UnusableKey(path=str(path), problem="its id is not that of its key: the file was changed")
    return name, raw[1:]
