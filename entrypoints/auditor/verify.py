"""Checks an exported Evenkeel log offline, trusting nobody. Needs Python 3.11 or later and this one file.

    python -I verify.py EXPORT --key FILE.pub [--checkpoint FILE] [--complete] [--json]
    python -I verify.py --liability FILE --key FILE.pub [--checkpoint FILE] [--json]

EXPORT is a directory: manifest.json, events.ndjson (a line is one event's exact stored bytes),
positions.ndjson (where each stood in the database), checkpoints.ndjson (signed notes about the log's Merkle
tree). The key is the one thing to trust, so get it from elsewhere. Four checks, in this order:

1. form     Every line is one event in canonical JSON: one way to write it, no key twice, no floats.
2. chains   Each stream's events are numbered from 1 and each names the hash of the one before it, so none was
            changed, removed or slipped in between two that stand. Positions only grow.
3. seal     At every signed checkpoint the tree over all events so far has the root that was signed: the log
            up to the newest one is what the key's owner vouched for, in that order. A checkpoint that you
            kept (--checkpoint) shows besides that nothing was taken back since.
4. meaning  Every journal entry balances and is posted once, no owner's account is overdrawn, each fill of an
            order is booked once and with its own amounts, and what is held belongs to open orders and holds.
            Where liabilities were published, the LIVE books owed exactly those totals at that point.

A key that the log says took over from a trusted one, signed by both, is trusted from then on.

With --liability: that what one owner is owed is in the totals that were published, as one leaf of a
Merkle-sum tree; with EXPORT besides, that those totals are the ones in the log.

Not proven: that what was recorded is true; of events after the newest checkpoint, more than that they fit
(the "unsealed tail"; --complete refuses one); positions, which nobody signs.

Where several checks fail, the first is reported: a changed amount is a broken chain before it is an entry
that does not balance. Exit code 0: all holds. 1: something does not. 2: no export, no key, or bad usage.
"""

from __future__ import annotations

import argparse
import base64
import gc
import hashlib
import json
import re
import sqlite3
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime
from decimal import Context, Decimal, DivisionByZero, Inexact, InvalidOperation, Overflow
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, NoReturn, TypeVar

try:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
except ImportError:
    Ed25519PublicKey = None  # type: ignore[assignment, misc]

T = TypeVar("T")
FORMAT = 1
CHECKS = ("form", "chains", "seal", "meaning")
PLACES = ("index", "through", "position", "stream", "version", "name")

Event = dict[str, Any]
Progress = Callable[[str, int, int], None]
"""Told now and then of what how many are done, and of how many."""


class Unusable(Exception):
    """There is nothing to check: no export of this format, no key, a checkpoint that is none."""


class Fault(Exception):
    """Why a check fails, and at which event, or among which, counted from 0."""

    def __init__(self, why: str, index: int | None = None, through: int | None = None) -> None:
        super().__init__(why)
        self.why, self.index, self.through = why, index, through


# -- Ed25519 (RFC 8032) --------------------------------------------------------------------------------------

P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
Point = tuple[int, int, int, int]
"""On the curve, as X, Y, Z, T: x = X/Z, y = Y/Z, xy = T/Z."""


def sum_of(p: Point, q: Point) -> Point:
    a, b = (p[1] - p[0]) * (q[1] - q[0]) % P, (p[1] + p[0]) * (q[1] + q[0]) % P
    c, d = 2 * p[3] * q[3] * D % P, 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def point_of(encoded: bytes) -> Point | None:
    """The point that 32 bytes stand for: y, and in the top bit which of the two x."""
    number = int.from_bytes(encoded, "little")
    odd, y = number >> 255, number & 2**255 - 1
    u, v = (y * y - 1) % P, (D * y * y + 1) % P
    x = u * v**3 * pow(u * v**7, (P - 5) // 8, P) % P
    if (v * x * x - u) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    if y >= P or (v * x * x - u) % P or (odd and not x):
        return None
    x = P - x if x & 1 != odd else x
    return x, y, 1, x * y % P


BASE = point_of(bytes.fromhex("58" + "66" * 31))


def verifies_in_python(public: bytes, signature: bytes, message: bytes) -> bool:
    """Whether R = [s]B - [k]A. It takes milliseconds; nothing here is secret, so their number may vary."""
    key = point_of(public) if len(public) == 32 and len(signature) == 64 else None
    s = int.from_bytes(signature[32:], "little")
    if BASE is None or key is None or s >= ORDER:
        return False
    k = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little") % ORDER
    minus_key = (P - key[0], key[1], 1, P - key[3])
    terms = (BASE, minus_key, sum_of(BASE, minus_key))
    r = (0, 1, 1, 0)
    for bit in range(ORDER.bit_length() - 1, -1, -1):
        r = sum_of(r, r)
        if which := (s >> bit & 1) + 2 * (k >> bit & 1):
            r = sum_of(r, terms[which - 1])
    x, y = r[0] * pow(r[2], -1, P) % P, r[1] * pow(r[2], -1, P) % P
    return (y | (x & 1) << 255).to_bytes(32, "little") == signature[:32]


def verifies(public: bytes, signature: bytes, message: bytes) -> bool:
    if Ed25519PublicKey is None:
        return verifies_in_python(public, signature, message)
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


# -- Keys and checkpoints (C2SP signed-note, tlog-checkpoint) ------------------------------------------------


class Key(NamedTuple):
    """Who may sign: a name, an id derived from it and the key, and the Ed25519 key."""

    name: str
    id: bytes
    public: bytes

    @classmethod
    def parse(cls, text: str, label: str) -> Key:
        name, id, encoded = text.strip().split("+", 2)
        raw = from_base64(encoded)
        derived = hashlib.sha256(f"{name}\n".encode() + raw).digest()[:4]
        if not name or raw[:1] != b"\x01" or len(raw) != 33 or derived.hex() != id:
            raise ValueError(f"{label} is no Ed25519 verifier key, or its id is not that of the key")
        return cls(name, derived, raw[1:])

    def short(self) -> str:
        return f"{self.name}+{self.id.hex()}"


class Note(NamedTuple):
    """A text, and who signed it."""

    label: str
    text: str
    signatures: list[Key]  # with the signature in place of the key

    @classmethod
    def parse(cls, note: str, label: str) -> Note:
        text, gap, signed = note.rpartition("\n\n")
        signatures = []
        if not gap or not signed.endswith("\n") or not all(text.split("\n")):
            raise ValueError("a note has lines of text, an empty line and signatures, a line each")
        for line in signed[:-1].split("\n"):
            dash, name, encoded = line.split(" ")
            raw = from_base64(encoded)
            if dash != "\u2014" or not name or len(raw) <= 4:
                raise ValueError("a note's signature line has a dash, a name and a signature")
            signatures.append(Key(name, raw[:4], raw[4:]))
        return cls(label, f"{text}\n", signatures)

    def require_signature(self, trusted: list[Key]) -> None:
        """One trusted key must have signed, and nothing may pass as a trusted one's signature that is not."""
        public = {(key.name, key.id): key.public for key in trusted}
        found = [one for one in self.signatures if (one.name, one.id) in public]
        if not found:
            names = ", ".join(one.short() for one in self.signatures)
            raise Fault(f"{self.label} is not signed by a trusted key, only by {names}")
        for name, id, signature in found:
            if not verifies(public[name, id], signature, self.text.encode()):
                raise Fault(f"{self.label} was changed or forged: the signature of {name} does not fit it")


class Checkpoint(NamedTuple):
    """What somebody signed: after so many events, the log's tree had this root."""

    note: Note
    origin: str
    size: int
    root: bytes

    @classmethod
    def parse(cls, note: str, label: str) -> Checkpoint:
        signed = Note.parse(note, label)
        lines = signed.text.splitlines()
        if len(lines) < 3:
            raise ValueError("a checkpoint has origin, size and root, a line each")
        origin, size, root = lines[0], lines[1], from_base64(lines[2])
        if not SIZE.fullmatch(size) or len(root) != 32:
            raise ValueError("a checkpoint's second line is a size, its third a root of 32 bytes")
        return cls(signed, origin, int(size), root)

    @property
    def label(self) -> str:
        return self.note.label


class Rotation(NamedTuple):
    """From here on another key signs for the log: both of them say so."""

    old: Key
    new: Key

    @classmethod
    def parse(cls, note: str) -> Rotation:
        signed = Note.parse(note, "the note about the new key")
        header, *named = signed.text.splitlines()
        if header != "evenkeel/key-rotation@v1" or len(named) != 2:
            raise ValueError("the note about the new key names the old and the new one")
        old, new = (Key.parse(text, "what the note names") for text in named)
        for key in (old, new):
            signed.require_signature([key])
        return cls(old, new)


SIZE = re.compile("0|[1-9][0-9]{0,18}")


def from_base64(text: str) -> bytes:
    raw = base64.b64decode(text, validate=True)
    if base64.b64encode(raw).decode() != text:
        raise ValueError("base64 is not written in its one way")
    return raw


# -- 1. Form -------------------------------------------------------------------------------------------------

TEXT = ("stream", "recorded_at", "actor", "command_id", "correlation_id", "causation_id", "prev")
FIELDS = ["name", "schema", "stream", "version", *TEXT[1:], "data"]
TYPES = [str, int, str, int, *(str for _ in TEXT[1:]), dict]
POSITION = re.compile(rb'\{"index":(\d{1,18}),"position":"((\d{1,18})-(\d{1,18}))"\}')


ROTATED, PUBLISHED = "platform.signing_key_rotated", "platform.liabilities_published"
ANNOUNCED = tuple(f'{{"name":"{name}",'.encode() for name in (ROTATED, PUBLISHED))


def no_float(written: str) -> NoReturn:
    raise ValueError(f"{written} is a float, which no event has")


DECODER = json.JSONDecoder(parse_float=no_float, parse_constant=no_float)
ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), check_circular=False)


