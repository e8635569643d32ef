"""Parts of a running process: each starts on entering and has stopped on leaving."""

from __future__ import annotations

import gc
import logging
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from datetime import timedelta
from importlib.metadata import version
from types import FrameType

from adapters.metrics.server import MetricsServer
from adapters.observability.context import logged_as
from adapters.observability.error_reports import start_error_reports, stop_error_reports
from adapters.observability.logs import configure_logging, log_what_nobody_caught
from adapters.persistence.writer import GroupCommitWriter
from application.bots.bot_worker import BotWorker
from application.ledger.expire_holds import ExpireHolds
from application.ports.clock import Clock
from application.ports.commands import Fence
from application.ports.event_log import StoreUnavailable
from application.ports.leases import Leases
from application.queries.reconciliations import alarms
from application.transfers.send import CarryingNotifier
from application.venues.desk import VenueDesk
from domain.errors import InvalidValue
from entrypoints.backup_age import backup_watch
from entrypoints.composition import Container, cells
from entrypoints.failpoints import arm_failpoints
from entrypoints.outbox_relay import OutboxRelay
from entrypoints.settings import PREFIX, Settings

log = logging.getLogger("evenkeel.process")
_RETRY_S = 1.0
_SIGN_S = 0.25


class Stop:
    """Set by SIGTERM, SIGINT or a part that cannot go on; a process waits for it, then leaves its parts."""

    def __init__(self) -> None:
        self.event = threading.Event()
        self._listeners: list[Callable[[], None]] = []

    def on_stop(self, listener: Callable[[], None]) -> None:
        """Also call this when the stop comes; must be quick, and safe in a signal handler."""
        self._listeners.append(listener)

    def now(self) -> None:
        self.event.set()
        for listener in self._listeners:
            listener()

    @contextmanager
    def on_signals(self) -> Iterator[None]:
        """SIGTERM and SIGINT stop the process in order; a second one ends it at once."""

        def stop(number: int, _frame: FrameType | None) -> None:
            if self.event.is_set():
                signal.signal(number, signal.SIG_DFL)
                os.kill(os.getpid(), number)
            self.now()

        before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


@contextmanager
def observed(settings: Settings, role: str) -> Iterator[None]:
    """Logs, error reports and failpoints of a long-running process. Raises FailpointRefused."""
    configure_logging(level=settings.log_level, log_format=settings.log_format)
    log_what_nobody_caught()
    arm_failpoints(settings)
    release = version("evenkeel")
    reporting = start_error_reports(
        settings.sentry_dsn.get_secret_value(), environment=settings.environment, release=release
    )
    with logged_as(role=role):
        log.info("starting", extra={"version": release, "pid": os.getpid(), "database": settings.database})
        yield
        log.info("stopped")
    if reporting:
        stop_error_reports()


@contextmanager
def projector_running(container: Container) -> Iterator[None]:
    """The read models follow the log, each shard's its own; woken by this process's own commits."""
    with ExitStack() as stack:
        for cell in cells(container):
            stack.enter_context(_projector_running(cell))
        yield


@contextmanager
def _projector_running(container: Container) -> Iterator[None]:
    projector, bus = container.projector(), container.store().bus
    if projector is None:
        raise RuntimeError("a database opened for reading has no projector")
    if isinstance(bus, GroupCommitWriter):
        bus.listeners.append(lambda _newest: projector.poke())
    projector.start()
    try:
        yield
    finally:
        projector.stop()


@contextmanager
def outbox_running(container: Container) -> Iterator[None]:
    """Messages that commits left are handed to the notifier, and transfers carried to their end."""
    notifier = CarryingNotifier(container.transfers(), container.notifier())
    relays = [
        OutboxRelay(cell.outbox(), notifier, cell.leases(), holder=worker_name()) for cell in cells(container)
    ]
    for relay in relays:
        relay.start()
    try:
        yield
    finally:
        for relay in relays:
            relay.stop()


