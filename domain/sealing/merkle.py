"""The Merkle tree of RFC 6962 (§2.1): roots, and proofs that one leaf, or a whole earlier tree, is in it.

A leaf is SHA-256(0x00 || the event's stored bytes), a node SHA-256(0x01 || left || right). Of n leaves the
left subtree takes the largest power of two below n, so a tree grows at its right edge only.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from domain.errors import DomainError

HASH_BYTES = 32
EMPTY_ROOT = hashlib.sha256().digest()

Node = Callable[[int, int], bytes]
"""The hash of the perfect subtree at (level, index), whose first leaf is number index·2^level."""


class ProofFailed(DomainError, code="proof_failed"):
    """The proof does not lead from what it starts at to the root: one of the two is not of this log."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem


def leaf_hash(stored: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + stored).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


@dataclass(frozen=True, slots=True)
class Frontier:
    """A tree as far as appending needs it: its size, and the roots of the perfect subtrees it falls into.

    One for each bit of the size that is set, the largest (leftmost) first.
    """

    size: int = 0
    peaks: tuple[bytes, ...] = ()

    def extended(
        self, leaves: Iterable[bytes], keep: Callable[[int, int, bytes], None] | None = None
    ) -> Frontier:
        """The tree with these leaf hashes after its own. `keep` is told of every perfect subtree that came to
        be: level, index, hash; leaves (level 0) among them."""
        size, peaks = self.size, list(self.peaks)
        for leaf in leaves:
            node, level, index = leaf, 0, size
            if keep is not None:
                keep(level, index, node)
            while index & 1:
                node = node_hash(peaks.pop(), node)
                level, index = level + 1, index >> 1
                if keep is not None:
                    keep(level, index, node)
            peaks.append(node)
            size += 1
        return Frontier(size, tuple(peaks))

    @property
    def root(self) -> bytes:
        if not self.peaks:
            return EMPTY_ROOT
        *left, root = self.peaks
        for peak in reversed(left):
            root = node_hash(peak, root)
        return root


def root_of(leaves: Iterable[bytes]) -> bytes:
    """The root over these leaf hashes."""
    return Frontier().extended(leaves).root


def range_root(first: int, end: int, node: Node) -> bytes:
    """The root over leaves first ≤ n < end, where `first` is where a subtree of that size may start."""
    if end == first:
        return EMPTY_ROOT
    return _combined(_peaks(first, end), node)


def inclusion_proof(index: int, size: int, node: Node) -> list[bytes]:
    """RFC 6962 PATH(index, D[size]): what leads from a leaf to the root of the first `size` leaves.

    Raises ProofFailed for an index that the tree does not have.
    """
    if not 0 <= index < size:
        raise ProofFailed(f"a tree of {size} leaves has no leaf {index}")
    path: list[bytes] = []
    first, end = 0, size
    while end - first > 1:
        middle = first + _split(end - first)
        if index < middle:
            path.append(range_root(middle, end, node))
            end = middle
        else:
            path.append(range_root(first, middle, node))
            first = middle
    return path[::-1]


def consistency_proof(old: int, new: int, node: Node) -> list[bytes]:
    """RFC 6962 PROOF(old, D[new]): that the tree of `old` leaves is the beginning of the one of `new`.

    Raises ProofFailed where there is nothing to prove: an old tree without leaves, or larger than the new.
    """
    if not 0 < old <= new:
        raise ProofFailed(f"there is no proof from {old} to {new} leaves")
    path: list[bytes] = []
    first, end, whole = 0, new, True
    while old != end:
        middle = first + _split(end - first)
        if old <= middle:
            path.append(range_root(middle, end, node))
            end = middle
        else:
            path.append(range_root(first, middle, node))
            first, whole = middle, False
    if not whole:
        path.append(range_root(first, end, node))
    return path[::-1]


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> None:
    """Raises ProofFailed unless the leaf hash is number `index` of the tree of that size and root."""
    if not 0 <= index < size:
        raise ProofFailed(f"a tree of {size} leaves has no leaf {index}")
    inner = (index ^ (size - 1)).bit_length()
    border = (index >> inner).bit_count()
    _require_shape(proof, inner + border, leaf, root)
    found = leaf
    for level, sibling in enumerate(proof[:inner]):
        found = node_hash(sibling, found) if index >> level & 1 else node_hash(found, sibling)
    for sibling in proof[inner:]:
        found = node_hash(sibling, found)
    if found != root:
        raise ProofFailed(f"the proof of leaf {index} leads to {found.hex()}, the root is {root.hex()}")


def verify_consistency(old: int, new: int, proof: Sequence[bytes], old_root: bytes, new_root: bytes) -> None:
    """Raises ProofFailed unless the tree of the old root is the beginning of the one of the new root."""
    if not 0 < old <= new:
        raise ProofFailed(f"there is no proof from {old} to {new} leaves")
    if old == new:
        _require_shape(proof, 0, old_root, new_root)
        if old_root != new_root:
            raise ProofFailed(f"two trees of {old} leaves have different roots")
        return
    shift = (old & -old).bit_length() - 1  # levels at which the old tree's right edge is a perfect subtree
    inner = (old - 1 ^ new - 1).bit_length() - shift
    border = ((old - 1) >> inner + shift).bit_count()
    alone = old == 1 << shift  # the old tree is one perfect subtree: its root is where both ways start
    _require_shape(proof, inner + border + (not alone), old_root, new_root)
    start, rest = (old_root, proof) if alone else (proof[0], proof[1:])
    edge = (old - 1) >> shift
    to_old = to_new = start
    for level, sibling in enumerate(rest[:inner]):
        if edge >> level & 1:
            to_old, to_new = node_hash(sibling, to_old), node_hash(sibling, to_new)
        else:
            to_new = node_hash(to_new, sibling)
    for sibling in rest[inner:]:
        to_old, to_new = node_hash(sibling, to_old), node_hash(sibling, to_new)
    if to_old != old_root:
        raise ProofFailed(
            f"the proof leads to {to_old.hex()} for {old} leaves, the root was {old_root.hex()}"
        )
    if to_new != new_root:
        raise ProofFailed(f"the proof leads to {to_new.hex()} for {new} leaves, the root is {new_root.hex()}")


def _require_shape(proof: Sequence[bytes], wanted: int, *ends: bytes) -> None:
    if len(proof) != wanted:
        raise ProofFailed(f"the proof has {len(proof)} hashes, where {wanted} lead to the root")
    if any(len(one) != HASH_BYTES for one in (*proof, *ends)):
        raise ProofFailed(f"a hash does not have {HASH_BYTES} bytes")


def _split(leaves: int) -> int:
    """How many of so many (> 1) leaves are left: the largest power of two below."""
    return 1 << (leaves - 1).bit_length() - 1


def _peaks(first: int, end: int) -> list[tuple[int, int]]:
    """The perfect subtrees (level, index) that leaves first ≤ n < end fall into, the largest first."""
    found = []
    while first < end:
        level = (end - first).bit_length() - 1
        found.append((level, first >> level))
        first += 1 << level
    return found


def _combined(peaks: list[tuple[int, int]], node: Node) -> bytes:
    *left, last = peaks
    root = node(*last)
    for peak in reversed(left):
        root = node_hash(node(*peak), root)
    return root
