"""What is published and signed: the root of the sum tree, and the totals, of the log as it was at a size."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from domain.errors import InvalidValue
from domain.liabilities.sum_tree import Sums
from domain.money import parse_asset, text
from domain.sealing.notes import MalformedNote

HEADER = "evenkeel/liabilities@v1"
_HASH = "[0-9a-f]{64}"
_SIZE = "0|[1-9][0-9]{0,18}"
_AMOUNT = re.compile(r"(?!0$)(0|[1-9][0-9]{0,58})(\.[0-9]{0,58}[1-9])?", re.ASCII)
_FIXED = re.compile(
    rf"{HEADER}\norigin (?P<origin>[^\s+]+)\nlog (?P<log_size>{_SIZE}) (?P<log_root>{_HASH})"
    rf"\ntree (?P<leaves>{_SIZE}) (?P<root>{_HASH})\n",
    re.ASCII,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """What the platform owed at a signed checkpoint. Pooled LIVE books only.

    Its text is that of a signed note: fixed lines, then `owed ASSET AMOUNT` and `due ASSET AMOUNT`, each in
    the order of the assets. `due` is what owners owe us; it is taken off nobody's share.
    """

    origin: str  # the log's name
    log_size: int  # events under the checkpoint
    log_root: bytes
    leaves: int  # padding included; 0 without owners
    root: bytes
    owed: Sums = field(default_factory=dict)
    due: Sums = field(default_factory=dict)

    @property
    def text(self) -> str:
        lines = [
            HEADER,
            f"origin {self.origin}",
            f"log {self.log_size} {self.log_root.hex()}",
            f"tree {self.leaves} {self.root.hex()}",
            *(f"owed {asset} {text(self.owed[asset])}" for asset in sorted(self.owed)),
            *(f"due {asset} {text(self.due[asset])}" for asset in sorted(self.due)),
        ]
        return "\n".join(lines) + "\n"

    @classmethod
    def parse(cls, words: str) -> Statement:
        """As `text` writes it, and in no other way; raises MalformedNote."""
        found = _FIXED.match(words)
        if found is None or not words.endswith("\n"):
            raise MalformedNote("the note's text is no statement of liabilities")
        rest = words[found.end() :].splitlines()
        statement = cls(
            origin=found["origin"],
            log_size=int(found["log_size"]),
            log_root=bytes.fromhex(found["log_root"]),
            leaves=int(found["leaves"]),
            root=bytes.fromhex(found["root"]),
            owed=_amounts("owed", rest),
            due=_amounts("due", rest),
        )
        if statement.text != words:
            raise MalformedNote("the statement is not written the one way that one is")
        return statement


def _amounts(kind: str, lines: Sequence[str]) -> dict[str, Decimal]:
    found: dict[str, Decimal] = {}
    for line in lines:
        if not line.startswith(f"{kind} "):
            continue
        _, asset, amount, *more = [*line.split(" "), ""]
        if any(more) or not _AMOUNT.fullmatch(amount):
            raise MalformedNote(f"{line!r} is no line of a statement of liabilities")
        try:
            found[parse_asset(asset)] = Decimal(amount)
        except InvalidValue as e:
            raise MalformedNote(str(e)) from e
    return found
