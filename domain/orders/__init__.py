"""One order's life at a venue."""
