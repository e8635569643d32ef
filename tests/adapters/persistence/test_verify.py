"""`log verify` finds what was done to the log behind its back, and names the first bad event.

Safety §4 rows 17 and 18 (as far as an unsealed log can tell).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.persistence.database import open_database
from adapters.persistence.migrations import upgrade
from adapters.persistence.verify import VerifyReport, verify_log
from tests.builders import Allocate, OpenBook, StopTrading, caller, usdt
from tests.log_stores import Engine, engine

EVENTS = 9
"""Ids 1-2 open book a, 3-4 book b, 5-6 allocate in a and b, 7-8 again, 9 stops trading."""


@pytest.fixture(params=["sqlite", "postgres"])
def log(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    with engine(request.param, request, tmp_path) as opened:
        fill(opened)
        yield opened


def fill(log: Engine) -> None:
    bus = log.open().bus
    for book in "ab":
        bus.execute(OpenBook(book, usdt("100")), caller(f"open-{book}"))
    for n in range(2):
        for book in "ab":
            bus.execute(Allocate(book, usdt("1"), f"a{n}"), caller(f"{book}{n}"))
    bus.execute(StopTrading(), caller("stop"))


def verified(log: Engine) -> VerifyReport:
    with open_database(log.url, role="reader") as reader:
        return verify_log(reader)


def found(log: Engine) -> tuple[int, str, int]:
    bad = verified(log).first_bad
    assert bad is not None
    assert str(bad)
    return bad.position, bad.stream, bad.version


def test_an_untouched_log_is_whole(log: Engine) -> None:
    told: list[int] = []
    report = verify_log(log.database, told.append)

    assert (report.ok, report.events, report.streams, told) == (True, EVENTS, 3, [EVENTS])


def test_an_empty_log_is_whole(tmp_path: Path) -> None:
    upgrade(f"sqlite:///{tmp_path}/empty.db")
    with open_database(f"sqlite:///{tmp_path}/empty.db", role="reader") as db:
        assert verify_log(db).ok


def test_the_log_refuses_to_be_changed(log: Engine) -> None:
    for statement in ("UPDATE stored_events SET topic = 'x'", "DELETE FROM stored_events"):
        with pytest.raises(Exception, match="append-only"), log.database.transaction() as connection:
            connection.exec_driver_sql(statement)


def test_the_last_event_of_a_stream_is_guarded_by_its_head(log: Engine) -> None:
    log.tamper(
        "UPDATE stored_events SET state = :state WHERE notification_id = 9",
        state=state_of(log, 9).replace(b"drill", b"DRILL"),
    )
    assert found(log) == (9, "platform:main", 1)


def test_a_cut_tail_is_found_where_the_stream_now_ends(log: Engine) -> None:
    log.tamper("DELETE FROM stored_events WHERE notification_id >= 7")
    assert found(log) == (0, "platform:main", 1)


def test_a_cut_tail_of_one_stream_is_found(log: Engine) -> None:
    log.tamper("DELETE FROM stored_events WHERE notification_id = 8")
    assert found(log) == (6, "book:b", 3)


def test_a_missing_stream_is_found(log: Engine) -> None:
    log.tamper("DELETE FROM stored_events WHERE originator_id = 'book:a'")
    assert found(log) == (0, "book:a", 4)


def test_a_stream_missing_with_its_head_leaves_no_trace_here(log: Engine) -> None:
    """Only the sealed tree knows: kept so that nobody believes more of this check than it does."""
    log.tamper(
        "DELETE FROM stored_events WHERE originator_id = 'book:a'",
        "DELETE FROM stream_heads WHERE stream = 'book:a'",
    )
    assert verified(log).ok


def test_a_stream_without_a_head_is_found(log: Engine) -> None:
    log.tamper("DELETE FROM stream_heads WHERE stream = 'book:b'")
    assert found(log) == (8, "book:b", 4)


def test_a_missing_event_is_found_at_the_next_one(log: Engine) -> None:
    log.tamper("DELETE FROM stored_events WHERE notification_id = 4")
    assert found(log) == (6, "book:b", 3)


def test_two_swapped_events_are_found(log: Engine) -> None:
    first, second = state_of(log, 5), state_of(log, 7)
    log.tamper("UPDATE stored_events SET state = :state WHERE notification_id = 5", state=second)
    log.tamper("UPDATE stored_events SET state = :state WHERE notification_id = 7", state=first)
    assert found(log) == (5, "book:a", 3)


def test_two_events_of_a_stream_with_swapped_ids_are_found(log: Engine) -> None:
    for old, new in ((5, 1000), (7, 5), (1000, 7)):
        log.tamper(f"UPDATE stored_events SET notification_id = {new} WHERE notification_id = {old}")
    assert found(log) == (5, "book:a", 4)


def test_an_inserted_event_is_found(log: Engine) -> None:
    forged = state_of(log, 8).replace(b'"version":4', b'"version":5')
    forged = forged.replace(prev_of(forged), hashlib.sha256(b"\0" + state_of(log, 8)).hexdigest().encode())
    log.tamper(
        "INSERT INTO stored_events (notification_id, originator_id, originator_version, topic, state)"
        " VALUES (10, 'book:b', 5, 'ledger.entry_posted', :state)",
        state=forged,
    )
    assert found(log) == (10, "book:b", 5)


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ("topic = 'ledger.book_closed'", (6, "book:b", 3)),
        ("originator_version = 9", (6, "book:b", 9)),
        ("originator_id = 'book:c'", (6, "book:c", 3)),
    ],
)
def test_a_changed_column_is_found(log: Engine, change: str, place: tuple[int, str, int]) -> None:
    log.tamper(f"UPDATE stored_events SET {change} WHERE notification_id = 6")
    assert found(log) == place


@pytest.mark.parametrize("kind", ["sqlite"])
def test_any_changed_byte_of_any_event_is_found(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    with engine(kind, request, tmp_path) as log:
        fill(log)

        @settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
        @given(id=st.integers(1, EVENTS), where=st.floats(0, 1, exclude_max=True), byte=st.integers(0, 255))
        def flip(id: int, where: float, byte: int) -> None:
            original = state_of(log, id)
            at = int(where * len(original))
            damaged = original[:at] + bytes([byte]) + original[at + 1 :]
            change = "UPDATE stored_events SET state = :state WHERE notification_id = :id"
            log.tamper(change, state=damaged, id=id)
            report = verify_log(log.database)
            log.tamper(change, state=original, id=id)
            if damaged == original:
                assert report.ok
            else:
                assert report.first_bad is not None
                stream = log.query(f"SELECT originator_id FROM stored_events WHERE notification_id = {id}")
                assert report.first_bad.stream == stream[0][0]
                assert report.first_bad.position >= id

        flip()


def state_of(log: Engine, id: int) -> bytes:
    return bytes(log.query(f"SELECT state FROM stored_events WHERE notification_id = {id}")[0][0])


def prev_of(state: bytes) -> bytes:
    return state.partition(b'"prev":"')[2][:64]
