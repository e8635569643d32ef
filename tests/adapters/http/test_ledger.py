"""Operators over HTTP: batches, holds, totals, and the dry run of each."""

from __future__ import annotations

from typing import Any

import pytest

from tests.adapters.http.stack import Person, Stack, new_key
from tests.adapters.http.test_problems import is_problem


@pytest.fixture
async def operator(stack: Stack) -> Person:
    return await stack.person("operator@example.org", "operator")


def entry(book: str, amount: str = "5", **more: Any) -> dict[str, Any]:
    legs = [("equity:adjustment", amount), ("owner:available", f"-{amount}")]
    postings = [{"account": name, "asset": "USDT.PAPER", "amount": given} for name, given in legs]
    return {"book_id": book, "reason": "charged twice", "postings": postings, **more}


async def held(person: Person, book: str) -> list[dict[str, Any]]:
    answer = await person.get(f"/v1/books/{book}/holds")
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["items"]
    return found


async def test_a_batch_is_posted_whole_and_seen_by_its_owners(
    stack: Stack, alice: Person, bob: Person, operator: Person
) -> None:
    books = [await alice.paper_account("100 USDT"), await bob.paper_account("7 USDT")]
    body = {
        "entries": [entry(books[0], metadata={"ticket": "OPS-7"}), entry(books[1], "1", reference="case-1")]
    }
    head, key = stack.services.log.head(), new_key()

    dry = await operator.post("/v1/ledger/batches?dry_run=true", body, key=key)
    assert (dry.status_code, dry.json()["dry_run"], stack.services.log.head()) == (200, True, head)
    done = await operator.post("/v1/ledger/batches", body, key=key)

    assert done.status_code == 201, done.text
    assert {**done.json(), "dry_run": True} == dry.json()
    assert [one["book_id"] for one in done.json()["entries"]] == books
    again = await operator.post("/v1/ledger/batches", body, key=key)
    assert (again.json(), again.headers["Idempotent-Replayed"]) == (done.json(), "true")
    position = done.headers["Evenkeel-Position"]
    found = await alice.get(f"/v1/books/{books[0]}/entries?metadata=ticket%3DOPS-7&min_position={position}")
    (seen,) = found.json()["items"]
    assert (seen["kind"], seen["reason"], seen["metadata"]) == (
        "adjustment",
        "charged twice",
        {"ticket": "OPS-7"},
    )
    assert (await alice.get(f"/v1/books/{books[0]}/entries?metadata=ticket%3Dother")).json()["items"] == []


async def test_a_batch_with_one_wrong_entry_posts_nothing_and_says_which(
    stack: Stack, alice: Person, operator: Person
) -> None:
    book = await alice.paper_account("100 USDT")
    wrong = entry(book)
    wrong["postings"][0]["account"] = f"custody:{book}"
    head = stack.services.log.head()
    for path in ("/v1/ledger/batches", "/v1/ledger/batches?dry_run=true"):
        refused = await operator.post(path, {"entries": [entry(book), wrong]})
        assert is_problem(refused, 422, "adjustment_not_allowed")
        assert refused.json()["data"]["index"] == "1"
    assert stack.services.log.head() == head
    wrong_ones: list[list[dict[str, Any]]] = [[], [{**entry(book), "metadata": {"A": "b"}}], [{}]]
    for bad in wrong_ones:
        assert is_problem(await operator.post("/v1/ledger/batches", {"entries": bad}), 422, "invalid_fields")
    assert is_problem(
        await operator.post("/v1/ledger/batches", {"entries": [entry("nothing")]}), 404, "unknown_book"
    )
    assert is_problem(await alice.post("/v1/ledger/batches", {"entries": [entry(book)]}), 403, "forbidden")


async def test_a_hold_is_placed_settled_and_released(
    stack: Stack, alice: Person, bob: Person, operator: Person
) -> None:
    book = await alice.paper_account("100 USDT")
    path = f"/v1/books/{book}/holds"
    body = {"amount": "60", "asset": "USDT", "reason": "a dispute", "expires_at": "2999-01-01T00:00:00Z"}
    assert (await operator.post(f"{path}?dry_run=true", body)).status_code == 200
    assert await held(alice, book) == []

    placed = await operator.post(path, body)
    assert (placed.status_code, placed.json()["left"]) == (201, "60 USDT.PAPER")
    hold = placed.json()["hold_id"]
    (seen,) = await held(alice, book)
    assert (seen["left"], seen["status"], seen["expires_at"]) == ("60", "open", "2999-01-01T00:00:00Z")
    assert await held(operator, book) == [seen]
    assert is_problem(await bob.get(path), 404, "unknown_book")
    assert is_problem(await alice.post(path, body), 403, "forbidden")
    (wallet,) = (await alice.get("/v1/wallets")).json()["items"]
    assert (wallet["available"], wallet["held"], wallet["total"]) == ("40", "60", "100")

    one = f"{path}/{hold}"
    settle = {"to": "revenue:dispute", "amount": "25", "reason": "lost"}
    assert (await operator.post(f"{one}/settlements?dry_run=true", settle)).json()["left"] == "35 USDT.PAPER"
    settled = await operator.post(f"{one}/settlements", settle)
    assert (settled.status_code, settled.json()["left"]) == (201, "35 USDT.PAPER")
    too_much = await operator.post(f"{one}/settlements", {**settle, "amount": "36"})
    assert is_problem(too_much, 409, "insufficient_funds")
    assert too_much.json()["data"]["available"] == "35 USDT.PAPER"
    assert (await operator.post(f"{one}/releases?dry_run=true", {"reason": "won"})).status_code == 200
    assert (await operator.post(f"{one}/releases", {"reason": "won"})).json()["status"] == "released"
    assert is_problem(await operator.post(f"{one}/releases", {"reason": "won"}), 409, "hold_not_open")
    assert is_problem(await operator.post(f"{path}/nope/settlements", settle), 404, "unknown_hold")
    assert (await alice.get(f"{path}?status=open")).json()["items"] == []


