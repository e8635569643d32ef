"""Operators hold the books against the venue over HTTP, and deal with what differs."""

from __future__ import annotations

from typing import Any

import pytest

from application.ports.paper_accounts import VenueDeposit
from tests.adapters.http.stack import Person, Stack, new_key
from tests.adapters.http.test_problems import is_problem
from tests.builders import usdt

RUNS, CASES = "/v1/admin/reconciliations", "/v1/admin/reconciliation-cases"


async def broken(stack: Stack, alice: Person, operator: Person) -> tuple[str, dict[str, Any]]:
    """An account with 5 USDT at the venue that no book knows, and its case."""
    account = await alice.paper_account("100 USDT")
    stack.venue.deposit([VenueDeposit(account, "surprise", usdt("5"))])
    answer = await operator.post(RUNS)
    assert answer.status_code == 201, answer.text
    listed = await operator.get(f"{CASES}?status=open&min_position={answer.headers['Evenkeel-Position']}")
    (case,) = listed.json()["items"]
    return account, case


async def test_a_run_says_what_agrees_with_figures(stack: Stack, alice: Person, operator: Person) -> None:
    await alice.paper_account("100 USDT", "2 BTC")

    answer = await operator.post(RUNS)

    run = answer.json()
    assert (run["clean"], run["accounts"], run["lines_matched"], run["open_cases"]) == (True, 1, 2, {})
    totals = {total["asset"]: total for total in run["totals"]}
    assert totals["USDT.PAPER"] == {
        "purse": "PAPER",
        "asset": "USDT.PAPER",
        "wallets": "100",
        "holds": "0",
        "due": "0",
        "revenue": "0",
        "expense": "0",
        "clearing": "0",
        "other": "0",
        "custody": "100",
        "compared": "100",
        "reported": "100",
        "adds_up": True,
        "agrees": True,
    }
    assert (await operator.get(answer.headers["Location"])).json() == run
    listed = await operator.get(f"{RUNS}?min_position={answer.headers['Evenkeel-Position']}")
    (line,) = listed.json()["items"]
    assert (line["run_id"], line["clean"], line["by"]) == (run["run_id"], True, operator.account_id)
    assert run["source"] == "paper"


async def test_a_repeated_request_is_one_run(stack: Stack, alice: Person, operator: Person) -> None:
    account, key = await alice.paper_account("100 USDT"), new_key()
    first = await operator.post(RUNS, key=key)
    stack.venue.deposit([VenueDeposit(account, "surprise", usdt("5"))])

    again = await operator.post(RUNS, key=key)

    assert again.json() == first.json()
    assert again.headers["Idempotent-Replayed"] == "true"
    assert len((await operator.get(RUNS)).json()["items"]) == 1
    assert (await operator.get(CASES)).json()["items"] == []


async def test_runs_are_paged_newest_first(stack: Stack, operator: Person) -> None:
    made = [(await operator.post(RUNS)).json()["run_id"] for _ in range(3)]

    first = (await operator.get(f"{RUNS}?limit=2")).json()
    rest = (await operator.get(f"{RUNS}?limit=2&cursor={first['next_cursor']}")).json()

    assert [run["run_id"] for run in (*first["items"], *rest["items"])] == made[::-1]
    assert rest["next_cursor"] is None


async def test_a_case_has_age_owner_amount_and_a_suggested_entry(
    stack: Stack, alice: Person, operator: Person
) -> None:
    account, case = await broken(stack, alice, operator)

    assert (case["kind"], case["subject"], case["status"]) == ("missing_here", "transfer:surprise", "open")
    assert (case["owner_id"], case["book_id"]) == (alice.account_id, account)
    assert case["difference"] == [{"amount": "5", "asset": "USDT.PAPER"}]
    assert case["age_seconds"] == 0
    assert case["suggestion"]["postings"] == [
        {"account": f"custody:{account}", "asset": "USDT.PAPER", "amount": "5"},
        {"account": "suspense", "asset": "USDT.PAPER", "amount": "-5"},
    ]
    assert (await operator.get(f"{CASES}/{case['case_id']}")).json() == case
    assert (await operator.get(f"{CASES}?kind=external")).json()["items"] == []


async def test_what_differs_is_posted_to_suspense_once(stack: Stack, alice: Person, operator: Person) -> None:
    account, case = await broken(stack, alice, operator)
    path = f"{CASES}/{case['case_id']}/suspense-postings"
    before = (await alice.get("/v1/wallets")).json()

    posted = await operator.post(path, {"reason": "ticket 4711"})

    assert posted.status_code == 201, posted.text
    assert posted.json()["entry_id"] == f"suspense:{case['case_id']}:1"
    assert posted.json()["postings"][1] == {"account": "suspense", "asset": "USDT.PAPER", "amount": "-5"}
    assert (await alice.get("/v1/wallets")).json() == before
    (entry,) = (await alice.get(posted.headers["Location"])).json()["items"]
    assert entry["kind"] == "suspense"
    assert is_problem(await operator.post(path, {"reason": "again"}), 409, "case_not_open")
    run = (await operator.post(RUNS)).json()
    assert run["open_cases"] == {"not_cleared": 1}
    assert run["totals"][0]["agrees"]
    (stands,) = (await operator.get(f"{CASES}?status=open")).json()["items"]
    nothing = f"{CASES}/{stands['case_id']}/suspense-postings"
    assert is_problem(await operator.post(nothing, {"reason": "x"}), 409, "nothing_to_post")
    assert account == stands["book_id"]


async def test_a_case_is_resolved_with_a_reason(stack: Stack, alice: Person, operator: Person) -> None:
    _, case = await broken(stack, alice, operator)

    answer = await operator.post(f"{CASES}/{case['case_id']}/resolutions", {"reason": "a gift"})

    assert (answer.status_code, answer.json()["outcome"]) == (200, "accepted")
    assert (await operator.post(RUNS)).json()["clean"]
    closed = (await operator.get(f"{CASES}/{case['case_id']}")).json()
    assert (closed["status"], closed["reason"], closed["closed_by"]) == (
        "closed",
        "a gift",
        operator.account_id,
    )


@pytest.mark.parametrize("path", [RUNS, f"{RUNS}/x", CASES, f"{CASES}/x"])
async def test_only_operators_look(stack: Stack, alice: Person, path: str) -> None:
    assert is_problem(await alice.get(path), 403, "forbidden")


async def test_only_operators_act(stack: Stack, alice: Person, operator: Person) -> None:
    _, case = await broken(stack, alice, operator)
    for path, body in (
        (RUNS, {}),
        (f"{CASES}/{case['case_id']}/resolutions", {"reason": "x"}),
        (f"{CASES}/{case['case_id']}/suspense-postings", {"reason": "x"}),
    ):
        assert is_problem(await alice.post(path, body), 403, "forbidden")


async def test_what_is_not_there_or_not_a_choice_is_refused(stack: Stack, operator: Person) -> None:
    assert is_problem(await operator.get(f"{RUNS}/nope"), 404, "unknown_reconciliation")
    assert is_problem(await operator.get(f"{CASES}/nope"), 404, "unknown_case")
    for step in ("resolutions", "suspense-postings"):
        refused = await operator.post(f"{CASES}/nope/{step}", {"reason": "x"})
        assert is_problem(refused, 404, "unknown_case")
    assert is_problem(await operator.get(f"{CASES}?status=lost"), 422, "invalid_value")
    assert is_problem(await operator.get(f"{CASES}?kind=lost"), 422, "invalid_value")
