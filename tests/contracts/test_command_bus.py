"""What every command bus promises: one answer a key, all or nothing, never on a stale view."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path

import pytest

from adapters.persistence.event_log import EventStore
from application.ports.commands import CommandIdReused, Fence, LeaseLost, Result
from application.streams import PLATFORM
from application.work import OutboxMessage, Work
from tests.builders import Allocate, Decide, OpenBook, StopTrading, caller, usdt
from tests.log_stores import ENGINES, Engine, engine, together

TABLES = ("stored_events", "stream_heads", "command_keys", "outbox", "balances")


@pytest.fixture(params=ENGINES)
def log(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    with engine(request.param, request, tmp_path) as opened:
        yield opened


@pytest.fixture
def store(log: Engine) -> EventStore:
    """A store with one funded book."""
    store = log.open()
    store.bus.execute(OpenBook("b", usdt("100")), caller("open"))
    return store


def test_a_command_is_answered_with_its_result_and_where_the_log_stood(store: EventStore) -> None:
    outcome = store.bus.execute(Allocate("b", usdt("30"), "a1"), caller("c1"))

    assert outcome.unwrap() == {"left": "70 USDT"}
    assert (outcome.position, outcome.replayed) == (store.log.head().id, False)
    assert store.log.load("book:b").version == 3


def test_the_same_id_and_content_answers_as_the_first_time(store: EventStore) -> None:
    first = store.bus.execute(Allocate("b", usdt("30"), "a1"), caller("c1"))
    again = store.bus.execute(Allocate("b", usdt("30"), "a1"), caller("c1"))

    assert (again.result, again.position) == (first.result, first.position)
    assert again.replayed
    assert store.log.load("book:b").version == 3


def test_a_refusal_is_replayed_even_when_it_would_succeed_now(store: EventStore) -> None:
    refused = store.bus.execute(Allocate("b", usdt("101"), "a1"), caller("c1")).refusal
    store.bus.execute(OpenBook("b2", usdt("1")), caller("more"))
    again = store.bus.execute(Allocate("b", usdt("1"), "a1"), caller("c1"))

    assert refused is not None
    assert again.refusal is not None
    assert (again.refusal.code, str(again.refusal), again.refusal.data) == (
        "insufficient_funds",
        "required 101 USDT, available 100 USDT",
        {"required": "101 USDT", "available": "100 USDT"},
    )
    assert again.replayed
    assert (refused.code, refused.data) == (again.refusal.code, again.refusal.data)


def test_the_same_id_with_other_content_is_an_error_of_its_own(store: EventStore) -> None:
    store.bus.execute(Allocate("b", usdt("1"), "a1"), caller("c1", "one"))

    with pytest.raises(CommandIdReused):
        store.bus.execute(Allocate("b", usdt("2"), "a2"), caller("c1", "two"))


def test_the_same_id_in_another_scope_is_another_command(store: EventStore) -> None:
    store.bus.execute(Allocate("b", usdt("1"), "a1"), caller("c1", scope="alice"))
    other = store.bus.execute(Allocate("b", usdt("2"), "a2"), caller("c1", scope="bob"))

    assert not other.replayed
    assert other.unwrap() == {"left": "97 USDT"}


def test_what_the_platform_does_without_fingerprint_is_done_once_too(store: EventStore) -> None:
    first = store.bus.execute(Allocate("b", usdt("1"), "a1"), caller("tick-1", None))
    again = store.bus.execute(Allocate("b", usdt("1"), "a1"), caller("tick-1", None))

    assert again.replayed
    assert again.position == first.position


def test_a_refusal_without_fingerprint_is_decided_again(store: EventStore) -> None:
    assert store.bus.execute(Allocate("b", usdt("101"), "a1"), caller("tick-1", None)).refusal
    assert store.bus.execute(Allocate("b", usdt("99"), "a1"), caller("tick-1", None)).unwrap()


def test_fifty_at_once_with_the_same_key_are_one_event_and_one_answer(log: Engine) -> None:
    """Safety #1."""
    store = log.open(inline=False)
    store.bus.execute(OpenBook("b", usdt("100")), caller("open"))

    def ask(_: int) -> Result:
        return store.bus.execute(Allocate("b", usdt("1"), "a1"), caller("c1")).unwrap()

    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(ask, range(50)))

    assert answers == [{"left": "99 USDT"}] * 50
    assert store.log.load("book:b").version == 3


def test_twenty_who_spend_the_same_money_are_one_who_may(log: Engine) -> None:
    """Safety #3: a balance of 100, twenty requests for 80."""
    store = log.open(inline=False)
    store.bus.execute(OpenBook("b", usdt("100")), caller("open"))

    def ask(i: int) -> bool:
        return store.bus.execute(Allocate("b", usdt("80"), f"a{i}"), caller(f"c{i}")).refusal is None

    with ThreadPoolExecutor(20) as pool:
        assert sum(pool.map(ask, range(20))) == 1


def test_commands_of_one_batch_see_each_other_and_commit_in_order(store: EventStore) -> None:
    answers = together(store, *[(Allocate("b", usdt("60"), f"a{i}"), caller(f"c{i}")) for i in range(2)])

    assert [answer.refusal is None for answer in answers] == [True, False]


def test_two_of_the_same_key_in_one_batch_are_one(store: EventStore) -> None:
    first, second = together(store, *[(Allocate("b", usdt("60"), "a1"), caller("c1"))] * 2)

    assert (first.result, first.replayed) == ({"left": "40 USDT"}, False)
    assert (second.result, second.replayed) == ({"left": "40 USDT"}, True)


