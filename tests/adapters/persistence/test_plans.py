"""What an append costs does not grow with the log: on a table of any age, rows are found by their key."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from adapters.persistence.writer import GroupCommitWriter
from tests.builders import Allocate, OpenBook, caller, usdt
from tests.log_stores import engine

TABLES = ("stored_events", "stream_heads", "command_keys", "outbox", "balances")
_SCANS = "SELECT relname, seq_scan FROM pg_stat_user_tables WHERE relname = ANY(%s) ORDER BY relname"


def test_no_append_scans_a_table(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """Planned while the tables are empty and never analysed, as on the day a database is made."""
    with engine("postgres", request, tmp_path) as log:
        store = log.open()
        bus = store.bus
        assert isinstance(bus, GroupCommitWriter)
        before = _scans(log.url)
        for round in range(12):  # past the custom plans that come before a generic one
            books = [f"book-{round}-{number}" for number in range(40)]
            bus.commit_batch([(OpenBook(book, usdt("1")), caller(book)) for book in books])
            bus.commit_batch([(Allocate(book, usdt("1"), "all"), caller(f"more-{book}")) for book in books])
        store.close()  # its session tells what it did when it ends

        assert _scans(log.url) == before


def _scans(url: str) -> list[tuple[str, int]]:
    with psycopg.connect(url) as session:
        return session.execute(_SCANS, (list(TABLES),)).fetchall()
