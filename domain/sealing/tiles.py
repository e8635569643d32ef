"""The tree as it is kept: rows of hashes cut into tiles of 256, as C2SP's tlog-tiles has them.

Row 0 holds the leaves, row 1 the roots of row 0's full tiles, and so on: a node between two rows is computed
from one tile. So a tree grows by writing its right edge, and a proof reads a few tiles, whatever its size.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from domain.sealing.merkle import HASH_BYTES, node_hash

LEVELS = 8
WIDTH = 1 << LEVELS


class Tile(NamedTuple):
    """Where a tile stands: its row, and its number in it."""

    row: int
    number: int


Load = Callable[[Tile], bytes]
"""The hashes that a tile holds so far, one after the other."""


def grown(size: int, leaves: Sequence[bytes], load: Load) -> dict[Tile, bytes]:
    """The tiles that change when these leaf hashes are appended to a tree of that size, as they are then."""
    changed: dict[Tile, bytes] = {}
    row, at, hashes = 0, size, list(leaves)
    while hashes:
        full: list[bytes] = []
        taken = 0
        while taken < len(hashes):
            number, filled = divmod(at + taken, WIDTH)
            more = hashes[taken : taken + WIDTH - filled]
            before = load(Tile(row, number))[: filled * HASH_BYTES] if filled else b""
            content = changed[Tile(row, number)] = before + b"".join(more)
            if len(content) == WIDTH * HASH_BYTES:
                full.append(_root(content))
            taken += len(more)
        row, at, hashes = row + 1, at // WIDTH, full
    return changed


def node(load: Load, level: int, index: int) -> bytes:
    """The hash of the perfect subtree at (level, index) of a tree that has it."""
    row, above = divmod(level, LEVELS)
    number, offset = divmod(index << above, WIDTH)
    start = offset * HASH_BYTES
    return _root(load(Tile(row, number))[start : start + (HASH_BYTES << above)])


def _root(hashes: bytes) -> bytes:
    """Of a perfect subtree whose leaves these are."""
    nodes = [hashes[n : n + HASH_BYTES] for n in range(0, len(hashes), HASH_BYTES)]
    while len(nodes) > 1:
        nodes = [node_hash(nodes[n], nodes[n + 1]) for n in range(0, len(nodes), 2)]
    return nodes[0]
