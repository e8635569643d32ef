"""A batch may be larger than what a socket takes at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapters.persistence.writer import GroupCommitWriter
from application.ports.commands import Outcome
from tests.builders import OpenBook, caller, usdt
from tests.log_stores import engine


@pytest.mark.timeout(60)
def test_a_batch_beyond_the_sockets_buffer_is_committed(
    request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """psycopg's pipeline alone would wait for ever: each side for the other."""
    with engine("postgres", request, tmp_path) as log:
        store = log.open()
        assert isinstance(store.bus, GroupCommitWriter)
        for round in range(3):
            books = [f"book-{round}-{number}" for number in range(1_000)]
            answers = store.bus.commit_batch([(OpenBook(book, usdt("1")), caller(book)) for book in books])

            assert all(isinstance(answer, Outcome) for answer in answers)
        assert log.rows(store, "stored_events") == 6_000
