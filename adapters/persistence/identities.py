"""Sign-in rows, in SQL and in memory."""

from __future__ import annotations

import threading
from dataclasses import asdict, replace
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.dialects import postgresql, sqlite

from adapters.persistence.database import Database
from adapters.persistence.tables import identities
from application.ports.identities import Identity


class SqlIdentities:
    """Identities in the database. The address is unique as it is given: lower-case it first."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def add(self, identity: Identity) -> bool:
        add = sqlite.insert if self._db.is_sqlite else postgresql.insert
        statement = add(identities).values(**asdict(identity)).on_conflict_do_nothing()
        with self._db.transaction() as connection:
            added = connection.execute(statement.returning(identities.c.account_id)).first()
        return added is not None

    def by_email(self, email: str) -> Identity | None:
        return self._one(identities.c.email == email)

    def by_account(self, account_id: str) -> Identity | None:
        return self._one(identities.c.account_id == account_id)

    def remove(self, account_id: str) -> None:
        with self._db.transaction() as connection:
            connection.execute(delete(identities).where(identities.c.account_id == account_id))

    def replace_password_hash(self, account_id: str, password_hash: str) -> None:
        statement = update(identities).where(identities.c.account_id == account_id)
        with self._db.transaction() as connection:
            connection.execute(statement.values(password_hash=password_hash))

    def _one(self, condition: Any) -> Identity | None:
        with self._db.reading() as connection:
            row = connection.execute(select(identities).where(condition)).first()
        return None if row is None else Identity(**row._mapping)


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

    def remove(self, account_id: str) -> None:
        with self._lock:
            self._by_account.pop(account_id, None)

    def replace_password_hash(self, account_id: str, password_hash: str) -> None:
        with self._lock:
            if account_id in self._by_account:
                known = self._by_account[account_id]
                self._by_account[account_id] = replace(known, password_hash=password_hash)
