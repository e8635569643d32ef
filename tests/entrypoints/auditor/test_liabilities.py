"""What one owner is owed, checked offline with one file and one key; and the totals, against the log."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from copy import deepcopy
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from application.liabilities.publications import LiabilityProof, Publication
from domain.ledger.events import BookOpened
from domain.liabilities.statement import Statement
from domain.liabilities.sum_tree import SumTree, sum_tree
from domain.platform.events import LiabilitiesPublished, LossAccepted, SigningKeyRotated
from domain.sealing.notes import Checkpoint, signed
from entrypoints.auditor import verify as auditor
from tests.entrypoints.auditor.exports import AT, ORIGIN, SIGNER, STRANGER, Log, Signer, export, sealed, story
from tests.entrypoints.auditor.test_verify import PROGRAM, checked, fault
from tests.strategies_of_liabilities import owed_to_owners, salt_of

ROOT = bytes(range(32))
KEYS = [auditor.Key.parse(str(SIGNER.key), "the key")]
OWED = {f"acc-{n}": {"BTC": Decimal(n), "USDT": Decimal("100.5")} for n in range(5)}
Proof = dict[str, Any]
TOTALS = "the statement of liabilities"


def note(text: str, signer: Signer = SIGNER) -> str:
    return str(signed(text, (signer.key, signer.private.sign)))


def checkpoint(size: int = 7, root: bytes = ROOT, signer: Signer = SIGNER) -> str:
    return note(Checkpoint(ORIGIN, size, root).text, signer)


def statement_of(tree: SumTree, **told: Any) -> Statement:
    fields: dict[str, Any] = {"log_size": 7, "log_root": ROOT, "leaves": tree.size, "root": tree.root.hash}
    return Statement(**{"origin": ORIGIN, **fields, "owed": tree.root.sums} | told)


def proof_of(owner: str, owed: dict[str, dict[str, Decimal]]) -> Proof:
    """What the owner is given."""
    tree = sum_tree(owed, salt_of)
    statement, index = statement_of(tree), tree.indices[owner]
    published = Publication(
        id=7, published_at_utc=AT, checkpoint=checkpoint(), note=note(statement.text), statement=statement
    )
    proof = LiabilityProof(
        publication=published,
        owner_id=owner,
        salt=salt_of(owner),
        index=index,
        leaf=tree.rows[0][index],
        path=tree.path(index),
    )
    told: Proof = json.loads(json.dumps(proof.as_json()))
    return told


def report_on(
    folder: Path, proof: Proof, kept: list[str] | None = None, keys: list[auditor.Key] | None = None
) -> dict[str, Any]:
    file = folder / "proof.json"
    file.write_text(json.dumps(proof))
    notes = [auditor.Checkpoint.parse(one, "the kept checkpoint") for one in kept or ()]
    return auditor.liability_report(file, keys or KEYS, notes, None)


def refused(folder: Path, proof: Proof, **given: Any) -> str:
    report = report_on(folder, proof, **given)
    assert (report["ok"], report["fault"]["check"]) == (False, "liability")
    reason: str = report["fault"]["reason"]
    return reason


# -- One owner's proof ---------------------------------------------------------------------------------------


def test_each_owner_finds_their_own_part_in_the_total(tmp_path: Path) -> None:
    for owner, sums in OWED.items():
        report = report_on(tmp_path, proof_of(owner, OWED), [checkpoint()])
        assert report["ok"], report
        found = report["liability"]
        assert (found["owner"], found["owed"]) == (owner, {"BTC": "10", "USDT": "502.5"})
        assert found["owed_to_owner"] == {asset: f"{it:f}" for asset, it in sums.items() if it}


def test_no_name_and_no_salt_of_anybody_else_is_in_a_proof() -> None:
    text = json.dumps(proof_of("acc-1", OWED))
    for other in OWED.keys() - {"acc-1"}:
        assert other not in text
        assert salt_of(other).hex() not in text


@given(owed_to_owners().filter(bool), st.data())
def test_whoever_is_owed_whatever_every_proof_holds_and_no_other_balance_does(
    tmp_path_factory: pytest.TempPathFactory, owed: dict[str, dict[str, Decimal]], data: st.DataObject
) -> None:
    folder = tmp_path_factory.getbasetemp()
    proof = proof_of(data.draw(st.sampled_from(sorted(owed))), owed)
    assert report_on(folder, proof)["ok"]

    asset = data.draw(st.sampled_from(["BTC", "ETH", "USDT"]))
    more = Decimal(proof["balances"].get(asset, "0")) + Decimal("0.01")
    proof["balances"][asset] = auditor.plain(more)
    assert not report_on(folder, proof)["ok"]


def a_sibling(change: Callable[[Proof], None]) -> Callable[[Proof], None]:
    return lambda proof: change(proof["path"][1])


def swap_leaf(proof: Proof) -> None:
    """Somebody else's leaf, with the salt it was made with, in the place of one's own."""
    proof |= {name: proof_of("acc-3", OWED)[name] for name in ("owner", "salt", "balances", "leaf")}


def less_to_both(proof: Proof) -> None:
    """A sibling's share and the leaf's are told differently, to the same total."""
    sums = proof["path"][0]["sums"]
    sums["USDT"], proof["balances"]["USDT"] = "101", "100"
    salt = bytes.fromhex(proof["salt"])
    balances = {asset: Decimal(it) for asset, it in proof["balances"].items()}
    proof["leaf"] = auditor.leaf_hash(proof["owner"], salt, balances).hex()


def restate(**changed: Any) -> Callable[[Proof], None]:
    def change(proof: Proof) -> None:
        proof["statement"] = note(statement_of(sum_tree(OWED, salt_of), **changed).text)

    return change


def no_note() -> ValueError:
    return ValueError("a note has lines of text, an empty line and signatures, a line each")


def put(name: str, value: Any) -> Callable[[Proof], None]:
    return lambda proof: proof.update({name: value})


TAMPERED: list[tuple[str, Callable[[Proof], None], str]] = [
    (
        "a sibling's sum",
        a_sibling(lambda one: one["sums"].update(USDT="1")),
        r"the path adds up to .* USDT, the published total is 10 BTC, 502.5 USDT",
    ),
    (
        "a sibling's sum of another asset",
        a_sibling(lambda one: one["sums"].update(ETH="1")),
        "the path adds up to 10 BTC, 1 ETH, 502.5 USDT, the published total",
    ),
    (
        "a negative sum",
        a_sibling(lambda one: one["sums"].update(USDT="-100.5")),
        "sibling 2: -100.5 USDT is negative, and would hide as much of what others are owed",
    ),
    ("a negative balance", lambda proof: proof["balances"].update(USDT="-5"), "the balances: -5 USDT is neg"),
    ("a sum of zero", a_sibling(lambda one: one["sums"].update(ETH="0")), "0 ETH is zero"),
    ("a sum written otherwise", a_sibling(lambda one: one["sums"].update(USDT="1.0")), "the one way"),
    ("a sum that is a number", a_sibling(lambda one: one["sums"].update(USDT=5)), "is no amount of an asset"),
    (
        "a sum without end",
        a_sibling(lambda one: one["sums"].update(USDT="1" + "0" * 70)),
        "is no amount of an asset",
    ),
    (
        "an asset that is none",
        a_sibling(lambda one: one["sums"].update(usdt="5")),
        "is no amount of an asset",
    ),
    ("a wrong salt", put("salt", "00" * 32), "the leaf is not that of this owner with this salt"),
    ("half a salt", put("salt", "00"), "the salt is not written as 64"),
    ("another owner's name", put("owner", "acc-9"), "the leaf is not that of this owner"),
    ("a balance", lambda proof: proof["balances"].update(USDT="200"), "the leaf is not that of this owner"),
    ("a leaf's hash", put("leaf", "00" * 32), "the leaf is not that of this owner"),
    ("a swapped leaf", swap_leaf, "the path (leads to the root|adds up to)"),
    ("shares told to two owners differently", less_to_both, "the path leads to the root"),
    ("a sibling's hash", a_sibling(lambda one: one.update(hash="11" * 32)), "the path leads to the root"),
    ("another root", restate(root=bytes(32)), f"the published one is {bytes(32).hex()}"),
    ("another total", restate(owed={"USDT": Decimal(1)}), "the published total is 1 USDT"),
    ("another place", lambda proof: proof.update(index=proof["index"] ^ 1), "the path leads to the root"),
    ("a place beyond the leaves", put("index", 8), "is none of a tree of 8 leaves"),
    ("a place before them", put("index", -1), "is none of a tree of 8 leaves"),
    ("a place that is a switch", put("index", True), "no owner, index and path"),
    ("a sibling less", lambda proof: proof["path"].pop(), "a path of 2 siblings"),
    ("another number of leaves", restate(leaves=16), "is none of a tree of 16 leaves"),
    ("a path that is none", put("path", "none"), "no owner, index and path"),
    ("a sibling without sums", a_sibling(lambda one: one.pop("sums")), "sibling 2 has no hash and sums"),
    (
        "another checkpoint",
        put("checkpoint", checkpoint(8)),
        "the checkpoint of the proof signs 8 events, the statement is of 7",
    ),
    (
        "a checkpoint of another log",
        put("checkpoint", checkpoint(7, bytes(32))),
        "fork: the checkpoint of the",
    ),
    (
        "a checkpoint of a stranger's",
        put("checkpoint", checkpoint(signer=STRANGER)),
        "the checkpoint of the proof is not signed by a trusted key",
    ),
    (
        "a checkpoint of another name",
        put("checkpoint", note(Checkpoint("elsewhere/log", 7, ROOT).text)),
        "the statement of liabilities is of the log evenkeel.example/log, not of elsewhere/log",
    ),
    ("a statement that is none", put("statement", checkpoint()), "is not written as one"),
    ("a checkpoint that is none", put("checkpoint", "x"), "not written as one"),
    ("a field less", lambda proof: proof.pop("salt"), "not written as one"),
]


@pytest.mark.parametrize(("what", "change", "why"), TAMPERED, ids=[row[0] for row in TAMPERED])
def test_a_proof_that_was_tampered_with_fails_and_says_why(
    tmp_path: Path, what: str, change: Callable[[Proof], None], why: str
) -> None:
    proof = deepcopy(proof_of("acc-1", OWED))
    change(proof)
    assert re.search(why, refused(tmp_path, proof))


def test_a_statement_that_was_changed_or_is_a_strangers_fails(tmp_path: Path) -> None:
    proof = proof_of("acc-1", OWED)
    changed = proof | {"statement": proof["statement"].replace("owed USDT 502.5", "owed USDT 402.5")}
    assert "was changed or forged" in refused(tmp_path, changed)
    strangers = proof | {"statement": note(proof["statement"].rpartition("\n\n")[0] + "\n", STRANGER)}
    assert "is not signed by a trusted key" in refused(tmp_path, strangers)
    twice = proof["statement"].rpartition("\n\n")[0] + "\nowed USDT 1\n"
    assert "names an asset twice" in refused(tmp_path, proof | {"statement": note(twice)})


def test_a_checkpoint_that_was_kept_of_that_size_must_be_of_the_same_log(tmp_path: Path) -> None:
    proof = proof_of("acc-1", OWED)
    assert report_on(tmp_path, proof, [checkpoint(9, bytes(32))])["ok"], "of another size: nothing to compare"
    assert "fork: the kept checkpoint" in refused(tmp_path, proof, kept=[checkpoint(7, bytes(32))])
    assert "not signed by a trusted key" in refused(tmp_path, proof, kept=[checkpoint(signer=STRANGER)])


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (put("owner", 5), "the proof has no owner, index and path"),
        (put("leaf", "00"), "the leaf is not written as 64 hexadecimal digits"),
        (put("salt", None), "the salt is not written as 64 hexadecimal digits"),
        (
            put("leaf", "00" * 32),
            "the leaf is not that of this owner with this salt and these balances",
        ),
        (
            a_sibling(lambda one: one.update(hash="AA" * 32)),
            "sibling 2 is not written as 64 hexadecimal digits",
        ),
        (a_sibling(lambda one: one.update(sums=[])), "sibling 2: there are no sums"),
        (put("balances", None), "the balances: there are no sums"),
        (put("balances", {"USDT": "x" * 90}), f"the balances: {'x' * 80!r} 'USDT' is no amount of an asset"),
        (put("balances", {"X" * 20: "5"}), f"the balances: '5' {'X' * 16!r} is no amount of an asset"),
        (put("balances", {"USDT": 5}), "the balances: '5' 'USDT' is no amount of an asset"),
        (put("statement", checkpoint()), "the statement of liabilities is not written as one"),
        (put("checkpoint", "x"), f"the proof is not written as one: {no_note()!r}"),
    ],
)
def test_what_is_wrong_with_a_proof_is_said_in_full(
    tmp_path: Path, change: Callable[[Proof], None], sentence: str
) -> None:
    proof = proof_of("acc-1", OWED)
    change(proof)
    assert refused(tmp_path, proof) == sentence


@pytest.mark.parametrize(
    ("owed", "sentence"),
    [
        ("owed BTC 1\nowed BTC 2\n", f"{TOTALS} names an asset twice"),
        (
            "owed BTC -1\n",
            f"{TOTALS}: -1 BTC is negative, and would hide as much of what others are owed",
        ),
        (
            "owed BTC 1\xa05\n",
            rf"{TOTALS}: '1\xa05' 'BTC' is no amount of an asset",
        ),
        (
            "due BTC 0\n",
            f"{TOTALS}: 0 BTC is zero, or not written the one way that an amount is",
        ),
    ],
)
def test_what_is_wrong_with_a_statements_totals_is_said_in_full(
    tmp_path: Path, owed: str, sentence: str
) -> None:
    proof = proof_of("acc-1", OWED)
    kept = proof["statement"].partition("\n\n")[0].split("owed ")[0]
    proof["statement"] = note(kept + owed)
    assert refused(tmp_path, proof) == sentence


def test_a_kept_checkpoint_of_another_log_is_none_of_the_proofs(tmp_path: Path) -> None:
    kept = note(Checkpoint("elsewhere.example/log", 7, ROOT).text)
    assert refused(tmp_path, proof_of("acc-1", OWED), kept=[kept]) == (
        f"the kept checkpoint is of the log elsewhere.example/log, the checkpoint of the proof of {ORIGIN}"
    )


def test_sums_that_no_addition_can_hold_fail(tmp_path: Path) -> None:
    proof = proof_of("acc-1", OWED)
    proof["path"][0]["sums"]["USDT"] = "9" * 61
    proof["path"][1]["sums"]["USDT"] = "0." + "0" * 59 + "1"
    assert "the sums at sibling 2 have more digits than can be added" in refused(tmp_path, proof)


# -- As a program --------------------------------------------------------------------------------------------


def run(*arguments: object, flags: tuple[str, ...] = ("-I",)) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *flags, str(PROGRAM), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.parametrize("flags", [("-I",), ("-I", "-S")], ids=["with libraries", "standard library only"])
def test_a_proof_is_checked_by_the_file_alone(tmp_path: Path, flags: tuple[str, ...]) -> None:
    key, mine = tmp_path / "log.pub", tmp_path / "mine.json"
    key.write_text(f"{SIGNER.key}\n")
    mine.write_text(json.dumps(proof_of("acc-1", OWED)))

    done = run("--liability", mine, "--key", key, flags=flags)

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[0] == "liability ok: 1 BTC, 100.5 USDT owed to acc-1"
    assert (
        json.loads(run("--liability", mine, "--key", key, "--json").stdout)["liability"]["owner"] == "acc-1"
    )
    mine.write_text(json.dumps(proof_of("acc-1", OWED) | {"salt": "00" * 32}))
    changed = run("--liability", mine, "--key", key)
    assert (changed.returncode, changed.stdout.startswith("liability failed: the leaf is not")) == (1, True)


def test_what_is_no_proof_and_nothing_at_all_is_exit_code_2(tmp_path: Path) -> None:
    key, mine = tmp_path / "log.pub", tmp_path / "mine.json"
    key.write_text(f"{SIGNER.key}\n")
    for content in ("", "[]", "{}", '{"format":"other"}', '{"format":1.5}', "\udcff"):
        mine.write_bytes(content.encode("utf-8", "surrogateescape"))
        done = run("--liability", mine, "--key", key)
        assert (done.returncode, done.stdout, "Traceback" in done.stderr) == (2, "", False), content
    assert run("--key", key).returncode == 2
    assert run("--liability", tmp_path / "missing", "--key", key).returncode == 2
    assert run(tmp_path, "--liability", mine, "--no-meaning", "--key", key).returncode == 2


# -- Against the whole log -----------------------------------------------------------------------------------

LIVE = {"acc-a": {"USDT": Decimal(95)}, "acc-b": {"BTC": Decimal(2)}, "acc-c": {}}


def with_live_books() -> Log:
    """The story in paper money, and three LIVE books beside it; one owes us something."""
    log = story()
    for owner, purse in (("acc-a", "LIVE"), ("acc-b", "LIVE"), ("acc-c", "LIVE"), ("acc-k", "CONNECTED")):
        book = f"b-{owner}"
        opened = BookOpened(
            book_id=book, owner_id=owner, purse=purse, venue_account=f"venue:{book}", opened_at_utc=AT
        )
        log.add(f"book:{book}", opened)
    free, custody = "owner:available", "custody:venue"
    log.entry("d-1", "deposit", (custody, "USDT", "95"), (free, "USDT", "-95"), book="b-acc-a")
    log.entry("f-1", "fee", ("owner:due", "USDT", "3"), (custody, "USDT", "-3"), book="b-acc-a")
    log.entry("d-1", "deposit", (custody, "BTC", "2"), (free, "BTC", "-2"), book="b-acc-b")
    log.entry("d-1", "deposit", (custody, "BTC", "9"), (free, "BTC", "-9"), book="b-acc-k")
    return log


def publish(log: Log, *, signer: Signer = SIGNER, under: str = "", named: int = 0, **told: Any) -> Statement:
    """Put a statement of the log so far into it, which says what it is told to say."""
    size, tree = len(log.lines), sum_tree(LIVE, salt_of)
    mine = SIGNER.note(log.lines)
    root = auditor.Checkpoint.parse(mine, "").root
    said: dict[str, Any] = {"log_size": size, "log_root": root, "due": {"USDT": Decimal(3)}}
    statement = statement_of(tree, **said | told)
    event = LiabilitiesPublished(
        log_size=named or size,
        checkpoint=under or mine,
        note=note(statement.text, signer),
        published_by="operator:cli",
        published_at_utc=AT,
    )
    log.add("platform:main", event)
    return statement


def test_published_totals_are_those_of_the_log(tmp_path: Path) -> None:
    log = with_live_books()
    first = publish(log)
    log.entry(
        "d-2", "deposit", ("custody:venue", "USDT", "5"), ("owner:available", "USDT", "-5"), book="b-acc-c"
    )
    second = publish(log, owed={"BTC": Decimal(2), "USDT": Decimal(100)})

    report = checked(export(tmp_path / "log", log.lines, sealed(log.lines)))

    assert report["ok"], report
    assert not report["unknown_events"]
    of_first = {
        "index": first.log_size,
        "statement": note(first.text),
        "log_size": first.log_size,
        "leaves": 4,
        "root": first.root.hex(),
        "owed": {"BTC": "2", "USDT": "95"},
        "due": {"USDT": "3"},
    }
    of_second = {"index": second.log_size, "statement": note(second.text), "log_size": second.log_size}
    of_second |= {"owed": {"BTC": "2", "USDT": "100"}}
    assert report["liabilities"] == [of_first, of_first | of_second]
    lines = auditor.as_text(report).splitlines()
    assert (
        f"liabilities of {first.log_size} events, as published: 2 BTC, 95 USDT owed, 3 USDT due from owners, "
        f"root {first.root.hex()}"
    ) in lines


def test_what_is_on_its_way_is_in_the_totals_and_is_missed_where_it_is_not(tmp_path: Path) -> None:
    log, out = with_live_books(), ("owner:available", "USDT", "40")
    log.entry("t-1", "transfer_sent", out, ("in_transit:t-1", "USDT", "-40"), book="b-acc-a")
    publish(log)
    assert checked(export(tmp_path / "log", log.lines, sealed(log.lines)))["ok"]

    publish(log, owed={"BTC": Decimal(2), "USDT": Decimal(55)})
    report = checked(export(tmp_path / "less", log.lines, sealed(log.lines)))
    assert "their LIVE books have 2 BTC, 95 USDT" in report["fault"]["reason"]


def test_what_came_before_it_was_sent_makes_nothing_less_of_another_transfer(tmp_path: Path) -> None:
    log, free = with_live_books(), "owner:available"
    log.entry("t-1", "sent", (free, "USDT", "40"), ("in_transit:t-1", "USDT", "-40"), book="b-acc-a")
    log.entry("t-2", "received", ("in_transit:t-2", "USDT", "10"), (free, "USDT", "-10"), book="b-acc-b")
    publish(log, owed={"BTC": Decimal(2), "USDT": Decimal(105)})
    report = checked(export(tmp_path / "log", log.lines, sealed(log.lines)))
    assert report["ok"], report


def test_an_empty_tree_is_told_as_one(tmp_path: Path) -> None:
    log = story()
    empty = sum_tree({}, salt_of)
    root = auditor.Checkpoint.parse(SIGNER.note(log.lines), "").root
    said = statement_of(empty, log_size=len(log.lines), log_root=root)
    event = LiabilitiesPublished(
        log_size=len(log.lines),
        checkpoint=SIGNER.note(log.lines),
        note=note(said.text),
        published_by="operator:cli",
        published_at_utc=AT,
    )
    log.add("platform:main", event)

    report = checked(export(tmp_path / "log", log.lines, sealed(log.lines)))

    assert report["ok"], report
    line = (
        f"liabilities of {len(log.lines) - 1} events, as published: "
        "nothing: there was no LIVE book, the tree is empty"
    )
    assert line in auditor.as_text(report).splitlines()


def test_where_nothing_is_owed_or_due_it_is_told() -> None:
    said = {"leaves": 1, "owed": {}, "due": {}, "root": "ab"}
    assert auditor.liabilities_text(said) == "nothing owed, nothing due from owners, root ab"


SIGNED_BY_STRANGER = f"{STRANGER.key.name}+{STRANGER.key.id.hex()}"
FALSE: list[tuple[str, dict[str, Any], str]] = [
    (
        "less than is owed",
        {"owed": {"BTC": Decimal(2), "USDT": Decimal(94)}},
        "2 BTC, 94 USDT owed was published of the first 26 events, their LIVE books have 2 BTC, 95 USDT",
    ),
    ("more than is owed", {"owed": {"BTC": Decimal(11), "USDT": Decimal(95)}}, "their LIVE books have 2 BTC"),
    ("what is due left out", {"due": {}}, "nothing due was published"),
    ("another number of leaves", {"leaves": 2}, "has 2 leaves, for its owners 4"),
    ("another size", {"log_size": 25}, "not of the first 25 events"),
    ("another root of the log", {"log_root": bytes(32)}, "not of the first 26 events"),
    ("a size to come", {"log_size": 99}, "not of the first 99 events"),
    (
        "a stranger's signature",
        {"signer": STRANGER},
        "the statement of liabilities is not signed by a trusted",
    ),
    (
        "another log, under a checkpoint of that one",
        {"log_root": bytes(32), "under": checkpoint(26, bytes(32))},
        "not of the first 26 events",
    ),
    ("an event that names another size", {"named": 25}, "not of the first 26 events"),
    ("another checkpoint", {"under": checkpoint(26, bytes(32))}, "not of the first 26 events"),
    (
        "a checkpoint of a stranger's",
        {"under": STRANGER.note(with_live_books().lines)},
        f"the checkpoint of the liabilities is not signed by a trusted key, only by {SIGNED_BY_STRANGER}",
    ),
]


@pytest.mark.parametrize(("what", "told", "why"), FALSE, ids=[row[0] for row in FALSE])
def test_a_false_publication_is_found(tmp_path: Path, what: str, told: dict[str, Any], why: str) -> None:
    log = with_live_books()
    index = len(log.lines)
    publish(log, **told)

    found = fault(export(tmp_path / "log", log.lines, sealed(log.lines)))

    assert (found["check"], found["index"]) == ("meaning", index)
    assert why in found["reason"], found["reason"]
    assert checked(export(tmp_path / "log", log.lines, sealed(log.lines)), meaning=False)["ok"]


def test_a_checkpoint_of_another_size_is_none_of_the_publication(tmp_path: Path) -> None:
    log = with_live_books()
    size = len(log.lines)
    publish(log, under=checkpoint(size - 1, auditor.Checkpoint.parse(SIGNER.note(log.lines), "").root))
    found = fault(export(tmp_path / "log", log.lines, sealed(log.lines)))
    assert (found["check"], found["index"]) == ("meaning", size)
    assert f"not of the first {size} events" in found["reason"]


def test_liabilities_of_one_size_are_published_once(tmp_path: Path) -> None:
    log = with_live_books()
    said = publish(log)
    event = json.loads(log.lines[-1])["data"]
    log.add(
        "platform:main",
        LiabilitiesPublished(
            log_size=said.log_size,
            checkpoint=event["checkpoint"],
            note=event["note"],
            published_by="operator:cli",
            published_at_utc=AT,
        ),
    )
    found = fault(export(tmp_path / "log", log.lines, sealed(log.lines)))
    assert (found["check"], found["index"]) == ("meaning", len(log.lines) - 1)
    assert "were published before" in found["reason"]


def test_a_proof_is_held_against_the_export_beside_it(tmp_path: Path) -> None:
    log = with_live_books()
    said = publish(log)
    event = json.loads(log.lines[-1])["data"]
    folder = export(tmp_path / "log", log.lines, sealed(log.lines))
    key, mine = tmp_path / "log.pub", tmp_path / "mine.json"
    key.write_text(f"{SIGNER.key}\n")
    proof = proof_of("acc-a", LIVE) | {"statement": note(said.text), "checkpoint": event["checkpoint"]}
    mine.write_text(json.dumps(proof))

    done = run(folder, "--liability", mine, "--key", key)

    assert done.returncode == 0, done.stdout
    assert "liability ok: 95 USDT owed to acc-a" in done.stdout
    assert "meaning  ok" in done.stdout
    mine.write_text(json.dumps(proof_of("acc-a", LIVE)))  # signed, and in no log
    other = run(folder, "--liability", mine, "--key", key)
    assert other.returncode == 1
    assert (
        "liability failed: the statement of liabilities is none of those in the exported log" in other.stdout
    )


# -- Keys that take over, and losses -------------------------------------------------------------------------

NEW = STRANGER
THIRD = Signer(Ed25519PrivateKey.from_private_bytes(b"3" * 32))


def rotation(
    old: Signer, new: Signer, *signers: Signer, header: str = "evenkeel/key-rotation@v1"
) -> SigningKeyRotated:
    text = f"{header}\n{old.key}\n{new.key}\n"
    said = str(signed(text, *((one.key, one.private.sign) for one in signers or (old, new))))
    return SigningKeyRotated(note=said, rotated_by="operator:cli", rotated_at_utc=AT)


def rotated() -> tuple[Log, list[str]]:
    """A log whose key was rotated: what follows is signed by the new key alone."""
    log = story()
    before = SIGNER.note(log.lines)
    log.add("platform:main", rotation(SIGNER, NEW))
    both = log.lines[:]
    text, _, mine = SIGNER.note(both).rpartition("\n\n")
    bridge = f"{text}\n\n{mine}{NEW.note(both).rpartition(chr(10) * 2)[2]}"
    log.moved("allocation-2", "allocation", "owner:bot:bot-1", "owner:available", "1", "USDT")
    return log, [before, bridge, NEW.note(log.lines)]


def test_whoever_has_the_old_key_checks_what_the_new_one_signs(tmp_path: Path) -> None:
    """Safety §4 row 26: the new key is believed, since the old one signed that it takes over."""
    log, notes = rotated()
    folder = export(tmp_path / "log", log.lines, notes)

    report = checked(folder, SIGNER)

    assert report["ok"], report
    assert (report["sealed"], report["unknown_events"]) == (len(log.lines), {})
    (one,) = report["rotations"]
    assert one["index"] == len(log.lines) - 2
    assert f"{one['to']} took over from {one['from']}" in auditor.as_text(report)
    assert checked(folder, SIGNER, NEW)["ok"]
    assert "not signed by a trusted key" in fault(folder, NEW)["reason"], "it vouches for nothing before"


def test_keys_are_followed_from_one_to_the_next(tmp_path: Path) -> None:
    log, notes = rotated()
    log.add("platform:main", rotation(NEW, THIRD))
    assert checked(export(tmp_path / "log", log.lines, [*notes, THIRD.note(log.lines)]), SIGNER)["ok"]


@pytest.mark.parametrize("signer", [SIGNER, NEW], ids=["by the old key alone", "by the new key alone"])
def test_a_key_that_only_one_of_the_two_vouches_for_is_not_believed(tmp_path: Path, signer: Signer) -> None:
    log = story()
    log.add("platform:main", rotation(SIGNER, NEW, signer))
    index = len(log.lines) - 1
    lines = log.lines[:]
    log.moved("allocation-2", "allocation", "owner:bot:bot-1", "owner:available", "1", "USDT")

    told = fault(export(tmp_path / "log", log.lines, [*sealed(lines), NEW.note(log.lines)]))
    assert "not signed by a trusted key" in told["reason"]
    told = fault(export(tmp_path / "log", lines, sealed(lines)))
    assert (told["check"], told["index"]) == ("meaning", index)
    signed_by = f"{signer.key.name}+{signer.key.id.hex()}"
    assert told["reason"] == (
        f"the note about the new key is not signed by a trusted key, only by {signed_by}"
    )


def test_a_rotation_from_a_key_that_nobody_trusts_makes_no_key_trusted(tmp_path: Path) -> None:
    log = story()
    log.add("platform:main", rotation(THIRD, NEW))
    assert checked(export(tmp_path / "log", log.lines, sealed(log.lines)))["ok"], (
        "who owns the log may say so"
    )
    told = fault(export(tmp_path / "log", log.lines, [NEW.note(log.lines)]))
    assert "not signed by a trusted key" in told["reason"]


def test_two_keys_in_a_note_of_another_kind_are_no_rotation(tmp_path: Path) -> None:
    log = story()
    log.add("platform:main", rotation(SIGNER, NEW, header="evenkeel/something-else@v1"))
    told = fault(export(tmp_path / "log", log.lines, sealed(log.lines)))
    assert (told["check"], told["index"]) == ("meaning", len(log.lines) - 1)
    assert told["reason"] == (
        f"its data is not that of {auditor.ROTATED}: "
        "ValueError('the note about the new key names the old and the new one')"
    )
    assert (
        "not signed by a trusted key"
        in fault(export(tmp_path / "log", log.lines, [NEW.note(log.lines)]))["reason"]
    )


@pytest.mark.parametrize("text", ["", "garbage", "evenkeel/key-rotation@v1\nx\ny\n"])
def test_a_rotation_that_says_nothing_is_found(tmp_path: Path, text: str) -> None:
    log = story()
    said = note(text) if text.endswith("\n") else text
    log.add("platform:main", SigningKeyRotated(note=said, rotated_by="op", rotated_at_utc=AT))
    told = fault(export(tmp_path / "log", log.lines, sealed(log.lines)))
    assert (told["check"], told["index"]) == ("meaning", len(log.lines) - 1)


def test_a_rotation_to_what_is_no_key_is_found(tmp_path: Path) -> None:
    log = story()
    old, no_key = str(SIGNER.key), str(SIGNER.key).replace(f"+{SIGNER.key.id.hex()}+", "+00000000+")
    said = note(f"evenkeel/key-rotation@v1\n{old}\n{no_key}\n")
    log.add("platform:main", SigningKeyRotated(note=said, rotated_by="op", rotated_at_utc=AT))
    told = fault(export(tmp_path / "log", log.lines, sealed(log.lines)))
    assert told["reason"] == (
        f"its data is not that of {auditor.ROTATED}: ValueError('what the note names is no Ed25519 verifier "
        "key, or its id is not that of the key')"
    )


@pytest.mark.parametrize(
    ("name", "data", "problem"),
    [
        (auditor.ROTATED, {"note": 5}, "AttributeError"),
        (auditor.ROTATED, {}, "KeyError('note')"),
        (auditor.ROTATED, {"note": "garbage"}, "ValueError"),
        (auditor.PUBLISHED, {"note": 5, "log_size": []}, "AttributeError"),
        (auditor.PUBLISHED, {}, "KeyError('note')"),
    ],
)
def test_what_is_announced_and_says_nothing_is_found_where_it_stands(
    tmp_path: Path, name: str, data: dict[str, Any], problem: str
) -> None:
    log = story()
    log.add_raw("platform:main", name, data)
    told = fault(export(tmp_path / "log", log.lines, sealed(log.lines)))
    assert (told["check"], told["index"]) == ("meaning", len(log.lines) - 1)
    assert told["reason"].startswith(f"its data is not that of {name}: {problem}")


def test_what_begins_as_an_announcement_and_is_no_event_is_found(tmp_path: Path) -> None:
    lines = [*story().lines, auditor.ANNOUNCED[0] + b"nothing"]
    told = fault(export(tmp_path / "log", lines, sealed(lines)))
    assert (told["check"], told["index"]) == ("form", len(lines) - 1)


def test_a_loss_that_was_accepted_is_told(tmp_path: Path) -> None:
    """Safety §4 row 19: it is no fault, and nobody overlooks it."""
    log = story()
    lost = SIGNER.note([*log.lines, b"{}", b"{}"])
    accepted = LossAccepted(
        checkpoint=lost,
        problem="the end of the log is missing",
        reason="disk lost",
        accepted_by="operator:cli",
        accepted_at_utc=AT,
    )
    log.add("platform:main", accepted)
    folder = export(tmp_path / "log", log.lines, sealed(log.lines))

    report = checked(folder)

    assert report["ok"], report
    size, index = len(log.lines) + 1, len(log.lines) - 1
    one = {
        "index": index,
        "size": size,
        "root": auditor.Checkpoint.parse(lost, "").root.hex(),
        "problem": "the end of the log is missing",
        "reason": "disk lost",
        "accepted_by": "operator:cli",
    }
    assert report["losses"] == [one]
    assert (
        f"LOSS ACCEPTED at index {index} by operator:cli: what was signed of {size} events was given up: "
        "disk lost (the end of the log is missing)"
    ) in auditor.as_text(report).splitlines()
    told = checked(folder, kept=[lost])
    assert not told["ok"]
    assert "the end of the log is missing" in auditor.as_text(told), (
        "the fault, and beside it what was accepted"
    )


def test_a_loss_of_what_is_no_checkpoint_is_found(tmp_path: Path) -> None:
    log = story()
    accepted = LossAccepted(
        checkpoint="none", problem="x", reason="y", accepted_by="operator:cli", accepted_at_utc=AT
    )
    log.add("platform:main", accepted)
    told = fault(export(tmp_path / "log", log.lines, sealed(log.lines)))
    assert (told["check"], told["index"]) == ("meaning", len(log.lines) - 1)
