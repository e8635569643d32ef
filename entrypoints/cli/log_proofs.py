"""`evenkeel log checkpoint | prove | export`: what the sealed log shows to outsiders."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from application.ports.event_log import Position
from application.sealing.proofs import NotSealedYet
from domain.errors import InvalidValue
from entrypoints.cli import options
from entrypoints.cli.log import log
from entrypoints.cli.output import Output
from entrypoints.cli.session import command_settings, looking, named_settings, named_shard


@log.command()
def seal(database_url: options.DatabaseUrl = None, as_json: options.Json = False) -> None:
    """Seal the log to its end and sign a checkpoint; needless while `serve` or `sealer` runs.

    Example: `evenkeel log seal`
    """
    from entrypoints.sealing import seal_once

    output = Output(as_json=as_json)
    settings = command_settings(database_url)
    sealed = [{"origin": one.origin, "size": one.size, "root": one.root.hex()} for one in seal_once(settings)]
    if not sealed:
        raise NotSealedYet(what="an empty log")
    output.value(sealed[0] if settings.shards == 1 else sealed)
    for one in sealed:
        output.say(f"{one['size']} events sealed, root {one['root']}")


@log.command()
def recover(
    accept_loss: Annotated[
        bool, typer.Option("--accept-loss", help="What the checkpoints cover and this log lacks is given up.")
    ] = False,
    reason: Annotated[
        str, typer.Option("--reason", help="What happened, in one line; auditors read it.")
    ] = "",
    database_url: options.DatabaseUrl = None,
    as_json: options.Json = False,
) -> None:
    """Let a log go on that contradicts a signed checkpoint, such as an older backup.

    Find out first what was lost. The loss is recorded in the log and signed; it cannot be taken back.

    Example: `evenkeel log recover --accept-loss --reason "disk lost, backup of 2026-11-24 restored"`
    """
    from entrypoints.sealing import recover as go_on

    output = Output(as_json=as_json)
    if not accept_loss:
        raise InvalidValue(
            "accept-loss", "say --accept-loss: what the checkpoints cover and the log lacks is lost"
        )
    checkpoint = go_on(command_settings(database_url), reason=reason)
    size = checkpoint.size if checkpoint else 0
    output.value({"size": size, "root": checkpoint.root.hex() if checkpoint else ""})
    output.say(f"the log goes on at {size} events; the loss is recorded in it")


@log.command()
def create_key(
    shard: options.Shard = None, database_url: options.DatabaseUrl = None, as_json: options.Json = False
) -> None:
    """Make the key that signs for the log at EVENKEEL_SIGNING_KEY_FILE; needless where that is unset.

    Prints the public half: what other processes get as EVENKEEL_LOG_PUBLIC_KEY, and auditors.

    Example: `EVENKEEL_SIGNING_KEY_FILE=keys/log.key evenkeel log create-key`
    """
    from adapters.secrets.signing_key import create_key as create
    from entrypoints.checkpoints import key_file, origin

    output = Output(as_json=as_json)
    settings = command_settings(database_url)
    number = named_shard(shard, settings)
    file = key_file(settings, number)
    key = create(file, origin(settings, number))
    output.value({"key": str(key), "file": str(file)})
    output.say(str(key))


@log.command()
def rotate_key(database_url: options.DatabaseUrl = None, as_json: options.Json = False) -> None:
    """Let a new key sign for the log; the old one signs that it does, and is kept beside it.

    Give the new public key to whoever checks the log. Run it while nothing serves the database.

    Example: `evenkeel log rotate-key`
    """
    from entrypoints.sealing import rotate_key as rotate

    output = Output(as_json=as_json)
    key = rotate(command_settings(database_url))
    output.value({"key": str(key)})
    output.say(f"from now on this key signs: {key}")


@log.command()
def checkpoint(
    shard: options.Shard = None, database_url: options.DatabaseUrl = None, as_json: options.Json = False
) -> None:
    """Print the newest signed checkpoint, as it is: keep it, and later no other log can be shown to you.

    Example: `evenkeel log checkpoint > kept.note`
    """
    output = Output(as_json=as_json)
    with looking(database_url, shard) as (_, seals, _):
        note = seals.newest()
    if note is None:
        raise NotSealedYet(what="the log")
    output.value({"note": note})
    output.raw(note)


@log.command()
def prove(
    position: Annotated[
        str | None, typer.Argument(help="Of the event that is to be proven, such as 0-1234.")
    ] = None,
    since: Annotated[
        int | None,
        typer.Option("--since", min=1, help="Prove that the log of this size is the beginning of today's."),
    ] = None,
    shard: options.Shard = None,
    database_url: options.DatabaseUrl = None,
    as_json: options.Json = False,
) -> None:
    """Print the proof that an event is under the newest checkpoint, with it: checked offline by `verify.py`.

    Or, with --since, that what an earlier checkpoint covered is still its beginning.

    Examples: `evenkeel log prove 0-42`, `evenkeel log prove --since 1000`
    """
    from application.sealing.proofs import consistency_proof, inclusion_proof

    output = Output(as_json=as_json)
    if (position is None) == (since is None):
        raise InvalidValue("position", "name the position of an event, or --since SIZE, and not both")
    wanted = None if position is None else Position.parse(position)
    if wanted is not None and named_settings(database_url).shards > 1:
        shard = wanted.shard
    with looking(database_url, shard) as (_, seals, read):
        if wanted is not None:
            proof = inclusion_proof(seals, read, wanted)
        else:
            proof = consistency_proof(seals, since or 0)
    output.value(proof.as_json())
    output.raw(proof.text)


@log.command()
def export(
    to: Annotated[
        Path,
        typer.Option("--output", metavar="DIR", file_okay=False, help="A new or earlier export's directory."),
    ],
    database_url: options.DatabaseUrl = None,
    as_json: options.Json = False,
) -> None:
    """Write the log's exact bytes, its checkpoints and public key, and the verifier, which needs no Evenkeel.

    One that broke off, or is of an earlier time, is continued. Format: docs/audit.md.
    Of several shards each is a log, in a directory of its own: DIR/shard-0 and so on.

    Example: `evenkeel log export --output books && python -I books/verify.py books --key log.pub`
    """
    from entrypoints.checkpoints import public_key_of
    from entrypoints.log_export import export_log

    output = Output(as_json=as_json)
    settings = command_settings(database_url)
    made = []
    for shard in range(settings.shards):
        folder = to if settings.shards == 1 else to / f"shard-{shard}"
        key = public_key_of(settings, shard)
        with looking(database_url, shard) as (database, seals, _), output.progress("exporting") as progress:
            done = export_log(database, seals, key, folder, progress)
        facts = {"events": done.events, "checkpoints": done.checkpoints, "sealed": done.sealed}
        made.append({**facts, "output": str(folder)})
        output.say(f"{done.events} events in {folder}, {done.events - done.events_before} of them new")
        output.say(f"{done.checkpoints} checkpoints, the newest over {done.sealed} events")
    output.value(made[0] if settings.shards == 1 else made)
