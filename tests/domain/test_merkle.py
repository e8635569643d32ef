"""The tree and its proofs, against the vectors of Certificate Transparency's implementations."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Callable
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
        for attempt in (
            lambda n=index: inclusion_proof(n, 3, kept),
            lambda n=index: verify_inclusion(LEAVES[0], n, 3, [], EMPTY_ROOT),
        ):
            assert reason(attempt) == f"a tree of 3 leaves has no leaf {index}"
    for old in (0, 4):
        for attempt in (
            lambda n=old: consistency_proof(n, 3, kept),
            lambda n=old: verify_consistency(n, 3, [], EMPTY_ROOT, EMPTY_ROOT),
        ):
            assert reason(attempt) == f"there is no proof from {old} to 3 leaves"


def reason(attempt: Callable[[], object]) -> str:
    with pytest.raises(ProofFailed) as refused:
        attempt()
    assert refused.value.data == {"problem": str(refused.value)}
    return str(refused.value)


def test_why_a_proof_does_not_hold_is_said() -> None:
    kept, other = Kept(LEAVES[:7]), bytes(32)
    root, older = kept.frontier.root, root_of(LEAVES[:5])
    path, grown = inclusion_proof(2, 7, kept), consistency_proof(5, 7, kept)
    assert reason(lambda: verify_inclusion(LEAVES[2], 2, 7, path, other)) == (
        f"the proof of leaf 2 leads to {root.hex()}, the root is {other.hex()}"
    )
    assert reason(lambda: verify_inclusion(LEAVES[2], 2, 7, path[:-1], root)) == (
        "the proof has 2 hashes, where 3 lead to the root"
    )
    assert (
        reason(lambda: verify_inclusion(LEAVES[2][:-1], 2, 7, path, root)) == "a hash does not have 32 bytes"
    )
    assert (
        reason(lambda: verify_inclusion(LEAVES[2], 2, 7, path, root + b"x"))
        == "a hash does not have 32 bytes"
    )
    assert reason(lambda: verify_inclusion(LEAVES[2], 2, 7, [*path[:2], b""], root)) == (
        "a hash does not have 32 bytes"
    )
    assert (
        reason(lambda: verify_consistency(5, 5, [], root, other))
        == "two trees of 5 leaves have different roots"
    )
    assert reason(lambda: verify_consistency(5, 5, [root], root, root)) == (
        "the proof has 1 hashes, where 0 lead to the root"
    )
    for old, hashes in ((7, []), (5, grown)):
        for roots in ((older[:-1], root), (older, root[:-1])):
            attempt = lambda o=old, h=hashes, r=roots: verify_consistency(o, 7, h, *r)  # noqa: E731
            assert reason(attempt) == "a hash does not have 32 bytes"
    assert reason(lambda: verify_consistency(5, 7, grown, other, root)) == (
        f"the proof leads to {older.hex()} for 5 leaves, the root was {other.hex()}"
    )
    assert reason(lambda: verify_consistency(5, 7, grown, older, other)) == (
        f"the proof leads to {root.hex()} for 7 leaves, the root is {other.hex()}"
    )
