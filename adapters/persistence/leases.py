"""Leases, on the clock of the store they are kept in."""

from __future__ import annotations

import threading
from collections.abc import Mapping, MutableMapping
from datetime import UTC, datetime, timedelta

from sqlalchemy import text

from adapters.persistence.database import Database
from adapters.persistence.tables import utc_text
from application.ports.clock import Clock
from application.ports.commands import Fence

_TAKE = """
INSERT INTO leases (name, holder, token, expires_at) VALUES (:name, :holder, 1, {until})
ON CONFLICT (name) DO UPDATE SET
    holder = excluded.holder,
    expires_at = excluded.expires_at,
    token = CASE WHEN leases.holder = excluded.holder AND leases.expires_at > {now} THEN leases.token
                 ELSE leases.token + 1 END
WHERE leases.holder = excluded.holder OR leases.expires_at <= {now}
RETURNING token
"""

_GIVE_BACK = "UPDATE leases SET expires_at = {now} WHERE name = :name AND token = :token"

_FREE = "UPDATE leases SET expires_at = :now WHERE expires_at > :now"

_HOLDERS = """
SELECT name, holder FROM leases WHERE substr(name, 1, length(:prefix)) = :prefix AND expires_at > {now}
"""


class SqlLeases:
    """Leases in the database.

    PostgreSQL's clock judges there, so workers' clocks may differ. A SQLite file has one writing process, so
    its clock is the store's: the wall clock unless another is given, and never candle time. For the same
    reason whoever held a lease before this process wrote to the file is dead: nobody waits until it ran out.
    """

    def __init__(self, db: Database, clock: Clock | None = None) -> None:
        self._db, self._clock = db, clock or _WallClock()
        words = (
            {"now": ":now", "until": ":until"}
            if db.is_sqlite
            # clock_timestamp, not now(): a transaction that waited must not judge by when it began
            else {"now": "clock_timestamp()", "until": "clock_timestamp() + :lasts"}
        )
        self._take, self._give_back, self._holders = (
            text(statement.format(**words)) for statement in (_TAKE, _GIVE_BACK, _HOLDERS)
        )
        if db.is_sqlite and db.role == "writer":
            with db.transaction() as connection:
                connection.execute(text(_FREE), self._now())

    def acquire(self, name: str, *, holder: str, lasts: timedelta) -> Fence | None:
        values = {"name": name, "holder": holder, **self._times(lasts)}
        with self._db.transaction() as connection:
            token = connection.execute(self._take, values).scalar()
        return None if token is None else Fence(name, int(token))

    def holders(self, prefix: str) -> Mapping[str, str]:
        with self._db.reading() as connection:
            rows = connection.execute(self._holders, {"prefix": prefix, **self._now()}).all()
        return {row.name: row.holder for row in rows}

    def release(self, fence: Fence) -> None:
        """The row stays, so that the next token is higher."""
        with self._db.transaction() as connection:
            connection.execute(self._give_back, {"name": fence.name, "token": fence.token, **self._now()})

    def _now(self) -> dict[str, object]:
        return {"now": utc_text(self._clock.now())} if self._db.is_sqlite else {}

    def _times(self, lasts: timedelta) -> dict[str, object]:
        if not self._db.is_sqlite:
            return {"lasts": lasts}
        now = self._clock.now()
        return {"now": utc_text(now), "until": utc_text(now + lasts)}


class _WallClock:
    def now(self) -> datetime:
        return datetime.now(UTC)


class MemoryLeases:
    """Leases of one process. `tokens` may be the log's own mapping, which it checks fences against."""

    def __init__(self, clock: Clock, tokens: MutableMapping[str, int] | None = None) -> None:
        self._clock = clock
        self._tokens = {} if tokens is None else tokens
        self._held: dict[str, tuple[str, datetime]] = {}
        self._lock = threading.Lock()

    def acquire(self, name: str, *, holder: str, lasts: timedelta) -> Fence | None:
        with self._lock:
            now = self._clock.now()
            holds, until = self._held.get(name, ("", now))
            if until > now and holds != holder:
                return None
            if until <= now:
                self._tokens[name] = self._tokens.get(name, 0) + 1
            self._held[name] = (holder, now + lasts)
            return Fence(name, self._tokens[name])

    def holders(self, prefix: str) -> Mapping[str, str]:
        with self._lock:
            now = self._clock.now()
            held = {name: holder for name, (holder, until) in self._held.items() if until > now}
        return {name: holder for name, holder in held.items() if name.startswith(prefix)}

    def release(self, fence: Fence) -> None:
        with self._lock:
            if self._tokens.get(fence.name) == fence.token and fence.name in self._held:
                self._held[fence.name] = (self._held[fence.name][0], self._clock.now())
