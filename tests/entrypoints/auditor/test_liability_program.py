"""What the auditor's program prints of one owner's proof, word for word, run in this process."""

from __future__ import annotations

import gc
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.entrypoints.auditor.exports import SIGNER, STRANGER, export, sealed, story
from tests.entrypoints.auditor.test_liabilities import (
    LIVE,
    checkpoint,
    note,
    proof_of,
    publish,
    with_live_books,
)
from tests.entrypoints.auditor.test_program import Ran


@pytest.fixture(autouse=True)
def collected_again() -> Iterator[None]:
    """The program turns the collector off for good."""
    yield
    gc.enable()


class Kept:
    """An owner's files, and an export in which the totals were published."""

    def __init__(self, folder: Path) -> None:
        log = with_live_books()
        said = publish(log)
        published = json.loads(log.lines[-1])["data"]
        self.size, self.root = said.log_size, said.root.hex()
        self.log = export(folder / "log", log.lines, sealed(log.lines))
        self.key, self.mine = folder / "log.pub", folder / "mine.json"
        self.key.write_text(f"{SIGNER.key}\n")
        self.proof = proof_of("acc-a", LIVE)
        self.proof |= {"statement": note(said.text), "checkpoint": published["checkpoint"]}
        self.write(self.proof)

    def write(self, proof: Any) -> None:
        self.mine.write_text(json.dumps(proof))

    def lines(self, own: str, owner: str) -> list[str]:
        totals = f"2 BTC, 95 USDT owed, 3 USDT due from owners, root {self.root}"
        return [
            f"liability ok: {own} owed to {owner}",
            f"it is in what was published of the log's first {self.size} events: {totals}",
        ]


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    return Kept(tmp_path)


def test_a_proof_that_holds_is_told_in_two_lines(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    ran = Ran(monkeypatch, "--liability", kept.mine, "--key", kept.key)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.splitlines() == kept.lines("95 USDT", "acc-a")


def test_who_is_owed_nothing_is_told_so(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    same = {name: kept.proof[name] for name in ("statement", "checkpoint")}
    kept.write(proof_of("acc-c", LIVE) | same)
    ran = Ran(monkeypatch, "--liability", kept.mine, "--key", kept.key)
    assert (ran.code, ran.out.splitlines()) == (0, kept.lines("nothing", "acc-c"))


def test_several_assets_and_large_logs_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key, mine = tmp_path / "log.pub", tmp_path / "mine.json"
    key.write_text(f"{SIGNER.key}\n")
    proof = proof_of("acc-1", {"acc-1": {"BTC": LIVE["acc-b"]["BTC"], "USDT": LIVE["acc-a"]["USDT"]}})
    text = proof["statement"].partition("\n\n")[0].replace("log 7 ", "log 7000 ")
    mine.write_text(json.dumps(proof | {"statement": note(f"{text}\n"), "checkpoint": checkpoint(7_000)}))
    ran = Ran(monkeypatch, "--liability", mine, "--key", key)
    first, second = ran.out.splitlines()
    assert (ran.code, first) == (0, "liability ok: 2 BTC, 95 USDT owed to acc-1")
    assert second.startswith("it is in what was published of the log's first 7,000 events: 2 BTC, 95 USDT ")
    assert " owed, nothing due from owners, root " in second


def test_a_proof_is_told_below_the_export_that_it_is_held_against(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran = Ran(monkeypatch, kept.log, "--liability", kept.mine, "--key", kept.key)
    told = ran.out.splitlines()
    assert (ran.code, ran.err) == (0, "")
    assert told[-2:] == kept.lines("95 USDT", "acc-a")
    assert "meaning  ok" in told


def test_a_proof_of_totals_that_no_log_has_fails_beside_it_only(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept.write(proof_of("acc-a", LIVE))  # signed, and in no log
    ran = Ran(monkeypatch, kept.log, "--liability", kept.mine, "--key", kept.key)
    why = "the statement of liabilities is none of those in the exported log"
    assert ran.code == 1
    assert ran.out.splitlines()[-1] == f"liability failed: {why}"
    assert "meaning  ok" in ran.out.splitlines()
    assert Ran(monkeypatch, "--liability", kept.mine, "--key", kept.key).code == 0


def test_a_proof_that_fails_says_why(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    kept.write(kept.proof | {"leaf": "00" * 32})
    ran = Ran(monkeypatch, "--liability", kept.mine, "--key", kept.key)
    why = "the leaf is not that of this owner with this salt and these balances"
    assert (ran.code, ran.out) == (1, f"liability failed: {why}\n")
    asked = ("--liability", kept.mine, "--key", kept.key, "--json")
    fault = {"check": "liability", "reason": why}
    assert json.loads(Ran(monkeypatch, *asked).out) == {"ok": False, "fault": fault}


def test_beside_an_export_that_fails_nothing_is_said_of_a_proof(
    kept: Kept, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = story().lines
    log = export(tmp_path / "other", lines[:-1], sealed(lines))
    ran = Ran(monkeypatch, log, "--liability", kept.mine, "--key", kept.key)
    assert ran.code == 1
    assert ran.out.splitlines()[-1].startswith("the log as a whole: truncated or rolled back: ")
    assert "liability" not in ran.out


def test_the_key_and_a_kept_checkpoint_count_for_a_proof(
    kept: Kept, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = ("--liability", kept.mine, "--key", kept.key)
    other = tmp_path / "kept"
    other.write_text(checkpoint(kept.size, bytes(32)))
    ran = Ran(monkeypatch, *asked, "--checkpoint", other)
    why = f"fork: {other} signs another log of {kept.size} events than the statement is of"
    assert (ran.code, ran.out) == (1, f"liability failed: {why}\n")
    kept.key.write_text(f"{STRANGER.key}\n")
    ran = Ran(monkeypatch, *asked)
    why = f"not signed by a trusted key, only by {SIGNER.key.name}+{SIGNER.key.id.hex()}"
    assert (ran.code, ran.out) == (1, f"liability failed: the statement of liabilities is {why}\n")


def test_what_is_no_proof_is_said_and_exit_code_2(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = ("--liability", kept.mine, "--key", kept.key)
    none: list[Any] = [{}, {"format": "something else"}, [], "evenkeel/liability-proof@v1"]
    for no_proof in none:
        kept.write(no_proof)
        ran = Ran(monkeypatch, *asked)
        why = f"{kept.mine} is no proof of a liability, of the format evenkeel/liability-proof@v1\n"
        assert (ran.code, ran.out, ran.err) == (2, "", why)
    kept.mine.write_text("{")
    ran = Ran(monkeypatch, *asked)
    why = "Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"
    assert (ran.code, ran.out, ran.err) == (2, "", f"{kept.mine} cannot be used: {why}\n")


def test_there_must_be_something_to_check(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    ran = Ran(monkeypatch, "--key", kept.key)
    assert ran.code == 2
    assert ran.err.endswith(": error: name an exported directory, or a proof with --liability, or both\n")
    ran = Ran(monkeypatch, kept.log, "--key", kept.key, "--liability", kept.mine, "--no-meaning")
    assert ran.code == 2
    assert ran.err.endswith(
        ": error: --liability is about the meaning of the events: leave --no-meaning out\n"
    )
