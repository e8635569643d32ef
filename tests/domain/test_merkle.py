"""The tree and its proofs, against the vectors of Certificate Transparency's implementations."""

from __future__ import annotations

import json
from base64 import b64decode
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.sealing.merkle import (
    EMPTY_ROOT,
    Frontier,
    ProofFailed,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    node_hash,
    range_root,
    root_of,
    verify_consistency,
    verify_inclusion,
)
from tests.shared_data import shared

LEAVES = [leaf_hash(bytes([n])) for n in range(70)]


class Kept:
    """Every perfect subtree, as a store keeps them."""

    def __init__(self, leaves: list[bytes]) -> None:
        self.nodes: dict[tuple[int, int], bytes] = {}
        self.frontier = Frontier().extended(leaves, self.keep)

    def keep(self, level: int, index: int, digest: bytes) -> None:
        self.nodes[level, index] = digest

    def __call__(self, level: int, index: int) -> bytes:
        return self.nodes[level, index]


def by_definition(leaves: list[bytes]) -> bytes:
    """RFC 6962 §2.1, word for word."""
    if not leaves:
        return EMPTY_ROOT
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return node_hash(by_definition(leaves[:split]), by_definition(leaves[split:]))


def vectors(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(shared(f"merkle/{name}.json").read_text())
    return found


def raw(text: str | None) -> bytes:
    return b64decode(text or "")


def test_the_roots_of_the_reference_tree() -> None:
    given = vectors("rfc6962_tree_roots")
    leaves = [leaf_hash(bytes.fromhex(leaf)) for leaf in given["leaves_hex"]]

    for size, root in enumerate(given["roots_hex"]):
        assert root_of(leaves[:size]).hex() == root
        assert range_root(0, size, Kept(leaves)).hex() == root


@pytest.mark.parametrize("kind", ["inclusion", "consistency"])
def test_the_proofs_of_the_reference_vectors(kind: str) -> None:
    """Right ones lead to the root; each of the wrong ones is refused."""
    cases = {n: c for n, c in vectors(f"rfc6962_{kind}_proofs").items() if isinstance(c, dict)}
    assert len(cases) > 40
    for name, case in cases.items():
        proof = [raw(one) for one in case["proof"] or ()]
        try:
            if kind == "inclusion":
                leaf, root = raw(case["leafHash"]), raw(case["root"])
                verify_inclusion(leaf, case["leafIdx"], case["treeSize"], proof, root)
            else:
                roots = raw(case["root1"]), raw(case["root2"])
                verify_consistency(case["size1"], case["size2"], proof, *roots)
        except ProofFailed:
            assert case["wantErr"], name
        else:
            assert not case["wantErr"], name


@pytest.mark.parametrize("size", range(len(LEAVES)))
def test_a_tree_grown_leaf_by_leaf_is_the_definitions(size: int) -> None:
    one_by_one = Frontier()
    for leaf in LEAVES[:size]:
        one_by_one = one_by_one.extended([leaf])

    assert one_by_one == Frontier().extended(LEAVES[:size])
    assert one_by_one.root == by_definition(LEAVES[:size])
    assert len(one_by_one.peaks) == size.bit_count()


@given(st.data())
def test_every_proof_that_is_made_verifies_and_no_other(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, len(LEAVES)))
    old = data.draw(st.integers(1, size))
    index = data.draw(st.integers(0, size - 1))
    kept = Kept(LEAVES[:size])
    root, old_root = kept.frontier.root, root_of(LEAVES[:old])

    proof = inclusion_proof(index, size, kept)
    verify_inclusion(LEAVES[index], index, size, proof, root)
    grown = consistency_proof(old, size, kept)
    verify_consistency(old, size, grown, old_root, root)

    other = (index + data.draw(st.integers(1, 5))) % len(LEAVES)
    with pytest.raises(ProofFailed):
        verify_inclusion(LEAVES[other], index, size, proof, root)
    with pytest.raises(ProofFailed):
        verify_consistency(old, size, [*grown, root], old_root, root)
    if old < size:
        with pytest.raises(ProofFailed):
            verify_consistency(old, size, grown, root, root)


def test_there_is_no_proof_of_what_is_not_there() -> None:
    kept = Kept(LEAVES[:3])
    for index in (-1, 3):
        with pytest.raises(ProofFailed):
            inclusion_proof(index, 3, kept)
    for old in (0, 4):
        with pytest.raises(ProofFailed):
            consistency_proof(old, 3, kept)
