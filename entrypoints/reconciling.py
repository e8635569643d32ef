"""The books are held against the venue now and then while bots run, by one of the workers."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from uuid import uuid4

from application.ports.commands import Caller, QueueFull, derived_id
from application.ports.event_log import StoreUnavailable
from entrypoints.composition import Container
from entrypoints.settings import Settings

RECONCILER_LEASE = "reconciler"
FIRST_AFTER_S = 60.0
"""After a start, so that bots have taken up what was under way; sooner where runs are more frequent."""

log = logging.getLogger("evenkeel.reconciliation")


@contextmanager
def reconciler_running(container: Container, settings: Settings, *, holder: str) -> Iterator[None]:
    """Runs in a thread of its own, whose run at hand is finished at the stop, within the time for that."""
    every_s = settings.reconcile_every_minutes * 60
    if not every_s:
        yield
        return
    stopping = threading.Event()
    thread = threading.Thread(
        target=_reconcile_on, args=(container, holder, every_s, stopping), name="reconciler", daemon=True
    )
    thread.start()
    try:
        yield
    finally:
        stopping.set()
        thread.join(timeout=settings.shutdown_s)


def _reconcile_on(container: Container, holder: str, every_s: float, stopping: threading.Event) -> None:
    """By whichever worker gets the lease, which lasts until the next run is due: the others wait, too."""
    pause_s = min(every_s, FIRST_AFTER_S)
    while not stopping.wait(pause_s):
        pause_s = every_s
        try:
            lasts = timedelta(seconds=every_s * 0.9)  # over when the next run is due
            if container.leases().acquire(RECONCILER_LEASE, holder=holder, lasts=lasts) is not None:
                reconcile_once(container, holder=holder)
        except (StoreUnavailable, QueueFull) as problem:
            log.warning("not reconciled: %s", str(problem) or type(problem).__name__)
        except Exception:  # the next run may do better
            log.exception("the reconciliation failed")


def reconcile_once(container: Container, *, holder: str) -> None:
    """One run over every account of the venue."""
    services, command_id = container.services(), f"reconcile-{uuid4().hex}"
    services.reconcile(
        services.venue_statements,
        run_id=derived_id("reconciliation", command_id),
        caller=Caller(actor=f"system:worker:{holder}", command_id=command_id, correlation_id=command_id),
    )