def event_of(line: bytes, index: int) -> Event:
    """The event that a line holds, if writing it down again gives these very bytes.

    That leaves no room for white space, another way to write a text or a number, or a key that comes twice.
    """
    try:
        text = line.decode()
        event = DECODER.decode(text)
        again = ENCODER.encode(event)
    except (ValueError, RecursionError) as e:
        raise Fault(f"the line is not one event: {e}", index) from None
    if type(event) is not dict or list(event) != FIELDS or list(map(type, event.values())) != TYPES:
        raise Fault("the line is not one event: it has other fields, or others in their place", index)
    if again != text:
        raise Fault("the event is not written the one way that an event is (canonical JSON)", index)
    return event


class Export:
    """The files of the directory, line by line."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        try:
            manifest = json.loads((directory / "manifest.json").read_bytes())
            names = ("format", "origin", "events", "checkpoints")
            written, self.origin, self.events, self.checkpoints = (manifest[name] for name in names)
            for name in ("events", "positions", "checkpoints"):
                self._open(name).close()
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as e:
            raise Unusable(f"{directory} is no export: {e!r}") from e
        if written != FORMAT or not type(self.events) is type(self.checkpoints) is int:
            raise Unusable(f"{directory} is no export of format {FORMAT}, but of format {written!r}")

    def notes(self) -> list[str]:
        """Every checkpoint's signed note."""
        found = []
        for number, line in enumerate(self._lines("checkpoints")):
            try:
                text = line.decode()
                note = json.loads(text)
            except (ValueError, RecursionError):
                note, text = None, ""
            if type(note) is not str or text not in (json.dumps(note), json.dumps(note, ensure_ascii=False)):
                raise Fault(f"line {number + 1} of checkpoints.ndjson is not one note, a JSON string")
            found.append(note)
        require_count("checkpoints", len(found), self.checkpoints)
        return found

    def lines(self) -> Iterator[tuple[bytes, int, int]]:
        """Every event's bytes, and its shard and id in the database; at last, whether the counts agree."""
        index, positions = -1, self._lines("positions")
        for index, line in enumerate(self._lines("events")):
            found = POSITION.fullmatch(next(positions, b""))
            if found is None or int(found[1]) != index:
                raise Fault("positions.ndjson does not say where this event stood", index)
            yield line, int(found[3]), int(found[4])
        require_count("positions", index + 1 + sum(1 for _ in positions), index + 1)
        require_count("events", index + 1, self.events)

    def announced(self) -> Iterator[Event]:
        """Events to be known of before they are reached: of keys that take over, and of liabilities.

        They may be anybody's: what they say is checked where they stand.
        """
        for index, line in enumerate(self._lines("events")):
            if line.startswith(ANNOUNCED):
                with suppress(Fault):
                    yield event_of(line, index)

    def about(self, index: int) -> dict[str, Any]:
        """What the files say of one event, as far as they can be read."""
        about: dict[str, Any] = {}
        with suppress(Fault):
            if found := POSITION.fullmatch(next(islice(self._lines("positions"), index, None), b"")):
                about["position"] = found[2].decode()
            event = event_of(next(islice(self._lines("events"), index, None), b""), index)
            about |= {name: event[name] for name in ("stream", "version", "name")}
        return about

    def _lines(self, name: str) -> Iterator[bytes]:
        with self._open(name) as file:
            for index, line in enumerate(file):
                if not line.endswith(b"\n"):
                    raise Fault(f"{name}.ndjson was cut off: the last of its {index + 1:,} lines has no end")
                yield line[:-1]

    def _open(self, name: str) -> BinaryIO:
        return (self.directory / f"{name}.ndjson").open("rb")


def require_count(name: str, found: int, stated: int) -> None:
    if found != stated:
        raise Fault(f"{name}.ndjson has {found:,} lines where there should be {stated:,}")


# -- 2. Chains -----------------------------------------------------------------------------------------------

IN_MEMORY = 100_000
"""Items of one shelf that are kept in memory: 1,000,000 events are checked within 300 MB."""


class Shelf:
    """A dictionary that moves what it holds into a temporary file whenever there is too much of it."""

    def __init__(self) -> None:
        self._near: dict[tuple[str, ...], Any] = {}
        self._file: sqlite3.Connection | None = None

    def get(self, key: tuple[str, ...]) -> Any:
        """What was put there, or None."""
        found = self._near.get(key)
        if found is None and self._file is not None:
            row = self._file.execute("SELECT value FROM shelf WHERE key = ?", (json.dumps(key),)).fetchone()
            return row and json.loads(row[0])
        return found

    def put(self, key: tuple[str, ...], value: Any) -> None:
        self._near[key] = value
        if len(self._near) > IN_MEMORY:
            if self._file is None:
                self._file = sqlite3.connect("", isolation_level=None)
                self._file.execute("CREATE TABLE shelf (key TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID")
            rows = ((json.dumps(key), json.dumps(value)) for key, value in self._near.items())
            self._file.execute("BEGIN")
            self._file.executemany("INSERT OR REPLACE INTO shelf VALUES (?, ?)", rows)
            self._file.execute("COMMIT")
            self._near.clear()

    def claim(self, key: tuple[str, ...], index: int) -> int | None:
        """Take a key that nobody may take again; if somebody has, at which event."""
        earlier: int | None = self.get(key)
        if earlier is None:
            self.put(key, index)
        return earlier


