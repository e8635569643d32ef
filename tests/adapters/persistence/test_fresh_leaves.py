"""Leaves that the writer hands to the sealer of its process: the same tree, whoever else writes or seals."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle
from pathlib import Path

import pytest

from adapters.persistence.event_log import EventStore
from adapters.persistence.fresh_leaves import FreshLeaves
from adapters.persistence.seals import SqlSeals
from adapters.persistence.writer import GroupCommitWriter
from tests.adapters.persistence.flights import fly, overlapping
from tests.builders import Allocate, OpenBook, caller, usdt
from tests.log_stores import Engine, engine, together


@pytest.fixture(params=["sqlite", "postgres"])
def log(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    with engine(request.param, request, tmp_path) as opened:
        yield opened


@pytest.fixture
def shared(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """A log that several may write."""
    with engine("postgres", request, tmp_path) as opened:
        yield opened


def append(store: EventStore, *names: str) -> None:
    """Two events each."""
    for answer in together(store, *((OpenBook(name, usdt("1")), caller(f"open-{name}")) for name in names)):
        answer.unwrap()


def fresh_leaves(store: EventStore) -> FreshLeaves:
    assert isinstance(store.bus, GroupCommitWriter)
    return store.bus.fresh_leaves()


def sealed_by_and_by(seals: SqlSeals) -> int:
    """Every event, a few at a time; how many there are."""
    limits = cycle((1, 2, 3))
    while seals.extend(next(limits)):
        pass
    return seals.size()


def leaf(number: int) -> bytes:
    return bytes([number]) * 32


# -- what is known -------------------------------------------------------------------------------------------


def test_leaves_follow_on_the_last_that_is_sealed() -> None:
    fresh = FreshLeaves()
    fresh.committed([5, 6], [leaf(5), leaf(6)])
    fresh.committed([7], [leaf(7)])

    assert fresh.following(4, 2) == ([5, 6], [leaf(5), leaf(6)])
    assert fresh.following(4, 9) == ([5, 6, 7], [leaf(5), leaf(6), leaf(7)]), "what is not sealed stays"
    assert fresh.following(6, 9) == ([7], [leaf(7)])
    assert fresh.following(7, 9) == ([], [])


def test_nothing_is_known_beyond_a_number_that_is_missing() -> None:
    fresh = FreshLeaves()
    fresh.committed([5, 7], [leaf(5), leaf(7)])

    assert fresh.following(3, 9) == ([], []), "4 may be somebody else's"
    assert fresh.following(4, 9) == ([5], [leaf(5)])
    assert fresh.following(5, 9) == ([], [])
    assert fresh.following(6, 9) == ([7], [leaf(7)]), "once somebody has read what 6 was"


def test_what_nobody_takes_is_not_kept_for_ever() -> None:
    fresh = FreshLeaves(room=2)
    for number in (1, 2, 3):
        fresh.committed([number], [leaf(number)])

    assert fresh.following(0, 9) == ([1, 2], [leaf(1), leaf(2)])
    assert fresh.following(2, 9) == ([], [])
    fresh.committed([4], [leaf(4)])
    assert fresh.following(3, 9) == ([4], [leaf(4)])


# -- what is sealed ------------------------------------------------------------------------------------------


def test_what_is_handed_over_is_sealed_as_if_it_were_read(log: Engine) -> None:
    store = log.open()
    append(store, "before-anybody-listened")
    seals = SqlSeals(log.database, fresh_leaves(store))
    append(store, *(f"b{n}" for n in range(300)))

    while seals.extend(250):
        pass

    assert seals.size() == 602
    assert seals.root(602) == seals.recomputed_root(602)
    assert [seals.position_of(index).id for index in (0, 1, 2, 601)] == [1, 2, 3, 602]


def test_what_was_changed_before_it_was_sealed_is_found(log: Engine) -> None:
    """The seal is over what was committed, not over what was made of it meanwhile."""
    store = log.open()
    seals = SqlSeals(log.database, fresh_leaves(store))
    append(store, "a", "b")
    committed = SqlSeals(log.database).recomputed_root(4)

    log.tamper("UPDATE stored_events SET state = :state WHERE notification_id = 2", state=b"{}")
    seals.extend(4)

    assert seals.root(4) == committed != seals.recomputed_root(4)


def test_what_another_process_appended_is_read_where_it_stands(shared: Engine) -> None:
    """None is skipped, none sealed before an earlier one."""
    store, rival = shared.open(), shared.open()
    seals = SqlSeals(shared.database, fresh_leaves(store))
    for name in "abc":
        append(store, name)
        append(rival, f"rival-{name}")
        append(store, f"{name}-again")
        if name == "b":
            sealed_by_and_by(seals)

    assert sealed_by_and_by(seals) == 18
    assert seals.root(18) == seals.recomputed_root(18)


def test_an_id_that_was_drawn_in_vain_holds_nothing_up(shared: Engine) -> None:
    store = shared.open()
    seals = SqlSeals(shared.database, fresh_leaves(store))
    append(store, "a")
    shared.query("SELECT nextval('stored_events_notification_id_seq')")
    append(store, "b")

    assert sealed_by_and_by(seals) == 4
    assert [seals.position_of(index).id for index in range(4)] == [1, 2, 4, 5]
    assert seals.root(4) == seals.recomputed_root(4)


def test_what_was_decided_on_a_commit_that_failed_is_not_handed_over(shared: Engine) -> None:
    store, rival = shared.open(), shared.open()
    append(store, "b")

    def spend() -> None:
        rival.bus.execute(Allocate("b", usdt("0.5"), "rival"), caller("rival")).unwrap()

    with overlapping(store) as bus:
        seals = SqlSeals(shared.database, bus.fresh_leaves())
        fly(bus, Allocate("b", usdt("0.6"), "a"), spend, OpenBook("c", usdt("1")), OpenBook("d", usdt("1")))

    size = sealed_by_and_by(seals)
    assert shared.rows(store, "stored_events") == size
    assert seals.root(size) == seals.recomputed_root(size)


def test_another_process_may_seal_in_between(shared: Engine) -> None:
    store = shared.open()
    seals, elsewhere = SqlSeals(shared.database, fresh_leaves(store)), SqlSeals(shared.database)
    append(store, "a", "b", "c")

    assert [seals.extend(1), elsewhere.extend(2), seals.extend(2), elsewhere.extend(9)] == [1, 2, 2, 1]
    assert seals.root(6) == seals.recomputed_root(6)