def test_a_poison_command_fails_alone(store: EventStore) -> None:
    def burst(work: Work) -> Result:
        raise ZeroDivisionError("a bug")

    def unstorable(work: Work) -> Result:
        work.record(PLATFORM, work.platform().engage_kill_switch(reason="x", by="y", at=work.now))
        return {"when": object()}

    answers = together(
        store,
        (Allocate("b", usdt("1"), "a1"), caller("c1")),
        (Decide(burst), caller("c2")),
        (Decide(unstorable), caller("c3")),
        (Allocate("b", usdt("1"), "a2"), caller("c4")),
    )

    assert [type(answer).__name__ for answer in answers] == [
        "Outcome",
        "ZeroDivisionError",
        "TypeError",
        "Outcome",
    ]
    assert store.log.load("book:b").version == 4
    assert store.log.load(PLATFORM).version == 0


def test_a_failed_command_leaves_its_key_free(store: EventStore) -> None:
    def burst(work: Work) -> Result:
        raise ZeroDivisionError("a bug")

    with pytest.raises(ZeroDivisionError):
        store.bus.execute(Decide(burst), caller("c1"))

    assert store.bus.execute(Allocate("b", usdt("1"), "a1"), caller("c1")).unwrap()


def test_a_command_under_a_lost_lease_writes_nothing(log: Engine, store: EventStore) -> None:
    """Safety #31: the fence is checked in the write."""
    log.grant(store, "bot-1", 7)
    held = caller("c1", fence=Fence("bot-1", 7))
    assert store.bus.execute(Allocate("b", usdt("1"), "a1"), held).unwrap()

    log.grant(store, "bot-1", 8)
    lost, fine, new = together(
        store,
        *[
            (Allocate("b", usdt("1"), "a2"), caller("c2", fence=Fence("bot-1", 7))),
            (Allocate("b", usdt("1"), "a3"), caller("c3")),
            (Allocate("b", usdt("1"), "a4"), caller("c4", fence=Fence("bot-1", 8))),
        ],
    )

    assert isinstance(lost, LeaseLost)
    assert fine.result == {"left": "98 USDT"}
    assert new.result == {"left": "97 USDT"}


def test_a_lease_nobody_granted_is_lost(store: EventStore) -> None:
    with pytest.raises(LeaseLost):
        store.bus.execute(Allocate("b", usdt("1"), "a1"), caller("c1", fence=Fence("unknown", 1)))


def test_a_fact_is_claimed_once_for_ever(store: EventStore) -> None:
    """Safety #9: one fill per venue account, symbol and trade id."""

    def record(entry_id: str) -> Decide:
        def run(work: Work) -> Result:
            work.claim("paper:BTC/USDT:trade-1")
            return Allocate("b", usdt("1"), entry_id).decide(work)

        return Decide(run)

    first, second = together(store, (record("a1"), caller("c1")), (record("a2"), caller("c2")))
    third = store.bus.execute(record("a3"), caller("c3"))

    assert first.refusal is None
    for late in (second, third):
        assert late.refusal is not None
        assert late.refusal.code == "fact_already_recorded"
    assert store.log.load("book:b").version == 3


def test_outbox_and_balances_commit_with_the_events(log: Engine, store: EventStore) -> None:
    """Safety #39."""

    def run(work: Work) -> Result:
        work.tell(OutboxMessage("m1", "allocation", "acc-1", {"amount": "30"}))
        return Allocate("b", usdt("30"), "a1").decide(work)

    outcome = store.bus.execute(Decide(run), caller("c1"))

    def run_again(work: Work) -> Result:
        work.tell(OutboxMessage("m1", "x", "y", {}))
        return {}

    store.bus.execute(Decide(run_again), caller("c2"))

    assert [log.rows(store, table) for table in ("outbox", "balances")] == [1, 3]
    if log.kind != "memory":
        assert log.query("SELECT message_id, topic, recipient, body, position FROM outbox") == [
            ("m1", "allocation", "acc-1", '{"amount":"30"}', outcome.position)
        ]
        rows = log.query("SELECT account, asset, amount FROM balances ORDER BY account")
        assert [(account, asset, Decimal(amount)) for account, asset, amount in rows] == [
            ("custody:paper", "USDT", Decimal(100)),
            ("owner:available", "USDT", Decimal(-70)),
            ("owner:bot:bot-1", "USDT", Decimal(-30)),
        ]


def test_a_balance_that_reaches_zero_has_no_row(log: Engine, store: EventStore) -> None:
    store.bus.execute(Allocate("b", usdt("100"), "a1"), caller("c1"))

    assert log.rows(store, "balances") == 2


def test_a_refused_append_leaves_no_row_anywhere(log: Engine, store: EventStore) -> None:
    """Safety #33: events, key, head, outbox and balances stand or fall together."""
    before = [log.rows(store, table) for table in TABLES]

    def run(work: Work) -> Result:
        work.tell(OutboxMessage("m1", "allocation", "acc-1", {}))
        return Allocate("b", usdt("30"), "a1").decide(work)

    with pytest.raises(LeaseLost):
        store.bus.execute(Decide(run), caller("c1", fence=Fence("unknown", 1)))

    assert [log.rows(store, table) for table in TABLES] == before


def test_a_stopped_platform_refuses_and_nothing_is_recorded(store: EventStore) -> None:
    store.bus.execute(StopTrading("fire"), caller("stop"))
    refusal = store.bus.execute(Allocate("b", usdt("1"), "a1"), caller("c1")).refusal

    assert refusal is not None
    data = {"reason": "fire", "scope": "platform", "target": ""}
    assert (refusal.code, refusal.data) == ("kill_switch_engaged", data)
    assert store.log.load("book:b").version == 2
