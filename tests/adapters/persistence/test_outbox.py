"""The outbox: told at least once, in order; marked once (safety §3.39)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from sqlalchemy import insert

from adapters.persistence import log_tables
from adapters.persistence.database import Database
from adapters.persistence.outbox import MemoryOutbox, SqlOutbox
from adapters.persistence.recorders.base import OutboxRow
from application.ports.clock import ManualClock
from application.work import OutboxMessage
from tests.contracts.stores import STORES, database_of

NAMES = ("m1", "m2", "m3")


def message(name: str) -> OutboxMessage:
    return OutboxMessage(
        message_id=name, topic="bot_paused", recipient="ann", body={"bot_id": "b", "why": "é"}
    )


@pytest.fixture(params=STORES)
def outbox(request: pytest.FixtureRequest) -> Iterator[SqlOutbox | MemoryOutbox]:
    with database_of(request) as db:
        body = '{"bot_id": "b", "why": "é"}'
        if db is None:
            yield MemoryOutbox(
                {name: (OutboxRow(name, "bot_paused", "ann", body, 1), n) for n, name in enumerate(NAMES)}
            )
        else:
            _fill(db, body)
            yield SqlOutbox(db, ManualClock(datetime(2026, 1, 1, tzinfo=UTC)))


def _fill(db: Database, body: str) -> None:
    with db.transaction() as connection:
        for position, name in enumerate(NAMES):
            connection.execute(
                insert(log_tables.outbox).values(
                    message_id=name, topic="bot_paused", recipient="ann", body=body, position=position
                )
            )


def test_what_waits_is_told_in_order(outbox: SqlOutbox | MemoryOutbox) -> None:
    assert list(outbox.pending()) == [message(name) for name in NAMES]
    assert list(outbox.pending(2)) == [message("m1"), message("m2")]


def test_what_was_marked_is_not_told_again(outbox: SqlOutbox | MemoryOutbox) -> None:
    assert outbox.mark_delivered(["m1", "m3"]) == 2
    assert outbox.mark_delivered(["m1"]) == 0
    assert outbox.mark_delivered([]) == 0
    assert list(outbox.pending()) == [message("m2")]


def test_what_was_not_marked_is_told_again(outbox: SqlOutbox | MemoryOutbox) -> None:
    assert list(outbox.pending()) == list(outbox.pending())
