"""The vault's rows, in SQL and in memory."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from adapters.persistence.database import Database
from adapters.persistence.tables import venue_keys
from application.ports.vault import Envelope


class SqlEnvelopes:
    """Envelopes in the database."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def add(self, envelope: Envelope) -> bool:
        add = sqlite.insert if self._db.is_sqlite else postgresql.insert
        statement = add(venue_keys).values(**asdict(envelope)).on_conflict_do_nothing()
        with self._db.transaction() as connection:
            return connection.execute(statement.returning(venue_keys.c.key_id)).first() is not None

    def get(self, key_id: str) -> Envelope | None:
        return self._one(venue_keys.c.key_id == key_id)

    def by_fingerprint(self, fingerprint: str) -> Envelope | None:
        return self._one(venue_keys.c.fingerprint == fingerprint)

    def remove(self, key_id: str) -> None:
        with self._db.transaction() as connection:
            connection.execute(delete(venue_keys).where(venue_keys.c.key_id == key_id))

    def not_wrapped_by(self, master_id: str, *, limit: int) -> Sequence[Envelope]:
        statement = (
            select(venue_keys)
            .where(venue_keys.c.master_id != master_id)
            .order_by(venue_keys.c.key_id)
            .limit(limit)
        )
        with self._db.reading() as connection:
            return [Envelope(**row._mapping) for row in connection.execute(statement)]

    def rewrap(self, envelope: Envelope, *, master_id: str, wrapped_key: str) -> bool:
        statement = (
            update(venue_keys)
            .where(venue_keys.c.key_id == envelope.key_id, venue_keys.c.wrapped_key == envelope.wrapped_key)
            .values(master_id=master_id, wrapped_key=wrapped_key)
        )
        with self._db.transaction() as connection:
            return connection.execute(statement).rowcount == 1

    def count(self) -> int:
        with self._db.reading() as connection:
            return int(connection.execute(select(func.count()).select_from(venue_keys)).scalar_one())

    def _one(self, condition: Any) -> Envelope | None:
        with self._db.reading() as connection:
            row = connection.execute(select(venue_keys).where(condition)).first()
        return None if row is None else Envelope(**row._mapping)


class MemoryEnvelopes:
    """Envelopes of a process."""

    def __init__(self) -> None:
        self._rows: dict[str, Envelope] = {}
        self._lock = threading.Lock()

    def add(self, envelope: Envelope) -> bool:
        with self._lock:
            taken = any(row.fingerprint == envelope.fingerprint for row in self._rows.values())
            if taken or envelope.key_id in self._rows:
                return False
            self._rows[envelope.key_id] = envelope
            return True

    def get(self, key_id: str) -> Envelope | None:
        return self._rows.get(key_id)

    def by_fingerprint(self, fingerprint: str) -> Envelope | None:
        with self._lock:
            return next((row for row in self._rows.values() if row.fingerprint == fingerprint), None)

    def remove(self, key_id: str) -> None:
        with self._lock:
            self._rows.pop(key_id, None)

    def not_wrapped_by(self, master_id: str, *, limit: int) -> Sequence[Envelope]:
        with self._lock:
            found = sorted(row.key_id for row in self._rows.values() if row.master_id != master_id)
            return [self._rows[key_id] for key_id in found[:limit]]

    def rewrap(self, envelope: Envelope, *, master_id: str, wrapped_key: str) -> bool:
        with self._lock:
            known = self._rows.get(envelope.key_id)
            if known is None or known.wrapped_key != envelope.wrapped_key:
                return False
            self._rows[envelope.key_id] = replace(known, master_id=master_id, wrapped_key=wrapped_key)
            return True

    def count(self) -> int:
        return len(self._rows)
