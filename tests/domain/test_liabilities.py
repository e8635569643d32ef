"""The Merkle-sum tree: hashes worked out by hand, sums that are those of all owners, and what it refuses."""

from __future__ import annotations

import hashlib
from collections import Counter
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import InvalidValue
from domain.liabilities.statement import Statement
from domain.liabilities.sum_tree import ImpossibleSum, Node, Sums, added, leaf, padding, parent, sum_tree
from domain.money import AmountOutOfRange
from domain.sealing.notes import MalformedNote
from tests.strategies_of_liabilities import owed_to_owners, salt_of

A, B, C = b"\xaa" * 32, b"\xbb" * 32, b"\xcc" * 32


def sha(*parts: bytes) -> bytes:
    """SHA-256, each part after its length: the one rule that every hash of the tree follows."""
    return hashlib.sha256(b"".join(len(part).to_bytes(4, "big") + part for part in parts)).digest()


def test_three_owners_by_hand() -> None:
    """The golden vector: every byte that is hashed is written out here, none comes from the code tested."""
    owner, of, node = (f"evenkeel/liabilities/{kind}@v1".encode() for kind in ("owner", "leaf", "node"))
    usdt_10_5 = b"\x00\x00\x00\x04USDT" + b"\x00\x00\x00\x0410.5"
    btc_and_usdt = b"\x00\x00\x00\x03BTC" + b"\x00\x00\x00\x040.02" + b"\x00\x00\x00\x04USDT\x00\x00\x00\x011"
    a = sha(of, A, sha(owner, A, b"acc-a"), usdt_10_5)
    b = sha(of, B, sha(owner, B, b"acc-b"), b"")
    c = sha(of, C, sha(owner, C, b"acc-c"), btc_and_usdt)
    nobody = sha(b"evenkeel/liabilities/padding@v1", b"\x00\x00\x00\x00\x00\x00\x00\x03")
    assert sha(owner, C, b"acc-c") < sha(owner, B, b"acc-b") < sha(owner, A, b"acc-a"), "their order"
    left = sha(node, c, btc_and_usdt, b, b"")
    right = sha(node, a, usdt_10_5, nobody, b"")
    root = sha(node, left, btc_and_usdt, right, usdt_10_5)

    tree = sum_tree(
        {
            "acc-a": {"USDT": Decimal("10.50")},
            "acc-b": {"BTC": Decimal(0)},
            "acc-c": {"USDT": Decimal(1), "BTC": Decimal("0.020")},
        },
        {"acc-a": A, "acc-b": B, "acc-c": C}.__getitem__,
    )

    assert (tree.size, tree.root.hash) == (4, root)
    assert root.hex() == "4642c4145847ebb584c349c11d557ddbdaee8297e7ab7f8a36698108adbb4f3e"
    assert tree.root.sums == {"BTC": Decimal("0.02"), "USDT": Decimal("11.5")}
    assert [node.hash for node in tree.path(tree.indices["acc-a"])] == [nobody, left]


def test_a_tree_without_owners_owes_nothing_and_one_with_one_owner_is_their_leaf() -> None:
    empty, alone = sum_tree({}, salt_of), sum_tree({"acc-a": {"BTC": Decimal(1)}}, lambda _: A)

    assert (empty.size, empty.root) == (0, padding(0))
    assert (alone.size, alone.path(0)) == (1, [])
    assert alone.root == leaf("acc-a", A, {"BTC": Decimal(1)})


def units(sums: Sums) -> dict[str, int]:
    """Whole numbers of the smallest unit: nothing is rounded in adding them up."""
    return {asset: int(Fraction(amount) * 10**18) for asset, amount in sums.items()}


@given(owed_to_owners())
def test_the_root_has_the_sum_over_all_owners_and_every_leaf_leads_to_it(
    owed: dict[str, dict[str, Decimal]],
) -> None:
    tree = sum_tree(owed, salt_of)

    expected: Counter[str] = Counter()
    for sums in owed.values():
        expected.update(units(sums))
    assert units(tree.root.sums) == +expected
    assert tree.size == (1 << (len(owed) - 1).bit_length() if owed else 0)
    assert sorted(tree.indices) == sorted(owed)
    for owner_id, index in tree.indices.items():
        node = tree.rows[0][index]
        assert node.sums == {asset: amount for asset, amount in owed[owner_id].items() if amount}
        for level, sibling in enumerate(tree.path(index)):
            node = parent(sibling, node) if index >> level & 1 else parent(node, sibling)
        assert node == tree.root


