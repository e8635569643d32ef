"""A Merkle-sum tree: its root fixes what each owner is owed, and per asset the sum over all of them.

A node's hash is over both children's hashes *and* sums: over their total alone, two children's shares could
be told differently to each of them. Leaves, nodes and padding are hashed under names of their own, so that
none passes for another; padding fills the first row up to a power of two and owes nothing. docs/audit.md has
the bytes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from domain.errors import DomainError
from domain.money import ZERO, add, parse_asset, text

Sums = Mapping[str, Decimal]
"""By asset, above zero: what is zero is absent."""

SALT_BYTES = 32
_LEAF, _NODE, _PADDING, _OWNER = (
    b"evenkeel/liabilities/leaf@v1",
    b"evenkeel/liabilities/node@v1",
    b"evenkeel/liabilities/padding@v1",
    b"evenkeel/liabilities/owner@v1",
)


class ImpossibleSum(DomainError, code="impossible_sum"):
    """Nobody is owed less than nothing: a negative share would hide another one's."""

    def __init__(self, *, whose: str, asset: str, amount: Decimal) -> None:
        super().__init__(f"{whose} would be owed {text(amount)} {asset}: no owner is owed less than nothing")
        self.whose, self.asset = whose, asset


@dataclass(frozen=True, slots=True)
class Node:
    """A subtree: its hash, and what is owed in it."""

    hash: bytes
    sums: Sums


def commitment(owner_id: str, salt: bytes) -> bytes:
    """What stands for an owner: nobody who lacks the salt finds out whose it is."""
    return _digest(_OWNER, salt, owner_id.encode())


def leaf(owner_id: str, salt: bytes, sums: Sums) -> Node:
    """Raises ImpossibleSum, InvalidValue for an asset that has no code."""
    owed = {asset: amount for asset, amount in sums.items() if amount}
    for asset, amount in owed.items():
        parse_asset(asset)
        if not amount > ZERO:
            raise ImpossibleSum(whose=owner_id, asset=asset, amount=amount)
    return Node(_digest(_LEAF, salt, commitment(owner_id, salt), encoded(owed)), owed)


def padding(index: int) -> Node:
    """A leaf of nobody's, which owes nothing."""
    return Node(_digest(_PADDING, index.to_bytes(8)), {})


def parent(left: Node, right: Node) -> Node:
    """Raises AmountOutOfRange where a sum has more digits than an amount may have."""
    hash = _digest(_NODE, left.hash, encoded(left.sums), right.hash, encoded(right.sums))
    return Node(hash, added(left.sums, right.sums))


def added(left: Sums, right: Sums) -> dict[str, Decimal]:
    sums = dict(left)
    for asset, amount in right.items():
        sums[asset] = add(sums.get(asset, ZERO), amount)
    return sums


def encoded(sums: Sums) -> bytes:
    """Assets in the order of their codes, each with its amount in plain notation; every part with its length,
    so that nothing moves from one to the next."""
    parts = [part.encode() for asset in sorted(sums) for part in (asset, text(sums[asset]))]
    return b"".join(len(part).to_bytes(4) + part for part in parts)


@dataclass(frozen=True, slots=True)
class SumTree:
    """All rows, the leaves first, the root last. Without owners there is one leaf of padding, and no size."""

    rows: tuple[tuple[Node, ...], ...]
    indices: Mapping[str, int]  # of each owner's leaf

    @property
    def size(self) -> int:
        """How many leaves there are, padding included: a power of two, or 0 without owners."""
        return len(self.rows[0]) if self.indices else 0

    @property
    def root(self) -> Node:
        return self.rows[-1][0]

    def path(self, index: int) -> Sequence[Node]:
        """The siblings from a leaf up to the root."""
        return [row[index >> level ^ 1] for level, row in enumerate(self.rows[:-1])]


def sum_tree(owed: Mapping[str, Sums], salt_of: Callable[[str], bytes]) -> SumTree:
    """Over all owners. Leaves stand in the order of their commitments, which other salts mix anew.

    Raises ImpossibleSum, AmountOutOfRange, InvalidValue for an asset that has no code.
    """
    salts = {owner_id: salt_of(owner_id) for owner_id in owed}
    owners = sorted(owed, key=lambda owner_id: commitment(owner_id, salts[owner_id]))
    leaves = [leaf(owner_id, salts[owner_id], owed[owner_id]) for owner_id in owners]
    width = 1 << max(len(leaves) - 1, 0).bit_length()
    leaves += map(padding, range(len(leaves), width))
    rows = [tuple(leaves)]
    while len(rows[-1]) > 1:
        rows.append(tuple(map(parent, rows[-1][::2], rows[-1][1::2])))
    return SumTree(tuple(rows), {owner_id: index for index, owner_id in enumerate(owners)})


def _digest(name: bytes, *parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(_with_length((name, *parts)))).digest()


def _with_length(parts: Iterable[bytes]) -> Iterable[bytes]:
    return (len(part).to_bytes(4) + part for part in parts)
