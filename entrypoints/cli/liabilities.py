"""`evenkeel liabilities`: what the platform owes, provable to each owner without showing the others."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from domain.errors import InvalidValue
from entrypoints.cli import options
from entrypoints.cli.app import group
from entrypoints.cli.output import Output, Row
from entrypoints.cli.session import account_of, reading, writing
from entrypoints.problems import CheckFailed

liabilities = group(
    "Proof of liabilities: what all owners of LIVE books are owed, and each one's part in it."
)

EMPTY = "there was no LIVE book: the tree is empty, nothing was owed to anybody"
Id = Annotated[
    str, typer.Argument(metavar="[ID]", help="Of the publication: the log's size then. Default: newest.")
]


@liabilities.command()
def publish(
    new_salts: Annotated[
        bool,
        typer.Option(
            "--new-salts", help="The secret is lost: make one; earlier proofs are never made again."
        ),
    ] = False,
    database_url: options.DatabaseUrl = None,
    as_json: options.Json = False,
) -> None:
    """Sign root and totals under the newest checkpoint with the log's key, and put them into the log.

    Where nothing happened since the last time, that publication is the answer.

    Example: `evenkeel liabilities publish`
    """
    output = Output(as_json=as_json)
    arguments = {"new_salts": new_salts}
    _show(output, writing("liabilities.publish", arguments, database_url, output, what="adding up"))


@liabilities.command()
def show(id: Id = "", database_url: options.DatabaseUrl = None, as_json: options.Json = False) -> None:
    """Show what was published: root, totals, the signed statement.

    Examples: `evenkeel liabilities show`, `evenkeel liabilities show 1234`
    """
    from application.liabilities.publications import as_json as told

    output = Output(as_json=as_json)
    with reading(database_url) as core:
        found = told(core.services.liabilities.find(id))
    _show(output, found)


@liabilities.command()
def prove(
    id: Id = "",
    user: options.User = None,
    database_url: options.DatabaseUrl = None,
    as_json: options.Json = False,
) -> None:
    """Print one owner's proof: their balances, salt and path. It is theirs alone: siblings' sums are in it.

    Example: `evenkeel liabilities prove --user ann@example.org > ann.json`
    """
    output = Output(as_json=as_json)
    with reading(database_url) as core:
        owner_id = account_of(core, user)
        published = core.services.liabilities.find(id)
        proof = core.services.liabilities.proof(published, owner_id).as_json()
    output.value(proof)
    output.raw(json.dumps(proof, indent=2) + "\n")


@liabilities.command()
def verify(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="What `prove` printed.")],
    key: Annotated[
        list[Path], typer.Option(exists=True, dir_okay=False, help="The log's public key; repeatable.")
    ],
    checkpoint: Annotated[
        list[Path] | None, typer.Option(exists=True, dir_okay=False, help="A signed note that you kept.")
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Check a proof as `verify.py --liability` does, offline; exit code 1 where it does not hold.

    Example: `evenkeel liabilities verify ann.json --key log.pub`
    """
    from entrypoints.auditor import verify as auditor

    output = Output(as_json=as_json)
    try:
        keys = [auditor.given(path, auditor.Key.parse) for path in key]
        kept = [auditor.given(path, auditor.Checkpoint.parse) for path in checkpoint or ()]
        report = auditor.liability_report(file, keys, kept, None)
    except auditor.Unusable as e:
        raise InvalidValue("file", str(e)) from e
    output.value(report)
    output.say(auditor.as_text(report))
    if not report["ok"]:
        raise CheckFailed


def _show(output: Output, published: Mapping[str, Any]) -> None:
    output.value(published)
    facts = ("id", "published_at", "origin", "log_size", "log_root", "leaves", "root")
    output.facts({name: published[name] for name in facts})
    output.say()
    rows: list[Row] = [
        {"kind": kind, "asset": asset, "amount": amount}
        for kind in ("owed", "due")
        for asset, amount in published[kind].items()
    ]
    nothing = "nothing was owed" if published["leaves"] else EMPTY
    output.table(rows, ("kind", "asset", "amount"), empty=nothing)
    output.say()
    output.raw(published["statement"])
