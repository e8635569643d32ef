"""Deterministic simulation: the real application where anything may fail; see docs/simulation.md."""
