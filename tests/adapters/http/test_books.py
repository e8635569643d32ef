"""Books: balances on both axes of time, statements, entries by filter, and corrections."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from application.ports.commands import Result
from application.streams import book_stream
from application.work import Work
from tests.adapters.http.stack import START, Person, Stack, new_key
from tests.adapters.http.test_problems import is_problem
from tests.adapters.http.trading import trade
from tests.builders import Decide, usdt

NOBODYS = "book-of-nobody"
HOUR = int(START.timestamp()) // 3600


def deposit(stack: Stack, book_id: str, amount: str, entry_id: str, effective_at: datetime) -> str:
    """Recorded now, in effect then; its position."""

    def decide(work: Work) -> Result:
        credited = work.book(book_id).credit_deposit(usdt(amount), entry_id=entry_id, at=effective_at)
        work.record(book_stream(book_id), credited)
        return {}

    return f"0-{stack.command(Decide(decide)).position}"


async def available(person: Person, book_id: str, query: str) -> str | None:
    answer = await person.get(f"/v1/books/{book_id}/balances?{query}")
    assert answer.status_code == 200, answer.text
    lines: list[dict[str, Any]] = answer.json()["balances"]
    return next((str(line["amount"]) for line in lines if line["account"] == "owner:available"), None)


async def test_an_entry_recorded_late_counts_from_when_it_took_effect(stack: Stack, alice: Person) -> None:
    """Given 100 at noon and, recorded twenty minutes later, 7 that came at 11:00."""
    book = await alice.paper_account("100 USDT")
    noon = stack.services.log.head()
    stack.clock.move_to(START + timedelta(minutes=20))
    deposit(stack, book, "7", "late", START - timedelta(hours=1))

    for query, amount in (
        ("", "-107"),
        (f"at={noon}", "-100"),
        ("effective_at=2026-03-01T10:59:59Z", None),
        ("effective_at=2026-03-01T11:00:00Z", "-7"),
        ("effective_at=2026-03-01T12:00:00%2B01:00", "-7"),
        ("effective_at=2026-03-01T11:59:59Z", "-7"),
        ("effective_at=2026-03-01T12:00:00Z", "-107"),
        ("effective_at=2999-01-01T00:00:00Z", "-107"),
        (f"at={noon}&effective_at=2026-03-01T11:30:00Z", None),  # nobody knew of it then
        (f"at={noon}&effective_at=2026-03-01T12:00:00Z", "-100"),
    ):
        assert await available(alice, book, query) == amount, query
    trial = (await alice.get(f"/v1/books/{book}/trial-balance?effective_at=2026-03-01T11:30:00Z")).json()
    assert (trial["balanced"], trial["sums"]) == (True, {"USDT.PAPER": "0"})


@pytest.mark.parametrize("what", ["balances", "trial-balance"])
async def test_the_other_axis_is_a_time_and_on_ones_own_books(alice: Person, bob: Person, what: str) -> None:
    book = await alice.paper_account("100 USDT")
    for wrong in ("0-1", "yesterday", "2026-03-01", "2026-03-01T12:00:00", ""):
        refused = await alice.get(f"/v1/books/{book}/{what}?effective_at={wrong}")
        assert is_problem(refused, 422, "invalid_value"), wrong
        assert refused.json()["data"]["field"] == "effective_at"
    for foreign in (book, NOBODYS):
        answer = await bob.get(f"/v1/books/{foreign}/{what}?effective_at=2026-03-01T12:00:00Z")
        assert is_problem(answer, 404, "unknown_book")


# -- Statements ----------------------------------------------------------------------------------------------

PERIOD = "from=2026-03-01T11:00:00Z&to=2026-03-01T13:00:00Z"


async def test_a_statement_has_openings_entries_fees_and_closings(stack: Stack, alice: Person) -> None:
    account = await alice.paper_account("1000 USDT", base_scale="8", quote_scale="8")
    stack.clock.move_to(START + timedelta(minutes=10))
    bot = await alice.bot(paper_account_id=account, allocation="500")
    await alice.post(f"/v1/bots/{bot}/starts")
    trade(stack, bot, "buy", HOUR, "100")

    answer = (
        await alice.get(
            f"/v1/books/{account}/statement?from=2026-03-01T12:05:00Z&to=2026-03-01T12:15:00Z&by=recorded"
        )
    ).json()

    lines = {(line["account"], line["asset"]): line for line in answer["lines"]}
    assert lines["owner:available", "USDT.PAPER"] | {"account": "", "asset": ""} == {
        "account": "",
        "asset": "",
        "opening": "-1000",
        "movement": "500",
        "closing": "-500",
    }
    assert [item["kind"] for item in answer["items"]] == ["allocation", "hold", "fill", "release"]
    assert (answer["adds_up"], answer["next_cursor"]) == (True, None)
    (fee,) = [item["venue_fee"] for item in answer["items"] if item["kind"] == "fill"]
    assert answer["venue_fees"] == {"USDT.PAPER": fee}
    allocated = answer["items"][0]["legs"]
    assert [(leg["account"], leg["amount"], leg["balance"]) for leg in allocated] == [
        ("owner:available", "500", "-500"),
        (f"owner:bot:{bot}", "-500", "-500"),
    ]
    of_one = f"{PERIOD}&account=owner:available"
    one = (await alice.get(f"/v1/books/{account}/statement?{of_one}")).json()
    assert {line["account"] for line in one["lines"]} == {"owner:available"}
    assert [item["kind"] for item in one["items"]] == ["paper_funding", "allocation"]
    assert one["venue_fees"] == {}
    unknown = (await alice.get(f"/v1/books/{account}/statement?{PERIOD}&account=owner:bot:nope")).json()
    assert (unknown["lines"], unknown["items"]) == ([], [])


async def test_the_pages_of_a_statement_are_of_one_moment(stack: Stack, alice: Person) -> None:
    """What is recorded while somebody turns the pages is in the next statement, not in this one."""
    book = await alice.paper_account("100 USDT")
    for number in range(4):
        deposit(stack, book, "1", f"d-{number}", START - timedelta(minutes=number))

    path = f"/v1/books/{book}/statement?{PERIOD}&by=effective&limit=2"
    first = (await alice.get(path)).json()
    deposit(stack, book, "7", "late", START - timedelta(minutes=30))
    second = (await alice.get(f"{path}&cursor={first['next_cursor']}")).json()
    third = (await alice.get(f"{path}&cursor={second['next_cursor']}")).json()

    items = [*first["items"], *second["items"], *third["items"]]
    assert [item["entry_id"] for item in items] == ["d-3", "d-2", "d-1", "opening:USDT", "d-0"]
    assert [item["legs"][1]["balance"] for item in items] == ["-1", "-2", "-3", "-103", "-104"]
    assert third["next_cursor"] is None
    assert first["lines"] == second["lines"] == third["lines"]
    assert (await alice.get(path)).json()["items"][0]["entry_id"] == "late"


async def test_a_statement_is_refused_in_words(alice: Person, bob: Person) -> None:
    book = await alice.paper_account("100 USDT")
    for query, field in (
        ("from=x&to=2026-03-01T13:00:00Z", "from"),
        ("from=2026-03-01T13:00:00Z&to=0-1", "to"),
        ("from=2026-03-01T13:00:00Z&to=2026-03-01T12:00:00Z", "to"),
        (f"{PERIOD}&by=position", "by"),
        (f"{PERIOD}&cursor=5", "cursor"),
        (f"{PERIOD}&account=Owner", "account"),
    ):
        refused = await alice.get(f"/v1/books/{book}/statement?{query}")
        assert is_problem(refused, 422, "invalid_value"), query
        assert refused.json()["data"]["field"] == field
    missing = await alice.get(f"/v1/books/{book}/statement?to=2026-03-01T13:00:00Z")
    assert is_problem(missing, 422, "invalid_fields")
    for foreign in (book, NOBODYS):
        answer = await bob.get(f"/v1/books/{foreign}/statement?{PERIOD}")
        assert is_problem(answer, 404, "unknown_book")


# -- Entries by filter ---------------------------------------------------------------------------------------


async def test_entries_by_what_they_are_touch_and_belong_to(stack: Stack, alice: Person) -> None:
    account = await alice.paper_account("1000 USDT", base_scale="8", quote_scale="8")
    bot = await alice.bot(paper_account_id=account, allocation="500")
    await alice.post(f"/v1/bots/{bot}/starts")
    stack.clock.move_to(START + timedelta(minutes=10))
    order = trade(stack, bot, "buy", HOUR, "100")
    deposit(stack, account, "7", "late", START - timedelta(hours=1))

    for query, kinds in (
        ("", ["deposit", "release", "fill", "hold", "allocation", "paper_funding"]),
        ("kind=fill", ["fill"]),
        ("asset=BTC", ["fill"]),
        ("asset=BTC.PAPER&account=owner:available", []),  # one leg has both
        ("account=owner:available", ["deposit", "allocation", "paper_funding"]),
        (f"reference={order}", ["release", "fill", "hold"]),
        (f"bot={bot}", ["release", "fill", "hold", "allocation"]),
        (f"bot={bot}&account=owner:available", ["allocation"]),
        ("recorded_from=2026-03-01T12:10:00Z", ["deposit", "release", "fill", "hold"]),
        ("recorded_to=2026-03-01T12:10:00Z", ["allocation", "paper_funding"]),
        ("effective_to=2026-03-01T12:00:00Z", ["deposit"]),
        ("effective_from=2026-03-01T11:00:00Z&effective_to=2026-03-01T11:00:01Z", ["deposit"]),
        ("kind=unheard_of", []),
        ("account=owner:bot:nobody", []),
        ("reference=nothing", []),
        ("asset=NONE", []),
        ("bot=nobody", []),
    ):
        found = (await alice.get(f"/v1/books/{account}/entries?{query}")).json()
        assert [item["kind"] for item in found["items"]] == kinds, query
    first = (await alice.get(f"/v1/books/{account}/entries?bot={bot}&limit=3")).json()
    rest = (await alice.get(f"/v1/books/{account}/entries?bot={bot}&cursor={first['next_cursor']}")).json()
    assert [item["kind"] for item in rest["items"]] == ["allocation"]


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("account", "Owner:available"),
        ("account", "owner:"),
        ("account", "owner:a%20b"),
        ("asset", "usdt"),
        ("kind", "a%20fill"),
        ("reference", ""),
        ("bot", "%F0%9F%A4%96"),
        ("effective_from", "yesterday"),
        ("effective_to", "0-1"),
        ("recorded_from", "2026-03-01"),
        ("recorded_to", "2026-03-01T12:00:00"),
    ],
)
async def test_what_cannot_be_a_filter_is_refused(alice: Person, field: str, wrong: str) -> None:
    book = await alice.paper_account("100 USDT")
    refused = await alice.get(f"/v1/books/{book}/entries?{field}={wrong}")
    assert is_problem(refused, 422, "invalid_value")
    assert refused.json()["data"]["field"] == field


async def test_no_filter_leads_to_somebody_elses_entries(alice: Person, bob: Person) -> None:
    book = await alice.paper_account("100 USDT")
    for foreign in (book, NOBODYS):
        answer = await bob.get(f"/v1/books/{foreign}/entries?account=owner:available")
        assert is_problem(answer, 404, "unknown_book")


# -- Corrections ---------------------------------------------------------------------------------------------


async def test_an_operator_takes_an_entry_back_once(stack: Stack, alice: Person, operator: Person) -> None:
    book = await alice.paper_account("100 USDT")
    position = deposit(stack, book, "7", "d-1", START)
    path, body, key = f"/v1/books/{book}/reversals", {"entry": "d-1", "reason": "booked twice"}, new_key()

    made = await operator.post(path, body, key=key)

    assert made.status_code == 201, made.text
    assert made.headers["Location"] == f"/v1/books/{book}/entries?kind=reversal"
    answer = made.json()
    assert (answer["book_id"], answer["reverses"], answer["reason"]) == (book, "d-1", "booked twice")
    (entry,) = answer["entries"]
    assert (entry["entry_id"], entry["kind"]) == ("reversal:d-1", "reversal")
    assert entry["postings"][1] == {"account": "owner:available", "asset": "USDT.PAPER", "amount": "7"}
    assert await available(alice, book, "") == "-100"
    again = await operator.post(path, body, key=key)
    assert (again.status_code, again.content) == (201, made.content)
    assert again.headers["Idempotent-Replayed"] == "true"
    for named in ("d-1", position):
        refused = await operator.post(path, {"entry": named, "reason": "again"})
        assert is_problem(refused, 409, "fact_already_recorded")
    (seen,) = (await alice.get(made.headers["Location"])).json()["items"]
    assert (seen["reverses"], seen["reason"]) == ("d-1", "booked twice")
    stated = (await alice.get(f"/v1/books/{book}/statement?{PERIOD}")).json()["items"]
    assert [(item["entry_id"], item["reverses"]) for item in stated][-1] == ("reversal:d-1", "d-1")


async def test_a_correction_is_refused_in_words(alice: Person, bob: Person, operator: Person) -> None:
    book = await alice.paper_account("100 USDT")
    path, body = f"/v1/books/{book}/reversals", {"entry": "opening:USDT", "reason": "x"}
    for person in (alice, bob):
        assert is_problem(await person.post(path, body), 403, "forbidden")
    assert is_problem(await operator.post(path, {**body, "reason": ""}), 422, "invalid_fields")
    assert is_problem(await operator.post(path, {**body, "reason": " "}), 422, "invalid_fields")
    for nothing in ("d-9", "0-1", "0-999999"):
        assert is_problem(await operator.post(path, {**body, "entry": nothing}), 404, "unknown_entry")
    foreign = await operator.post(f"/v1/books/{NOBODYS}/reversals", body)
    assert is_problem(foreign, 404, "unknown_book")
    bot = await alice.bot(paper_account_id=book, allocation="60")
    await alice.post(f"/v1/bots/{bot}/starts")
    spent = await operator.post(path, body)
    assert is_problem(spent, 409, "insufficient_funds")
    assert spent.json()["data"]["available"] == "40 USDT.PAPER"
    (allocation,) = (await alice.get(f"/v1/books/{book}/entries?kind=allocation")).json()["items"]
    given_back = {"entry": allocation["position"], "reason": "x"}
    assert (await operator.post(path, given_back)).status_code == 201
    assert (await operator.post(path, body)).status_code == 201
    reversal = await operator.post(path, {"entry": "reversal:opening:USDT", "reason": "x"})
    assert is_problem(reversal, 409, "entry_not_reversible")


async def test_an_entry_of_one_book_is_not_reversed_in_another(alice: Person, operator: Person) -> None:
    ours, other = await alice.paper_account("100 USDT"), await alice.paper_account("50 BTC")
    (entry,) = (await alice.get(f"/v1/books/{other}/entries")).json()["items"]
    body = {"entry": entry["position"], "reason": "x"}
    assert is_problem(await operator.post(f"/v1/books/{ours}/reversals", body), 404, "unknown_entry")