class Chains:
    """Per stream: versions without a gap, and each event naming the hash of the one before it."""

    def __init__(self) -> None:
        self.streams = 0
        self._heads = Shelf()  # of each stream: version, hash and index of its last event
        self._ids: dict[int, int] = {}  # of each shard: the last one
        self._doubt: tuple[str, str, int, int] | None = None

    def take(self, index: int, shard: int, id: int, event: Event, leaf: bytes) -> None:
        stream, version, prev, hash = event["stream"], event["version"], event["prev"], leaf.hex()
        if self._doubt:
            self._settle(stream, prev)
            return
        if id <= self._ids.get(shard, -1):
            raise Fault(f"position {shard}-{id} does not come after the one before it", index)
        self._ids[shard] = id
        last = self._heads.get((stream,))
        known, named, before = last or (0, "0" * 64, -1)
        self.streams += last is None
        self._heads.put((stream,), (version, hash, index))
        if version != known + 1:
            what = "one is missing or was moved" if version > known else "one is here twice or was moved"
            raise Fault(f"the stream goes from version {known} to {version}: {what}", index)
        if prev != named and not known:
            raise Fault("the first event of its stream names one before it", index)
        if prev != named:
            self._doubt = stream, hash, before, index

    def _settle(self, stream: str, prev: str) -> None:
        """Two neighbours do not fit. The next event of their stream tells which of them is as it was."""
        if self._doubt and self._doubt[0] == stream:
            _, hash, before, index = self._doubt
            if prev == hash:
                self.finish()
            raise Fault(f"the event was changed: neither index {before} before it nor the next fits", index)

    def finish(self) -> None:
        if self._doubt:
            _, _, before, index = self._doubt
            raise Fault(f"the event was changed: index {index}, next in its stream, names another", before)


# -- 3. Seal -------------------------------------------------------------------------------------------------


class Tree:
    """The Merkle tree of RFC 6962 as it grows: the roots of the perfect subtrees it falls into."""

    def __init__(self) -> None:
        self.size = 0
        self._peaks: list[bytes] = []

    def append(self, leaf: bytes) -> None:
        node, left = leaf, self.size
        while left & 1:
            node, left = hashlib.sha256(b"\x01" + self._peaks.pop() + node).digest(), left >> 1
        self._peaks.append(node)
        self.size += 1

    def root(self) -> bytes:
        if not self._peaks:
            return hashlib.sha256().digest()
        *left, root = self._peaks
        for peak in reversed(left):
            root = hashlib.sha256(b"\x01" + peak + root).digest()
        return root


class Seal:
    """Every checkpoint, the export's and those kept elsewhere, against the tree over the events."""

    def __init__(self, keys: list[Key]) -> None:
        self.tree, self.keys = Tree(), keys
        self.sealed = 0  # so many events were found to be what was signed
        self._due: list[Checkpoint] = []  # still to be compared, the next one last

    def admit(self, export: Export, notes: list[str], kept: list[Checkpoint], progress: Progress) -> None:
        """What can be said before the events are read: signatures, origin, order, no size signed twice."""
        by_size: dict[int, Checkpoint] = {}
        own, newest = [own_checkpoint(note, number) for number, note in enumerate(notes)], 0
        for number, one in enumerate(own + kept):
            progress("checkpoints", number, len(own))
            one.note.require_signature(self.keys)
            if one.origin != export.origin:
                raise Fault(f"{one.label} is of the log {one.origin}, the export of {export.origin}")
            other = by_size.setdefault(one.size, one)
            if other.root != one.root:
                raise Fault(f"fork: {other.label} and {one.label} sign different logs of {one.size:,} events")
            if number < len(own) and one.size < newest:
                raise Fault(f"rollback: {one.label} signs {one.size:,} events, the one before it {newest:,}")
            newest = one.size
        if export.events and not by_size:
            raise Fault("there is no checkpoint: nobody has signed any of this")
        self._due = sorted(by_size.values(), key=lambda one: one.size, reverse=True)
        self._compare()

    def take(self, leaf: bytes) -> None:
        self.tree.append(leaf)
        self._compare()

    def _compare(self) -> None:
        if not self._due or self._due[-1].size != self.tree.size:
            return
        one, first, size = self._due.pop(), self.sealed, self.tree.size
        if one.root != self.tree.root():
            why = f"from index {first} on, one was changed, moved, removed or inserted"
            raise Fault(f"{one.label} signs other {size:,} events than these: {why}", first, size - 1)
        self.sealed = size

    def finish(self, *, complete: bool) -> None:
        size = self.tree.size
        if self._due:
            more = self._due[-1]
            raise Fault(
                f"truncated or rolled back: {more.label} signs {more.size:,} events, here are {size:,}"
            )
        if complete and size > self.sealed:
            raise Fault(f"the last {size - self.sealed:,} events have no checkpoint", self.sealed, size - 1)


def own_checkpoint(note: str, number: int) -> Checkpoint:
    try:
        return Checkpoint.parse(note, f"checkpoint {number + 1}")
    except ValueError as e:
        raise Fault(f"line {number + 1} of checkpoints.ndjson is no checkpoint: {e}") from None


# -- 4. Meaning ----------------------------------------------------------------------------------------------

EXACT = Context(prec=120, traps=[Inexact, Overflow, InvalidOperation, DivisionByZero])
ZERO = Decimal(0)
AMOUNT = re.compile(r"(?=.{1,62}$)-?(0|[1-9][0-9]*)(\.[0-9]+)?")
ACCOUNT = re.compile(
    r"owner:(available|due|(bot|held):.+)|(custody|revenue|expense|in_transit|equity):.+|suspense|rounding",
    re.DOTALL,
)
STATED_AMOUNT = re.compile(r"-?[0-9]{1,18}(\.[0-9]{1,18})?")
DIGEST_BITS = 128
DIGEST_MASK = (1 << DIGEST_BITS) - 1
BY_HAND = ("adjustment:", "settlement:")
DEPOSITS = {"deposit", "paper_funding"}
"""Entries whose amounts somebody typed. Others may be sums, or what a venue reported, and be longer."""

WITHOUT_MONEY = re.compile(
    r"accounts\.(account_(registered|frozen|unfrozen)|role_granted|live_trading_(requested|approved|revoked))"
    r"|ledger\.book_closed"
    r"|bots\.(bot_(created|started|paused|resumed|stopped)|signal_raised|guardrail_tripped"
    r"|order_observed|preflight_recorded|mode_changed)"
    r"|orders\.(cancel_intended|order_(flagged|reviewed))|platform\.(kill_switch_(engaged|released|flat)|limits_set)"
    r"|risk\.(account_limits_set|bot_limits_set|(order|fill|trade)_counted|equity_marked|limit_tripped)"
    r"|reconciliation\.(recorded|case_(opened|changed|closed))"
    r"|transfers\.transfer_(sent|completed|returned)"
    r"|venue_accounts\.(venue_account_(connected|closed)|pooled_account_opened|venue_key_(imported|rotated|revoked))"
    r"|venues\.venue_(left_alone|reached)"
)

STREAMS = {"ledger": "book", "holds": "hold", "orders": "order", "platform": "platform"}
"""What the streams are called that events belong in."""

