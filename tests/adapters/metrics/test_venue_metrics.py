"""What a scrape shows of the venues."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, generate_latest

from adapters.metrics.venues import VenueMetrics
from application.ports.venue_observer import VenueObserver


def scraped(*told: tuple[str, tuple[object, ...]]) -> str:
    registry = CollectorRegistry()
    observer: VenueObserver = VenueMetrics(registry)
    for name, arguments in told:
        getattr(observer, name)(*arguments)
    return generate_latest(registry).decode()


def test_requests_are_counted_by_what_they_came_to_and_timed() -> None:
    shown = scraped(
        ("request_made", ("binance", "create", "ok", 0.02)),
        ("request_made", ("binance", "create", "unknown", 10.0)),
    )

    assert 'evenkeel_venue_requests_total{kind="create",outcome="ok",venue="binance"} 1.0' in shown
    assert 'evenkeel_venue_requests_total{kind="create",outcome="unknown",venue="binance"} 1.0' in shown
    assert 'evenkeel_venue_request_seconds_bucket{kind="create",le="0.025",venue="binance"} 1.0' in shown


def test_the_breaker_is_in_one_state_at_a_time() -> None:
    shown = scraped(
        ("breaker_changed", ("kraken", "open")),
        ("breaker_changed", ("kraken", "half_open")),
    )

    assert 'evenkeel_venue_breaker_state{state="open",venue="kraken"} 0.0' in shown
    assert 'evenkeel_venue_breaker_state{state="half_open",venue="kraken"} 1.0' in shown
    assert 'evenkeel_venue_breaker_changes_total{state="open",venue="kraken"} 1.0' in shown


def test_throttling_bans_clocks_and_lost_streams_are_shown() -> None:
    shown = scraped(
        ("throttled", ("binance", "cancel", 0.5)),
        ("throttled", ("binance", "cancel", 0.25)),
        ("banned", ("binance", 60.0)),
        ("clock_measured", ("binance", -250.0)),
        ("stream_changed", ("binance", "orders", True)),
        ("stream_changed", ("binance", "orders", False)),
    )

    assert 'evenkeel_venue_throttled_seconds_total{kind="cancel",venue="binance"} 0.75' in shown
    assert 'evenkeel_venue_bans_total{venue="binance"} 1.0' in shown
    assert 'evenkeel_venue_clock_offset_seconds{venue="binance"} -0.25' in shown
    assert 'evenkeel_venue_stream_losses_total{stream="orders",venue="binance"} 1.0' in shown
