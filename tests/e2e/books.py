"""What a database holds, read past the product: by the drivers, from the tables."""

from __future__ import annotations

import contextlib
import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg


def is_sqlite(database_url: str) -> bool:
    return database_url.startswith("sqlite:")


def file_of(database_url: str) -> Path:
    return Path(database_url.removeprefix("sqlite:///"))


@contextlib.contextmanager
def _connected(database_url: str) -> Iterator[Any]:
    if is_sqlite(database_url):
        with contextlib.closing(sqlite3.connect(file_of(database_url), timeout=30)) as connection:
            yield connection
            connection.commit()
    else:
        with psycopg.connect(database_url) as connection:
            yield connection


def rows(database_url: str, query: str) -> list[tuple[Any, ...]]:
    with _connected(database_url) as connection:
        return list(connection.execute(query))


def count(database_url: str, table: str) -> int:
    """0 while there is no such table, nor perhaps a database."""
    if is_sqlite(database_url) and not file_of(database_url).exists():
        return 0
    try:
        ((number,),) = rows(database_url, f"SELECT count(*) FROM {table}")
    except (sqlite3.OperationalError, psycopg.errors.UndefinedTable):
        return 0
    return int(number)


def tamper(database_url: str, *statements: str) -> None:
    """Change the log as an intruder with all rights would: its triggers stand aside, then are back."""
    with _connected(database_url) as connection:
        if is_sqlite(database_url):
            triggers = list(
                connection.execute(
                    "SELECT name, sql FROM sqlite_master WHERE tbl_name = 'stored_events'"
                    " AND type = 'trigger'"
                )
            )
            for name, _ in triggers:
                connection.execute(f"DROP TRIGGER {name}")
            for statement in statements:
                connection.execute(statement)
            for _, created in triggers:
                connection.execute(created)
        else:
            connection.execute("SET session_replication_role = replica")
            for statement in statements:
                connection.execute(statement)


def trades_of_the_venue(database_url: str) -> list[tuple[str, str, str]]:
    """The venue's own journal: account, symbol, trade id."""
    found = rows(
        database_url,
        "SELECT f.venue_account, o.symbol, f.venue_trade_id FROM paper_fills f JOIN paper_orders o"
        " ON o.venue_account = f.venue_account AND o.client_order_id = f.client_order_id",
    )
    return sorted((str(account), str(symbol), str(trade)) for account, symbol, trade in found)


def trades_in_the_read_model(database_url: str) -> list[tuple[str, str, str]]:
    """As trades_of_the_venue, of what the log says."""
    found = rows(database_url, "SELECT venue_account, symbol, venue_trade_id FROM fills")
    return sorted((str(account), str(symbol), str(trade)) for account, symbol, trade in found)


_LINK = re.compile(rb'"prev":"[0-9a-f]*",')
_ZEROS = re.compile(rb'"(-?[0-9]+)(?:\.0*|(\.[0-9]*[1-9])0*)"')


def facts(database_url: str) -> list[tuple[str, int, bytes]]:
    """The whole log in its order, without positions, which may have holes.

    Amounts without closing zeros: a fill that was read back from the venue has lost them. So the links,
    hashes of the bytes before, are left out; `log verify` recomputes those.
    """
    query = "SELECT originator_id, originator_version, state FROM stored_events ORDER BY notification_id"
    return [
        (stream, version, _ZEROS.sub(rb'"\1\2"', _LINK.sub(b"", bytes(state))))
        for stream, version, state in rows(database_url, query)
    ]
