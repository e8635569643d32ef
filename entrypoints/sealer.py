"""The sealing of the log as a process."""

from __future__ import annotations

from application.ports.event_log import ReadOnlyLog
from entrypoints.checkpoints import signer_of
from entrypoints.composition import Plan, cells, opened
from entrypoints.running import Stop, metrics_served, observed
from entrypoints.sealing import sealer_running
from entrypoints.settings import Settings


def run(settings: Settings) -> None:
    """`evenkeel sealer`: seals the log and signs checkpoints until SIGTERM or SIGINT, and once more then.

    Raises ReadOnlyLog for a log that contradicts what was signed before, UnusableKey.
    """
    stop = Stop()
    with (
        observed(settings, "sealer"),
        stop.on_signals(),
        opened(settings, Plan()) as container,
        metrics_served(container, settings),
    ):
        if shut := container.store().shut:
            raise ReadOnlyLog(holder=shut)
        for shard, cell in enumerate(cells(container)):
            signer_of(settings, cell.seals(), shard)  # without a key there is nothing for it to do
        with sealer_running(container, settings):
            stop.event.wait()
