"""What is proven over HTTP is checked as a stranger would: with the tree's own rules and the public key."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from adapters.http.problems import RETRY_AFTER_S
from adapters.secrets.signing_key import FileSigner, create_key, verify
from application.sealing.seal_log import SealLog
from domain.sealing.merkle import leaf_hash, verify_consistency, verify_inclusion
from domain.sealing.notes import Checkpoint, SignedNote
from tests.adapters.http.stack import Person, Stack
from tests.adapters.http.test_problems import is_problem


@pytest.fixture
def seal(stack: Stack, tmp_path: Path) -> SealLog:
    create_key(tmp_path / "log.key", "evenkeel.example/log")
    signer = FileSigner(tmp_path / "log.key")
    return SealLog(stack.services.seals, signer, [], signer.key.name)


def checkpoint_of(shown: dict[str, Any], seal: SealLog) -> Checkpoint:
    note = SignedNote.parse(shown["note"].encode())
    note.require_signature(seal.signer.key, verify)
    checkpoint = Checkpoint.parse(note.text)
    assert (shown["origin"], shown["size"], shown["root"]) == (
        checkpoint.origin,
        checkpoint.size,
        checkpoint.root.hex(),
    )
    return checkpoint


async def position_of_entry(person: Person, account: str) -> str:
    entries = (await person.get(f"/v1/books/{account}/entries")).json()["items"]
    position: str = entries[0]["position"]
    return position


async def test_before_anything_is_signed_one_is_told_to_ask_again(alice: Person) -> None:
    answer = await alice.get("/v1/audit/checkpoint")
    assert is_problem(answer, 409, "not_sealed")
    assert answer.headers["Retry-After"] == str(RETRY_AFTER_S["not_sealed"])


async def test_ones_own_entry_is_proven_to_be_sealed(stack: Stack, alice: Person, seal: SealLog) -> None:
    account = await alice.paper_account("100 USDT")
    position = await position_of_entry(alice, account)
    seal()

    answer = await alice.get(f"/v1/audit/inclusion/{position}")

    assert answer.status_code == 200, answer.text
    shown = answer.json()
    checkpoint = checkpoint_of(shown["checkpoint"], seal)
    hashes = [bytes.fromhex(one) for one in shown["hashes"]]
    leaf = leaf_hash(shown["stored"].encode())
    verify_inclusion(leaf, shown["index"], checkpoint.size, hashes, checkpoint.root)
    assert '"100"' in shown["stored"]


async def test_somebody_elses_entry_answers_as_one_that_is_not_there(
    stack: Stack, alice: Person, bob: Person, seal: SealLog
) -> None:
    """Safety §2.37."""
    account = await alice.paper_account("100 USDT")
    position = await position_of_entry(alice, account)
    seal()

    foreign = await bob.get(f"/v1/audit/inclusion/{position}")
    missing = await bob.get("/v1/audit/inclusion/0-999")

    assert is_problem(foreign, 409, "not_sealed")
    assert is_problem(missing, 409, "not_sealed")
    assert foreign.json()["title"] == missing.json()["title"]


async def test_an_auditor_has_any_event_proven(stack: Stack, alice: Person, seal: SealLog) -> None:
    await alice.paper_account("100 USDT")
    auditor = await stack.person("auditor@example.org", "auditor")
    seal()

    shown = (await auditor.get("/v1/audit/inclusion/0-1")).json()

    assert shown["index"] == 0
    assert '"accounts.account_registered"' in shown["stored"]


async def test_an_earlier_checkpoint_is_proven_to_be_the_beginning(
    stack: Stack, alice: Person, seal: SealLog
) -> None:
    seal()
    kept = checkpoint_of((await alice.get("/v1/audit/checkpoint")).json(), seal)
    await alice.paper_account("100 USDT")
    seal()

    shown = (await alice.get(f"/v1/audit/consistency?since={kept.size}")).json()

    now = checkpoint_of(shown["checkpoint"], seal)
    hashes = [bytes.fromhex(one) for one in shown["hashes"]]
    verify_consistency(kept.size, now.size, hashes, kept.root, now.root)
    assert now.size > kept.size


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/v1/audit/inclusion/nope", 422, "invalid_value"),
        ("/v1/audit/consistency?since=0", 422, "invalid_fields"),
        ("/v1/audit/consistency", 422, "invalid_fields"),
        ("/v1/audit/consistency?since=99999", 409, "not_sealed"),
    ],
)
async def test_what_cannot_be_proven_is_refused(
    stack: Stack, alice: Person, seal: SealLog, path: str, status: int, code: str
) -> None:
    seal()
    assert is_problem(await alice.get(path), status, code)
