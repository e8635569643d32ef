"""`evenkeel users`: who signs in."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from application.views.rows import AccountRow
from domain.accounts.account import TRADER
from entrypoints.cli import options
from entrypoints.cli.app import group
from entrypoints.cli.output import Output
from entrypoints.cli.session import Core, account_of, password_of, reading, writing

users = group("Accounts: create them, give them roles, freeze them.")
Reason = Annotated[str, typer.Option(help="Why; its owner and auditors will read it.")]


@users.command()
def create(
    email: Annotated[str, typer.Argument(help="What the person signs in with.")],
    role: Annotated[list[str] | None, typer.Option(help="trader, operator, auditor or admin.")] = None,
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password from standard input.")
    ] = False,
    database_url: options.DatabaseUrl = None,
    as_json: options.Json = False,
) -> None:
    """Create an account. Without --password-stdin a password is generated and shown this once.

    A password is never an argument: arguments are visible to everyone on the machine.

    Example: `evenkeel users create ann@example.org --role trader --role operator`
    """
    from adapters.secrets.passwords import generated_password

    output = Output(as_json=as_json)
    password = sys.stdin.readline().rstrip("\r\n") if password_stdin else generated_password(email)
    arguments = {"email": email, "password": password, "roles": role or [TRADER]}
    answer = writing("users.create", arguments, database_url, output)
    if not password_stdin:
        answer = {**answer, "password": password}
    output.value(answer)
    output.facts({"account": answer["account_id"], "roles": answer["roles"]})
    if not password_stdin:
        output.say(f"password, shown this once: {password}")


@users.command("list")
def list_users(database_url: options.DatabaseUrl = None, as_json: options.Json = False) -> None:
    """Show every account.

    Example: `evenkeel users list --json`
    """
    output = Output(as_json=as_json)
    with reading(database_url) as core:
        rows = [_row(core, row) for row in core.services.views.where(AccountRow)]
    output.value(rows)
    columns = ("account_id", "email", "roles", "status", "live_trading", "registered_at")
    output.table(rows, columns, empty="there are no accounts; `evenkeel users create` makes one")


@users.command()
def show(
    user: options.User = None, database_url: options.DatabaseUrl = None, as_json: options.Json = False
) -> None:
    """Show one account.

    Example: `evenkeel users show --user ann@example.org`
    """
    output = Output(as_json=as_json)
    with reading(database_url) as core:
        found = core.services.views.get(AccountRow, account_of(core, user))
        row = _row(core, found) if found else {}
    output.value(row)
    output.facts(row)


@users.command("grant-role")
def grant_role(
    role: Annotated[str, typer.Argument(help="trader, operator, auditor or admin.")],
    user: options.User = None,
    database_url: options.DatabaseUrl = None,
    as_json: options.Json = False,
) -> None:
    """Give an account one more role, from its next request on.

    Example: `evenkeel users grant-role auditor --user ann@example.org`
    """
    output = Output(as_json=as_json)
    answer = writing("users.grant-role", {"user": user, "role": role}, database_url, output)
    output.value(answer)
    output.facts({"account": answer["account_id"], "roles": answer["roles"]})


@users.command()
def freeze(
    reason: Reason,
    user: options.User = None,
    database_url: options.DatabaseUrl = None,
    as_json: options.Json = False,
) -> None:
    """Freeze an account: its owner may look but not act, and its bots place no orders.

    Example: `evenkeel users freeze --user ann@example.org --reason "lost her laptop"`
    """
    output = Output(as_json=as_json)
    answer = writing("users.freeze", {"user": user, "reason": reason}, database_url, output)
    output.value(answer)
    output.say(f"{answer['account_id']} is {answer['status']}")


@users.command()
def unfreeze(
    reason: Reason,
    user: options.User = None,
    database_url: options.DatabaseUrl = None,
    as_json: options.Json = False,
) -> None:
    """Let a frozen account act again.

    Example: `evenkeel users unfreeze --user ann@example.org --reason "laptop found"`
    """
    output = Output(as_json=as_json)
    answer = writing("users.unfreeze", {"user": user, "reason": reason}, database_url, output)
    output.value(answer)
    output.say(f"{answer['account_id']} is {answer['status']}")


@users.command("request-live")
def request_live(
    reason: Reason,
    user: options.User = None,
    database_url: options.DatabaseUrl = None,
    as_json: options.Json = False,
) -> None:
    """Ask that an account may trade with real money; a second person approves.

    Example: `evenkeel users request-live --user ann@example.org --reason "a month on paper went well"`
    """
    output = Output(as_json=as_json)
    _live(output, writing("users.request-live", {"user": user, "reason": reason}, database_url, output))


@users.command("approve-live")
def approve_live(
    reason: Reason,
    by: Annotated[
        str, typer.Option("--by", metavar="EMAIL", help="Who approves: operator or admin, somebody else.")
    ],
    password_stdin: options.PasswordStdin = False,
    user: options.User = None,
    database_url: options.DatabaseUrl = None,
    as_json: options.Json = False,
) -> None:
    """Let an account trade with real money. Whoever approves enters their password.

    Example: `evenkeel users approve-live --user ann@example.org --by bob@example.org --reason "seen it"`
    """
    output = Output(as_json=as_json)
    arguments = {"user": user, "by": by, "reason": reason, "password": password_of(by, stdin=password_stdin)}
    _live(output, writing("users.approve-live", arguments, database_url, output))


@users.command("revoke-live")
def revoke_live(
    reason: Reason,
    user: options.User = None,
    database_url: options.DatabaseUrl = None,
    as_json: options.Json = False,
) -> None:
    """Decline, or take the approval back: the account's LIVE bots send no more orders.

    Example: `evenkeel users revoke-live --user ann@example.org --reason "on leave"`
    """
    output = Output(as_json=as_json)
    _live(output, writing("users.revoke-live", {"user": user, "reason": reason}, database_url, output))


def _live(output: Output, answer: dict[str, Any]) -> None:
    output.value(answer)
    output.facts({"account": answer["account_id"], "live trading": answer["live_trading"]})


def _row(core: Core, row: AccountRow) -> dict[str, Any]:
    identity = core.services.identities.by_account(row.account_id)
    return {
        "account_id": row.account_id,
        "email": identity.email if identity else "",
        "roles": row.roles.split(","),
        "status": row.status,
        "live_trading": row.live_trading,
        "registered_at": row.registered_at_utc,
    }
