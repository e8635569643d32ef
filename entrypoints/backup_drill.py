"""The drill: a backup is restored to a scratch place, and everything that can be checked there is checked."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import islice
from pathlib import Path
from time import perf_counter
from typing import Any, TypeVar

from adapters.persistence.backup import Contents, damage, engine_of, scratch_database
from adapters.persistence.seals import SqlSeals
from adapters.secrets.signing_key import public_key, verify
from application.ports.seals import SinkUnavailable
from application.queries.moments import Moment, state_at
from domain.errors import DomainError
from domain.ledger.book import Book
from domain.money import ZERO, add, text
from domain.sealing.merkle import leaf_hash, root_of
from domain.sealing.notes import Checkpoint, SignedNote
from entrypoints.backups import (
    Backup,
    Progress,
    create_backup,
    read_backup,
    require_whole,
    restore_backup,
)
from entrypoints.checkpoints import files_of, key_file
from entrypoints.composition import Plan, opened
from entrypoints.log_export import EVENTS, VERIFIER, export_log
from entrypoints.problems import problem_of
from entrypoints.scratch import scratch_folder
from entrypoints.settings import Settings

_LONGEST_STATEMENT_MS = 600_000
T = TypeVar("T")


class DrillFailed(DomainError, code="drill_failed"):
    """The backup is not one to count on; the step that found it, and why."""

    def __init__(self, *, step: str, problem: str) -> None:
        super().__init__(f"the drill failed at {step}: {problem}")
        self.step, self.problem = step, problem


class Wrong(Exception):
    """What was checked is not as it should be."""


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that was done, how long it took, and what came out or why it failed."""

    name: str
    seconds: float
    ok: bool
    detail: str


@dataclass(slots=True)
class Report:
    """A drill, as far as it came."""

    steps: list[Step] = field(default_factory=list)
    backup: Backup | None = None
    events: int = 0
    failed: DrillFailed | None = None

    @property
    def seconds(self) -> float:
        return sum(step.seconds for step in self.steps)

    def as_json(self) -> dict[str, Any]:
        backup, failed = self.backup, self.failed
        return {
            "ok": failed is None,
            "failed_step": failed.step if failed else None,
            "problem": failed.problem if failed else None,
            "engine": backup.engine if backup else None,
            "created_at": backup.created_at if backup else None,
            "events": self.events,
            "sealed": backup.sealed if backup else 0,
            "root": backup.root if backup else None,
            "seconds": round(self.seconds, 3),
            "steps": [
                {"name": step.name, "ok": step.ok, "seconds": round(step.seconds, 3), "detail": step.detail}
                for step in self.steps
            ],
        }


