"""Programs: read settings, compose, start and stop."""
