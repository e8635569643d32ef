"""The log is sealed while the platform runs: every second with news, and once more at the stop."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from time import monotonic

from adapters.persistence.envelope import event_hash
from adapters.persistence.seals import SqlSeals
from adapters.persistence.writer import GroupCommitWriter
from adapters.secrets.signing_key import FileSigner, UnusableKey, adopt_key, create_key, verify
from application.platform.accept_loss import AcceptLoss
from application.platform.rotate_key import RotateSigningKey
from application.ports.commands import Caller
from application.ports.event_log import ReadOnlyLog, StoreUnavailable
from application.ports.seals import SinkUnavailable
from application.sealing.check_log import CheckLog
from application.sealing.errors import LogContradictsCheckpoint, NothingToRecover
from application.sealing.seal_log import SealLog
from domain.sealing.notes import Checkpoint, VerifierKey, signed
from entrypoints.checkpoints import files_of, key_file, signer_of, sinks_of
from entrypoints.composition import Container, Plan, cells, opened
from entrypoints.seal_status import SealingOfShards, SealingStatus
from entrypoints.settings import Settings, require_one_shard

log = logging.getLogger("evenkeel.sealing")
EVERY_S = 0.75
"""With what sealing takes, an event waits for its checkpoint less than a second."""
ARRIVES_WITHIN_S = 10.0
"""How long a command that ends waits for its checkpoint to arrive at each address."""


@contextmanager
def sealer_running(container: Container, settings: Settings) -> Iterator[SealingStatus | SealingOfShards]:
    """Seals in a thread of its own, each shard in one; what is left is sealed at the stop."""
    seals: list[SealLog] = []
    with ExitStack() as stack:
        stack.callback(_close, seals, min(ARRIVES_WITHIN_S, settings.shutdown_s))
        parts = [stack.enter_context(_sealer_running(cell, settings, seals)) for cell in cells(container)]
        status = parts[0] if len(parts) == 1 else SealingOfShards(parts)
        container.metrics().watch_sealing(status.shown)
        yield status


@contextmanager
def _sealer_running(cell: Container, settings: Settings, running: list[SealLog]) -> Iterator[SealingStatus]:
    status, stopping = SealingStatus(), threading.Event()
    database, bus = cell.database(), cell.store().bus
    fresh = bus.fresh_leaves() if isinstance(bus, GroupCommitWriter) else None
    seals, shard = SqlSeals(database, fresh), database.shard.number
    try:
        signer = signer_of(settings, seals, shard)
    except UnusableKey as problem:
        status.problem = str(problem)
        log.error("the log is not sealed: %s", problem)
        yield status
        return
    seal = SealLog(seals, signer, sinks_of(settings, shard), signer.key.name)
    running.append(seal)
    status.is_running, status.sinks = True, tuple(sink.name for sink in seal.sinks)
    thread = threading.Thread(target=_seal_on, args=(seal, status, stopping.wait), name="sealer", daemon=True)
    thread.start()
    try:
        yield status
    finally:
        stopping.set()
        thread.join(timeout=settings.shutdown_s)
        _seal(seal, status)


def _close(seals: Sequence[SealLog], within_s: float) -> None:
    """Every shard is sealed: what is on its way arrives, of all shards at the same time, or it is said."""
    for seal in seals:
        seal.close(0)
    for seal in seals:
        seal.close(within_s)
        for name, why in seal.behind.items():
            log.warning("the last checkpoint did not reach %s: %s", name, why)


def seal_once(settings: Settings) -> list[Checkpoint]:
    """Seal every shard to its end and sign, where nothing else does it; the checkpoints of those that hold
    something. Errors: those of the database, UnusableKey, LogContradictsCheckpoint, SinkUnavailable."""
    with opened(settings, Plan(inline=True, observed=False)) as container:
        if shut := container.store().shut:
            raise ReadOnlyLog(holder=shut)
        found = [_sealed_once(cell, settings) for cell in cells(container)]
    return [checkpoint for checkpoint in found if checkpoint is not None]


def _sealed_once(cell: Container, settings: Settings) -> Checkpoint | None:
    database = cell.database()
    seals, shard = SqlSeals(database), database.shard.number
    signer = signer_of(settings, seals, shard)
    seal = SealLog(seals, signer, sinks_of(settings, shard), signer.key.name)
    checkpoint = seal()
    _require_arrived(seal)
    return checkpoint


def recover(settings: Settings, *, reason: str) -> Checkpoint | None:
    """Go on with a log that lost what was signed before: recorded in it, signed, and told to every sink.

    A database that contradicts its own checkpoints is no older copy: it was changed, and nothing is signed
    over it. Errors: LogContradictsCheckpoint for that, NothingToRecover, InvalidValue, UnusableKey,
    UnsignedNote and MalformedNote for an outside checkpoint of another key, SinkUnavailable, those of the
    database.
    """
    require_one_shard(settings, "recovering")
    with opened(settings, Plan(inline=True, observed=False, unchecked=True)) as container:
        database, bus = container.database(), container.bus()
        seals, sinks = SqlSeals(database), sinks_of(settings)
        signer = signer_of(settings, seals)
        CheckLog(seals, signer.key, [], verify, deep=True)()
        try:
            CheckLog(seals, signer.key, files_of(settings), verify, deep=True)()
        except LogContradictsCheckpoint as found:
            contradiction = found
        else:
            raise NothingToRecover
        by, key = "operator:cli", f"recover:{event_hash(contradiction.note.encode()).hex()}"
        caller = Caller(actor=by, command_id=key, correlation_id=key)
        bus.execute(AcceptLoss(contradiction.note, contradiction.problem, reason, by), caller).unwrap()
        checkpoint = SealLog(seals, signer, [], signer.key.name)()  # what left contradicts it, and so it says
        seal = SealLog(seals, signer, sinks, signer.key.name)
        if newest := seals.newest():
            seal.publish(newest)
        _require_arrived(seal)
    return checkpoint


def rotate_key(settings: Settings) -> VerifierKey:
    """Let a new key sign for the log. Both sign the note that says so, and the checkpoint over it; begun and
    broken off, it is finished by the next call. The new key.

    Errors: UnusableKey, ReadOnlyLog, SinkUnavailable, those of the database.
    """
    require_one_shard(settings, "rotating the key")
    with opened(settings, Plan(inline=True, observed=False)) as container:
        if shut := container.store().shut:
            raise ReadOnlyLog(holder=shut)
        seals, sinks, path = SqlSeals(container.database()), sinks_of(settings), key_file(settings)
        old, coming = signer_of(settings, seals), path.with_name(f"{path.stem}.new.key")
        if not coming.exists():
            create_key(coming, old.key.name)
        new = FileSigner(coming)
        text = f"evenkeel/key-rotation@v1\n{old.key}\n{new.key}\n"
        note = str(signed(text, (old.key, old.sign), (new.key, new.sign)))
        by, command_id = "operator:cli", f"rotate:{new.key.id.hex()}"
        caller = Caller(actor=by, command_id=command_id, correlation_id=command_id)
        container.bus().execute(RotateSigningKey(note, by), caller).unwrap()
        seal = SealLog(seals, old, sinks, old.key.name, also=[new])
        seal()
        _require_arrived(seal)  # else the old key alone is known there: it must not go yet
        adopt_key(coming, path)
    return new.key


def _require_arrived(seal: SealLog) -> None:
    """Raises SinkUnavailable where the newest checkpoint has not reached a sink."""
    seal.close(ARRIVES_WITHIN_S)
    if seal.behind:
        raise SinkUnavailable("; ".join(f"{name}: {problem}" for name, problem in seal.behind.items()))


def _seal_on(seal: SealLog, status: SealingStatus, stopped: Callable[[float], bool]) -> None:
    while not stopped(EVERY_S):
        _seal(seal, status)


def _seal(seal: SealLog, status: SealingStatus) -> None:
    try:
        checkpoint = seal()
    except LogContradictsCheckpoint as problem:
        if status.problem != str(problem):
            log.critical("the log is not sealed: %s", problem)
        status.problem = str(problem)
    except StoreUnavailable as problem:
        status.problem = f"the store does not answer: {problem}"
    except Exception as problem:
        if status.problem != str(problem):
            log.exception("sealing failed and is tried again")
        status.problem = str(problem)
    else:
        status.problem = ""
        status.size = checkpoint.size if checkpoint else 0
        status.sealed_at = monotonic()
    status.sinks_are(seal.behind)
