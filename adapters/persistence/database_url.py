"""How a database is named: a SQLite file or a PostgreSQL URL."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import psycopg
from psycopg.conninfo import conninfo_to_dict

from adapters.persistence.database_errors import InvalidDatabaseUrl


def sqlite_path(url: str) -> Path | None:
    """The file that a URL names, None for a PostgreSQL one; raises InvalidDatabaseUrl for anything else."""
    scheme, separator, rest = url.partition("://")
    if not separator:
        if not url or ":" in url:
            raise InvalidDatabaseUrl(url=url)
        return Path(url)
    if scheme == "sqlite" and len(rest) > 1 and rest.startswith("/") and ":memory:" not in rest:
        return Path(rest[1:])
    if scheme in ("postgresql", "postgres"):
        try:
            conninfo_to_dict(url)
        except psycopg.ProgrammingError as e:
            raise InvalidDatabaseUrl(url=without_password(url)) from e
        return None
    raise InvalidDatabaseUrl(url=without_password(url))


def without_password(url: str) -> str:
    """The URL as it may be shown."""
    scheme, separator, rest = url.partition("://")
    authority, at, place = rest.rpartition("@")
    return f"{scheme}{separator}{authority.partition(':')[0]}{at}{place}" if at else url


def database_name(url: str) -> str:
    """A name for files that belong to a database: a SQLite file's, or PostgreSQL's with a digest of where."""
    path = sqlite_path(url)
    if path is not None:
        return path.name
    given = conninfo_to_dict(url)
    where = "|".join(str(given.get(part) or "") for part in ("host", "hostaddr", "port", "dbname"))
    return f"{given.get('dbname') or 'postgres'}-{sha256(where.encode()).hexdigest()[:8]}"
