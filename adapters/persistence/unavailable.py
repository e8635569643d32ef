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


def is_unavailable(error: BaseException) -> bool:
    """Whether an engine's error says that it cannot answer now, rather than that the question is wrong."""
    if isinstance(error, exc.DBAPIError):
        return error.orig is not None and is_unavailable(error.orig)
    if isinstance(error, sqlite3.Error):
        return (getattr(error, "sqlite_errorcode", 0) & 0xFF) in _UNAVAILABLE_SQLITE
    return isinstance(
        error, psycopg.OperationalError | psycopg.InterfaceError | psycopg.errors.ReadOnlySqlTransaction
    )
