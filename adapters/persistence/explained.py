"""What an error of the libraries below means to whoever runs a command."""

from __future__ import annotations

import sqlite3
from typing import NamedTuple

import msgspec
import psycopg
from sqlalchemy import exc

from adapters.persistence.codec import UnknownEvent


class Explanation(NamedTuple):
    """A stable code, and words with the way out."""

    code: str
    message: str


def explained(error: BaseException) -> Explanation | None:
    """None for an error that is not of the store's making."""
    if isinstance(error, UnknownEvent):
        return Explanation("log_too_new", f"{error}: a newer Evenkeel wrote this log; install that one")
    if isinstance(error, msgspec.MsgspecError):
        return Explanation(
            "log_damaged",
            f"the log holds an event that cannot be read ({error}); `evenkeel log verify` names it",
        )
    if isinstance(error, exc.DBAPIError) and error.orig is not None:
        return explained(error.orig)
    if isinstance(error, sqlite3.Error | psycopg.Error):
        words = str(error).strip().partition("\n")[0]
        return Explanation(
            "database_error",
            f"the database refuses: {words}; `evenkeel doctor` looks at it, `evenkeel log verify` at the log",
        )
    return None
