"""`evenkeel backup`: copies of the database, put back, and drilled."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from entrypoints.cli import options
from entrypoints.cli.app import group
from entrypoints.cli.output import Output
from entrypoints.cli.session import command_settings
from entrypoints.problems import CheckFailed

if TYPE_CHECKING:
    from entrypoints.backup_drill import Step

backup = group("Backups: taken while the platform is served, put back, and tried out.")

PgBin = Annotated[
    Path | None,
    typer.Option(
        "--pg-bin",
        metavar="DIR",
        exists=True,
        file_okay=False,
        help="Folder of pg_dump and pg_restore. Default: EVENKEEL_PG_BIN, else looked for on PATH.",
    ),
]
_FROM = typer.Option("--from", metavar="DIR", exists=True, file_okay=False, help="A backup's directory.")


@backup.command()
def create(
    to: Annotated[Path, typer.Option("--output", metavar="DIR", file_okay=False, help="A new directory.")],
    pg_bin: PgBin = None,
    database_url: options.DatabaseUrl = None,
    as_json: options.Json = False,
) -> None:
    """Copy one committed state of the whole database, while it is written: SQLite's backup, or pg_dump.

    Nobody waits for it. It is whole once `backup.json` is there, which says what it holds. The signing key
    and the checkpoint files are not in it: keep those elsewhere.

    Example: `evenkeel backup create --output backups/2026-11-24`
    """
    from entrypoints.backups import create_backup

    output = Output(as_json=as_json)
    settings = command_settings(database_url, pg_bin=pg_bin)
    with output.progress("backing up") as progress:
        made = create_backup(settings, to, progress, pg_bin=settings.pg_bin)
    output.value({**asdict(made), "output": str(to)})
    output.say(f"{made.bytes} bytes in {to / made.file}, to {made.newest_position} of the log")
    output.say(f"{made.sealed} events of it sealed" + (f", root {made.root}" if made.sealed else ""))
    if not made.checkpoint:
        output.say(
            "no drill can vouch for a log that was never sealed: `evenkeel log seal`, then take another"
        )
        return
    output.say(f"try it out: `evenkeel backup drill --from {to}`")


@backup.command()
def restore(
    source: Annotated[Path, _FROM],
    to: Annotated[
        str,
        typer.Option(
            "--to",
            "--database-url",
            metavar="URL",
            help="An empty place: a SQLite file that does not exist, a PostgreSQL database without tables.",
        ),
    ],
    pg_bin: PgBin = None,
    as_json: options.Json = False,
) -> None:
    """Put a backup back, into an empty place only, after its checksum was compared.

    All sessions in it are ended. Checkpoint files are not touched: the next start holds the log against them,
    and opens it for reading only where it lacks what they cover.

    Example: `evenkeel backup restore --from backups/2026-11-24 --to sqlite:///restored.db`
    """
    from entrypoints.backups import outside, read_backup, restore_backup

    output = Output(as_json=as_json)
    settings = command_settings(to, pg_bin=pg_bin)
    known = read_backup(source)
    with output.progress("restoring") as progress:
        contents = restore_backup(source, known, settings.database, progress, pg_bin=settings.pg_bin)
    checkpoints = outside(settings, contents)
    output.value({**asdict(contents), "created_at": known.created_at, "checkpoint_files": checkpoints})
    output.say(f"restored to {contents.newest_position} of the log, as of {known.created_at}")
    output.say("all sessions in it were ended: everybody has to sign in again, with the passwords of then")
    output.say("the next start holds it against the checkpoints outside:")
    for one in checkpoints:
        output.say(f"  {one['file']}: {_said(one)}")


@backup.command()
def drill(
    source: Annotated[Path | None, _FROM] = None,
    key: Annotated[
        list[Path] | None,
        typer.Option(
            "--key",
            metavar="FILE",
            exists=True,
            dir_okay=False,
            help="A public key of the log; may be given again. Default: those beside the signing key.",
        ),
    ] = None,
    scratch_url: Annotated[
        str | None,
        typer.Option(
            "--scratch-url",
            metavar="URL",
            help="A PostgreSQL server on which a scratch database is made. Default: the platform's.",
        ),
    ] = None,
    pg_bin: PgBin = None,
    database_url: options.DatabaseUrl = None,
    as_json: options.Json = False,
) -> None:
    """Restore a backup (without --from: a new one) to a scratch place and check all that can be checked.

    Checksum, checkpoint signature, root, the exported verifier, chains, trial balance, read models. Where one
    is wrong it ends with exit code 1 and names it. Nothing is left behind.

    Example: `evenkeel backup drill --from backups/2026-11-24`
    """
    from entrypoints.backup_drill import Drill

    output = Output(as_json=as_json)
    settings = command_settings(database_url, pg_bin=pg_bin)

    def tell(step: Step) -> None:
        output.say(f"{'ok    ' if step.ok else 'FAILED'} {step.name:14}{step.seconds:8.2f} s  {step.detail}")

    with _stoppable():
        report = Drill(settings, output.progress, tell, settings.pg_bin, key or (), scratch_url)(source)
    output.value(report.as_json())
    if report.failed:
        if as_json:
            raise CheckFailed
        raise report.failed
    output.say(f"the backup is good: {report.events} events restored and checked in {report.seconds:.1f} s")


def _said(one: dict[str, object]) -> str:
    if problem := one.get("problem"):
        return f"cannot be read: {problem}"
    if one["covers"] is None:
        return "there is none; where the old ones lie elsewhere, name them: EVENKEEL_CHECKPOINT_FILES"
    if one["not_sealed_in_backup"]:
        return (
            f"covers {one['covers']} events, {one['not_sealed_in_backup']} more than the backup has sealed; "
            "where the log lacks them it opens for reading only, see `evenkeel log recover --help`"
        )
    return f"covers {one['covers']} events, no more than the backup has"


@contextmanager
def _stoppable() -> Iterator[None]:
    """SIGTERM ends it as Ctrl-C does: what was made for it is taken away again."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
