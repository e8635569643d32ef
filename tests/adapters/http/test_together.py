"""Requests that want the same kind of work share it."""

from __future__ import annotations

import asyncio

import pytest

from adapters.http.together import Together


class Work:
    """Notes what it was called for; waits until it is let go on; fails for what it was told to."""

    def __init__(self, *poison: str) -> None:
        self.calls: list[list[str]] = []
        self.poison = set(poison)
        self.gate = asyncio.Event()

    async def __call__(self, items: list[str]) -> None:
        self.calls.append(items)
        await self.gate.wait()
        if bad := self.poison.intersection(items):
            raise ValueError(*bad)


async def asked(together: Together, *items: str) -> list[asyncio.Task[None]]:
    tasks = [asyncio.create_task(together.do(item)) for item in items]
    await asyncio.sleep(0)  # each has asked
    await asyncio.sleep(0)  # and the work has begun
    return tasks


async def test_who_asks_while_work_is_under_way_is_served_by_the_next_call() -> None:
    work = Work()
    together = Together(work)
    first = await asked(together, "a")
    later = await asked(together, "b", "c", "b", "a")
    work.gate.set()

    await asyncio.gather(*first, *later)

    assert work.calls == [["a"], ["b", "c", "a"]]


async def test_it_begins_again_when_there_is_more_to_do() -> None:
    work = Work()
    work.gate.set()
    together = Together(work)

    for item in ("a", "b"):
        await together.do(item)

    assert work.calls == [["a"], ["b"]]


async def test_each_hears_of_its_own_failure_only() -> None:
    work = Work("bad")
    together = Together(work)
    tasks = await asked(together, "a")
    tasks += await asked(together, "b", "bad", "c")
    work.gate.set()

    found = await asyncio.gather(*tasks, return_exceptions=True)

    assert [str(one) for one in found] == ["None", "None", "bad", "None"]
    assert work.calls[1:] == [["b", "bad", "c"], ["b"], ["bad"], ["c"]]


class Outage(Exception):
    """Says nothing about any item."""


async def test_an_outage_is_not_met_once_for_each_who_waits() -> None:
    calls: list[list[str]] = []

    async def work(items: list[str]) -> None:
        calls.append(items)
        await asyncio.sleep(0)
        if calls != [["a"]]:
            raise Outage

    together = Together(work, outages=(Outage,))
    tasks = await asked(together, "a")
    tasks += await asked(together, *"bcdefgh")

    found = await asyncio.gather(*tasks, return_exceptions=True)

    assert [type(one) for one in found] == [type(None), *[Outage] * 7]
    assert calls == [["a"], [*"bcdefgh"], ["b"]]


async def test_a_client_that_goes_away_takes_nobody_with_it() -> None:
    work = Work()
    together = Together(work)
    gone, stays = (*await asked(together, "a"), *await asked(together, "a"))
    gone.cancel()
    work.gate.set()

    await stays

    with pytest.raises(asyncio.CancelledError):
        await gone
    assert len(work.calls) == 2
