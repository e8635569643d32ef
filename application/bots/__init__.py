"""Bots: created, started, stopped, and run on candles."""