@contextmanager
def holds_expiring(container: Container) -> Iterator[None]:
    """Holds whose time is over are released, within a second or two; any number of processes may do it."""
    services, stopping = container.services(), threading.Event()
    look = ExpireHolds(services.views, services.bus, services.clock)
    thread = threading.Thread(target=_expire_holds, args=(look, stopping), name="holds", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stopping.set()
        thread.join(timeout=10)


def _expire_holds(look: ExpireHolds, stopping: threading.Event) -> None:
    while not stopping.is_set():
        try:
            look()
        except Exception:  # the thread must outlive whatever it was
            log.exception("holds could not be looked at; they are at the next look")
        stopping.wait(_RETRY_S)


WORKER_LEASE, WORKER_LEASE_LASTS = "worker", timedelta(seconds=15)
"""Held by one of the workers that look at their bots, whichever it is: the sign that bots run somewhere."""


@contextmanager
def worker_running(
    container: Container, settings: Settings, *, worker_id: str
) -> Iterator[Sequence[BotWorker]]:
    """Bots run here, of each shard in a worker of its own; what they are working on at the stop is finished,
    within the time for that."""
    with ExitStack() as stack:
        workers = [
            stack.enter_context(_worker_running(cell, settings, worker_id)) for cell in cells(container)
        ]
        stack.enter_context(container.venue_observer().recording(container.bus(), worker_id))
        container.metrics().watch_connectors(
            lambda: [connector for worker in workers for connector in worker.connectors()]
        )
        yield workers


@contextmanager
def _worker_running(container: Container, settings: Settings, worker_id: str) -> Iterator[BotWorker]:
    worker, stopping = _bot_worker(container, settings, worker_id), threading.Event()
    silence = timedelta(seconds=settings.ready_heartbeat_s)
    threads = [
        threading.Thread(target=_look_after_bots, args=(worker, stopping), name="worker", daemon=True),
        threading.Thread(
            target=_give_signs_of_life,
            args=(worker, container.leases(), container.clock(), silence, stopping),
            name="worker heartbeat",
            daemon=True,
        ),
    ]
    for thread in threads:
        thread.start()
    try:
        yield worker
    finally:
        stopping.set()
        worker.stop()
        for thread in threads:
            thread.join(timeout=settings.shutdown_s)
        if threads[0].is_alive():
            log.warning(
                "the worker did not finish in %s s; its bots resume from the log", settings.shutdown_s
            )


HELPERS = 7
"""Threads beside those of the series: while one bot at a real venue waits for its commit or an answer, others
go on. More would wait for the processor, and for the database's connections."""


def _bot_worker(container: Container, settings: Settings, worker_id: str) -> BotWorker:
    services, exchange = container.services(), container.exchange()
    return BotWorker(
        worker_id=worker_id,
        log=services.log,
        bus=services.bus,
        views=services.views,
        leases=container.leases(),
        exchange=exchange,
        venue=exchange,
        paper_accounts=services.paper_accounts,
        open_feed=container.open_feed(),
        wall_clock_sources=settings.venues_followed_live,
        stale_after=timedelta(seconds=settings.feed_stale_s),
        helpers=HELPERS,
        clock=services.clock,
        observer=container.bot_observer(),
        desk=VenueDesk(
            worker_id=worker_id,
            open_venue=container.venues(),
            is_clean=container.account_check(),
            log=services.log,
            bus=services.bus,
            views=services.views,
            leases=container.leases(),
            clock=services.clock,
            observer=container.bot_observer(),
            refresh_key=container.venues().refresh_key,
        ),
    )


def _look_after_bots(worker: BotWorker, stopping: threading.Event) -> None:
    with logged_as(worker=worker.worker_id):
        while not stopping.is_set():
            try:
                worker.run()
            except Exception:
                log.exception("the worker failed and begins again")
                stopping.wait(_RETRY_S)


def _give_signs_of_life(
    worker: BotWorker, leases: Leases, clock: Clock, silence: timedelta, stopping: threading.Event
) -> None:
    """Hold the workers' lease while the worker looks at its bots; one that does so no more lets it run out.

    A worker that has not got it tries often: at its start, and as soon as the one that had it stopped.
    """
    fence: Fence | None = None
    while not stopping.is_set():
        seen = worker.last_tick_at
        try:
            if seen is not None and clock.now() - seen <= silence:
                fence = leases.acquire(WORKER_LEASE, holder=worker.worker_id, lasts=WORKER_LEASE_LASTS)
            else:
                fence = None
        except StoreUnavailable:
            log.warning("the worker's sign of life could not be given")
        stopping.wait(_SIGN_S if fence is None else WORKER_LEASE_LASTS.total_seconds() / 3)
    if fence is not None:
        with suppress(StoreUnavailable):  # then it runs out
            leases.release(fence)


@contextmanager
def metrics_served(container: Container, settings: Settings) -> Iterator[int]:
    """Scrapes are answered on the metrics port, which is yielded. Raises InvalidValue where it is taken."""
    metrics = container.metrics()
    metrics.watch_projections(container.maintenance().lags)
    if (backups := backup_watch(settings)) is not None:
        metrics.watch_backups(backups.age_s)
    views, clock = container.views(), container.clock()
    metrics.watch_reconciliation(lambda: alarms(views, clock.now()))
    try:
        server = MetricsServer(metrics, host=settings.metrics_host, port=settings.metrics_port)
    except OSError as problem:
        raise _taken("METRICS", settings.metrics_host, settings.metrics_port, problem) from None
    try:
        yield server.port
    finally:
        server.close()


def settle_memory() -> None:
    """What is loaded by now stays: the garbage collector need not walk it again and again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


def listening(settings: Settings) -> socket.socket:
    """The API's socket. Raises InvalidValue where the port is taken."""
    try:
        listener = socket.create_server((settings.http_host, settings.http_port), backlog=2048)
    except OSError as problem:
        raise _taken("HTTP", settings.http_host, settings.http_port, problem) from None
    # inherited by each connection: an answer in two packets must not wait for a delayed acknowledgement
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def _taken(what: str, host: str, port: int, problem: OSError) -> InvalidValue:
    name = f"{PREFIX}{what}_PORT"
    return InvalidValue(name, f"{host}:{port} cannot be used ({problem.strerror}); choose another")


def a_worker_is_alive(container: Container) -> bool:
    """Whether some worker holds the workers' lease, on every shard."""
    return all(WORKER_LEASE in cell.leases().holders(WORKER_LEASE) for cell in cells(container))


def worker_name() -> str:
    return f"{socket.gethostname()}-{os.getpid()}"
