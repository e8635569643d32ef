"""Operators see the orders that something is odd about, and say what came of them."""

from __future__ import annotations

from application.orders.review_order import FlagOrder
from domain.orders.order import OVERFILL
from tests.adapters.http.stack import START, Person, Stack
from tests.adapters.http.test_problems import is_problem
from tests.adapters.http.trading import trade

HOUR = int(START.timestamp()) // 3600
ORDERS = "/v1/admin/orders"


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


async def test_a_review_needs_a_reason_an_order_and_an_operator(alice: Person, operator: Person) -> None:
    assert is_problem(await operator.post(f"{ORDERS}/nope/reviews", {"reason": "x"}), 404, "unknown_order")
    assert is_problem(await operator.post(f"{ORDERS}/nope/reviews", {"reason": " "}), 422, "invalid_fields")
    assert (await alice.post(f"{ORDERS}/nope/reviews", {"reason": "x"})).status_code in (403, 404)
    assert (await alice.get(ORDERS)).status_code in (403, 404)