@dataclass(slots=True)
class Drill:
    """Runs once. It stops at the first step that fails, and leaves nothing behind either way."""

    settings: Settings
    progress: Callable[[str], AbstractContextManager[Progress]]
    tell: Callable[[Step], None]
    pg_bin: Path | None = None
    keys: Sequence[Path] = ()  # public keys to check with; none: the log's, and those it had before
    scratch_url: str | None = None  # where a scratch database may be made; None: where the platform's is
    report: Report = field(default_factory=Report)

    def __call__(self, given: Path | None) -> Report:
        """Of that backup, or of a new one."""
        with scratch_folder() as folder, ExitStack() as places:
            try:
                self._run(given, folder, places)
            except DrillFailed as failed:
                self.report.failed = failed
        return self.report

    def _run(self, given: Path | None, scratch: Path, places: ExitStack) -> None:
        folder = given or scratch / "backup"
        if given is None:
            self._step("backup", lambda tell: self._create(folder, tell))
        backup = self._step("checksum", lambda tell: _whole(folder, tell))
        self.report.backup = backup
        url = self._step("scratch", lambda _: self._place(places, backup, scratch))
        contents = self._step("restore", lambda tell: self._restore(folder, backup, url, tell))
        if backup.engine == "sqlite":
            self._step("integrity", lambda _: _sound(url))
        there = self.settings.model_copy(
            update={"database_url": url, "statement_timeout_ms": _LONGEST_STATEMENT_MS}
        )
        books = scratch / "books"
        keys = self._step("checkpoint", lambda _: self._signed(contents, scratch))
        self._step("export", lambda tell: self._export(there, keys[0], books, tell))
        self._step("root", lambda tell: _same_root(books, backup, tell))
        self._step("verify.py", lambda _: self._audit(books, keys, scratch))
        shutil.rmtree(books)
        self._step("log verify", lambda tell: _chains(there, tell))
        self._step("trial balance", lambda _: _balance(there))
        self._step("projections", lambda tell: _projections(there, tell))

    def _step(self, name: str, work: Callable[[Progress], tuple[T, str]]) -> T:
        started = perf_counter()
        try:
            with self.progress(name) as progress:
                result, detail = work(progress)
        except Exception as error:
            problem = str(error) if isinstance(error, Wrong) else problem_of(error).message
            self._done(Step(name, perf_counter() - started, ok=False, detail=problem))
            raise DrillFailed(step=name, problem=problem) from error
        self._done(Step(name, perf_counter() - started, ok=True, detail=detail))
        return result

    def _done(self, step: Step) -> None:
        self.report.steps.append(step)
        self.tell(step)

    def _create(self, folder: Path, tell: Progress) -> tuple[None, str]:
        backup = create_backup(self.settings, folder, tell, pg_bin=self.pg_bin)
        return None, f"{backup.bytes} bytes, to {backup.newest_position}"

    def _place(self, places: ExitStack, backup: Backup, scratch: Path) -> tuple[str, str]:
        if backup.engine == "sqlite":
            return f"sqlite:///{scratch / 'restored.db'}", "a temporary directory"
        server = self.scratch_url or self.settings.database
        if engine_of(server) != "postgresql":
            raise Wrong("the backup is of PostgreSQL: name a server for the scratch database: --scratch-url")
        return places.enter_context(scratch_database(server)), "a temporary database"

    def _restore(self, folder: Path, backup: Backup, url: str, tell: Progress) -> tuple[Contents, str]:
        contents = restore_backup(folder, backup, url, tell, pg_bin=self.pg_bin, checked=True)
        return contents, f"to {contents.newest_position}, schema {contents.schema}"

    def _signed(self, contents: Contents, scratch: Path) -> tuple[list[Path], str]:
        """The newest note is signed with a key we trust; where the verifier finds those."""
        if contents.checkpoint is None:
            raise Wrong(
                "the backup has no signed checkpoint: its log was never sealed; `serve` does that, "
                "or `evenkeel log seal`; then take another"
            )
        sources = list(self.keys) or _public_halves(key_file(self.settings))
        trusted = [key for source in sources if (key := public_key(source))]
        if not trusted:
            raise Wrong(f"there is no public key at {', '.join(map(str, sources))}; name it with --key")
        files = [scratch / f"trusted-{number}.pub" for number in range(len(trusted))]
        for file, key in zip(files, trusted, strict=True):
            file.write_text(f"{key}\n")
        note = SignedNote.parse(contents.checkpoint.encode())
        ids = {id for _, id, _ in note.signatures}
        signer = next((key for key in trusted if key.id in ids), trusted[0])
        note.require_signature(signer, verify)
        size = Checkpoint.parse(note.text).size
        if size > contents.sealed:
            raise Wrong(f"the newest checkpoint covers {size} events, only {contents.sealed} are sealed")
        return files, f"{size} events under a signature of {signer.name}+{signer.id.hex()}"

    def _export(self, there: Settings, key: Path, books: Path, tell: Progress) -> tuple[None, str]:
        with opened(there, Plan(role="reader", observed=False)) as container:
            database = container.database()
            done = export_log(database, SqlSeals(database), public_key(key), books, tell)
        self.report.events = done.events
        return None, f"{done.events} events, {done.checkpoints} checkpoints"

    def _audit(self, books: Path, keys: list[Path], scratch: Path) -> tuple[None, str]:
        command = [sys.executable, "-I", str(books / VERIFIER.name), str(books), "--json"]
        for key in keys:
            command += ["--key", str(key)]
        for number, note in enumerate(self._kept()):
            kept = scratch / f"kept-{number}.note"
            kept.write_text(note)
            command += ["--checkpoint", str(kept)]
        ran = subprocess.run(  # noqa: S603 - our own verifier
            command, capture_output=True, text=True, check=False, cwd=scratch
        )
        if ran.returncode == 0:
            return None, f"{self.report.events} events hold"
        try:
            fault = json.loads(ran.stdout)["fault"]
            problem = ", ".join(f"{name} {value}" for name, value in fault.items() if value is not None)
        except (ValueError, KeyError, TypeError, AttributeError):
            problem = ran.stderr.strip() or f"it ended with {ran.returncode}"
        raise Wrong(problem)

    def _kept(self) -> list[str]:
        """Of each place outside the newest checkpoint that the backup, which may be an old one, reaches."""
        try:
            kept = [file.newest_within(self.report.events) for file in files_of(self.settings)]
        except SinkUnavailable as e:
            raise Wrong(str(e)) from e
        return [note for note in kept if note]


