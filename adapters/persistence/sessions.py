"""Sessions, in SQL and in memory."""

from __future__ import annotations

import threading
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Row, delete, insert, select, update

from adapters.persistence.database import Database
from adapters.persistence.tables import sessions
from application.ports.identities import Session


class SqlSessions:
    """Sessions in the database, by the hash of their token."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def start(self, session: Session) -> None:
        with self._db.transaction() as connection:
            connection.execute(insert(sessions).values(**asdict(session)))

    def find(self, token_sha256: str) -> Session | None:
        with self._db.reading() as connection:
            row = connection.execute(select(sessions).where(sessions.c.token_sha256 == token_sha256)).first()
        return None if row is None else _session(row)

    def touch(self, token_sha256: str, seen_at_utc: datetime) -> None:
        statement = update(sessions).where(sessions.c.token_sha256 == token_sha256)
        with self._db.transaction() as connection:
            connection.execute(statement.values(last_seen_at_utc=seen_at_utc))

    def end(self, token_sha256: str) -> None:
        with self._db.transaction() as connection:
            connection.execute(delete(sessions).where(sessions.c.token_sha256 == token_sha256))

    def end_all(self, account_id: str, *, but: str = "") -> int:
        others = (sessions.c.account_id == account_id, sessions.c.token_sha256 != but)
        with self._db.transaction() as connection:
            return connection.execute(delete(sessions).where(*others)).rowcount

    def of_account(self, account_id: str) -> list[Session]:
        statement = (
            select(sessions)
            .where(sessions.c.account_id == account_id)
            .order_by(sessions.c.created_at_utc, sessions.c.token_sha256)
        )
        with self._db.reading() as connection:
            return [_session(row) for row in connection.execute(statement)]


class MemorySessions:
    """Sessions of a process; they end with it."""

    def __init__(self) -> None:
        self._sessions: dict[str, Session] = {}
        self._lock = threading.Lock()

    def start(self, session: Session) -> None:
        with self._lock:
            self._sessions[session.token_sha256] = session

    def find(self, token_sha256: str) -> Session | None:
        return self._sessions.get(token_sha256)

    def touch(self, token_sha256: str, seen_at_utc: datetime) -> None:
        with self._lock:
            if token_sha256 in self._sessions:
                session = self._sessions[token_sha256]
                self._sessions[token_sha256] = replace(session, last_seen_at_utc=seen_at_utc)

    def end(self, token_sha256: str) -> None:
        with self._lock:
            self._sessions.pop(token_sha256, None)

    def end_all(self, account_id: str, *, but: str = "") -> int:
        with self._lock:
            ended = [
                token
                for token, session in self._sessions.items()
                if session.account_id == account_id and token != but
            ]
            for token in ended:
                del self._sessions[token]
            return len(ended)

    def of_account(self, account_id: str) -> list[Session]:
        with self._lock:
            found = [s for s in self._sessions.values() if s.account_id == account_id]
        return sorted(found, key=lambda session: (session.created_at_utc, session.token_sha256))


def _session(row: Row[Any]) -> Session:
    return Session(**row._mapping)
