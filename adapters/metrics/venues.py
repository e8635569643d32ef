"""How venues are asked, and how they answer: counted and timed."""

# ruff: noqa: ARG002  # an observer is told more than it counts

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_REQUEST_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_STATES = ("closed", "half_open", "open")


class VenueMetrics:
    """A VenueObserver. Venues are those of the settings and of books: few."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._requests = Counter(
            "evenkeel_venue_requests",
            "Requests to venues, by kind and by what they came to; not_sent ones were kept back by us",
            ("venue", "kind", "outcome"),
            registry=registry,
        )
        self._seconds = Histogram(
            "evenkeel_venue_request_seconds",
            "A request to a venue, its wait for a turn included",
            ("venue", "kind"),
            buckets=_REQUEST_SECONDS,
            registry=registry,
        )
        self._throttled = Counter(
            "evenkeel_venue_throttled_seconds",
            "Time that requests waited for their turn in our own rate budget",
            ("venue", "kind"),
            registry=registry,
        )
        self._breaker = Gauge(
            "evenkeel_venue_breaker_state",
            "1 for the state that the circuit breaker is in: closed, half_open or open",
            ("venue", "state"),
            registry=registry,
        )
        self._breaker_changes = Counter(
            "evenkeel_venue_breaker_changes",
            "How often the circuit breaker came to a state",
            ("venue", "state"),
            registry=registry,
        )
        self._bans = Counter(
            "evenkeel_venue_bans",
            "How often a venue said that we ask too often",
            ("venue",),
            registry=registry,
        )
        self._clock = Gauge(
            "evenkeel_venue_clock_offset_seconds",
            "By how much a venue's clock is ahead of ours",
            ("venue",),
            registry=registry,
        )
        self._stream_losses = Counter(
            "evenkeel_venue_stream_losses",
            "How often a stream of a venue was lost",
            ("venue", "stream"),
            registry=registry,
        )

    def request_made(self, venue: str, kind: str, outcome: str, seconds: float) -> None:
        self._requests.labels(venue, kind, outcome).inc()
        self._seconds.labels(venue, kind).observe(seconds)

    def throttled(self, venue: str, kind: str, seconds: float) -> None:
        self._throttled.labels(venue, kind).inc(seconds)

    def breaker_changed(self, venue: str, state: str) -> None:
        for each in _STATES:
            self._breaker.labels(venue, each).set(each == state)
        self._breaker_changes.labels(venue, state).inc()

    def banned(self, venue: str, seconds: float) -> None:
        self._bans.labels(venue).inc()

    def clock_measured(self, venue: str, offset_ms: float) -> None:
        self._clock.labels(venue).set(offset_ms / 1_000)

    def stream_changed(self, venue: str, stream: str, is_up: bool) -> None:
        if not is_up:
            self._stream_losses.labels(venue, stream).inc()
