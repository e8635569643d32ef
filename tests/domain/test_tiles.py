"""A tree kept in tiles is the tree."""

from __future__ import annotations

from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.sealing.merkle import (
    HASH_BYTES,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    range_root,
    root_of,
    verify_consistency,
    verify_inclusion,
)
from domain.sealing.tiles import WIDTH, Tile, grown, node

MANY = [leaf_hash(n.to_bytes(4, "big")) for n in range(3 * WIDTH * WIDTH // 2 + 7)]


class Shelf:
    """Where tiles are kept; grows by whatever it is given."""

    def __init__(self) -> None:
        self.tiles: dict[Tile, bytes] = {}
        self.size = 0

    def add(self, leaves: list[bytes]) -> dict[Tile, bytes]:
        changed = grown(self.size, leaves, self.tiles.__getitem__)
        self.tiles.update(changed)
        self.size += len(leaves)
        return changed

    def node(self, level: int, index: int) -> bytes:
        return node(self.tiles.__getitem__, level, index)


@pytest.fixture(scope="module")
def full() -> Shelf:
    shelf = Shelf()
    for first in range(0, len(MANY), 10_000):
        shelf.add(MANY[first : first + 10_000])
    return shelf


@given(st.lists(st.integers(0, 3 * WIDTH), max_size=6))
def test_however_it_grew_its_root_is_that_of_its_leaves(steps: list[int]) -> None:
    shelf = Shelf()
    for step in steps:
        shelf.add(MANY[shelf.size : shelf.size + step])

        assert range_root(0, shelf.size, shelf.node) == root_of(MANY[: shelf.size])
    assert b"".join(shelf.tiles.get(Tile(0, n), b"") for n in range(len(shelf.tiles))) == b"".join(
        MANY[: shelf.size]
    )


def test_only_the_right_edge_is_written(full: Shelf) -> None:
    shelf = Shelf()
    shelf.tiles, shelf.size = dict(full.tiles), full.size

    changed = shelf.add([leaf_hash(b"one more")])

    assert list(changed) == [Tile(0, full.size // WIDTH)]
    assert {row for row, _ in full.tiles} == {0, 1, 2}
    assert all(len(tile) <= WIDTH * HASH_BYTES for tile in full.tiles.values())


@given(st.data())
def test_proofs_are_read_from_a_few_tiles(full: Shelf, data: st.DataObject) -> None:
    size = data.draw(st.integers(1, full.size))
    index, old = data.draw(st.integers(0, size - 1)), data.draw(st.integers(1, size))
    read: set[Tile] = set()

    def load(tile: Tile) -> bytes:
        read.add(tile)
        return full.tiles[tile]

    kept = partial(node, load)
    root = range_root(0, size, kept)

    assert len(read) <= 4
    verify_inclusion(MANY[index], index, size, inclusion_proof(index, size, kept), root)
    verify_consistency(old, size, consistency_proof(old, size, kept), range_root(0, old, kept), root)
    assert len(read) <= 16
