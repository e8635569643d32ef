"""Event stores on every engine, for the contract suites: each test gets an empty one of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from adapters.persistence.database import Database, open_database
from adapters.persistence.event_log import EventStore, memory_event_store, open_event_store
from adapters.persistence.migrations import upgrade
from adapters.persistence.recorders.memory import MemoryRecorder
from adapters.persistence.writer import GroupCommitWriter
from application.ports.clock import ManualClock
from application.ports.commands import Caller, Command
from tests.builders import START

ENGINES = ("memory", "sqlite", "postgres")


@dataclass
class Engine:
    """One empty log, and what tests need to look behind it."""

    kind: str
    url: str
    clock: ManualClock
    _opened: ExitStack

    def open(self, *, inline: bool = True, **options: Any) -> EventStore:
        """A store on it; of SQLite and memory there can be one."""
        if self.kind == "memory":
            return self._opened.enter_context(memory_event_store(self.clock, inline=inline, **options))
        return self._opened.enter_context(
            open_event_store(self.database, clock=self.clock, inline=inline, **options)
        )

    @property
    def database(self) -> Database:
        if not hasattr(self, "_database"):
            self._database = self._opened.enter_context(open_database(self.url))
        return self._database

    def rows(self, store: EventStore, table: str) -> int:
        """How many rows a table has."""
        if isinstance(store.recorder, MemoryRecorder):
            recorder = store.recorder
            return {
                "stored_events": len(recorder._rows),
                "stream_heads": len(recorder._heads),
                "command_keys": len(recorder._keys),
                "outbox": len(recorder.outbox),
                "balances": len(recorder.balances),
            }[table]
        return int(self.query(f"SELECT count(*) FROM {table}")[0][0])

    def query(self, statement: str) -> list[tuple[Any, ...]]:
        with self.database.reading() as connection:
            return [tuple(row) for row in connection.exec_driver_sql(statement)]

    def grant(self, store: EventStore, name: str, token: int) -> None:
        """A lease by name, with this token."""
        if isinstance(store.recorder, MemoryRecorder):
            store.recorder.leases[name] = token
            return
        with self.database.transaction() as connection:
            connection.exec_driver_sql(f"DELETE FROM leases WHERE name = '{name}'")
            connection.exec_driver_sql(f"INSERT INTO leases VALUES ('{name}', 'w', {token}, '2030-01-01')")

    def tamper(self, *statements: str, **parameters: Any) -> None:
        """Change the log behind its back, as only the owner of the database can."""
        if self.kind == "sqlite":
            connection = self.database.sqlite_connection
            for trigger in ("stored_events_no_update", "stored_events_no_delete", "checkpoints_no_delete"):
                connection.execute(f"DROP TRIGGER IF EXISTS {trigger}")
            for statement in statements:
                connection.execute(statement, parameters)
            return
        with psycopg.connect(self.url, autocommit=True) as session:
            session.execute("SET session_replication_role = replica")
            for statement in statements:
                for name in parameters:
                    statement = statement.replace(f":{name}", f"%({name})s")
                session.execute(statement, parameters)


@contextmanager
def engine(kind: str, request: pytest.FixtureRequest, directory: Path) -> Iterator[Engine]:
    """An empty log of that kind, closed with everything opened on it."""
    url = ""
    if kind == "sqlite":
        url = f"sqlite:///{directory}/log.db"
        upgrade(url)
    elif kind == "postgres":
        url = request.getfixturevalue("postgres_url")
    with ExitStack() as opened:
        yield Engine(kind, url, ManualClock(START), opened)


def together(store: EventStore, *commands: tuple[Command, Caller]) -> list[Any]:
    """The outcomes or errors of commands that meet in one batch."""
    assert isinstance(store.bus, GroupCommitWriter)
    return list(store.bus.commit_batch(commands))