def _public_halves(key: Path) -> list[Path]:
    """Of the log's key, and of those that signed before a rotation: kept beside it, named by their ids."""
    return [key.with_suffix(".pub"), *sorted(key.parent.glob(f"{key.stem}.????????.pub"))]


def _whole(folder: Path, tell: Progress) -> tuple[Backup, str]:
    backup = read_backup(folder)
    require_whole(folder, backup, tell)
    return backup, f"{backup.bytes} bytes as they were written"


def _sound(url: str) -> tuple[None, str]:
    if found := damage(url):
        raise Wrong(found)
    return None, "the file's structure is sound"


def _same_root(books: Path, backup: Backup, tell: Progress) -> tuple[None, str]:
    """Over the exported bytes, not over what the database says of them."""
    with (books / EVENTS).open("rb") as lines:
        counted = 0

        def leaf(line: bytes) -> bytes:
            nonlocal counted
            counted += 1
            if counted % 1_000 == 0:
                tell(counted, backup.sealed)
            return leaf_hash(line.removesuffix(b"\n"))

        root = root_of(map(leaf, islice(lines, backup.sealed))).hex()
    if counted != backup.sealed:
        raise Wrong(f"there are {counted} events, {backup.sealed} were sealed")
    if root != backup.root:
        raise Wrong(
            f"the root over the first {backup.sealed} events is {root}, the backup says {backup.root}: "
            "an event among them was changed"
        )
    return None, f"{root} over {backup.sealed} events"


def _chains(there: Settings, tell: Progress) -> tuple[None, str]:
    with opened(there, Plan(role="reader", observed=False)) as container:
        verdict = container.maintenance().verify(tell)
    if not verdict.is_intact:
        raise Wrong(verdict.problem)
    return None, f"every chain of {verdict.events} events holds"


def _balance(there: Settings) -> tuple[None, str]:
    """Folded from the log, no snapshot used."""
    sums: dict[tuple[str, str], Decimal] = {}
    with opened(there, Plan(role="reader", observed=False)) as container:
        log = container.services().log
        head = Moment(log.head())
        opened_books = [event.stream for event in log.read(names=("ledger.book_opened",))]
        for stream in opened_books:
            book: Book = state_at(log, stream, head)
            for (_, asset), amount in book.balances.items():
                at = book.purse, asset
                sums[at] = add(sums.get(at, ZERO), amount)
    off = [f"{asset} ({purse}) {text(total)}" for (purse, asset), total in sorted(sums.items()) if total]
    if off:
        raise Wrong(f"out of balance: {', '.join(off)}")
    return None, f"{len(opened_books)} books, {len(sums)} assets at zero"


def _projections(there: Settings, tell: Progress) -> tuple[None, str]:
    with opened(there, Plan(inline=True, observed=False, unchecked=True)) as container:
        found = container.maintenance().check(tell)
    if not found["identical"]:
        raise Wrong(f"the read models are not what the log gives: {found['difference']}")
    return None, f"{found['events']} events folded afresh: identical"
