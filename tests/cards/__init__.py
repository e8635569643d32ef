"""The exchange port's exam: conformance cards as data, the runner, and what comes of it in docs/venues.md."""
