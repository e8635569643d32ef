"""`evenkeel venue-accounts` and `evenkeel vault`: accounts at venues, and their keys."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from application.venue_accounts.shown import venue_account_from_row
from application.views.rows import VenueAccountRow
from entrypoints.cli import options
from entrypoints.cli.app import group
from entrypoints.cli.output import Output
from entrypoints.cli.session import account_of, reading, writing
from entrypoints.plain import plain

venue_accounts = group("Accounts at venues: owners' own and the platform's; their keys go in, never out.")
vault = group("The vault that venues' keys are kept in.")

Account = Annotated[
    str, typer.Argument(metavar="ACCOUNT", help="Its id; `evenkeel venue-accounts list` shows them.")
]
Venue = Annotated[str, typer.Argument(help="Its name: binance, kraken, …, or a simulator's.")]
Name = Annotated[str, typer.Option(help="How it is called: small letters, digits, - and _.")]
Reason = Annotated[str, typer.Option(help="Why; it stands in the log.")]


@venue_accounts.command("list")
def list_accounts(
    user: options.User = None, database_url: options.DatabaseUrl = None, as_json: options.Json = False
) -> None:
    """Show every venue account, or those of --user. Of keys: fingerprint and rights.

    Example: `evenkeel venue-accounts list`
    """
    output = Output(as_json=as_json)
    with reading(database_url) as core:
        equal = {"owner_id": account_of(core, user)} if user else {}
        rows = [
            {"owner_id": row.owner_id, **plain(venue_account_from_row(row))}
            for row in core.services.views.where(VenueAccountRow, **equal)
        ]
    output.value(rows)
    columns = ("venue_account_id", "kind", "venue", "status", "rights", "fingerprint", "key_since")
    shown = [{**row, **_key_in_words(row)} for row in rows]
    output.table(shown, columns, empty="there are none; `evenkeel venue-accounts connect` makes one")


@venue_accounts.command()
def connect(
    venue: Venue,
    name: Name = "main",
    user: options.User = None,
    database_url: options.DatabaseUrl = None,
    as_json: options.Json = False,
) -> None:
    """Connect a person's own account at a venue, and open the book that mirrors it.

    Example: `evenkeel venue-accounts connect binance --user ann@example.org`
    """
    output = Output(as_json=as_json)
    arguments = {"venue": venue, "name": name, "user": user}
    _tell(output, writing("venue-accounts.connect", arguments, database_url, output))


@venue_accounts.command("open-pooled")
def open_pooled(
    venue: Venue,
    name: Name = "main",
    database_url: options.DatabaseUrl = None,
    as_json: options.Json = False,
) -> None:
    """Open the platform's account at a venue, for owners' LIVE books.

    Example: `evenkeel venue-accounts open-pooled binance`
    """
    output = Output(as_json=as_json)
    arguments = {"venue": venue, "name": name}
    _tell(output, writing("venue-accounts.open-pooled", arguments, database_url, output))


@venue_accounts.command("open-book")
def open_book(
    account: Account,
    user: options.User = None,
    database_url: options.DatabaseUrl = None,
    as_json: options.Json = False,
) -> None:
    """Open a person's LIVE book on a pooled account. It is empty; `evenkeel ledger post` credits it.

    Example: `evenkeel venue-accounts open-book pooled.binance.main --user ann@example.org`
    """
    output = Output(as_json=as_json)
    arguments = {"venue_account_id": account, "user": user}
    answer = writing("venue-accounts.open-book", arguments, database_url, output)
    output.value(answer)
    output.facts(answer)


@venue_accounts.command("add-key")
def add_key(
    account: Account,
    user: options.User = None,
    database_url: options.DatabaseUrl = None,
    as_json: options.Json = False,
) -> None:
    """Import an account's first key: asked for on a terminal, else the lines of standard input.

    API key, secret and, where the venue has one, password. A key is never an argument: arguments are visible
    to everyone on the machine. One that may withdraw is refused.

    Example: `evenkeel venue-accounts add-key binance.main.0a1b2c3d < key.txt`
    """
    _take(account, user, database_url, Output(as_json=as_json), replacing=False)


@venue_accounts.command("rotate-key")
def rotate_key(
    account: Account,
    user: options.User = None,
    database_url: options.DatabaseUrl = None,
    as_json: options.Json = False,
) -> None:
    """Put another key in the place of an account's key; read as by add-key.

    One of another account at the venue is refused, where the venue says whose a key is.

    Example: `evenkeel venue-accounts rotate-key binance.main.0a1b2c3d < key.txt`
    """
    _take(account, user, database_url, Output(as_json=as_json), replacing=True)


@venue_accounts.command("revoke-key")
def revoke_key(
    account: Account,
    reason: Reason,
    user: options.User = None,
    database_url: options.DatabaseUrl = None,
    as_json: options.Json = False,
) -> None:
    """Stop using an account's key and remove it from the vault. Delete it at the venue as well.

    Example: `evenkeel venue-accounts revoke-key binance.main.0a1b2c3d --reason "laptop lost"`
    """
    output = Output(as_json=as_json)
    arguments = {"venue_account_id": account, "user": user, "reason": reason}
    _tell(output, writing("venue-accounts.revoke-key", arguments, database_url, output))


@venue_accounts.command()
def close(
    account: Account,
    reason: Reason,
    user: options.User = None,
    database_url: options.DatabaseUrl = None,
    as_json: options.Json = False,
) -> None:
    """End a venue account, its key with it; its books stay readable.

    Example: `evenkeel venue-accounts close binance.main.0a1b2c3d --reason "moved elsewhere"`
    """
    output = Output(as_json=as_json)
    arguments = {"venue_account_id": account, "user": user, "reason": reason}
    _tell(output, writing("venue-accounts.close", arguments, database_url, output))


@vault.command()
def rotate(database_url: options.DatabaseUrl = None, as_json: options.Json = False) -> None:
    """Put a new master key in the old one's place and wrap every key anew. Interrupted, run it again.

    The old one is kept beside it, for backups from before; once none needs it, delete it.

    Example: `evenkeel vault rotate`
    """
    output = Output(as_json=as_json)
    answer = writing("vault.rotate", {}, database_url, output, what="wrapping")
    output.value(answer)
    output.facts(answer)


def _take(
    account: str, user: str | None, database_url: str | None, output: Output, *, replacing: bool
) -> None:
    api_key, secret, password = _key_parts()
    arguments = {
        "venue_account_id": account,
        "user": user,
        "api_key": api_key,
        "secret": secret,
        "password": password,
        "replacing": replacing,
    }
    _tell(output, writing("venue-accounts.take-key", arguments, database_url, output))


def _key_parts() -> tuple[str, str, str]:
    """Asked for without showing them, or the first three lines of what is piped in."""
    if sys.stdin.isatty():
        asked = [typer.prompt(words, hide_input=True, err=True) for words in ("API key", "secret")]
        last = typer.prompt(
            "password (Enter for none)", hide_input=True, default="", show_default=False, err=True
        )
        return asked[0], asked[1], last
    lines = [sys.stdin.readline().strip("\r\n") for _ in range(3)]
    return lines[0], lines[1], lines[2]


def _tell(output: Output, answer: dict[str, Any]) -> None:
    output.value(answer)
    shown = {name: value for name, value in answer.items() if name not in ("key", "opening")}
    if answer.get("opening"):
        shown["opening"] = ", ".join(answer["opening"])
    output.facts({**shown, **_key_in_words(answer)})


def _key_in_words(row: dict[str, Any]) -> dict[str, Any]:
    key = row["key"]
    if not key:
        return {"rights": "no key", "fingerprint": "", "key_since": ""}
    limited = "" if key["ip_restricted"] else " (from any address)"
    return {
        "rights": ", ".join(key["rights"]) + limited,
        "fingerprint": key["fingerprint"],
        "key_since": key["since"],
    }
