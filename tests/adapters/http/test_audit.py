"""What is proven over HTTP is checked as a stranger would: with the tree's own rules and the public key."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from adapters.http.problems import RETRY_AFTER_S
from adapters.secrets.signing_key import FileSigner, create_key, verify
from application.liabilities.publish import PublishLiabilities
from application.ports.commands import Caller
from application.sealing.seal_log import SealLog
from domain.ledger.book import LIVE
from domain.liabilities.statement import Statement
from domain.money import Money
from domain.sealing.merkle import leaf_hash, verify_consistency, verify_inclusion
from domain.sealing.notes import Checkpoint, SignedNote
from entrypoints.auditor import verify as auditor
from tests.adapters.http.stack import Person, Stack, new_key
from tests.adapters.http.test_problems import is_problem
from tests.builders import OpenBook


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
    """Safety §2.37: before it is sealed and afterwards."""
    account = await alice.paper_account("100 USDT")
    position = await position_of_entry(alice, account)
    for step in (lambda: None, seal):
        step()
        foreign = await bob.get(f"/v1/audit/inclusion/{position}")
        missing = await bob.get("/v1/audit/inclusion/0-999")

        assert is_problem(foreign, 404, "unknown_event")
        assert is_problem(missing, 404, "unknown_event")
        assert foreign.json()["detail"].replace(position, "0-999") == missing.json()["detail"]


async def test_an_event_that_is_there_and_not_sealed_yet_is_asked_for_again(
    stack: Stack, alice: Person, seal: SealLog
) -> None:
    seal()
    account = await alice.paper_account("100 USDT")
    position = await position_of_entry(alice, account)
    reader = await stack.person("auditor@example.org", "auditor")

    for person in (alice, reader):
        assert is_problem(await person.get(f"/v1/audit/inclusion/{position}"), 409, "not_sealed")
    for nowhere in ("0-999", "0-0", "7-1"):
        assert is_problem(await reader.get(f"/v1/audit/inclusion/{nowhere}"), 404, "unknown_event")


async def test_an_auditor_has_any_event_proven(stack: Stack, alice: Person, seal: SealLog) -> None:
    await alice.paper_account("100 USDT")
    reader = await stack.person("auditor@example.org", "auditor")
    seal()

    shown = (await reader.get("/v1/audit/inclusion/0-1")).json()

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


# -- Liabilities ---------------------------------------------------------------------------------------------


def publish(stack: Stack, seal: SealLog) -> str:
    """Under a new checkpoint; its id."""
    seal()
    services = stack.services
    use_case = PublishLiabilities(
        services.log, services.seals, services.bus, seal.signer, services.liabilities
    )
    key = new_key()
    return str(use_case(Caller(actor="operator:cli", command_id=key, correlation_id=key)).id)


def live_book(stack: Stack, person: Person, funds: str) -> None:
    book = f"live-{person.account_id}"
    stack.command(OpenBook(book, Money(Decimal(funds), "USDT"), person.account_id, LIVE)).unwrap()


async def test_anybody_sees_what_is_owed_to_all_together(
    stack: Stack, alice: Person, bob: Person, seal: SealLog
) -> None:
    assert is_problem(await stack.client.get("/v1/audit/liabilities"), 404, "liabilities_not_published")
    await alice.paper_account("777 USDT")
    live_book(stack, alice, "100.50")
    live_book(stack, bob, "9")
    id = publish(stack, seal)

    shown = (await stack.client.get("/v1/audit/liabilities")).json()

    assert (str(shown["id"]), shown["leaves"], shown["owed"], shown["due"]) == (id, 2, {"USDT": "109.5"}, {})
    note = SignedNote.parse(shown["statement"].encode())
    note.require_signature(seal.signer.key, verify)
    assert Statement.parse(note.text).root.hex() == shown["root"]
    assert Checkpoint.parse(SignedNote.parse(shown["checkpoint"].encode()).text).size == shown["log_size"]
    assert alice.account_id not in json.dumps(shown)
    assert (await stack.client.get(f"/v1/audit/liabilities/{id}")).json() == shown
    for other in ("1", "x", "0" + id):
        answer = await stack.client.get(f"/v1/audit/liabilities/{other}")
        assert is_problem(answer, 404, "liabilities_not_published")


async def test_an_owner_gets_their_own_leaf_and_checks_it_offline(
    stack: Stack, alice: Person, bob: Person, operator: Person, seal: SealLog, tmp_path: Path
) -> None:
    live_book(stack, alice, "100.50")
    live_book(stack, bob, "9")
    id = publish(stack, seal)
    key = auditor.Key.parse(str(seal.signer.key), "the key")

    for person, owed in ((alice, "100.5"), (bob, "9")):
        file = tmp_path / "mine.json"
        answer = await person.get(f"/v1/audit/liabilities/{id}/proof")
        file.write_bytes(answer.content)
        report = auditor.liability_report(file, [key], [], None)
        assert report["ok"], report
        assert report["liability"]["owner"] == person.account_id
        assert report["liability"]["owed_to_owner"] == {"USDT": owed}

    path = f"/v1/audit/liabilities/{id}/proof"
    assert is_problem(await operator.get(path), 404, "no_liability"), "no role shows somebody else's"
    assert is_problem(await stack.client.get(path), 401, "not_signed_in")
    unknown = await alice.get("/v1/audit/liabilities/99999/proof")
    assert is_problem(unknown, 404, "liabilities_not_published")


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
