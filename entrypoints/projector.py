"""The read models as a process."""

from __future__ import annotations

from entrypoints.composition import Plan, opened
from entrypoints.running import Stop, metrics_served, observed, projector_running
from entrypoints.settings import Settings


def run(settings: Settings) -> None:
    """`evenkeel projector`: folds the log into the read models until SIGTERM or SIGINT."""
    stop = Stop()
    with (
        observed(settings, "projector"),
        stop.on_signals(),
        opened(settings, Plan()) as container,
        metrics_served(container, settings),
        projector_running(container),
    ):
        stop.event.wait()
