"""Too much at once, and a store that is away: 503 and when to ask again; nothing was done."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest

from adapters.http.options import HttpOptions
from adapters.persistence.writer import GroupCommitWriter
from application.platform.kill_switch import EngageKillSwitch
from tests.adapters.http.stack import PASSWORD, Person, Stack, new_key, open_stack
from tests.adapters.http.test_problems import is_problem

Answer = asyncio.Task[Any]


def held(
    work: Callable[..., Any], gate: threading.Event, began: threading.Event | None = None
) -> Callable[..., Any]:
    """The same work, once the gate is open."""

    def waiting(*args: Any, **kwargs: Any) -> Any:
        if began is not None:
            began.set()
        assert gate.wait(10)
        return work(*args, **kwargs)

    return waiting


@contextmanager
def held_up(stack: Stack) -> Iterator[None]:
    """The writer takes commands and answers none."""
    writer = stack.services.bus
    assert isinstance(writer, GroupCommitWriter)
    with writer._deciding:
        yield


async def first_done(tries: Sequence[Answer], number: int) -> tuple[set[Answer], set[Answer]]:
    """So many that are answered first, and those that wait."""
    done: set[Answer] = set()
    waiting = set(tries)
    while len(done) < number:
        more, waiting = await asyncio.wait(waiting, timeout=10, return_when=asyncio.FIRST_COMPLETED)
        assert more
        done |= more
    return done, waiting


async def test_a_full_queue_of_commands_is_busy(stack: Stack, alice: Person) -> None:
    writer = stack.services.bus
    assert isinstance(writer, GroupCommitWriter)
    writer._bound, bound = 0, writer._bound
    answer = await alice.post("/v1/paper-accounts", {}, key=(key := new_key()))
    assert is_problem(answer, 503, "busy")
    assert answer.headers["Retry-After"] == "1"
    writer._bound = bound
    again = await alice.post("/v1/paper-accounts", {}, key=key)
    assert again.status_code == 201
    assert "Idempotent-Replayed" not in again.headers


async def test_a_store_that_is_away_is_unavailable(stack: Stack, alice: Person) -> None:
    writer = stack.services.bus
    assert isinstance(writer, GroupCommitWriter)
    writer.close()
    answer = await alice.post("/v1/paper-accounts")
    assert is_problem(answer, 503, "store_unavailable")
    assert answer.headers["Retry-After"] == "1"
    assert (await alice.get("/v1/paper-accounts")).json()["items"] == []


async def test_a_command_without_an_answer_in_time_is_still_running_and_goes_on() -> None:
    """The first request of a key and the second are told alike; repeated later, it has happened once."""
    async with open_stack(HttpOptions(command_wait_s=0.5)) as stack:
        person = await stack.person("carol@example.org")
        account, key, new = await person.paper_account("100 USDT"), new_key(), new_key()
        path, money = f"/v1/paper-accounts/{account}/deposits", {"amount": "10", "asset": "USDT"}
        joining = {"email": "dave@example.org", "password": PASSWORD}

        async def join() -> Any:
            headers = {"Idempotency-Key": new}
            return await stack.client.post("/v1/accounts", json=joining, headers=headers)

        with held_up(stack):
            tries = (person.post(path, money, key=key), person.post(path, money, key=key), join())
            for waited in await asyncio.gather(*tries):
                assert is_problem(waited, 409, "command_still_running")
                assert waited.headers["Retry-After"] == "1"
        await asyncio.to_thread(stack.command, EngageKillSwitch("behind the others", "system:test"))

        for again in (await person.post(path, money, key=key), await join()):
            assert again.status_code == 201
            assert again.headers["Idempotent-Replayed"] == "true"
        assert (await person.get("/v1/wallets")).json()["items"][0]["available"] == "110"


async def test_more_passwords_than_are_checked_at_once_are_turned_away() -> None:
    async with open_stack(HttpOptions(password_threads=1, password_backlog=1)) as stack:
        await stack.person("carol@example.org")
        gate = threading.Event()
        stack.hasher.verify = held(stack.hasher.verify, gate)  # type: ignore[method-assign]
        body = {"email": "carol@example.org", "password": PASSWORD}
        tries = [asyncio.create_task(stack.client.post("/v1/sessions", json=body)) for _ in range(5)]
        done, waiting = await first_done(tries, 3)
        for turned_away in done:
            assert is_problem(turned_away.result(), 503, "busy")
            assert turned_away.result().headers["Retry-After"] == "1"
        assert (await stack.client.get("/healthz")).status_code == 200
        gate.set()
        assert [(await task).status_code for task in waiting] == [201, 201]


async def test_more_reads_than_may_wait_are_turned_away() -> None:
    async with open_stack(HttpOptions(read_threads=1, read_backlog=1)) as stack:
        person = await stack.person("carol@example.org")
        assert (await person.get("/v1/bots")).status_code == 200
        gate = threading.Event()
        views: Any = stack.services.views
        views.page = held(views.page, gate)
        tries = [asyncio.create_task(person.get("/v1/bots")) for _ in range(5)]
        done, waiting = await first_done(tries, 3)
        assert all(is_problem(turned_away.result(), 503, "busy") for turned_away in done)
        gate.set()
        assert [(await task).status_code for task in waiting] == [200, 200]


async def test_what_a_client_gave_up_holds_its_place_until_it_is_done() -> None:
    async with open_stack(HttpOptions(read_threads=1, read_backlog=1)) as stack:
        person = await stack.person("carol@example.org")
        assert (await person.get("/v1/bots")).status_code == 200
        gate, began = threading.Event(), threading.Event()
        views: Any = stack.services.views
        page, views.page = views.page, held(views.page, gate, began)
        given_up = asyncio.create_task(person.get("/v1/bots"))
        assert await asyncio.to_thread(began.wait, 10)
        given_up.cancel()
        with pytest.raises(asyncio.CancelledError):
            await given_up
        views.page = page
        waiting, refused = (asyncio.create_task(person.get("/v1/bots")) for _ in range(2))
        assert is_problem(await refused, 503, "busy")
        gate.set()
        assert (await waiting).status_code == 200
        both = await asyncio.gather(person.get("/v1/bots"), person.get("/v1/orders"))
        assert [answer.status_code for answer in both] == [200, 200]
