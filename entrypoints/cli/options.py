"""Options that many commands share."""

from __future__ import annotations

from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="Print one JSON value and nothing else.")]
DatabaseUrl = Annotated[
    str | None,
    typer.Option(
        "--database-url",
        metavar="URL",
        help="sqlite:///path/to/file.db or postgresql://user@host/db. Default: EVENKEEL_DATABASE_URL, "
        "else evenkeel.db in EVENKEEL_DATA_DIR (./var).",
    ),
]
DurableDatabaseUrl = Annotated[
    str | None,
    typer.Option(
        "--database-url",
        metavar="URL",
        help="sqlite:///path/to/file.db or postgresql://user@host/db: kept, and every step durable. "
        "Default: a throwaway SQLite file, whatever EVENKEEL_DATABASE_URL says.",
    ),
]
User = Annotated[
    str | None,
    typer.Option("--user", metavar="EMAIL", help="Whose account; needless while there is one user only."),
]
At = Annotated[
    str | None,
    typer.Option(
        "--at",
        metavar="TIME|POSITION",
        help="As of then: '2026-03-01T12:00:00Z' (when it was recorded) or a log position such as 0-1234.",
    ),
]
EffectiveAt = Annotated[
    str | None,
    typer.Option(
        "--effective-at",
        metavar="TIME",
        help="Only entries that took effect by then; with --at, of those that were recorded by that.",
    ),
]
Shard = Annotated[
    int | None,
    typer.Option(
        "--shard",
        metavar="N",
        min=0,
        help="Which shard's log, from 0; needless where there is one (the rule).",
    ),
]
Limit = Annotated[int, typer.Option("--limit", "-n", min=1, max=10_000, help="At most so many: the newest.")]
PaperAccount = Annotated[
    str | None,
    typer.Option("--paper-account", metavar="ID", help="Which paper account; default: the newest open one."),
]
PasswordStdin = Annotated[
    bool,
    typer.Option("--password-stdin", help="Read the password from standard input; else it is asked for."),
]
