"""What is counted and timed, under names that say the unit."""

# ruff: noqa: ARG002  # an observer is told more than it counts

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from time import monotonic

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

from application.connectors import DEGRADED, Connector
from application.queries.reconciliations import Alarms
from domain.orders.order import ENDED

_REQUEST_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)
_COMMIT_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5)
_BATCH_COMMANDS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)

Lags = Callable[[], Mapping[str, int]]
"""How many log ids each projection is behind; asked at every scrape."""

Connectors = Callable[[], Sequence[Connector]]
"""What this process's worker follows and trades at; asked at every scrape."""


Reconciled = Callable[[], Alarms]
"""Open cases, suspense and the last reconciliation, of the whole platform; asked at every scrape."""

Sealing = Callable[[], tuple[int, float | None, Mapping[str, float | None]]]
"""Events sealed, seconds since the last good round, and of each sink for how many seconds it has been behind,
None for one that is not; asked at every scrape."""


class RequestMetrics:
    """An HttpObserver."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._requests = Counter(
            "evenkeel_http_requests",
            "Answered requests, by route template",
            ("method", "route", "status"),
            registry=registry,
        )
        self._request_seconds = Histogram(
            "evenkeel_http_request_seconds",
            "From a request's first byte to its answer's last; event streams have none",
            ("method", "route"),
            buckets=_REQUEST_SECONDS,
            registry=registry,
        )
        self._unexpected = Counter(
            "evenkeel_unexpected_errors",
            "Requests that ended in an error nobody foresaw, by its class",
            ("error",),
            registry=registry,
        )

    def request_finished(self, method: str, route_template: str, status: int, seconds: float | None) -> None:
        self._requests.labels(method, route_template, str(status)).inc()
        if seconds is not None:
            self._request_seconds.labels(method, route_template).observe(seconds)

    def unexpected_error(self, error: BaseException, request_id: str) -> None:
        self._unexpected.labels(type(error).__name__).inc()


class CommandMetrics:
    """A WriterObserver; the command bus tells it what each command came to."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._commands = Counter(
            "evenkeel_commands",
            "Commands by class, and whether they were accepted, refused, replayed or failed",
            ("kind", "outcome"),
            registry=registry,
        )
        self._refusals = Counter("evenkeel_refusals", "Refusals by code", ("code",), registry=registry)
        self._batch = Histogram(
            "evenkeel_commit_batch_commands",
            "Commands in one batch of the writer",
            buckets=_BATCH_COMMANDS,
            registry=registry,
        )
        self._commit_seconds = Histogram(
            "evenkeel_commit_seconds",
            "A batch, from queue to answers: keys looked up, commands decided, conflicts, the commit",
            buckets=_COMMIT_SECONDS,
            registry=registry,
        )
        self._queue_age = Histogram(
            "evenkeel_queue_age_seconds",
            "How long the oldest command of a batch had waited",
            buckets=_COMMIT_SECONDS,
            registry=registry,
        )
        self._conflicts = Counter(
            "evenkeel_version_conflicts",
            "Batches that another process's append made the writer decide again",
            registry=registry,
        )

    def command_done(self, kind: str, outcome: str) -> None:
        self._commands.labels(kind, outcome).inc()

    def batch(self, *, size: int, queue_age_s: float, commit_s: float) -> None:
        self._batch.observe(size)
        self._queue_age.observe(queue_age_s)
        self._commit_seconds.observe(commit_s)

    def conflict(self) -> None:
        self._conflicts.inc()

    def refused(self, *, code: str) -> None:
        self._refusals.labels(code).inc()