ENDS = {"orders.order_filled", "orders.order_canceled", "orders.order_refused"}
Sums = dict[str, Decimal]
"""By asset; never zero."""


def amount(written: str) -> Decimal:
    if not AMOUNT.fullmatch(written):
        raise Fault(f"{written[:80]!r} is no amount")
    return Decimal(written)


def add(sums: dict[Any, Decimal], key: Any, more: Decimal) -> None:
    total = EXACT.add(sums.get(key, ZERO), more)
    if total:
        sums[key] = total
    else:
        sums.pop(key, None)


class Order(NamedTuple):
    """What matters of an order: whose money it moves, and whether it may still hold some."""

    book: str
    venue_account: str
    symbol: str
    side: str
    has_ended: bool


class Hold(NamedTuple):
    """What matters of a hold of its own."""

    book: str
    asset: str
    expires: str  # "" for never
    has_ended: bool


class Meaning:
    """Folds the events into balances, orders and fills, and holds the ledger's promises against them."""

    def __init__(self, keys: list[Key], origin: str) -> None:
        self.keys, self.origin = keys, origin
        self.purses: dict[str, str] = {}  # of each book
        self.live_owners: set[str] = set()
        self.rotations: list[dict[str, Any]] = []
        self.losses: list[dict[str, Any]] = []
        self.liabilities: list[dict[str, Any]] = []
        self._marks: dict[int, Mark] = {}
        self.balances: dict[tuple[str, str, str], Decimal] = {}  # of book, account, asset; debit is positive
        self.entries = self.orders = self.fills = 0
        self.unknown: Counter[str] = Counter()  # names that this program does not know
        self._held: dict[tuple[str, str, str], int] = {}  # what stands on a hold, and its last entry
        self._orders, self._entry_ids, self._trades = Shelf(), Shelf(), Shelf()
        self._reversed, self._holds = Shelf(), Shelf()
        self._half: dict[tuple[str, str, str], tuple[str, int, Sums]] = {}  # fills of which one side was read
        self._rules: dict[str, tuple[int, Callable[[int, str, str, Event], None]]] = {
            "ledger.book_opened": (1, self._open_book),  # up to this schema
            "ledger.entry_posted": (3, self._post),
            "holds.hold_placed": (1, self._place_hold),
            "holds.hold_settled": (1, self._settle_hold),
            "holds.hold_released": (1, self._release_hold),
            "orders.order_intended": (2, self._intend),
            "orders.order_accepted": (1, self._go_on),
            "orders.order_partially_filled": (2, self._fill),
            "orders.order_filled": (2, self._fill),
            "orders.order_canceled": (1, self._go_on),
            "orders.order_refused": (1, self._go_on),
            "orders.outcome_unknown": (1, self._go_on),
            "orders.outcome_resolved": (1, self._go_on),
            "platform.loss_accepted": (1, self._accept_loss),
            ROTATED: (1, self._rotate),
            PUBLISHED: (1, self._publish),
        }

    def take(self, index: int, event: Event) -> None:
        name = event["name"]
        if name not in self._rules:
            if not WITHOUT_MONEY.fullmatch(name):
                if name.startswith(("ledger.", "holds.")):
                    raise Fault(f"{name} is an event of the ledger that this program does not know", index)
                self.unknown[name] += 1
            return
        schema, rule = self._rules[name]
        if event["schema"] > schema:
            raise Fault(f"{name} has schema {event['schema']}, this program knows {schema}", index)
        kind, _, id = event["stream"].partition(":")
        try:
            if kind != STREAMS[name.partition(".")[0]]:
                raise Fault(f"{name} does not belong in a stream of that name")
            rule(index, id, name, event["data"])
        except Fault as fault:
            raise Fault(fault.why, index) from None
        except (KeyError, TypeError, ValueError, AttributeError, ArithmeticError) as e:
            raise Fault(f"its data is not that of {name}: {e!r}", index) from None

    def _open_book(self, _index: int, book: str, _name: str, data: Event) -> None:
        if book in self.purses or data["book_id"] != book:
            raise Fault(f"book {book} was opened before, or under another name")
        self.purses[book] = str(data["purse"])
        if data["purse"] == "LIVE":
            self.live_owners.add(str(data["owner_id"]))

    def _post(self, index: int, book: str, _name: str, data: Event) -> None:
        entry_id, kind, legs, reference = (data[x] for x in ("entry_id", "kind", "postings", "reference"))
        self._check_words(entry_id, data)
        if book not in self.purses:
            raise Fault(f"entry {entry_id} is posted in book {book}, which was never opened")
        if len(legs) < 2:
            raise Fault(f"entry {entry_id} has fewer than two legs")
        left_over: Sums = {}
        moved: Sums = {}  # at the venue
        touched = []
        for leg in legs:
            account, asset, change = leg["account"], leg["asset"], amount(leg["amount"])
            if not change or type(asset) is not str or not ACCOUNT.fullmatch(account):
                raise Fault(f"entry {entry_id} has a leg of zero, of no asset, or on no account: {account}")
            if kind in DEPOSITS and not STATED_AMOUNT.fullmatch(leg["amount"]):
                raise Fault(f"entry {entry_id} has over 18 digits before or after the point: {plain(change)}")
            add(left_over, asset, change)
            if account.startswith("custody:"):
                add(moved, asset, change)
            add(self.balances, (book, account, asset), change)
            touched.append((book, account, asset))
        for asset, left in left_over.items():
            raise Fault(f"entry {entry_id} does not balance: it leaves {plain(left)} {asset} over")
        for key in touched:
            self._check_owner(index, key)
        self.entries += 1
        if (kind == "fill") != entry_id.startswith("fill:"):
            raise Fault(f"entry {entry_id} of kind {kind} is a fill in one of the two only")
        takes_back = data.get("reverses", "")  # schema 1 knows no reversals
        if (kind == "reversal") != entry_id.startswith("reversal:") or (kind == "reversal") != bool(
            takes_back
        ):
            raise Fault(f"entry {entry_id} of kind {kind} is a reversal in some of its fields only")
        if takes_back:
            self._take_back(index, book, entry_id, takes_back, data)
        claimed = (book, entry_id, reference) if kind == "fill" else (book, entry_id)
        earlier = self._entry_ids.claim(claimed, index << DIGEST_BITS | legs_digest(data, negate=False))
        if earlier is not None:
            raise Fault(
                f"entry {entry_id} was posted in book {book} before, at index {earlier >> DIGEST_BITS}"
            )
        if kind == "fill":
            if fee := data["venue_fee"]:
                add(moved, f"{fee['asset']} of fee", amount(fee["amount"]))
            self._match((book, reference, entry_id[5:]), "entry", index, moved)
        if kind == "settlement":
            self._match(
                (book, reference, entry_id), "entry", index, taken_from(legs, f"owner:held:{reference}")
            )

    def _check_words(self, entry_id: str, data: Event) -> None:
        """Who posts by hand says why, and what is written on an entry is short words by key."""
        if entry_id.startswith(BY_HAND) and not says_why(data):
            raise Fault(f"entry {entry_id} was posted by hand and does not say why")
        metadata = data.get("metadata", {})  # earlier schemas have none
        words = [*metadata, *metadata.values()]
        if len(metadata) > 16 or not all(type(word) is str and len(word) <= 200 for word in words):
            raise Fault(f"entry {entry_id} has metadata that is no short text by key")

    def _take_back(self, index: int, book: str, entry_id: str, takes_back: str, data: Event) -> None:
        """A reversal names an earlier entry of its book, as no other does, and has its legs negated."""
        if takes_back.startswith("reversal:"):
            raise Fault(f"entry {entry_id} reverses a reversal, {takes_back}")
        named = (
            (book, takes_back, data["reference"]) if takes_back.startswith("fill:") else (book, takes_back)
        )
        found: int | None = self._entry_ids.get(named)
        if found is None:
            raise Fault(f"entry {entry_id} reverses {takes_back}, which was not posted in book {book} before")
        if (earlier := self._reversed.claim(named, index)) is not None:
            raise Fault(
                f"entry {entry_id} reverses {takes_back}, which was reversed before, at index {earlier}"
            )
        if found & DIGEST_MASK != legs_digest(data, negate=True):
            at = found >> DIGEST_BITS
            raise Fault(
                f"entry {entry_id} does not have the legs of {takes_back} at index {at} the other way round"
            )
        if not says_why(data):
            raise Fault(f"entry {entry_id} reverses {takes_back} and does not say why")

    def _check_owner(self, index: int, key: tuple[str, str, str]) -> None:
        book, account, asset = key
        if not account.startswith("owner:") or account == "owner:due":
            return
        standing = self.balances.get(key, ZERO)
        if standing > 0:
            raise Fault(f"{account} of book {book} is overdrawn by {plain(standing)} {asset}")
        if account.startswith("owner:held:"):
            self._held[key] = index
            if not standing:
                del self._held[key]

    def _place_hold(self, _index: int, hold_id: str, _name: str, data: Event) -> None:
        if self._holds.get((hold_id,)) or data["hold_id"] != hold_id:
            raise Fault(f"hold {hold_id} was placed before, or under another name")
        expires = data.get("expires_at_utc") or ""
        self._holds.put((hold_id,), Hold(data["book_id"], data["amount"]["asset"], expires, False))

    def _open_hold(self, hold_id: str) -> Hold:
        found = self._holds.get((hold_id,))
        if found is None:
            raise Fault(f"hold {hold_id} was never placed")
        if Hold(*found).has_ended:
            raise Fault(f"hold {hold_id} had ended before")
        return Hold(*found)

    def _settle_hold(self, index: int, hold_id: str, _name: str, data: Event) -> None:
        """In time, and as its entry in the book says."""
        hold = self._open_hold(hold_id)
        if hold.expires and moment(data["settled_at_utc"]) >= moment(hold.expires):
            raise Fault(f"hold {hold_id} was settled when its time was over, {hold.expires}")
        ended = not amount(data["left"]["amount"])
        self._holds.put((hold_id,), hold._replace(has_ended=ended))
        taken = {hold.asset: amount(data["amount"]["amount"])}
        self._match((hold.book, hold_id, data["entry_id"]), "order", index, taken)

    def _release_hold(self, _index: int, hold_id: str, _name: str, data: Event) -> None:
        """An end by itself comes when the time is over, not before."""
        hold = self._open_hold(hold_id)
        too_early = not hold.expires or moment(data["released_at_utc"]) < moment(hold.expires)
        if data["because"] == "expired" and too_early:
            raise Fault(f"hold {hold_id} expired before its time")
        self._holds.put((hold_id,), hold._replace(has_ended=True))

    def _intend(self, _index: int, order_id: str, _name: str, data: Event) -> None:
        if self._orders.get((order_id,)) or data["client_order_id"] != order_id:
            raise Fault(f"order {order_id} was intended before, or under another name")
        terms = data["terms"]
        order = Order(data["book_id"], data["venue_account"], terms["symbol"], terms["side"], False)
        self._orders.put((order_id,), order)
        self.orders += 1

    def _order(self, order_id: str) -> Order:
        found = self._orders.get((order_id,))
        if found is None:
            raise Fault(f"order {order_id} was never intended")
        return Order(*found)

    def _go_on(self, _index: int, order_id: str, name: str, data: Event) -> None:
        """An order ends by proof alone: filled, canceled or refused by the venue."""
        ended = name in ENDS or (name == "orders.outcome_resolved" and data["outcome"] == "filled")
        self._orders.put((order_id,), self._order(order_id)._replace(has_ended=ended))

    def _fill(self, index: int, order_id: str, name: str, data: Event) -> None:
        order, trade_id, fee = self._order(order_id), data["venue_trade_id"], data["fee"]
        if name in ENDS:
            self._go_on(index, order_id, name, data)
        earlier = self._trades.claim((order.venue_account, order.symbol, trade_id), index)
        if earlier is not None:
            raise Fault(f"trade {trade_id} of {order.symbol} was recorded before, at index {earlier}")
        self.fills += 1
        base, _, quote = order.symbol.partition("/")
        bought = amount(data["base_quantity"])
        if "quote_amount" in data:
            paid = amount(data["quote_amount"])
        else:  # schema 1
            paid = EXACT.multiply(bought, amount(data["price_quote_per_base"]))
        if order.side == "sell":
            bought, paid = bought.copy_negate(), paid.copy_negate()
        charged = amount(fee["amount"])
        moved: Sums = {}
        add(moved, base, bought)
        add(moved, quote, paid.copy_negate())
        add(moved, fee["asset"], charged.copy_negate())
        add(moved, f"{fee['asset']} of fee", charged)
        self._match((order.book, order_id, trade_id), "order", index, moved)

    def _match(self, fill: tuple[str, str, str], side: str, index: int, moved: Sums) -> None:
        """A fill is told twice, by its order and by its entry, in whichever order: both must say the same."""
        if fill not in self._half:
            self._half[fill] = side, index, moved
            return
        other, earlier, also = self._half.pop(fill)
        if moved != also:
            what = f"{told(moved)} by its {side}, but {told(also)} by its {other} at index {earlier}"
            raise Fault(f"trade {fill[2]} of order {fill[1]} moves {what}")

    def _rotate(self, index: int, _id: str, _name: str, data: Event) -> None:
        old, new = Rotation.parse(data["note"])
        self.rotations.append({"index": index, "from": old.short(), "to": new.short()})

    def _accept_loss(self, index: int, _id: str, _name: str, data: Event) -> None:
        """The operator says that the log lost what a checkpoint covers. That is for people to judge."""
        lost = Checkpoint.parse(data["checkpoint"], "the checkpoint given up")
        told = {name: str(data[name]) for name in ("problem", "reason", "accepted_by")}
        self.losses.append({"index": index, "size": lost.size, "root": lost.root.hex(), **told})

    def mark(self, size: int, root: bytes) -> None:
        """Liabilities of this point will be published: keep what the LIVE books owe now."""
        owed: Sums = {}
        due: Sums = {}
        in_transit: dict[str, Sums] = {}
        for (book, account, asset), standing in self.balances.items():
            if self.purses[book] != "LIVE":
                continue
            if account == "owner:due":
                add(due, asset, standing)
            elif account.startswith("owner:"):
                add(owed, asset, standing.copy_negate())
            elif account.startswith("in_transit:"):
                add(in_transit.setdefault(account, {}), asset, standing.copy_negate())
        for sums in in_transit.values():
            for asset, sent in sums.items():
                add(owed, asset, max(sent, Decimal()))
        owners = len(self.live_owners)
        self._marks[size] = Mark(root, 1 << (owners - 1).bit_length() if owners else 0, owed, due)

    def _publish(self, index: int, _id: str, _name: str, data: Event) -> None:
        """The totals are those of the log at that point; a leaf of the tree is its owner's to check."""
        said = Statement.parse(data["note"], self.keys, self.origin)
        under = Checkpoint.parse(data["checkpoint"], "the checkpoint of the liabilities")
        under.note.require_signature(self.keys)
        if self.liabilities and said.log_size <= self.liabilities[-1]["log_size"]:
            raise Fault(f"liabilities of {said.log_size:,} events were published before, or later ones")
        mark = self._marks.get(said.log_size) if said.log_size == data["log_size"] == under.size else None
        if mark is None or not said.log_root == under.root == mark.root:
            raise Fault(f"the liabilities are not of the first {said.log_size:,} events of this log")
        for kind, published, counted in (("owed", said.owed, mark.owed), ("due", said.due, mark.due)):
            if published != counted:
                raise Fault(
                    f"liabilities: {told(published)} {kind} was published of the first {said.log_size:,} "
                    f"events, their LIVE books have {told(counted)}"
                )
        if said.leaves != mark.leaves:
            raise Fault(f"the tree of liabilities has {said.leaves} leaves, for its owners {mark.leaves}")
        self.liabilities.append({"index": index, "statement": data["note"], **said.report()})

    def finish(self) -> None:
        """What can only be said once the last event was read: nothing is left half done."""
        for (book, order_id, trade_id), (side, index, _) in self._half.items():
            missing = "entry in book" if side == "order" else "fill of an order of book"
            what = f"trade {trade_id} of order {order_id}"
            if trade_id.startswith("settlement:"):
                missing, what = (
                    missing.replace("fill of an order", "event of a hold"),
                    f"{trade_id} of a hold",
                )
            raise Fault(f"{what} has no {missing} {book}", index)
        for (book, account, asset), index in self._held.items():
            held = f"{account} of book {book} still holds {asset}"
            name = account.removeprefix("owner:held:")
            order, hold = self._orders.get((name,)), self._holds.get((name,))
            if hold is not None and Hold(*hold).book == book:
                if Hold(*hold).has_ended:
                    raise Fault(f"{held}, but the hold has ended", index)
                continue
            if order is None or Order(*order).book != book:
                raise Fault(f"{held}, but there is no such order or hold in that book", index)
            if Order(*order).has_ended:
                raise Fault(f"{held}, but its order has ended", index)
        total: Sums = {}
        for (_, _, asset), standing in self.balances.items():
            add(total, asset, standing)
        if total:
            raise Fault(f"over all books not every asset sums to zero: {told(total)}")

    def report(self) -> dict[str, Any]:
        """What was read, and per purse, asset and class of account what stands there over all books."""
        sums: dict[tuple[str, str, str], Decimal] = {}
        for (book, account, asset), standing in self.balances.items():
            first, _, rest = account.partition(":")
            kind = f"owner:{rest.partition(':')[0]}" if first == "owner" else first
            add(sums, (self.purses[book], asset, kind), standing)
        totals: dict[str, dict[str, dict[str, str]]] = {}
        for (purse, asset, kind), total in sorted(sums.items()):
            totals.setdefault(purse, {}).setdefault(asset, {})[kind] = plain(total)
        counts = {
            "entries": self.entries,
            "orders": self.orders,
            "fills": self.fills,
            "liabilities": self.liabilities,
        }
        return counts | {"unknown_events": dict(sorted(self.unknown.items())), "totals": totals}