@given(owed_to_owners(), st.data())
def test_whatever_one_owner_is_owed_more_or_less_changes_the_root(
    owed: dict[str, dict[str, Decimal]], data: st.DataObject
) -> None:
    if not owed:
        return
    owner = data.draw(st.sampled_from(sorted(owed)))
    before = sum_tree(owed, salt_of).root.hash
    owed[owner] = added(owed[owner], {"BTC": Decimal("0.000000000000000001")})
    assert sum_tree(owed, salt_of).root.hash != before


def test_a_node_is_over_both_childrens_sums_not_their_total_alone() -> None:
    """Two splits of one total: who is shown the one must not be able to take the other for it."""
    left, right = Node(A, {"BTC": Decimal(1)}), Node(B, {"BTC": Decimal(2)})
    other = parent(Node(A, {"BTC": Decimal(2)}), Node(B, {"BTC": Decimal(1)}))
    assert parent(left, right).sums == other.sums
    assert parent(left, right).hash != other.hash
    assert parent(left, right).hash != parent(right, left).hash


def test_nothing_passes_for_something_else() -> None:
    """Leaves, padding and nodes are hashed under names of their own."""
    hashes = {leaf("acc", A, {}).hash, padding(0).hash, padding(1).hash, parent(padding(0), padding(1)).hash}
    assert len(hashes) == 4
    assert len({leaf(owner, salt, {}).hash for owner in ("acc-a", "acc-b") for salt in (A, B)}) == 4


def test_a_leaf_of_less_than_nothing_is_refused() -> None:
    with pytest.raises(ImpossibleSum) as refusal:
        sum_tree({"acc-a": {"USDT": Decimal(5)}, "acc-b": {"USDT": Decimal("-0.5")}}, salt_of)
    assert (refusal.value.code, refusal.value.data) == (
        "impossible_sum",
        {"whose": "acc-b", "asset": "USDT"},
    )
    assert "-0.5 USDT" in str(refusal.value)


def test_sums_that_overflow_are_refused_not_rounded() -> None:
    with pytest.raises(AmountOutOfRange):
        sum_tree(
            {"acc-a": {"X": Decimal("1e50")}, "acc-b": {"X": Decimal("1e-20")}},
            salt_of,
        )


def test_an_asset_without_a_code_is_refused() -> None:
    with pytest.raises(InvalidValue):
        leaf("acc-a", A, {"US DT": Decimal(1)})


STATEMENT = Statement(
    origin="evenkeel.example/log",
    log_size=1234,
    log_root=bytes(range(32)),
    leaves=4,
    root=bytes(range(32, 64)),
    owed={"USDT": Decimal("11.50"), "BTC": Decimal("0.02")},
    due={"USDT": Decimal(3)},
)


def test_a_statement_is_lines_that_are_read_back() -> None:
    assert STATEMENT.text.splitlines() == [
        "evenkeel/liabilities@v1",
        "origin evenkeel.example/log",
        f"log 1234 {bytes(range(32)).hex()}",
        f"tree 4 {bytes(range(32, 64)).hex()}",
        "owed BTC 0.02",
        "owed USDT 11.5",
        "due USDT 3",
    ]
    assert Statement.parse(STATEMENT.text) == STATEMENT


SPOILED = [
    ("another header", "liabilities@v1", "liabilities@v2"),
    ("no end", "due USDT 3\n", "due USDT 3"),
    ("a leading zero", "log 1234", "log 01234"),
    ("a short hash", "tree 4 20", "tree 4 2"),
    ("a negative total", "owed BTC 0.02", "owed BTC -0.02"),
    ("a total of zero", "owed BTC 0.02", "owed BTC 0"),
    ("a trailing zero", "owed BTC 0.02", "owed BTC 0.020"),
    ("another order", "owed BTC 0.02\nowed USDT 11.5", "owed USDT 11.5\nowed BTC 0.02"),
    ("an asset twice", "owed BTC 0.02", "owed BTC 0.02\nowed BTC 0.03"),
    ("no asset", "owed BTC 0.02", "owed btc 0.02"),
    ("a word more", "owed BTC 0.02", "owed BTC 0.02 about"),
    ("a line more", "due USDT 3\n", "due USDT 3\nmore\n"),
    ("an exponent", "owed BTC 0.02", "owed BTC 2E-2"),
]


@pytest.mark.parametrize(("what", "old", "new"), SPOILED, ids=[row[0] for row in SPOILED])
def test_a_statement_is_written_in_one_way(what: str, old: str, new: str) -> None:
    assert old in STATEMENT.text
    with pytest.raises(MalformedNote):
        Statement.parse(STATEMENT.text.replace(old, new))