class BotMetrics:
    """A BotObserver."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._signals = Counter("evenkeel_signals", "Signals of bots", ("side",), registry=registry)
        self._guardrails = Counter(
            "evenkeel_guardrails_tripped", "Signals that were not traded", ("code",), registry=registry
        )
        self._orders = Counter(
            "evenkeel_orders", "Orders placed, and how they ended", ("status",), registry=registry
        )
        self._fills = Counter("evenkeel_fills", "Fills recorded", registry=registry)
        self._bot_failures = Counter("evenkeel_bot_failures", "Runs that broke off", registry=registry)
        self._worker_failures = Counter(
            "evenkeel_worker_failures",
            "Outages of the worker as a whole, each counted once",
            registry=registry,
        )
        self._heartbeats = _Heartbeats()
        registry.register(self._heartbeats)

    def candle_seen(self, bot_id: str) -> None:
        self._heartbeats.beat(bot_id)

    def signal_raised(self, bot_id: str, side: str) -> None:
        self._signals.labels(side).inc()

    def guardrail_tripped(self, bot_id: str, code: str) -> None:
        self._guardrails.labels(code).inc()

    def order_placed(self, bot_id: str, client_order_id: str) -> None:
        self._orders.labels("placed").inc()

    def order_reported(self, bot_id: str, client_order_id: str, status: str, new_fills: int) -> None:
        if status in ENDED:
            self._orders.labels(status).inc()
        if new_fills:
            self._fills.inc(new_fills)

    def bot_failed(self, bot_id: str, problem: Exception) -> None:
        self._bot_failures.inc()

    def worker_failed(self, problem: Exception) -> None:
        self._worker_failures.inc()

    def bot_ages_seconds(self) -> Mapping[str, float]:
        """Seconds since each bot that runs here last worked through a candle."""
        return self._heartbeats.ages_seconds()


class Metrics(RequestMetrics, CommandMetrics, BotMetrics):
    """Observes the API, the writer and the bots. One per process, with a registry of its own.

    Label values are bounded: route templates, command classes, refusal codes, bots that run here. Nothing
    that a request brings (a path, an id, an address) becomes a label.
    """

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        for of_this_process in (ProcessCollector, PlatformCollector, GCCollector):
            of_this_process(registry=registry)
        for part in (RequestMetrics, CommandMetrics, BotMetrics):
            part.__init__(self, registry)

    def watch_projections(self, lags: Lags) -> None:
        """Show each projection's lag; where it cannot be asked, the scrape goes on without it."""
        self.registry.register(_Lag(lags))

    def watch_sealing(self, sealing: Sealing) -> None:
        """Show how far the log is sealed, by this process."""
        self.registry.register(_Sealing(sealing))

    def watch_backups(self, age_s: Callable[[], float]) -> None:
        """Show how old the newest backup is; infinitely where there is none."""
        Gauge(
            "evenkeel_backup_age_seconds", "Since the newest whole backup was begun", registry=self.registry
        ).set_function(age_s)

    def watch_reconciliation(self, reconciled: Reconciled) -> None:
        """Show what is not reconciled; where it cannot be asked, the scrape goes on without it."""
        self.registry.register(_Reconciliation(reconciled))

    def watch_connectors(self, connectors: Connectors) -> None:
        """Show how each series and venue of this process's worker is."""
        self.registry.register(_Connectors(connectors))


class _Heartbeats:
    """The age of each bot's last candle, computed when it is asked for: a bot that hangs grows old."""

    FORGOTTEN_AFTER_SECONDS = 86_400.0

    def __init__(self) -> None:
        self._last: dict[str, float] = {}
        self._lock = threading.Lock()

    def beat(self, bot_id: str) -> None:
        self._last[bot_id] = monotonic()

    def ages_seconds(self) -> dict[str, float]:
        now = monotonic()
        with self._lock:
            for bot_id, at in list(self._last.items()):
                if now - at > self.FORGOTTEN_AFTER_SECONDS:
                    self._last.pop(bot_id, None)
            return {bot_id: now - at for bot_id, at in list(self._last.items())}

    def collect(self) -> Iterator[Metric]:
        family = GaugeMetricFamily(
            "evenkeel_bot_heartbeat_age_seconds",
            "Since a bot last worked through a closed candle",
            labels=["bot_id"],
        )
        for bot_id, age in sorted(self.ages_seconds().items()):
            family.add_metric([bot_id], age)
        yield family


