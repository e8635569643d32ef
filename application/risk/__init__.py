"""Limits set, orders held against them, and what is counted for it."""
