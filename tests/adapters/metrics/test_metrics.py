"""Metrics: what a scrape shows."""

from __future__ import annotations

from concurrent.futures import Future
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal
from urllib.request import urlopen

import pytest

from adapters.metrics.counted_bus import CountedBus
from adapters.metrics.prometheus import Metrics
from adapters.metrics.server import MetricsServer
from application.accounts.commands import FreezeAccount
from application.connectors import Connector
from application.ports.bot_observer import BotObserver
from application.ports.commands import Caller, Command, Outcome, Refused
from application.ports.event_log import StoreUnavailable
from application.ports.http_observer import HttpObserver
from application.queries.reconciliations import Alarms


def scraped(metrics: Metrics) -> str:
    server = MetricsServer(metrics, host="127.0.0.1", port=0)
    try:
        with urlopen(f"http://127.0.0.1:{server.port}/metrics", timeout=5) as answer:
            text: str = answer.read().decode()
            return text
    finally:
        server.close()


def test_requests_are_counted_by_route_template_and_status() -> None:
    metrics = Metrics()
    observer: HttpObserver = metrics
    observer.request_finished("GET", "/v1/bots/{bot_id}", 404, 0.004)
    observer.unexpected_error(KeyError("x"), "r-1")
    shown = scraped(metrics)
    assert 'evenkeel_http_requests_total{method="GET",route="/v1/bots/{bot_id}",status="404"} 1.0' in shown
    assert (
        'evenkeel_http_request_seconds_bucket{le="0.005",method="GET",route="/v1/bots/{bot_id}"} 1.0' in shown
    )
    assert 'evenkeel_unexpected_errors_total{error="KeyError"} 1.0' in shown


def test_an_event_stream_is_counted_but_not_timed() -> None:
    metrics = Metrics()
    metrics.request_finished("GET", "/v1/events", 200, None)
    shown = scraped(metrics)
    assert 'evenkeel_http_requests_total{method="GET",route="/v1/events",status="200"} 1.0' in shown
    assert 'evenkeel_http_request_seconds_count{method="GET",route="/v1/events"}' not in shown


def test_how_far_the_log_is_sealed_and_which_sinks_have_it() -> None:
    metrics = Metrics()
    metrics.watch_sealing(lambda: (1234, 0.5, {"/checkpoints": None, "https://a.example/": 61.5}))
    shown = scraped(metrics)
    assert "evenkeel_sealed_events 1234.0" in shown
    assert "evenkeel_seal_age_seconds 0.5" in shown
    assert "evenkeel_checkpoint_sinks_behind 1.0" in shown
    assert 'evenkeel_checkpoint_sink_behind_seconds{sink="/checkpoints"} 0.0' in shown
    assert 'evenkeel_checkpoint_sink_behind_seconds{sink="https://a.example/"} 61.5' in shown


def test_a_log_that_was_never_sealed_has_no_age() -> None:
    metrics = Metrics()
    metrics.watch_sealing(lambda: (0, None, {}))
    assert "evenkeel_seal_age_seconds" not in scraped(metrics)


def test_the_life_of_a_bot_is_counted() -> None:
    metrics = Metrics()
    observer: BotObserver = metrics
    observer.candle_seen("bot-1")
    observer.signal_raised("bot-1", "buy")
    observer.order_placed("bot-1", "o-1")
    observer.order_reported("bot-1", "o-1", "open", 0)
    observer.order_reported("bot-1", "o-1", "partially_filled", 1)
    observer.order_reported("bot-1", "o-1", "filled", 1)
    observer.guardrail_tripped("bot-1", "stale_data")
    observer.bot_failed("bot-1", ValueError("gone"))
    observer.worker_failed(ValueError("gone"))
    shown = scraped(metrics)
    assert 'evenkeel_bot_heartbeat_age_seconds{bot_id="bot-1"}' in shown
    assert 'evenkeel_signals_total{side="buy"} 1.0' in shown
    assert 'evenkeel_orders_total{status="placed"} 1.0' in shown
    assert 'evenkeel_orders_total{status="filled"} 1.0' in shown
    assert 'status="open"' not in shown
    assert 'status="partially_filled"' not in shown
    assert "evenkeel_fills_total 2.0" in shown
    assert 'evenkeel_guardrails_tripped_total{code="stale_data"} 1.0' in shown
    assert "evenkeel_bot_failures_total 1.0" in shown
    assert "evenkeel_worker_failures_total 1.0" in shown
    assert 0 <= metrics.bot_ages_seconds()["bot-1"] < 60


class AnsweringBus:
    """A bus for whoever always gets the same answer."""

    def __init__(self, answer: Outcome | Exception) -> None:
        self.answer = answer

    def submit(self, command: Command, caller: Caller) -> Future[Outcome]:
        future: Future[Outcome] = Future()
        if isinstance(self.answer, Outcome):
            future.set_result(self.answer)
        else:
            future.set_exception(self.answer)
        return future

    def execute(self, command: Command, caller: Caller) -> Outcome:
        return self.submit(command, caller).result()


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (Outcome({}, None, 7), "accepted"),
        (Outcome({}, None, 7, replayed=True), "replayed"),
        (Outcome(None, Refused("account_frozen", "frozen", {}), 0), "refused"),
        (StoreUnavailable("away"), "failed"),
    ],
)
def test_commands_are_counted_by_class_and_outcome(answer: Outcome | Exception, outcome: str) -> None:
    metrics = Metrics()
    bus = CountedBus(AnsweringBus(answer), metrics)
    command, caller = FreezeAccount("a", "why", "b"), Caller(actor="b", command_id="1", correlation_id="1")
    bus.submit(command, caller)
    with suppress(StoreUnavailable):
        bus.execute(command, caller)
    counted = f'evenkeel_commands_total{{kind="FreezeAccount",outcome="{outcome}"}} 2.0'
    assert counted in scraped(metrics)


