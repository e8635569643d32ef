"""Kill switches at work and books valued, in a thread beside the bots, by one of the workers."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from time import monotonic

from application.kill_switch.engaged import EngagedSwitches
from application.kill_switch.process import KillSwitchProcess
from application.ports.commands import QueueFull
from application.ports.event_log import StoreUnavailable
from application.ports.exchange import Exchange
from application.risk.watch import WatchRisk
from application.sharding import shard_of
from entrypoints.composition import Container, cells
from entrypoints.settings import Settings

KILL_SWITCH_LEASE, LEASE = "kill-switch", timedelta(seconds=5)
LOOK_S, WATCH_S = 1.0, 60.0
FIRST_WATCH_S = 10.0
"""After the start: candles come again by then, and purchases wait for prices of all that is held."""

log = logging.getLogger("evenkeel.risk")


@contextmanager
def risk_watched(container: Container, settings: Settings, *, holder: str) -> Iterator[None]:
    """One thread for all shards: a kill switch's scope may reach over several. The look at hand is finished
    at the stop, within the time for that.
    """
    stopping = threading.Event()
    thread = threading.Thread(target=_watch, args=(container, holder, stopping), name="risk", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stopping.set()
        thread.join(timeout=settings.shutdown_s)


def _watch(container: Container, holder: str, stopping: threading.Event) -> None:
    """By whichever worker has the lease; another takes over when that one is gone."""
    services = container.services()
    process = KillSwitchProcess(
        services.log,
        services.bus,
        services.views,
        exchanges_of(container),
        services.clock,
        EngagedSwitches(services.log),
    )
    watch = WatchRisk(
        services.views, services.candles, services.bus, services.clock, services.wall_clock_sources
    )
    watched_at = monotonic() - WATCH_S + FIRST_WATCH_S
    while not stopping.wait(LOOK_S):
        try:
            if container.leases().acquire(KILL_SWITCH_LEASE, holder=holder, lasts=LEASE) is None:
                continue
            process()
            if monotonic() - watched_at >= WATCH_S:
                watched_at = monotonic()
                watch()
        except (StoreUnavailable, QueueFull) as problem:
            log.warning("kill switches and limits not looked at: %s", str(problem) or type(problem).__name__)
        except Exception:  # the thread must outlive whatever it was; the next look may do better
            log.exception("kill switches and limits could not be looked at")


def exchanges_of(container: Container) -> Callable[[str, str], Exchange]:
    """By venue and owner: paper is the owner's shard's, all others are connected when they are needed."""
    each = cells(container)
    papers, venues = [cell.exchange() for cell in each], each[0].venues()

    def exchange_of(venue: str, owner_id: str) -> Exchange:
        if venue != papers[0].name:
            return venues.exchange(venue)
        return papers[shard_of(owner_id, len(papers))]

    return exchange_of
