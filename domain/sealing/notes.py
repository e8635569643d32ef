"""Signed notes and checkpoints, as C2SP writes them down (signed-note, tlog-checkpoint).

A note is text that ends with a line feed, an empty line, and a line a signature. Ed25519 itself is handed in.
"""

from __future__ import annotations

import base64
import hashlib
import re
from binascii import Error as NotBase64
from collections.abc import Callable
from dataclasses import dataclass

from domain.errors import DomainError
from domain.sealing.merkle import HASH_BYTES

ED25519 = b"\x01"
KEY_BYTES, SIGNATURE_BYTES, ID_BYTES = 32, 64, 4
DASH = "\u2014"

Sign = Callable[[bytes], bytes]
"""Of a message, the Ed25519 signature."""
Verify = Callable[[bytes, bytes, bytes], bool]
"""Public key, signature, message: whether the one made the other."""

_NAME = re.compile(r"[^\s+]+")
_SIZE = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")


_LONGEST_ORIGIN = 255  # bytes: what witnesses take


def origin_problem(origin: str) -> str:
    """Why this cannot be the name of a log and its key (tlog-checkpoint, signed-note); "" where it can."""
    if not _NAME.fullmatch(origin) or not origin.isprintable():
        return "a log's name is not empty and has no spaces, control characters or plus signs"
    if "://" in origin or origin.strip("/") != origin:
        return "a log's name is an address without https:// and outer slashes, such as example.com/log"
    if len(origin.encode()) > _LONGEST_ORIGIN:
        return f"a log's name has at most {_LONGEST_ORIGIN} bytes"
    return ""


class MalformedNote(DomainError, code="malformed_note"):
    """The bytes are no signed note, or its text is no checkpoint."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem


class UnsignedNote(DomainError, code="unsigned_note"):
    """The note has no valid signature of that key: it is somebody else's, or it was changed."""

    def __init__(self, *, key: str, problem: str) -> None:
        super().__init__(f"{problem} {key}")
        self.key, self.problem = key, problem


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A name and an Ed25519 public key: what checks a note's signatures."""

    name: str
    public: bytes

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise MalformedNote(f"{self.name!r} is no key name: it has a space or a plus, or is empty")
        if len(self.public) != KEY_BYTES:
            raise MalformedNote(f"an Ed25519 key has {KEY_BYTES} bytes, not {len(self.public)}")

    @property
    def id(self) -> bytes:
        return hashlib.sha256(self.name.encode() + b"\n" + ED25519 + self.public).digest()[:ID_BYTES]

    def __str__(self) -> str:
        return f"{self.name}+{self.id.hex()}+{_encoded(ED25519 + self.public)}"

    @classmethod
    def parse(cls, text: str) -> VerifierKey:
        """As `str` writes it; raises MalformedNote."""
        name, _, rest = text.strip().partition("+")
        id, _, encoded = rest.partition("+")
        raw = _decoded(encoded, "the key")
        if raw[:1] != ED25519:
            raise MalformedNote("the key is not of Ed25519")
        key = cls(name, raw[1:])
        if key.id.hex() != id:
            raise MalformedNote(f"the key's id is {key.id.hex()}, not {id}")
        return key


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a log held: so many leaves, and the root over them. `origin` names the log."""

    origin: str
    size: int
    root: bytes

    @property
    def text(self) -> str:
        return f"{self.origin}\n{self.size}\n{_encoded(self.root)}\n"

    @classmethod
    def parse(cls, text: str) -> Checkpoint:
        """Extension lines are allowed and ignored; raises MalformedNote."""
        lines = text.split("\n")
        if len(lines) < 4 or lines.pop() != "" or not all(lines):
            raise MalformedNote(
                "a checkpoint has an origin, a size and a root, a line each, none of them empty"
            )
        origin, size, root, *_ = lines
        if not _SIZE.fullmatch(size):
            raise MalformedNote(f"{size!r} is no tree size")
        digest = _decoded(root, "the root")
        if len(digest) != HASH_BYTES:
            raise MalformedNote(f"the root has {len(digest)} bytes, not {HASH_BYTES}")
        return cls(origin, int(size), digest)


@dataclass(frozen=True, slots=True)
class SignedNote:
    """A text and its signatures: (key name, key id, signature)."""

    text: str
    signatures: tuple[tuple[str, bytes, bytes], ...]

    def __str__(self) -> str:
        lines = [f"{DASH} {name} {_encoded(id + signature)}\n" for name, id, signature in self.signatures]
        return f"{self.text}\n{''.join(lines)}"

    @classmethod
    def parse(cls, raw: bytes) -> SignedNote:
        """Raises MalformedNote."""
        try:
            note = raw.decode()
        except UnicodeDecodeError:
            raise MalformedNote("the note is not UTF-8") from None
        if _CONTROL.search(note):
            raise MalformedNote("the note has control characters")
        body, gap, signed = note.rpartition("\n\n")
        if not gap or not signed.endswith("\n"):
            raise MalformedNote("the note does not end with an empty line and its signatures, a line each")
        return cls(body + "\n", tuple(map(_signature, signed.splitlines())))

    def require_signature(self, key: VerifierKey, verify: Verify) -> None:
        """Raises UnsignedNote unless this key signed the text."""
        found = [raw for name, id, raw in self.signatures if (name, id) == (key.name, key.id)]
        if not found:
            raise UnsignedNote(key=key.name, problem="there is no signature of")
        if not all(verify(key.public, raw, self.text.encode()) for raw in found):
            raise UnsignedNote(key=key.name, problem="the signature is not valid of")


def signed(text: str, *keys: tuple[VerifierKey, Sign]) -> SignedNote:
    """The note with a signature of each key. Raises MalformedNote for a text that cannot be a note's."""
    if not text.endswith("\n") or _CONTROL.search(text):
        raise MalformedNote("a note's text ends with a line feed and has no other control characters")
    return SignedNote(text, tuple((key.name, key.id, sign(text.encode())) for key, sign in keys))


def _signature(line: str) -> tuple[str, bytes, bytes]:
    parts = line.split(" ")
    if len(parts) != 3 or parts[0] != DASH or not _NAME.fullmatch(parts[1]):
        raise MalformedNote(f"{line!r} is no signature line")
    _, name, encoded = parts
    raw = _decoded(encoded, "a signature")
    if len(raw) <= ID_BYTES:
        raise MalformedNote("a signature is too short")
    return name, raw[:ID_BYTES], raw[ID_BYTES:]


def _encoded(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _decoded(text: str, what: str) -> bytes:
    try:
        raw = base64.b64decode(text, validate=True)
    except (NotBase64, ValueError):
        raise MalformedNote(f"{what} is not base64") from None
    if _encoded(raw) != text:
        raise MalformedNote(f"{what} is not written the one way that base64 is")
    return raw
