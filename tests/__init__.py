"""Tests mirror the packages; contracts, properties, simulation, e2e and benchmarks lie beside them."""
