"""Sign-in rows and sessions, in SQL and in memory."""

from __future__ import annotations

import threading
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Row, delete, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from adapters.persistence.database import Database
from adapters.persistence.tables import identities, sessions
from application.ports.identities import Identity, Session


class SqlIdentities:
    """Identities in the database. The address is unique as it is given: lower-case it first."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def add(self, identity: Identity) -> bool:
        add = sqlite.insert if self._db.is_sqlite else postgresql.insert
        statement = add(identities).values(**asdict(identity)).on_conflict_do_nothing()
        with self._db.transaction() as connection:
            return connection.execute(statement).rowcount == 1

    def by_email(self, email: str) -> Identity | None:
        return self._one(identities.c.email == email)

    def by_account(self, account_id: str) -> Identity | None:
        return self._one(identities.c.account_id == account_id)

    def replace_password_hash(self, account_id: str, password_hash: str) -> None:
        statement = update(identities).where(identities.c.account_id == account_id)
        with self._db.transaction() as connection:
            connection.execute(statement.values(password_hash=password_hash))

    def _one(self, condition: Any) -> Identity | None:
        with self._db.reading() as connection:
            row = connection.execute(select(identities).where(condition)).first()
        return None if row is None else Identity(**row._mapping)


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


class MemoryIdentities:
    """Identities of a process."""

    def __init__(self) -> None:
        self._by_account: dict[str, Identity] = {}
        self._lock = threading.Lock()

    def add(self, identity: Identity) -> bool:
        with self._lock:
            taken = any(known.email == identity.email for known in self._by_account.values())
            if taken or identity.account_id in self._by_account:
                return False
            self._by_account[identity.account_id] = identity
            return True

    def by_email(self, email: str) -> Identity | None:
        with self._lock:
            return next((known for known in self._by_account.values() if known.email == email), None)

    def by_account(self, account_id: str) -> Identity | None:
        return self._by_account.get(account_id)

    def replace_password_hash(self, account_id: str, password_hash: str) -> None:
        with self._lock:
            if account_id in self._by_account:
                known = self._by_account[account_id]
                self._by_account[account_id] = replace(known, password_hash=password_hash)


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
