"""Statements over HTTP: in one's own book of a venue account, once, and never half."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.adapters.http.stack import Person, Stack, new_key
from tests.adapters.http.test_problems import is_problem

SAMPLES = Path(__file__).parents[1] / "venue_statements" / "samples"
PRO = (SAMPLES / "coinbase-pro.csv").read_text()
BINANCE = (SAMPLES / "binance.csv").read_text()


async def opened(person: Person, venue_account: str = "coinbase-pro") -> str:
    answer = await person.post("/v1/books", {"venue_account": venue_account})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["book_id"])


async def taken(person: Person, book: str, content: str, query: str = "", **fields: Any) -> Any:
    answer = await person.post(f"/v1/books/{book}/imports{query}", {"content": content, **fields})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_a_statement_is_posted_once(stack: Stack, alice: Person) -> None:
    book = await opened(alice)
    assert await opened(alice) == book
    dry = await taken(alice, book, PRO, "?dry_run=true")
    assert (dry["dry_run"], dry["posted"], len(dry["would_post"])) == (True, 5, 3)
    assert dry["would_post"][1]["venue_fee"] == "-0.0001"
    done = await taken(alice, book, PRO)
    assert (done["dry_run"], done["posted"], done["would_post"]) == (False, 5, [])
    assert done["totals"] == dry["totals"]
    assert (await taken(alice, book, PRO))["already_there"] == 5
    balances = (await alice.get(f"/v1/books/{book}/balances")).json()
    assert (balances["purse"], balances["balanced"]) == ("CONNECTED", True)
    stated = {
        line["asset"]: line["amount"] for line in balances["balances"] if line["account"] == "owner:available"
    }
    assert stated == {"BTC": "-0.5001", "ETH": "-23"}
    assert stack.services.log.load(f"book:{book}").version == 4


async def test_a_repeated_key_is_answered_as_the_first_time(alice: Person) -> None:
    book, key = await opened(alice), new_key()
    path = f"/v1/books/{book}/imports"
    first = await alice.post(path, {"content": PRO}, key=key)
    again = await alice.post(path, {"content": PRO}, key=key)
    assert (again.json(), again.headers["Idempotent-Replayed"]) == (first.json(), "true")
    other = await alice.post(path, {"content": PRO, "partial": True}, key=key)
    assert is_problem(other, 422, "idempotency_key_reused")
    without = await alice.post(path, {"content": PRO}, Idempotency_Key="")
    assert is_problem(without, 400, "idempotency_key_missing")


async def test_what_is_not_understood_is_a_problem_row_by_row(stack: Stack, alice: Person) -> None:
    book = await opened(alice, "binance")
    path, head = f"/v1/books/{book}/imports", stack.services.log.head()
    content = BINANCE + "7,2024-03-05 10:00:00,Spot,ABC,ETH,-15,\n"
    refused = await alice.post(path, {"content": content, "file_name": "mine.csv"})
    assert is_problem(refused, 422, "statement_not_understood")
    data = refused.json()["data"]
    assert data["problems"][0]["file"] == "mine.csv"
    assert {one["row"] for one in data["problems"]} >= {14}
    assert data["opening_needed"] == {}
    assert data["problems"][0]["way_out"].startswith("leave it out with `partial` and book it by hand")
    assert stack.services.log.head() == head
    posted = await taken(alice, book, content, partial=True)
    assert (posted["not_understood"], posted["posted"]) == (1, 12)


async def test_opening_balances_come_first(alice: Person) -> None:
    book = await opened(alice, "binance")
    withdrawal = BINANCE.splitlines()[0] + "\n7,2024-03-04 12:00:00,Spot,Withdraw,BTC,-0.5,\n"
    refused = await alice.post(f"/v1/books/{book}/imports", {"content": withdrawal})
    assert "opening balances (`opening`)" in refused.json()["data"]["problems"][0]["way_out"]
    assert refused.json()["data"]["opening_needed"] == {"BTC": "0.5"}
    opening = "asset,amount,timestamp\nBTC,0.5,2024-01-01 00:00:00\n"
    done = await taken(alice, book, withdrawal, opening=opening, zone="UTC")
    assert (done["posted"], done["totals"]) == (
        2,
        [{"asset": "BTC", "before": "0", "after": "0", "difference": "0", "unexplained": "0",
          "explained": {"opening": "0.5", "withdrawal": "-0.5"}}],
    )  # fmt: skip


async def test_what_is_no_statement_of_mine(stack: Stack, alice: Person, bob: Person) -> None:
    book, paper = await opened(alice), await alice.paper_account("1 BTC")
    path = f"/v1/books/{book}/imports"
    assert is_problem(await alice.post(path, {"content": "a,b\n1,2\n"}), 422, "statement_unreadable")
    assert is_problem(await alice.post(path, {"content": PRO, "format": "nope"}), 422, "invalid_value")
    assert is_problem(await alice.post(path, {"content": PRO, "zone": "CET"}), 422, "invalid_value")
    assert is_problem(await alice.post(path, {"content": PRO, "fiat": "card"}), 422, "invalid_value")
    assert is_problem(await alice.post(path, {}), 422, "invalid_fields")
    assert is_problem(await alice.post(path, {"content": PRO, "path": "/etc/passwd"}), 422, "invalid_fields")
    assert is_problem(await alice.post(path, {"content": "x" * 300_000}), 413, "body_too_large")
    assert is_problem(await bob.post(path, {"content": PRO}), 404, "unknown_book")
    refused = await alice.post(f"/v1/books/{paper}/imports", {"content": PRO})
    assert is_problem(refused, 409, "book_not_connected")
    assert is_problem(await alice.post("/v1/books", {"venue_account": "No Name"}), 422, "invalid_value")
    assert stack.observer.errors == []


async def test_a_dry_run_takes_no_key_and_is_refused_as_the_import_is(
    stack: Stack, alice: Person, operator: Person
) -> None:
    book, key, head = await opened(alice), new_key(), stack.services.log.head()
    path = f"/v1/books/{book}/imports"
    for query in ("?dry_run=true", "?dry_run=true"):
        answer = await alice.post(path + query, {"content": PRO}, Idempotency_Key="")
        assert (answer.status_code, answer.json()["dry_run"], stack.services.log.head()) == (200, True, head)
    first = await alice.post(path, {"content": PRO}, key=key)
    await operator.post(f"/v1/accounts/{alice.account_id}/freezes", {"reason": "looked into"})
    for query in ("?dry_run=true", ""):
        assert is_problem(await alice.post(path + query, {"content": PRO}), 403, "account_frozen")
    again = await alice.post(path, {"content": PRO}, key=key)
    assert (again.json(), again.headers["Idempotent-Replayed"]) == (first.json(), "true")
