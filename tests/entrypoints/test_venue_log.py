"""What the circuit breaker of a venue does stands in the log, written beside the thread that noticed."""

from __future__ import annotations

from application.ports.venue_observer import NobodyWatches
from entrypoints.venue_log import VenueLog
from tests.application.harness import Store


def test_changes_are_facts_in_order_and_half_open_is_no_news() -> None:
    store, observer = Store(), VenueLog(NobodyWatches())
    observer.breaker_changed("kraken", "open")  # nobody records yet
    with observer.recording(store.bus, "w-1"):
        for state in ("open", "open", "half_open", "closed"):
            observer.breaker_changed("kraken", state)
    observer.breaker_changed("kraken", "open")  # nor any more

    assert store.names("venue:kraken") == ["venues.venue_left_alone", "venues.venue_reached"]


def test_a_log_that_is_away_keeps_nobody() -> None:
    class Away:
        def submit(self, command: object, caller: object) -> object:
            raise RuntimeError("away")

        execute = submit

    observer = VenueLog(NobodyWatches())
    with observer.recording(Away(), "w-1"):  # type: ignore[arg-type]
        observer.breaker_changed("kraken", "open")