class _Lag:
    def __init__(self, lags: Lags) -> None:
        self._lags = lags

    def collect(self) -> Iterator[Metric]:
        family = GaugeMetricFamily(
            "evenkeel_projection_lag_events", "Log ids a projection is behind", labels=["projection"]
        )
        try:
            lags = self._lags()
        except Exception:  # noqa: BLE001  # a database that is away must not take the other metrics with it
            lags = {}
        for name, lag in sorted(lags.items()):
            family.add_metric([name], lag)
        yield family


class _Sealing:
    def __init__(self, sealing: Sealing) -> None:
        self._sealing = sealing

    def collect(self) -> Iterator[Metric]:
        size, age_s, sinks = self._sealing()
        behind = sum(lag_s is not None for lag_s in sinks.values())
        yield GaugeMetricFamily("evenkeel_sealed_events", "Events under the newest checkpoint", size)
        if age_s is not None:
            yield GaugeMetricFamily(
                "evenkeel_seal_age_seconds", "Since the log was last found sealed to its end", age_s
            )
        yield GaugeMetricFamily(
            "evenkeel_checkpoint_sinks_behind", "Sinks that have not got the newest checkpoint", behind
        )
        lags = GaugeMetricFamily(
            "evenkeel_checkpoint_sink_behind_seconds",
            "How long a sink has been without the newest checkpoint; 0 where it has it",
            labels=["sink"],
        )
        for name, lag_s in sorted(sinks.items()):
            lags.add_metric([name], lag_s or 0.0)
        yield lags


class _Reconciliation:
    def __init__(self, reconciled: Reconciled) -> None:
        self._reconciled = reconciled

    def collect(self) -> Iterator[Metric]:
        try:
            alarms = self._reconciled()
        except Exception:  # noqa: BLE001  # a database that is away must not take the other metrics with it
            return
        cases = GaugeMetricFamily(
            "evenkeel_reconciliation_open_cases",
            "Breaks between our books and what others report",
            labels=["kind"],
        )
        for kind, number in alarms.open_cases.items():
            cases.add_metric([kind], number)
        yield cases
        yield GaugeMetricFamily(
            "evenkeel_reconciliation_oldest_case_age_seconds",
            "Since the oldest open case was opened; 0 where there is none",
            alarms.oldest_age_s,
        )
        suspense = GaugeMetricFamily(
            "evenkeel_suspense_amount",
            "What stands on suspense, debit positive; an asset that is at zero is not there",
            labels=["purse", "asset"],
        )
        for (purse, asset), amount in sorted(alarms.suspense.items()):
            suspense.add_metric([purse, asset], float(amount))
        yield suspense
        if alarms.last_ended_at is not None:
            yield GaugeMetricFamily(
                "evenkeel_reconciliation_last_run_timestamp_seconds",
                "When the last reconciliation ended, in Unix time",
                alarms.last_ended_at.timestamp(),
            )


class _Connectors:
    def __init__(self, connectors: Connectors) -> None:
        self._connectors = connectors

    def collect(self) -> Iterator[Metric]:
        up = GaugeMetricFamily(
            "evenkeel_connector_up",
            "1 where a followed series or a venue is well, 0 where something is wrong with it",
            labels=["kind", "name"],
        )
        age = GaugeMetricFamily(
            "evenkeel_last_candle_age_seconds",
            "Since a series' last candle: of a real venue since its close, of others since it came",
            labels=["name"],
        )
        well: dict[tuple[str, str], bool] = {}
        ages: dict[str, float] = {}
        for one in self._connectors():  # each shard's worker has its own: the worst is told, once
            well[one.kind, one.name] = one.status != DEGRADED and well.get((one.kind, one.name), True)
            if one.last_candle_age_s is not None:
                ages[one.name] = max(one.last_candle_age_s, ages.get(one.name, 0))
        for (kind, name), is_well in well.items():
            up.add_metric([kind, name], is_well)
        for name, age_s in ages.items():
            age.add_metric([name], age_s)
        yield up
        yield age
