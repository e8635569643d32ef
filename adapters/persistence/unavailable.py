"""Which errors of the engines mean that the store cannot answer now."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from sqlalchemy import exc

from application.ports.event_log import StoreUnavailable

_UNAVAILABLE_SQLITE = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_CANTOPEN,
}

_UNAVAILABLE_SQLSTATES = (
    "08",  # the connection is lost
    "25006",  # read-only: a standby
    "25P03",  # idle in a transaction for too long
    "25P04",  # a transaction that took too long
    "57",  # an operator or a time limit stepped in
)
"""psycopg does not count all of them as operational errors."""


@contextmanager
def translated() -> Iterator[None]:
    """Says StoreUnavailable where an engine says, in its own words, that it cannot answer now."""
    try:
        yield
    except exc.TimeoutError as e:
        raise StoreUnavailable("all connections to the database are in use") from e
    except (exc.DBAPIError, psycopg.Error, sqlite3.Error) as e:
        if is_unavailable(e):
            cause = e.orig if isinstance(e, exc.DBAPIError) else e
            raise StoreUnavailable(str(cause).strip()) from e
        raise


def disk_failure(error: BaseException | None) -> sqlite3.Error | None:
    """SQLite's word for a disk that could not read or write; not for one that is full."""
    while error is not None:
        if isinstance(error, sqlite3.Error):
            code = getattr(error, "sqlite_errorcode", 0)
            # SHMSIZE: the connections' shared memory could not grow, which a full disk refuses first
            failed = code & 0xFF == sqlite3.SQLITE_IOERR and code != sqlite3.SQLITE_IOERR_SHMSIZE
            return error if failed else None
        error = error.__cause__
    return None


def is_unavailable(error: BaseException) -> bool:
    """Whether an engine's error says that it cannot answer now, rather than that the question is wrong."""
    if isinstance(error, exc.DBAPIError):
        return error.orig is not None and is_unavailable(error.orig)
    if isinstance(error, sqlite3.Error):
        return (getattr(error, "sqlite_errorcode", 0) & 0xFF) in _UNAVAILABLE_SQLITE
    if isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
        return True
    sqlstate = error.sqlstate if isinstance(error, psycopg.Error) else None
    return (sqlstate or "").startswith(_UNAVAILABLE_SQLSTATES)
