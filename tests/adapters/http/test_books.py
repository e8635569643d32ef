"""Books: balances on both axes of time, statements, entries by filter, and corrections."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from application.ports.commands import Result
from application.streams import book_stream
from application.work import Work
from tests.adapters.http.stack import START, Person, Stack
from tests.adapters.http.test_problems import is_problem
from tests.builders import Decide, usdt

NOBODYS = "book-of-nobody"


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