async def test_totals_are_for_operators_now_and_then(stack: Stack, alice: Person, operator: Person) -> None:
    book = await alice.paper_account("100 USDT")
    then = stack.services.log.head()
    await operator.post("/v1/ledger/batches", {"entries": [entry(book)]})

    (now,) = (await operator.get("/v1/admin/totals")).json()["totals"]
    assert (now["owed"], now["equity"], now["custody"], now["balanced"]) == ("105", "-5", "100", True)
    (before,) = (await operator.get(f"/v1/admin/totals?at={then}")).json()["totals"]
    assert (before["owed"], before["equity"]) == ("100", "0")
    assert is_problem(await alice.get("/v1/admin/totals"), 403, "forbidden")


async def test_a_reversal_is_shown_first_and_marked_on_what_it_takes_back(
    stack: Stack, alice: Person, operator: Person
) -> None:
    book = await alice.paper_account("100 USDT")
    path, body = f"/v1/books/{book}/reversals", {"entry": "opening:USDT", "reason": "not his"}
    dry = await operator.post(f"{path}?dry_run=true", body)
    assert (dry.status_code, dry.json()["dry_run"]) == (200, True)
    done = await operator.post(path, body)
    assert {**done.json(), "dry_run": True} == dry.json()
    assert is_problem(await operator.post(f"{path}?dry_run=true", body), 409, "fact_already_recorded")
    items = (
        await alice.get(f"/v1/books/{book}/entries?min_position={done.headers['Evenkeel-Position']}")
    ).json()
    reversal, opening = items["items"]
    assert (reversal["reverses"], opening["reversed_by"]) == ("opening:USDT", "reversal:opening:USDT")
    ever = "from=2020-01-01T00:00:00Z&to=2999-01-01T00:00:00Z"
    stated = (await alice.get(f"/v1/books/{book}/statement?{ever}")).json()["items"]
    assert [item["reversed_by"] for item in stated] == ["reversal:opening:USDT", ""]


async def test_a_parameter_that_a_route_does_not_know_is_refused(alice: Person) -> None:
    book = await alice.paper_account("100 USDT")
    for path in (f"/v1/books/{book}/entries?acount=owner:available", "/v1/bots?Limit=1", "/v1/wallets?x"):
        refused = await alice.get(path)
        assert is_problem(refused, 422, "unknown_parameter")
    twice = await alice.get(f"/v1/books/{book}/entries?kind=fill&kind=hold")
    assert (is_problem(twice, 422, "unknown_parameter"), twice.json()["data"]) == (True, {"field": "kind"})
    assert "metadata" in (await alice.get(f"/v1/books/{book}/entries?meta=1")).json()["detail"]


@pytest.mark.parametrize("reason", ["", "   ", "two\nlines", "w" * 501])
async def test_whatever_is_done_by_hand_has_a_reason_of_one_line(
    alice: Person, operator: Person, reason: str
) -> None:
    book = await alice.paper_account("100 USDT")
    for path, body in (
        (f"/v1/books/{book}/holds", {"amount": "1", "asset": "USDT"}),
        (f"/v1/books/{book}/reversals", {"entry": "opening:USDT"}),
        ("/v1/admin/reconciliation-cases/case-1/resolutions", {}),
        ("/v1/admin/reconciliation-cases/case-1/suspense-postings", {}),
    ):
        answer = await operator.post(path, {**body, "reason": reason})
        assert is_problem(answer, 422, "invalid_fields"), answer.text
        assert [one["field"] for one in answer.json()["data"]["errors"]] == ["reason"]


async def test_metadata_without_a_value_says_how_it_is_written(alice: Person) -> None:
    book = await alice.paper_account("100 USDT")
    answer = await alice.get(f"/v1/books/{book}/entries?metadata=ticket")
    assert is_problem(answer, 422, "invalid_value")
    assert "write it as key=value" in answer.json()["detail"]
