"""What is refused when a database is opened."""

from __future__ import annotations

from domain.errors import DomainError


class InvalidDatabaseUrl(DomainError, code="invalid_database_url"):
    """The address is neither a SQLite file nor a PostgreSQL database."""

    def __init__(self, *, url: str) -> None:
        super().__init__(
            f"{url!r} is not a database address; write sqlite:///path/to/file.db or "
            "postgresql://user@host/database"
        )
        self.url = url


class DatabaseUnreachable(DomainError, code="database_unreachable"):
    """The server did not answer, or the file cannot be opened."""

    def __init__(self, *, url: str, problem: str) -> None:
        super().__init__(f"cannot open {url}: {problem}")
        self.url, self.problem = url, problem


class DatabaseInUse(DomainError, code="database_in_use"):
    """Another process writes this SQLite file; go through it, or stop it first."""

    def __init__(self, *, path: str, pid: str) -> None:
        super().__init__(
            f"{path} is open for writing in process {pid}; a SQLite file has one writing process. "
            "Send commands to that process, or stop it first"
        )
        self.path, self.pid = path, pid


class RebuildRunning(DomainError, code="rebuild_running"):
    """Projections of this database are being rebuilt or checked already; wait until that has ended."""

    def __init__(self) -> None:
        super().__init__(
            "another rebuild or check of this database's projections is running; try again when it has ended"
        )


class SchemaOutOfDate(DomainError, code="schema_out_of_date"):
    """The database is older than this program; `evenkeel db upgrade` brings it up to date."""

    def __init__(self, *, found: str, needed: str) -> None:
        super().__init__(
            f"the database is at schema {found or 'none'}, this program needs {needed}: "
            "run `evenkeel db upgrade`"
        )
        self.found, self.needed = found, needed


class SchemaTooNew(DomainError, code="schema_too_new"):
    """The database was upgraded by a newer program; this one does not know its tables."""

    def __init__(self, *, found: str, known: str) -> None:
        super().__init__(
            f"the database is at schema {found}, this program knows up to {known}: install a newer Evenkeel"
        )
        self.found, self.known = found, known
