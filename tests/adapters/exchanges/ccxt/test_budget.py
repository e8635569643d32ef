"""One rate budget for all who share a venue's limit (safety §4 row 15: rate at or below the limit)."""

from __future__ import annotations

import asyncio

import pytest

from adapters.exchanges.ccxt.budget import OverBudget, Priority, RateBudget


class Clock:
    """Monotonic seconds; the loop's timers are real, so a test moves it and looks again."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


async def served(budget: RateBudget, clock: Clock, seconds: float) -> None:
    """So much time passes, and whoever may go, goes."""
    await settled()  # whoever is new has asked
    clock.now += seconds
    budget._serve()
    await settled()


async def settled() -> None:
    """Every coroutine has gone as far as it can."""
    for _ in range(5):
        await asyncio.sleep(0)


def asked(
    budget: RateBudget, order: list[str], name: str, priority: Priority, cost: float = 1
) -> asyncio.Task[None]:
    async def ask() -> None:
        await budget.take(cost, priority, longest_s=60)
        order.append(name)

    return asyncio.create_task(ask())


async def test_a_burst_is_free_and_the_rest_is_paced(clock: Clock) -> None:
    budget, order = RateBudget(per_s=2, burst=4, now_s=clock), list[str]()
    tasks = [asked(budget, order, str(n), Priority.CANCEL) for n in range(8)]

    await served(budget, clock, 0)
    assert len(order) == 4
    await served(budget, clock, 1)
    assert len(order) == 6
    await served(budget, clock, 1)
    assert order == [str(n) for n in range(8)]
    await asyncio.gather(*tasks)


async def test_cancels_go_before_creates_before_queries_before_market_data(clock: Clock) -> None:
    budget, order = RateBudget(per_s=1, burst=10, now_s=clock), list[str]()
    budget.used(1.0)
    tasks = [
        asked(budget, order, priority.name, priority)
        for priority in (Priority.MARKET_DATA, Priority.QUERY, Priority.CREATE, Priority.CANCEL)
    ]
    await asyncio.sleep(0)

    for _ in range(20):
        await served(budget, clock, 1)

    assert order == ["CANCEL", "CREATE", "QUERY", "MARKET_DATA"]
    await asyncio.gather(*tasks)


async def test_who_only_watches_leaves_room_for_who_must_act(clock: Clock) -> None:
    """Half of the burst is never used up by market data: a cancel does not wait behind it."""
    budget, order = RateBudget(per_s=1, burst=10, now_s=clock), list[str]()
    tasks = [asked(budget, order, "data", Priority.MARKET_DATA) for _ in range(9)]
    await served(budget, clock, 0)
    assert order == ["data"] * 5

    tasks.append(asked(budget, order, "cancel", Priority.CANCEL))
    await served(budget, clock, 0)

    assert order[-1] == "cancel"
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_a_request_that_costs_more_than_the_burst_waits_for_a_full_bucket(clock: Clock) -> None:
    budget, order = RateBudget(per_s=1, burst=10, now_s=clock), list[str]()
    budget.used(0.5)
    task = asked(budget, order, "large", Priority.QUERY, cost=25)

    await served(budget, clock, 4.9)
    assert order == []
    await served(budget, clock, 0.2)

    assert order == ["large"]
    assert budget.left == pytest.approx(-1.5)
    await task


async def test_a_venue_that_wants_to_be_left_alone_is(clock: Clock) -> None:
    """Retry-After and 418: cancels included, or the ban grows."""
    budget, order = RateBudget(per_s=10, burst=10, now_s=clock), list[str]()
    budget.forbid(7)

    with pytest.raises(OverBudget) as refused:
        await budget.take(1, Priority.CANCEL, longest_s=5)
    assert refused.value.wait_s == 7

    task = asked(budget, order, "cancel", Priority.CANCEL)
    await served(budget, clock, 6.9)
    assert order == []
    await served(budget, clock, 0.2)
    assert order == ["cancel"]
    await task


async def test_a_shorter_ban_does_not_end_a_longer_one(clock: Clock) -> None:
    budget = RateBudget(per_s=10, burst=10, now_s=clock)
    budget.forbid(60)
    budget.forbid(1)

    assert budget.forbidden_s == 60


async def test_who_waits_too_long_is_not_sent_and_keeps_nobody_waiting() -> None:
    budget = RateBudget(per_s=0.001, burst=1)
    await budget.take(1, Priority.CANCEL, longest_s=1)

    with pytest.raises(OverBudget):
        await budget.take(1, Priority.CANCEL, longest_s=0.01)

    assert budget._waiting == []


async def test_who_gives_up_makes_way(clock: Clock) -> None:
    budget, order = RateBudget(per_s=1, burst=1, now_s=clock), list[str]()
    await budget.take(1, Priority.CANCEL, longest_s=1)
    first = asked(budget, order, "first", Priority.CANCEL)
    second = asked(budget, order, "second", Priority.CANCEL)
    await asyncio.sleep(0)

    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    await served(budget, clock, 1)

    assert order == ["second"]
    await second


async def test_no_second_ever_gives_more_than_the_rate_and_the_burst(clock: Clock) -> None:
    """1,000 callers of all kinds: what is let through stays under the line."""
    per_s, burst = 5.0, 20.0
    budget, order = RateBudget(per_s=per_s, burst=burst, now_s=clock), list[str]()
    tasks = [asked(budget, order, str(1 + n % 3), Priority(n % 4), cost=1 + n % 3) for n in range(1_000)]
    for second in range(60):
        await served(budget, clock, 1)
        assert sum(map(int, order)) <= burst + per_s * (second + 1)
    assert sum(map(int, order)) >= per_s * 55
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