def test_commits_are_timed_and_conflicts_and_refusals_counted() -> None:
    metrics = Metrics()
    metrics.batch(size=3, queue_age_s=0.0007, commit_s=0.002)
    metrics.conflict()
    metrics.refused(code="insufficient_funds")
    shown = scraped(metrics)
    assert 'evenkeel_commit_batch_commands_bucket{le="4.0"} 1.0' in shown
    assert 'evenkeel_queue_age_seconds_bucket{le="0.001"} 1.0' in shown
    assert 'evenkeel_commit_seconds_bucket{le="0.0025"} 1.0' in shown
    assert "evenkeel_version_conflicts_total 1.0" in shown
    assert 'evenkeel_refusals_total{code="insufficient_funds"} 1.0' in shown


def test_connectors_are_shown_with_the_age_of_their_last_candle() -> None:
    metrics = Metrics()
    well = Connector(
        kind="candles", name="kraken BTC/EUR 1h", worker="w-1", status="ok", detail="", last_candle_age_s=2.5
    )
    venue = Connector(kind="venue", name="paper", worker="w-1", status="degraded", detail="away")
    metrics.watch_connectors(lambda: [well, venue])
    shown = scraped(metrics)
    assert 'evenkeel_connector_up{kind="candles",name="kraken BTC/EUR 1h"} 1.0' in shown
    assert 'evenkeel_connector_up{kind="venue",name="paper"} 0.0' in shown
    assert 'evenkeel_last_candle_age_seconds{name="kraken BTC/EUR 1h"} 2.5' in shown


def test_what_each_shards_worker_follows_is_one_sample_and_as_bad_as_the_worst() -> None:
    """Twice the same labels is no scrape that Prometheus takes."""
    metrics = Metrics()
    both = [
        Connector(
            kind="candles", name="x 1m", worker="w-1", status="degraded", detail="away", last_candle_age_s=9.5
        ),
        Connector(kind="candles", name="x 1m", worker="w-1", status="ok", detail="", last_candle_age_s=0.5),
    ]
    metrics.watch_connectors(lambda: both)

    lines = [line for line in scraped(metrics).splitlines() if 'name="x 1m"' in line]

    assert lines == [
        'evenkeel_connector_up{kind="candles",name="x 1m"} 0.0',
        'evenkeel_last_candle_age_seconds{name="x 1m"} 9.5',
    ]


def test_a_projection_that_cannot_be_asked_does_not_spoil_the_scrape() -> None:
    metrics = Metrics()
    lags = {"balances": 7}
    metrics.watch_projections(lambda: lags)
    assert 'evenkeel_projection_lag_events{projection="balances"} 7.0' in scraped(metrics)

    broken = Metrics()

    def away() -> dict[str, int]:
        raise ConnectionError("no database")

    broken.watch_projections(away)
    shown = scraped(broken)
    assert "process_resident_memory_bytes" in shown
    assert "projection=" not in shown


def test_a_taken_port_is_an_error_at_start() -> None:
    first = MetricsServer(Metrics(), host="127.0.0.1", port=0)
    try:
        with pytest.raises(OSError, match="in use"):
            MetricsServer(Metrics(), host="127.0.0.1", port=first.port)
    finally:
        first.close()


def test_what_is_not_reconciled_is_shown_by_kind_age_and_asset() -> None:
    """Safety #23: suspense alarms."""
    metrics = Metrics()
    ended = datetime(2026, 3, 1, 12, tzinfo=UTC)
    alarms = Alarms({"external": 2, "balance": 0}, 90.5, {("PAPER", "USDT"): Decimal(-5)}, ended)
    metrics.watch_reconciliation(lambda: alarms)
    shown = scraped(metrics)
    assert 'evenkeel_reconciliation_open_cases{kind="external"} 2.0' in shown
    assert 'evenkeel_reconciliation_open_cases{kind="balance"} 0.0' in shown
    assert "evenkeel_reconciliation_oldest_case_age_seconds 90.5" in shown
    assert 'evenkeel_suspense_amount{asset="USDT",purse="PAPER"} -5.0' in shown
    assert f"evenkeel_reconciliation_last_run_timestamp_seconds {ended.timestamp():.8e}"[:55] in shown


def test_a_platform_that_was_never_reconciled_or_cannot_be_asked_does_not_spoil_the_scrape() -> None:
    metrics = Metrics()
    metrics.watch_reconciliation(lambda: Alarms({}, 0, {}, None))
    assert "last_run_timestamp" not in scraped(metrics)
    broken = Metrics()

    def fails() -> Alarms:
        raise StoreUnavailable("away")

    broken.watch_reconciliation(fails)
    assert "evenkeel_reconciliation" not in scraped(broken)
