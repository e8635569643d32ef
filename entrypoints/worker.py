"""Bots as a process."""

from __future__ import annotations

from entrypoints.composition import Plan, opened, require_live_venues
from entrypoints.reconciling import reconciler_running
from entrypoints.running import (
    Stop,
    holds_expiring,
    metrics_served,
    observed,
    outbox_running,
    worker_name,
    worker_running,
)
from entrypoints.settings import Settings
from entrypoints.watching_risk import risk_watched


def run(settings: Settings) -> None:
    """`evenkeel worker`: runs bots, delivers messages, ends holds and reconciles until SIGTERM or SIGINT.

    Any number may run.
    """
    require_live_venues(settings)
    stop = Stop()
    with (
        observed(settings, "worker"),
        stop.on_signals(),
        opened(settings, Plan()) as container,
        metrics_served(container, settings),
        outbox_running(container),
        holds_expiring(container),
        worker_running(container, settings, worker_id=worker_name()),
        risk_watched(container, settings, holder=worker_name()),
        reconciler_running(container, settings, holder=worker_name()),
    ):
        stop.event.wait()
