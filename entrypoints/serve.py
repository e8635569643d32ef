"""Everything in one process: API, worker, projector. For a laptop or a small team, on SQLite."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from application.bots.bot_worker import BotWorker
from entrypoints.api import Asgi, serve_api
from entrypoints.composition import Container, Plan, opened, require_live_venues
from entrypoints.control import OperatorDoor, ServerAddress, address_file, operator_desk
from entrypoints.demo_account import DemoAccount, ensure_demo
from entrypoints.reconciling import reconciler_running
from entrypoints.running import (
    Stop,
    holds_expiring,
    listening,
    metrics_served,
    observed,
    outbox_running,
    projector_running,
    worker_name,
    worker_running,
)
from entrypoints.schema import give_tables
from entrypoints.sealing import sealer_running
from entrypoints.settings import Settings
from entrypoints.watching_risk import risk_watched

log = logging.getLogger("evenkeel.process")
Banner = Callable[[str, int, DemoAccount | None], None]
"""Called once requests are answered: with the address, the metrics port and the demo, if there is one."""


def run(settings: Settings, *, demo: bool, candles: Path | None, banner: Banner) -> None:
    """`evenkeel serve`: until SIGTERM or SIGINT, then every part stops in reverse order."""
    require_live_venues(settings)
    stop = Stop()
    give_tables(settings)
    with (
        observed(settings, "serve"),
        stop.on_signals(),
        listening(settings) as listener,
        opened(settings, Plan()) as container,
        metrics_served(container, settings) as metrics_port,
        projector_running(container),
    ):
        database = container.database()
        database.on_failure = lambda _why: stop.now()
        shut = container.store().shut
        account = ensure_demo(container, settings, candles=candles) if demo and not shut else None
        port = listener.getsockname()[1]
        with (
            _writing_parts(container, settings),
            operators_admitted(container, settings, port) as wrapped,
        ):
            serve_api(
                container,
                settings,
                stop,
                listener=listener,
                started=lambda: banner(f"http://{_shown(settings.http_host)}:{port}", metrics_port, account),
                wrapped=wrapped,
            )
    database.require_usable()  # it may have been the disk that stopped us: then not with success


@contextmanager
def _writing_parts(container: Container, settings: Settings) -> Iterator[None]:
    """Sealer, transfers and other messages, bots, holds' ends, reconciler; none where the log must not be
    written: it is only shown. The sealer stops last, so that what the others wrote is sealed."""
    if shut := container.store().shut:
        log.critical("the log is open for reading only: %s", shut)
        container.health().shut = shut
        yield
        return
    with (
        sealer_running(container, settings) as sealing,
        outbox_running(container),
        holds_expiring(container),
        worker_running(container, settings, worker_id=worker_name()) as workers,
        risk_watched(container, settings, holder=worker_name()),
        reconciler_running(container, settings, holder=worker_name()),
    ):
        container.health().sealing = sealing
        _watch(container, workers)
        yield


@contextmanager
def operators_admitted(
    container: Container, settings: Settings, port: int
) -> Iterator[Callable[[Asgi], Asgi]]:
    """On SQLite, commands of the command line are taken at the operators' door while we serve."""
    path = address_file(settings.database)
    if path is None:
        yield lambda app: app
        return
    address = ServerAddress.record(path, host=_shown(settings.http_host), port=port)
    try:
        yield lambda app: OperatorDoor(
            app, token=address.token, desk=lambda operation_id: operator_desk(container, operation_id)
        )
    finally:
        address.forget()


def _watch(container: Container, workers: Sequence[BotWorker]) -> None:
    def age_s() -> float | None:
        """Of the one that was seen longest ago; None while one never was."""
        seen = [worker.last_tick_at for worker in workers]
        known = [at for at in seen if at is not None]
        return (datetime.now(UTC) - min(known)).total_seconds() if len(known) == len(seen) else None

    health = container.health()
    health.worker_age_s = age_s
    health.worker_problem = lambda: next((worker.outage for worker in workers if worker.outage), "")
    health.connectors = lambda: [connector for worker in workers for connector in worker.connectors()]


def _shown(host: str) -> str:
    return "127.0.0.1" if host in ("0.0.0.0", "::", "") else host  # noqa: S104  # compared, not bound
