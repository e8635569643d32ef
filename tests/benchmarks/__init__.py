"""Benchmarks: absolute numbers, and ratios to a baseline of the same run. See docs/benchmarks.md."""