def legs_digest(entry: Event, *, negate: bool) -> int:
    """A short name for an entry's legs and fee, or for those of the entry that it takes back."""

    def told(number: str) -> str:
        value = amount(number)
        return plain(value.copy_negate() if negate else value)

    fee = entry["venue_fee"]
    legs = sorted((leg["account"], leg["asset"], told(leg["amount"])) for leg in entry["postings"])
    whole = [legs, [fee["asset"], told(fee["amount"])] if fee else None]
    return int.from_bytes(hashlib.sha256(json.dumps(whole).encode()).digest()[: DIGEST_BITS // 8])


def says_why(entry: Event) -> bool:
    """Whether its reason is a text, and not a blank one."""
    reason = entry.get("reason")
    return type(reason) is str and reason.strip() != ""


def taken_from(legs: list[Event], account: str) -> Sums:
    """What an entry's legs take from an account."""
    taken: Sums = {}
    for leg in legs:
        if leg["account"] == account:
            add(taken, leg["asset"], amount(leg["amount"]))
    return taken


def moment(written: str) -> datetime:
    return datetime.fromisoformat(written)


def plain(number: Decimal) -> str:
    text = format(number, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def told(sums: Sums) -> str:
    return ", ".join(f"{plain(total)} {asset}" for asset, total in sorted(sums.items())) or "nothing"


# -- Liabilities ---------------------------------------------------------------------------------------------

PROOF = "evenkeel/liability-proof@v1"
ASSET = "[A-Z0-9]{1,16}"
STATEMENT = re.compile(
    r"evenkeel/liabilities@v1\norigin (?P<origin>.+)\nlog (?P<log_size>\d+) (?P<log_root>[0-9a-f]{64})\n"
    rf"tree (?P<leaves>\d+) (?P<root>[0-9a-f]{{64}})\n(?P<owed>(owed {ASSET} \S+\n)*)"
    rf"(?P<due>(due {ASSET} \S+\n)*)",
    re.ASCII,
)


class Mark(NamedTuple):
    """What the LIVE books owed at a point of the log, and its tree's root there."""

    root: bytes
    leaves: int
    owed: Sums
    due: Sums


class Statement(NamedTuple):
    """What was signed: the root over what each owner was owed, and the totals, at one point of the log."""

    log_size: int
    log_root: bytes
    leaves: int  # a power of two: some are padding
    root: bytes
    owed: Sums
    due: Sums

    @classmethod
    def parse(cls, note: str, keys: list[Key], origin: str) -> Statement:
        signed = Note.parse(note, "the statement of liabilities")
        signed.require_signature(keys)
        found = STATEMENT.fullmatch(signed.text)
        if found is None:
            raise Fault("the statement of liabilities is not written as one")
        if found["origin"] != origin:
            raise Fault(f"the statement of liabilities is of the log {found['origin']}, not of {origin}")
        owed, due = (stated_sums(found[kind].splitlines()) for kind in ("owed", "due"))
        log_root, root = (bytes.fromhex(found[x]) for x in ("log_root", "root"))
        return cls(int(found["log_size"]), log_root, int(found["leaves"]), root, owed, due)

    def report(self) -> dict[str, Any]:
        return {
            "log_size": self.log_size,
            "leaves": self.leaves,
            "root": self.root.hex(),
            "owed": written(self.owed),
            "due": written(self.due),
        }


class SumNode(NamedTuple):
    """A subtree of the Merkle-sum tree: its hash, and what is owed in it."""

    hash: bytes
    sums: Sums

    @classmethod
    def parse(cls, stated: Any, what: str) -> SumNode:
        if type(stated) is not dict or set(stated) != {"hash", "sums"}:
            raise Fault(f"{what} has no hash and sums")
        return cls(hash_of(stated["hash"], what), sums_of(stated["sums"], what))


def check_liability(proof: Event, keys: list[Key], kept: list[Checkpoint]) -> dict[str, Any]:
    """That a leaf with these balances is in the tree whose root and totals were signed; what it says."""
    owner, index, path = proof["owner"], proof["index"], proof["path"]
    if type(owner) is not str or type(index) is not int or type(path) is not list:
        raise Fault("the proof has no owner, index and path")
    salt, balances = hash_of(proof["salt"], "the salt"), sums_of(proof["balances"], "the balances")
    under = Checkpoint.parse(proof["checkpoint"], "the checkpoint of the proof")
    said = Statement.parse(proof["statement"], keys, under.origin)
    require_checkpoint(said, under, keys, kept)

    leaf = SumNode(leaf_hash(owner, salt, balances), balances)
    if leaf.hash != hash_of(proof["leaf"], "the leaf"):
        raise Fault("the leaf is not that of this owner with this salt and these balances")
    siblings = [SumNode.parse(one, f"sibling {number}") for number, one in enumerate(path, 1)]
    top = climb(leaf, index, said.leaves, siblings)
    if top.sums != said.owed:
        raise Fault(f"the path adds up to {told(top.sums)}, the published total is {told(said.owed)}")
    if top.hash != said.root:
        raise Fault(f"the path leads to the root {top.hash.hex()}, the published one is {said.root.hex()}")
    return {"owner": owner, "owed_to_owner": written(balances), **said.report()}


def require_checkpoint(said: Statement, under: Checkpoint, keys: list[Key], kept: list[Checkpoint]) -> None:
    """The statement is of the log that was signed at that size, and of no other that somebody kept."""
    for one in (under, *kept):
        one.note.require_signature(keys)
        if one.origin != under.origin:
            raise Fault(f"{one.label} is of the log {one.origin}, {under.label} of {under.origin}")
        if one.size == said.log_size and one.root != said.log_root:
            raise Fault(
                f"fork: {one.label} signs another log of {one.size:,} events than the statement is of"
            )
    if under.size != said.log_size:
        raise Fault(f"{under.label} signs {under.size:,} events, the statement is of {said.log_size:,}")


def climb(node: SumNode, index: int, leaves: int, path: list[SumNode]) -> SumNode:
    """From a leaf to the root: hashes over both children's hashes and sums, and sums that add up."""
    if not 0 <= index < leaves or leaves != 1 << len(path):
        raise Fault(f"a path of {len(path)} siblings from leaf {index} is none of a tree of {leaves} leaves")
    for level, sibling in enumerate(path):
        left, right = (sibling, node) if index >> level & 1 else (node, sibling)
        parts = left.hash, encoded(left.sums), right.hash, encoded(right.sums)
        sums = dict(left.sums)
        try:
            for asset, more in right.sums.items():
                add(sums, asset, more)
        except ArithmeticError:
            raise Fault(f"the sums at sibling {level + 1} have more digits than can be added") from None
        node = SumNode(digest("node", *parts), sums)
    return node


def leaf_hash(owner: str, salt: bytes, balances: Sums) -> bytes:
    return digest("leaf", salt, digest("owner", salt, owner.encode()), encoded(balances))


def digest(kind: str, *parts: bytes) -> bytes:
    """SHA-256 over the parts, each after its length in four bytes; what it is of is the first of them."""
    return hashlib.sha256(in_lengths([f"evenkeel/liabilities/{kind}@v1".encode(), *parts])).digest()


def encoded(sums: Sums) -> bytes:
    return in_lengths([part.encode() for asset in sorted(sums) for part in (asset, plain(sums[asset]))])


def in_lengths(parts: list[bytes]) -> bytes:
    return b"".join(len(part).to_bytes(4, "big") + part for part in parts)


def hash_of(text: Any, what: str) -> bytes:
    if type(text) is not str or not re.fullmatch("[0-9a-f]{64}", text):
        raise Fault(f"{what} is not written as 64 hexadecimal digits")
    return bytes.fromhex(text)


def sums_of(stated: Any, what: str) -> Sums:
    """Amounts by asset: none negative, none zero, each written in its one way."""
    if type(stated) is not dict:
        raise Fault(f"{what}: there are no sums")
    sums: Sums = {}
    for asset, text in stated.items():
        if type(text) is not str or not AMOUNT.fullmatch(text) or not re.fullmatch(ASSET, asset):
            raise Fault(f"{what}: {str(text)[:80]!r} {asset[:16]!r} is no amount of an asset")
        sums[asset] = Decimal(text)
        if text.startswith("-"):
            raise Fault(f"{what}: {text} {asset} is negative, and would hide as much of what others are owed")
        if not sums[asset] or plain(sums[asset]) != text:
            raise Fault(f"{what}: {text} {asset} is zero, or not written the one way that an amount is")
    return sums


def stated_sums(lines: list[str]) -> Sums:
    """Of a statement's lines "owed ASSET AMOUNT"."""
    stated = [(asset, amount) for _, asset, amount in (line.split(" ") for line in lines)]
    if len(dict(stated)) != len(stated):
        raise Fault("the statement of liabilities names an asset twice")
    return sums_of(dict(stated), "the statement of liabilities")


def written(sums: Sums) -> dict[str, str]:
    return {asset: plain(sums[asset]) for asset in sorted(sums)}


def liability_report(
    path: Path, keys: list[Key], kept: list[Checkpoint], published: list[str] | None
) -> dict[str, Any]:
    """Whether one owner's proof holds, and what it proves, or why it does not.

    `published` has the statements that a log holds which was found to be right, where there is one.
    """
    try:
        proof = DECODER.decode(path.read_bytes().decode())
    except (OSError, ValueError, RecursionError) as e:
        raise Unusable(f"{path} cannot be used: {e}") from e
    if type(proof) is not dict or proof.get("format") != PROOF:
        raise Unusable(f"{path} is no proof of a liability, of the format {PROOF}")
    try:
        if published is not None and proof["statement"] not in published:
            raise Fault("the statement of liabilities is none of those in the exported log")
        return {"ok": True, "liability": check_liability(proof, keys, kept)}
    except Fault as fault:
        reason = fault.why
    except (KeyError, TypeError, ValueError, AttributeError) as e:
        reason = f"the proof is not written as one: {e!r}"
    return {"ok": False, "fault": {"check": "liability", "reason": reason}}


# -- All of it -----------------------------------------------------------------------------------------------


def verify(
    directory: Path,
    keys: list[Key],
    kept: list[Checkpoint],
    *,
    complete: bool = False,
    meaning: bool = True,
    progress: Progress,
) -> dict[str, Any]:
    """All checks in one pass. Each stops at its first fault; the answer has that of the first check with one,
    since what later checks find may only follow from it. `keys` are those that are trusted; those that took
    over from them are added."""
    started, faults = time.perf_counter(), dict[str, Fault]()
    export, notes, summed = Export(directory), list[str](), dict[str, Any]()
    chains, seal, ledger = Chains(), Seal(keys), Meaning(keys, export.origin)

    def held(check: str, step: Callable[..., None], *args: Any, **options: Any) -> None:
        if check not in faults:
            try:
                step(*args, **options)
            except Fault as fault:
                faults[check] = fault
            except ArithmeticError:
                faults[check] = Fault("what several books have together has more digits than can be added")

    try:
        notes += export.notes()
        marks = foresee(export, keys)
        held("seal", seal.admit, export, notes, kept, progress)
        for index, (line, shard, id) in enumerate(export.lines()):
            event, leaf = event_of(line, index), hashlib.sha256(b"\x00" + line).digest()
            if meaning and index in marks:
                held("meaning", ledger.mark, index, seal.tree.root())
            held("chains", chains.take, index, shard, id, event, leaf)
            held("seal", seal.take, leaf)
            if meaning:
                held("meaning", ledger.take, index, event)
            if index % 10_000 == 0:
                progress("events", index, export.events)
        held("chains", chains.finish)
        held("seal", seal.finish, complete=complete)
        held("meaning", ledger.finish)
        held("meaning", lambda: summed.update(ledger.report()))
    except Fault as fault:
        faults["form"] = fault

    checks = dict.fromkeys(CHECKS, "ok") | ({} if meaning else {"meaning": "not asked for"})
    report = {"ok": not faults, "checks": checks, "origin": export.origin, "events": export.events}
    report |= {"rotations": ledger.rotations, "losses": ledger.losses}
    if faults:
        failed = min(faults, key=CHECKS.index)
        late = CHECKS[CHECKS.index(failed) + 1 :]
        report["checks"] = checks | {failed: "failed"} | dict.fromkeys(late, "not reached")
        report["fault"] = {"check": failed, **described(faults[failed], export)}
    else:
        report |= {
            "streams": chains.streams,
            "checkpoints": len(notes),
            "sealed": seal.sealed,
            "unsealed_tail": export.events - seal.sealed,
            "root": seal.tree.root().hex(),
        }
        report |= summed if meaning else {}
    return report | {"seconds": round(time.perf_counter() - started, 3)}


def foresee(export: Export, trusted: list[Key]) -> set[int]:
    """Trust the keys that followed trusted ones; the sizes of the log of which liabilities were published."""
    sizes = set[int]()
    for event in export.announced():
        with suppress(Fault, KeyError, TypeError, ValueError, AttributeError):  # said again where it stands
            if event["name"] == PUBLISHED:
                sizes.add(event["data"]["log_size"])
            else:
                old, new = Rotation.parse(event["data"]["note"])
                trusted += [new] if old in trusted and new not in trusted else []
    return sizes


def described(fault: Fault, export: Export) -> dict[str, Any]:
    """Where it is, as far as it is at one place, and why."""
    if fault.index is None:
        return {"reason": fault.why}
    if fault.through is not None and fault.through > fault.index:
        return {"index": fault.index, "through": fault.through, "reason": fault.why}
    return {"index": fault.index, **export.about(fault.index), "reason": fault.why}


def as_text(report: dict[str, Any]) -> str:
    lines = export_lines(report) if "events" in report else []
    return "\n".join(map(printable, lines + liability_lines(report)))


def export_lines(report: dict[str, Any]) -> list[str]:
    lines = [f"{report['origin']}: {report['events']:,} events, {report['seconds']} s"]
    lines += [f"{check:8} {state}" for check, state in report["checks"].items()]
    for one in report["rotations"]:
        lines.append(f"key      {one['to']} took over from {one['from']} at index {one['index']:,}")
    for one in report["losses"]:
        lines.append(
            f"LOSS ACCEPTED at index {one['index']:,} by {one['accepted_by']}: what was signed of "
            f"{one['size']:,} events was given up: {one['reason']} ({one['problem']})"
        )
    fault = report.get("fault")
    if fault and fault["check"] in CHECKS:
        where = [f"{name} {fault[name]}" for name in PLACES if name in fault]
        lines.append(", ".join(where or ["the log as a whole"]) + f": {fault['reason']}")
        return lines
    lines.append(f"sealed   {report['sealed']:,} events by {report['checkpoints']:,} checkpoints")
    lines.append(f"unsealed tail: {report['unsealed_tail']:,} events")
    lines.append(f"root     {report['root']}")
    counts = ("streams", "entries", "orders", "fills")
    lines.append(", ".join(f"{report[what]:,} {what}" for what in counts if what in report))
    for name, count in report.get("unknown_events", {}).items():
        lines.append(f"meaning not checked: {count:,} events {name}, which this program does not know")
    for one in report.get("liabilities", ()):
        lines.append(f"liabilities of {one['log_size']:,} events, as published: {liabilities_text(one)}")
    for purse, assets in report.get("totals", {}).items():
        for asset, kinds in assets.items():
            lines += [f"{purse:10} {asset:10} {kind:16} {total:>30}" for kind, total in kinds.items()]
    return lines


def liabilities_text(said: dict[str, Any]) -> str:
    if not said["leaves"]:
        return "nothing: there was no LIVE book, the tree is empty"
    owed, due = (", ".join(f"{amount} {asset}" for asset, amount in said[x].items()) for x in ("owed", "due"))
    return f"{owed or 'nothing'} owed, {due or 'nothing'} due from owners, root {said['root']}"


def liability_lines(report: dict[str, Any]) -> list[str]:
    fault, said = report.get("fault"), report.get("liability")
    if said:
        own = ", ".join(f"{amount} {asset}" for asset, amount in said["owed_to_owner"].items()) or "nothing"
        of = f"of the log's first {said['log_size']:,} events"
        return [
            f"liability ok: {own} owed to {said['owner']}",
            f"it is in what was published {of}: {liabilities_text(said)}",
        ]
    return [f"liability failed: {fault['reason']}"] if fault and fault["check"] == "liability" else []


def printable(text: str) -> str:
    """What an event holds must not pass for what this program says, nor steer a terminal."""
    return "".join(one if one.isprintable() else "\ufffd" for one in text)


def main() -> int:
    parser = argparse.ArgumentParser(description="Check an exported Evenkeel log offline, trusting nobody.")
    parser.add_argument("export", type=Path, nargs="?", help="the exported directory")
    parser.add_argument("--key", type=Path, action="append", required=True, help="a verifier key you trust")
    parser.add_argument("--checkpoint", type=Path, action="append", default=[], help="a signed note you kept")
    parser.add_argument("--liability", type=Path, metavar="FILE", help="a proof of what you are owed")
    parser.add_argument("--complete", action="store_true", help="fail on events that no checkpoint covers")
    parser.add_argument("--no-meaning", action="store_true", help="check form, chains and seal only")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    asked = parser.parse_args()
    if asked.export is None and asked.liability is None:
        parser.error("name an exported directory, or a proof with --liability, or both")
    if asked.liability and asked.no_meaning:
        parser.error("--liability is about the meaning of the events: leave --no-meaning out")
    if asked.export and any(asked.export.resolve() in key.resolve().parents for key in asked.key):
        print("The key is the export's own: whoever made the one can have made the other.", file=sys.stderr)
    gc.disable()  # nothing here refers to itself, and a million heads are slow to look through
    try:
        report = reported(asked)
    except Unusable as e:
        print(e, file=sys.stderr)
        return 2
    print(json.dumps(report, indent=2) if asked.json else as_text(report))
    return 0 if report["ok"] else 1


def reported(asked: argparse.Namespace) -> dict[str, Any]:
    """What was asked for. Raises Unusable."""
    keys = [given(path, Key.parse) for path in asked.key]
    kept = [given(path, Checkpoint.parse) for path in asked.checkpoint]
    terminal = sys.stderr.isatty()

    def progress(what: str, done: int, of: int) -> None:
        if terminal:
            print(f"\r{what} {done:,} of {of:,}\x1b[K", end="", file=sys.stderr, flush=True)

    report: dict[str, Any] = {}
    if asked.export:
        try:
            report = verify(
                asked.export,
                keys,
                kept,
                complete=asked.complete,
                meaning=not asked.no_meaning,
                progress=progress,
            )
        finally:
            print("\r\x1b[K" if terminal else "", end="", file=sys.stderr)
    if asked.liability and report.get("ok", True):
        published = [one["statement"] for one in report["liabilities"]] if asked.export else None
        report |= liability_report(asked.liability, keys, kept, published)
    return report


def given(path: Path, parse: Callable[[str, str], T]) -> T:
    """A key or a checkpoint from a file that is not the export's."""
    try:
        return parse(path.read_bytes().decode(), str(path))
    except (OSError, ValueError) as e:
        raise Unusable(f"{path} cannot be used: {e}") from e


if __name__ == "__main__":
    sys.exit(main())
