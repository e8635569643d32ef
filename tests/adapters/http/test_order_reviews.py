"""Operators see the orders that something is odd about, and say what came of them."""

from __future__ import annotations

from application.orders.record_report import RecordUnknownOutcome
from application.orders.review_order import FlagOrder
from domain.orders.order import NO_PROOF, OVERFILL
from tests.adapters.http.stack import START, Person, Stack, new_key
from tests.adapters.http.test_problems import is_problem
from tests.adapters.http.trading import intend, trade

HOUR = int(START.timestamp()) // 3600
ORDERS = "/v1/admin/orders"


async def held(owner: Person, book: str) -> list[str]:
    """The accounts of a book that a hold stands on."""
    balances = (await owner.get(f"/v1/books/{book}/balances")).json()["balances"]
    return [line["account"] for line in balances if line["account"].startswith("owner:held:")]


async def test_an_order_waits_until_an_operator_has_looked(
    stack: Stack, alice: Person, operator: Person
) -> None:
    await alice.paper_account("1000 USDT", base_scale="8", quote_scale="8")
    bot = await alice.bot(allocation="500")
    await alice.post(f"/v1/bots/{bot}/starts")
    order_id = trade(stack, bot, "buy", HOUR, "100")
    assert (await operator.get(ORDERS)).json()["items"] == []
    position = stack.command(FlagOrder(order_id, OVERFILL, "0.1 more than was ordered")).position

    listed = await operator.get(f"{ORDERS}?min_position=0-{position}")
    (order,) = listed.json()["items"]
    shown = (await alice.get(f"/v1/orders/{order_id}")).json()
    for one in (order, shown):
        assert one["needs_review"] is True
        assert one["flagged_for"] == "overfill: 0.1 more than was ordered"

    reviewed = await operator.post(f"{ORDERS}/{order_id}/reviews", {"reason": "the venue confirmed it"})
    assert reviewed.status_code == 200, reviewed.text
    assert reviewed.json() == {"client_order_id": order_id, "needs_review": False}
    left = await operator.get(f"{ORDERS}?min_position={reviewed.headers['Evenkeel-Position']}")
    assert left.json()["items"] == []


async def test_what_nothing_proves_ends_by_an_operators_word(
    stack: Stack, alice: Person, operator: Person
) -> None:
    book = await alice.paper_account("1000 USDT", base_scale="8", quote_scale="8")
    bot = await alice.bot(allocation="500")
    await alice.post(f"/v1/bots/{bot}/starts")
    order_id = intend(stack, bot, "buy", HOUR, "100").client_order_id
    stack.command(RecordUnknownOutcome(order_id, "no answer")).unwrap()
    path, word = f"{ORDERS}/{order_id}/reviews", {"reason": "neither order nor trade there"}
    ended = {**word, "never_opened": True}

    assert is_problem(await operator.post(path, ended), 422, "invalid_value")  # nothing is in doubt
    stack.command(FlagOrder(order_id, NO_PROOF, "not found, and nothing expires there")).unwrap()
    assert is_problem(await operator.post(path, {**word, "never_opened": "yes"}), 422, "invalid_fields")
    assert (await operator.post(path, word)).status_code == 200
    assert (await alice.get(f"/v1/orders/{order_id}")).json()["status"] == "unknown"
    assert await held(alice, book)
    key = new_key()
    reviewed = await operator.post(path, ended, key=key)
    assert reviewed.json() == {"client_order_id": order_id, "needs_review": False}
    assert (await operator.post(path, ended, key=key)).json() == reviewed.json()
    position = reviewed.headers["Evenkeel-Position"]
    await operator.get(f"{ORDERS}?min_position={position}")
    shown = (await alice.get(f"/v1/orders/{order_id}")).json()
    assert (shown["status"], shown["needs_review"]) == ("refused", False)
    assert await held(alice, book) == []
    assert is_problem(await operator.post(path, ended), 422, "invalid_value")  # it has ended
    assert is_problem(await operator.post(path, word, key=key), 422, "idempotency_key_reused")


async def test_a_review_needs_a_reason_an_order_and_an_operator(alice: Person, operator: Person) -> None:
    assert is_problem(await operator.post(f"{ORDERS}/nope/reviews", {"reason": "x"}), 404, "unknown_order")
    assert is_problem(await operator.post(f"{ORDERS}/nope/reviews", {"reason": " "}), 422, "invalid_fields")
    assert (await alice.post(f"{ORDERS}/nope/reviews", {"reason": "x"})).status_code in (403, 404)
    assert (await alice.get(ORDERS)).status_code in (403, 404)
