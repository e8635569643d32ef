"""The log is sealed while the platform runs: every second with news, and once more at the stop."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic

from adapters.persistence.envelope import event_hash
from adapters.persistence.seals import SqlSeals
from adapters.secrets.signing_key import UnusableKey, verify
from application.platform.accept_loss import AcceptLoss
from application.ports.commands import Caller
from application.ports.event_log import ReadOnlyLog, StoreUnavailable
from application.ports.seals import SinkUnavailable
from application.sealing.check_log import CheckLog
from application.sealing.errors import LogContradictsCheckpoint, NothingToRecover
from application.sealing.seal_log import SealLog
from domain.sealing.notes import Checkpoint
from entrypoints.checkpoints import signer_of, sinks_of
from entrypoints.composition import Container, Plan, opened
from entrypoints.seal_status import SealingStatus
from entrypoints.settings import Settings

log = logging.getLogger("evenkeel.sealing")
EVERY_S = 1.0


@contextmanager
def sealer_running(container: Container, settings: Settings) -> Iterator[SealingStatus]:
    """Seals in a thread of its own; what is left is sealed at the stop."""
    status, stopping = SealingStatus(), threading.Event()
    seals = SqlSeals(container.database())
    container.metrics().watch_sealing(status.shown)
    try:
        signer = signer_of(settings, seals)
    except UnusableKey as problem:
        status.problem = str(problem)
        log.error("the log is not sealed: %s", problem)
        yield status
        return
    seal = SealLog(seals, signer, sinks_of(settings), signer.key.name)
    thread = threading.Thread(target=_seal_on, args=(seal, status, stopping.wait), name="sealer", daemon=True)
    thread.start()
    try:
        yield status
    finally:
        stopping.set()
        thread.join(timeout=settings.shutdown_s)
        _seal(seal, status)


def seal_once(settings: Settings) -> Checkpoint | None:
    """Seal to the end and sign, where nothing else does it. Errors: those of the database, UnusableKey,
    LogContradictsCheckpoint, SinkUnavailable."""
    with opened(settings, Plan(inline=True, observed=False)) as container:
        if shut := container.store().shut:
            raise ReadOnlyLog(holder=shut)
        seals = SqlSeals(container.database())
        signer = signer_of(settings, seals)
        seal = SealLog(seals, signer, sinks_of(settings), signer.key.name)
        checkpoint = seal()
    for name, problem in seal.behind.items():
        raise SinkUnavailable(f"{name}: {problem}")
    return checkpoint


def recover(settings: Settings, *, reason: str) -> Checkpoint | None:
    """Go on with a log that lost what was signed before: recorded in it, signed, and told to every sink.

    Errors: NothingToRecover, InvalidValue, UnusableKey, SinkUnavailable, those of the database.
    """
    with opened(settings, Plan(inline=True, observed=False, unchecked=True)) as container:
        database, bus = container.database(), container.bus()
        seals, sinks = SqlSeals(database), sinks_of(settings)
        signer = signer_of(settings, seals)
        try:
            CheckLog(seals, signer.key, sinks, verify)()
        except LogContradictsCheckpoint as found:
            contradiction = found
        else:
            raise NothingToRecover
        by, key = "operator:cli", f"recover:{event_hash(contradiction.note.encode()).hex()}"
        caller = Caller(actor=by, command_id=key, correlation_id=key)
        bus.execute(AcceptLoss(contradiction.note, contradiction.problem, reason, by), caller).unwrap()
        seal = SealLog(seals, signer, sinks, signer.key.name)
        checkpoint = seal()
        if newest := seals.newest():
            seal.publish(newest)  # also where a checkpoint of this size was signed before
    for name, problem in seal.behind.items():
        raise SinkUnavailable(f"{name}: {problem}")
    return checkpoint


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
    status.sinks_behind = dict(seal.behind)
